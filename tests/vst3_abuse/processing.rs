//! Blocks as no host should send them: out of order, without buffers, over shared memory.

use super::*;

#[test]
fn processing_before_and_after_its_time_is_harmless() {
    for with_context in [false, true] {
        let encore = new(with_context);

        assert_passed(&plain_block(&encore, 100)); // neither set up nor active
        start(&encore);
        unsafe { encore.component.setActive(1) };
        for n in [1, 7, MAX_BLOCK, 5000, 70_000] {
            assert_passed(&plain_block(&encore, n)); // longer than promised, too
        }
        unsafe {
            assert_eq!(encore.component.terminate(), kResultOk);
            assert_eq!(encore.component.terminate(), kResultOk);
            assert_passed(&plain_block(&encore, 64));
            encore.component.setActive(0);
            assert_eq!(encore.component.initialize(null_mut()), kResultOk);
            assert_eq!(encore.component.terminate(), kResultOk);
        }
        assert!(encore.log.timers.borrow().is_empty());
    }
}

#[test]
fn missing_buffers_are_silence_and_missing_structures_are_refused() {
    let encore = new(true);
    start(&encore);
    let mut data = empty();

    assert_ne!(process(&encore, null_mut()), kResultOk);
    assert_eq!(process(&encore, &mut data), kResultOk); // 0 frames
    data.numSamples = 64;
    assert_eq!(process(&encore, &mut data), kResultOk); // no busses
    (data.numInputs, data.numOutputs) = (1, 1);
    assert_eq!(process(&encore, &mut data), kResultOk); // counts without arrays
    let mut no_channels = bus(&mut []);
    no_channels.numChannels = 2;
    no_channels.__field0.channelBuffers32 = null_mut();
    data.inputs = &mut no_channels;
    data.outputs = data.inputs;
    assert_eq!(process(&encore, &mut data), kResultOk); // busses without channels
    let mut nulls = [null_mut(), null_mut()];
    let mut null_channels = bus(&mut nulls);
    data.inputs = &mut null_channels;
    data.outputs = data.inputs;
    assert_eq!(process(&encore, &mut data), kResultOk); // channels without memory
    data.numSamples = -5;
    assert_eq!(process(&encore, &mut data), kResultOk);
    data.symbolicSampleSize = 1;
    assert_ne!(process(&encore, &mut data), kResultOk);

    let mut heard = vec![vec![9f32; 64]; 3];
    let mut pointers: Vec<*mut f32> = heard.iter_mut().map(|c| c.as_mut_ptr()).collect();
    let mut outputs = bus(&mut pointers);
    data = empty();
    (data.numSamples, data.numOutputs, data.outputs) = (64, 1, &mut outputs);
    assert_eq!(process(&encore, &mut data), kResultOk);
    assert_eq!(heard, vec![vec![0f32; 64]; 3]); // no input, and a channel too many
}

#[test]
fn null_pointers_are_answered_and_not_followed() {
    let encore = new(false);
    let (component, processor, controller) =
        (&encore.component, &encore.processor, &encore.controller);
    unsafe {
        assert_ne!(processor.setupProcessing(null_mut()), kResultOk);
        assert_ne!(processor.setBusArrangements(null_mut(), 1, null_mut(), 1), kResultOk);
        assert_ne!(processor.getBusArrangement(0, 7, null_mut()), kResultOk);
        assert_ne!(component.getBusInfo(0, 0, -1, null_mut()), kResultOk);
        assert_ne!(component.getBusInfo(0, 0, 0, null_mut()), kResultOk);
        assert_ne!(component.activateBus(0, 0, 9, 1), kResultOk);
        assert_ne!(component.setState(null_mut()), kResultOk);
        assert_ne!(component.getState(null_mut()), kResultOk);
        assert_ne!(controller.getParameterInfo(-1, null_mut()), kResultOk);
        assert_ne!(controller.getParameterInfo(0, null_mut()), kResultOk);
        assert_ne!(controller.getParamStringByValue(1, 0.0, null_mut()), kResultOk);
        assert_ne!(controller.getParamValueByString(1, null_mut(), null_mut()), kResultOk);
        assert_ne!(controller.setParamNormalized(999, 0.5), kResultOk);
        assert!(controller.createView(null_mut()).is_null());
        assert!(controller.createView(c"other".as_ptr()).is_null());

        let factory = ComPtr::from_raw(GetPluginFactory()).expect("a factory");
        let mut object = null_mut();
        assert_ne!(factory.getClassInfo(1, null_mut()), kResultOk);
        assert_ne!(factory.createInstance(null_mut(), null_mut(), &mut object), kResultOk);
        let (unknown, wanted) = ([0; 16], IComponent::IID.as_ptr().cast());
        assert_ne!(factory.createInstance(unknown.as_ptr(), wanted, &mut object), kResultOk);
        assert!(object.is_null());
    }
}

#[test]
fn mono_and_stereo_tracks_are_both_served() {
    let encore = new(true);
    let [mono, stereo] = [SpeakerArr::kMono, SpeakerArr::kStereo];
    let arrange = |ins: &mut [u64], outs: &mut [u64]| unsafe {
        let (n_ins, n_outs) = (ins.len() as i32, outs.len() as i32);
        encore.processor.setBusArrangements(ins.as_mut_ptr(), n_ins, outs.as_mut_ptr(), n_outs)
    };

    assert_eq!(arrange(&mut [mono], &mut [mono]), kResultTrue);
    let mut info: BusInfo = unsafe { std::mem::zeroed() };
    assert_eq!(unsafe { encore.component.getBusInfo(0, 1, 0, &mut info) }, kResultOk);
    assert_eq!(info.channelCount, 1);
    assert_passed(&block(&encore, 200, 1, Memory::Apart, &[]));

    assert_ne!(arrange(&mut [stereo], &mut [mono]), kResultTrue);
    assert_ne!(arrange(&mut [63], &mut [63]), kResultTrue);
    assert_ne!(arrange(&mut [stereo, 63], &mut [stereo]), kResultTrue);
    assert_ne!(arrange(&mut [stereo, stereo, stereo], &mut [stereo]), kResultTrue);
    assert_ne!(arrange(&mut [], &mut [stereo]), kResultTrue);
    for side in [mono, stereo, SpeakerArr::kEmpty] {
        assert_eq!(arrange(&mut [mono, side], &mut [mono]), kResultTrue);
        let mut told = 63;
        assert_eq!(unsafe { encore.processor.getBusArrangement(0, 1, &mut told) }, kResultOk);
        assert_eq!(told, side);
    }
    assert_eq!(arrange(&mut [stereo], &mut [stereo]), kResultTrue);
    start(&encore);
    assert_ne!(arrange(&mut [mono], &mut [mono]), kResultTrue); // active
}

#[test]
fn a_sidechain_of_any_shape_is_harmless() {
    let encore = new(true);
    let mut info: BusInfo = unsafe { std::mem::zeroed() };
    assert_eq!(unsafe { encore.component.getBusInfo(0, 0, 1, &mut info) }, kResultOk);
    assert_eq!((info.busType, info.flags, info.channelCount), (1, 0, 2)); // auxiliary, off
    assert_eq!(unsafe { encore.component.getBusCount(0, 0) }, 2);
    assert_ne!(unsafe { encore.component.activateBus(0, 1, 1, 1) }, kResultOk);
    start(&encore);

    for is_on in [0, 1, 1, 0] {
        assert_eq!(unsafe { encore.component.activateBus(0, 0, 1, is_on) }, kResultOk);
        for n_side in [0, 1, 2, 3] {
            for has_memory in [true, false] {
                let mut side = vec![vec![0.5f32; MAX_BLOCK]; n_side];
                let mut input = vec![vec![0.25f32; MAX_BLOCK]; 2];
                let mut out = vec![vec![9f32; MAX_BLOCK]; 2];
                let pointers = |channels: &mut Vec<Vec<f32>>| -> Vec<*mut f32> {
                    channels.iter_mut().map(|c| c.as_mut_ptr()).collect()
                };
                let mut nulls = vec![null_mut(); n_side];
                let mut side =
                    if has_memory { pointers(&mut side) } else { std::mem::take(&mut nulls) };
                let (mut ins, mut outs) = (pointers(&mut input), pointers(&mut out));
                let mut busses = [bus(&mut ins), bus(&mut side)];
                let mut out_bus = bus(&mut outs);
                let mut data = empty();
                (data.numSamples, data.numInputs, data.numOutputs) = (MAX_BLOCK as i32, 2, 1);
                (data.inputs, data.outputs) = (busses.as_mut_ptr(), &mut out_bus);
                assert_eq!(process(&encore, &mut data), kResultOk);
                assert_eq!(out, input); // it is heard and not played
            }
        }
    }
}

#[test]
fn shared_memory_is_no_trouble() {
    let encore = new(true);
    start(&encore);

    assert_passed(&block(&encore, 200, 2, Memory::InPlace, &[]));
    let out = block(&encore, 200, 2, Memory::OneOutput, &[]);
    assert!((0..200).all(|i| out[0][i] == input(1, i))); // the last channel written stays
}

#[test]
fn every_point_of_a_queue_is_heard_at_its_frame() {
    let encore = new(true);
    start(&encore);
    let [bypass, gain, seed] =
        [ParamId::Bypass, ParamId::OutputGain, ParamId::Seed].map(|id| id.param().host_id);
    block(&encore, MAX_BLOCK, 2, Memory::Apart, &[(gain, vec![(0, 0.0)])]);
    (0..20).for_each(|_| drop(plain_block(&encore, MAX_BLOCK))); // the gain has arrived

    let changes = [
        (bypass, vec![(50, 1.0), (200, 0.0)]),
        (999, vec![(3, 1.0)]),
        (seed, vec![(-7, 0.5), (9999, 1.0)]),
    ];
    let out = block(&encore, MAX_BLOCK, 2, Memory::Apart, &changes);

    let ratio = |i: usize| out[0][i] / input(0, i);
    assert!((ratio(49) - 0.001).abs() < 1e-5);
    assert!(ratio(50) > 0.0015 && ratio(199) > ratio(198)); // glides up from 50 ...
    assert!(ratio(200) < ratio(199)); // ... and down again from 200
    assert_eq!(unsafe { encore.controller.getParamNormalized(seed) }, 1.0);

    let flood: Vec<_> =
        (0..20_000).map(|k| (k / 80, f64::from(k % 2))).chain([(255, 0.0)]).collect();
    block(&encore, MAX_BLOCK, 2, Memory::Apart, &[(bypass, flood)]);
    assert_eq!(unsafe { encore.controller.getParamNormalized(bypass) }, 0.0);
    let mut data = empty();
    let changes = Changes::new(&[(bypass, vec![(0, 1.0)])]);
    let changes = changes.to_com_ptr::<IParameterChanges>().expect("it is one");
    data.inputParameterChanges = changes.as_ptr();
    assert_eq!(process(&encore, &mut data), kResultOk); // a block without frames
    assert_eq!(unsafe { encore.controller.getParamNormalized(bypass) }, 1.0);
}

#[test]
fn a_late_echo_of_automation_is_shown_but_not_heard() {
    let encore = new(true);
    start(&encore);
    let bypass = ParamId::Bypass.param().host_id;
    let gain = ParamId::OutputGain.param().host_id;
    let changes = [(gain, vec![(0, 0.0)]), (bypass, vec![(0, 1.0), (9, 0.0)])];
    block(&encore, MAX_BLOCK, 2, Memory::Apart, &changes);
    (0..20).for_each(|_| drop(plain_block(&encore, MAX_BLOCK)));
    let is_bypassed = || plain_block(&encore, MAX_BLOCK)[0][255] > 0.01;

    unsafe { encore.controller.setParamNormalized(bypass, 1.0) };
    assert_eq!(unsafe { encore.controller.getParamNormalized(bypass) }, 1.0);
    (0..20).for_each(|_| drop(plain_block(&encore, MAX_BLOCK)));
    assert!(!is_bypassed());

    (0..200).for_each(|_| drop(plain_block(&encore, MAX_BLOCK))); // no automation for a second
    unsafe { encore.controller.setParamNormalized(bypass, 1.0) };
    (0..20).for_each(|_| drop(plain_block(&encore, MAX_BLOCK)));
    assert!(is_bypassed());
}
