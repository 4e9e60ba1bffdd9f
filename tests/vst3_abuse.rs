//! A VST3 host that breaks every rule it can. Links the plugin directly, so that it can count what
//! `process` allocates and frees: nothing, whatever it is given.
#![allow(clippy::undocumented_unsafe_blocks)] // every call is one: the whole file plays a reckless host
#![allow(clippy::unnecessary_cast)] // VST3's constants have other types on other systems

mod hosts;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ptr::null_mut,
};

use encore::{
    params::{ParamId, TABLE},
    plugin::vst3::GetPluginFactory,
};
use hosts::{
    Instance,
    com::Changes,
    use_repository_packs,
    vst3::{Vst3Instance, bus, context},
};
use vst3::{
    ComPtr, Interface,
    Steinberg::{Vst::*, *},
};

thread_local! {
    static IS_COUNTING: Cell<bool> = const { Cell::new(false) };
    static N_COUNTED: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts while a thread asks for it.
struct Counting;

impl Counting {
    fn count() {
        if IS_COUNTING.get() {
            N_COUNTED.set(N_COUNTED.get() + 1);
        }
    }
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Counting::count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        Counting::count();
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MAX_BLOCK: usize = 256;

fn new(with_context: bool) -> Vst3Instance {
    use_repository_packs();
    unsafe {
        let factory = ComPtr::from_raw(GetPluginFactory()).expect("a factory");
        Vst3Instance::new(&factory, with_context)
    }
}

fn start(encore: &Vst3Instance) {
    let mut setup = ProcessSetup {
        processMode: 0,
        symbolicSampleSize: 0,
        maxSamplesPerBlock: MAX_BLOCK as i32,
        sampleRate: 48_000.0,
    };
    unsafe {
        assert_eq!(encore.processor.setupProcessing(&mut setup), kResultOk);
        assert_eq!(encore.component.setActive(1), kResultOk);
        encore.processor.setProcessing(1);
    }
}

/// What comes in on channel `c`.
fn input(c: usize, frame: usize) -> f32 {
    (frame % 97) as f32 / 97.0 + 0.001 + c as f32
}

/// `process` as a host that counts.
fn process(encore: &Vst3Instance, data: *mut ProcessData) -> tresult {
    IS_COUNTING.set(true);
    let result = unsafe { encore.processor.process(data) };
    IS_COUNTING.set(false);
    assert_eq!(N_COUNTED.get(), 0, "process allocated or freed");
    result
}

fn empty() -> ProcessData {
    unsafe { std::mem::zeroed() }
}

#[derive(Clone, Copy, PartialEq)]
enum Memory {
    Apart,
    /// Input and output are the same memory.
    InPlace,
    /// Both output channels are the same memory.
    OneOutput,
}

/// One block of `n` frames; what the output channels hold afterwards.
fn block(
    encore: &Vst3Instance,
    n: usize,
    n_channels: usize,
    layout: Memory,
    changes: &[(u32, Vec<(i32, f64)>)],
) -> Vec<Vec<f32>> {
    let mut ins: Vec<Vec<f32>> =
        (0..n_channels).map(|c| (0..n).map(|i| input(c, i)).collect()).collect();
    let mut outs = vec![vec![9f32; n]; n_channels];
    let mut in_pointers: Vec<*mut f32> = ins.iter_mut().map(|c| c.as_mut_ptr()).collect();
    let mut out_pointers: Vec<*mut f32> = outs.iter_mut().map(|c| c.as_mut_ptr()).collect();
    match layout {
        Memory::Apart => {}
        Memory::InPlace => out_pointers.clone_from(&in_pointers),
        Memory::OneOutput => out_pointers.fill(outs[0].as_mut_ptr()),
    }
    let (mut in_bus, mut out_bus) = (bus(&mut in_pointers), bus(&mut out_pointers));
    let changes = Changes::new(changes).to_com_ptr::<IParameterChanges>().expect("it is one");
    let mut time = context(0, true, 48_000.0);
    let mut data = empty();
    data.numSamples = n as i32;
    (data.numInputs, data.numOutputs) = (1, 1);
    (data.inputs, data.outputs) = (&mut in_bus, &mut out_bus);
    data.inputParameterChanges = changes.as_ptr();
    data.processContext = &mut time;
    assert_eq!(process(encore, &mut data), kResultOk);
    if layout == Memory::InPlace { ins } else { outs }
}

fn plain_block(encore: &Vst3Instance, n: usize) -> Vec<Vec<f32>> {
    block(encore, n, 2, Memory::Apart, &[])
}

fn assert_passed(out: &[Vec<f32>]) {
    for (c, channel) in out.iter().enumerate() {
        for (i, sample) in channel.iter().enumerate() {
            assert_eq!(*sample, input(c, i), "channel {c}, frame {i}");
        }
    }
}

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
fn nonsense_values_stay_in_range() {
    let encore = new(true);

    for p in &TABLE {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -3.0, 1e300] {
            unsafe { encore.controller.setParamNormalized(p.host_id, value) };
            let shown = unsafe { encore.controller.getParamNormalized(p.host_id) };
            assert!((0.0..=1.0).contains(&shown), "{} {value} {shown}", p.name);
        }
    }
}

#[test]
fn random_damage_to_a_state_never_leaves_a_value_out_of_range() {
    let mut encore = new(false);
    let state = encore.save(3);
    let mut random = 1u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize
    };

    for _ in 0..3000 {
        let mut damaged = state.clone();
        for _ in 0..3 {
            let at = next() % damaged.len();
            damaged[at] = next() as u8;
        }
        encore.load(&damaged, 64);
    }

    for p in &TABLE {
        let shown = unsafe { encore.controller.getParamNormalized(p.host_id) };
        assert!((0.0..=1.0).contains(&shown), "{} {shown}", p.name);
    }
}

#[test]
fn a_state_may_come_before_the_handler() {
    let mut saved = new(true);
    let id = ParamId::Temperature.param().host_id;
    unsafe { saved.controller.setParamNormalized(id, 0.75) };
    let state = saved.save(3);

    let mut opened = new(false);
    unsafe { opened.controller.setComponentHandler(null_mut()) };
    assert!(opened.load(&state, 1));
    assert_eq!(opened.log.n_restarts.get(), 0);
    let handler = opened.host.to_com_ptr::<IComponentHandler>().expect("it is one");
    unsafe { opened.controller.setComponentHandler(handler.as_ptr()) };

    assert!((unsafe { opened.controller.getParamNormalized(id) } - 0.75).abs() < 1e-9);
    assert_ne!(opened.log.restart_flags.get() & RestartFlags_::kParamValuesChanged as i32, 0);
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
    assert_ne!(arrange(&mut [stereo, stereo], &mut [stereo]), kResultTrue);
    assert_eq!(arrange(&mut [stereo], &mut [stereo]), kResultTrue);
    start(&encore);
    assert_ne!(arrange(&mut [mono], &mut [mono]), kResultTrue); // active
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

#[test]
fn a_view_survives_its_component_and_a_host_without_a_display() {
    let encore = new(true);
    let view = unsafe { ComPtr::from_raw(encore.controller.createView(c"editor".as_ptr())) };
    let view = view.expect("a view");
    let mut size = ViewRect { left: 0, top: 0, right: 0, bottom: 0 };
    unsafe {
        view.getSize(&mut size);
        assert_eq!((size.right, size.bottom), (1000, 640));
        let scaled = view.cast::<IPlugViewContentScaleSupport>().expect("it scales");
        assert_eq!(scaled.setContentScaleFactor(1.5), kResultOk);
        assert_ne!(scaled.setContentScaleFactor(f32::NAN), kResultOk);
        view.getSize(&mut size);
        assert_eq!((size.right, size.bottom), (1500, 960));
        (size.right, size.bottom) = (10, 10);
        view.checkSizeConstraint(&mut size);
        assert_eq!((size.right, size.bottom), (1200, 750));
        assert_eq!(view.removed(), kResultOk);
        assert_eq!(view.removed(), kResultOk);
        assert_ne!(view.attached(null_mut(), c"X11EmbedWindowID".as_ptr()), kResultOk);
        assert_ne!(view.attached(std::ptr::dangling_mut(), c"HWND".as_ptr()), kResultOk);
        assert_ne!(view.onSize(null_mut()), kResultOk);
        assert_ne!(view.getSize(null_mut()), kResultOk);
    }

    drop(encore);

    unsafe { view.setFrame(null_mut()) };
    drop(view);
}

#[test]
fn instances_come_and_go_on_many_threads() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                for _ in 0..25 {
                    let mut encore = new(true);
                    start(&encore);
                    (0..5).for_each(|_| assert_passed(&plain_block(&encore, MAX_BLOCK)));
                    let state = encore.save(11);
                    assert!(encore.load(&state, 11));
                    unsafe { encore.component.setActive(0) };
                }
            })
        })
        .collect();

    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
}
