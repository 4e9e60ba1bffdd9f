//! IAudioProcessor: set up, and the audio thread.

use std::sync::atomic::Ordering::Relaxed;

use ::vst3::{
    ComRef,
    Steinberg::{
        TBool,
        Vst::{
            BusDirection, IAudioProcessorTrait, IParamValueQueueTrait, IParameterChanges,
            IParameterChangesTrait, MediaTypes_::kAudio, ProcessData, ProcessModes_, ProcessSetup,
            SpeakerArr, SpeakerArrangement, SymbolicSampleSizes_, kInfiniteTail,
        },
        int32, kInternalError, kInvalidArgument, kResultFalse, kResultOk, kResultTrue, tresult,
        uint32,
    },
};

use super::{
    Encore,
    automation::Automation,
    buffers,
    component::Bus,
    instance::{Instance, Setup},
    time,
};
use crate::{
    params::ParamId,
    plugin::{Processor, guard::guard},
};

impl IAudioProcessorTrait for Encore {
    unsafe fn setBusArrangements(
        &self,
        inputs: *mut SpeakerArrangement,
        n_inputs: int32,
        outputs: *mut SpeakerArrangement,
        n_outputs: int32,
    ) -> tresult {
        guard(kInternalError, || {
            let is_known = (1..=2).contains(&n_inputs) && n_outputs == 1;
            let is_null = inputs.is_null() || outputs.is_null();
            if self.0.is_active.load(Relaxed) || !is_known || is_null {
                return kResultFalse;
            }
            // SAFETY: neither is null, and they have as many elements as the host says.
            let (input, side, output) =
                unsafe { (*inputs, (n_inputs == 2).then(|| *inputs.add(1)), *outputs) };
            let is_served = |arrangement: &SpeakerArrangement| {
                [SpeakerArr::kMono, SpeakerArr::kStereo].contains(arrangement)
            };
            let is_side_served =
                side.is_none_or(|side| side == SpeakerArr::kEmpty || is_served(&side));
            if input != output || !is_served(&input) || !is_side_served {
                return kResultFalse;
            }
            *self.0.arrangement.lock() = input;
            if let Some(side) = side {
                *self.0.side_arrangement.lock() = side;
            }
            kResultTrue
        })
    }

    unsafe fn getBusArrangement(
        &self,
        direction: BusDirection,
        index: int32,
        arrangement: *mut SpeakerArrangement,
    ) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the pointer is null or the host's to be written.
            let arrangement = unsafe { arrangement.as_mut() };
            match (arrangement, Bus::of(kAudio as _, direction, index)) {
                (Some(arrangement), Some(bus)) => {
                    *arrangement = self.0.arrangement_of(bus);
                    kResultOk
                }
                _ => kInvalidArgument,
            }
        })
    }

    unsafe fn canProcessSampleSize(&self, size: int32) -> tresult {
        if is_32_bit(size) { kResultTrue } else { kResultFalse }
    }

    unsafe fn getLatencySamples(&self) -> uint32 {
        0
    }

    unsafe fn setupProcessing(&self, setup: *mut ProcessSetup) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the pointer is null or the host's.
            let Some(setup) = (unsafe { setup.as_ref() }) else { return kInvalidArgument };
            if !is_32_bit(setup.symbolicSampleSize) || self.0.is_active.load(Relaxed) {
                return kResultFalse;
            }
            let max_block = setup.maxSamplesPerBlock.max(0) as usize;
            *self.0.setup.lock() = Setup { rate: setup.sampleRate, max_block };
            let is_offline = is_offline(setup.processMode);
            self.0.is_offline.store(is_offline, Relaxed);
            self.0.core.offline.store(is_offline, Relaxed);
            kResultOk
        })
    }

    unsafe fn setProcessing(&self, is_processing: TBool) -> tresult {
        guard(kInternalError, || {
            self.0.is_processing.store(is_processing != 0, Relaxed);
            kResultOk
        })
    }

    unsafe fn process(&self, data: *mut ProcessData) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the pointer is null or the host's.
            let Some(data) = (unsafe { data.as_ref() }) else { return kInvalidArgument };
            if !is_32_bit(data.symbolicSampleSize) {
                return kResultFalse;
            }
            let Some(mut processor) = self.0.processor.try_lock() else { return kResultFalse };
            let is_offline = self.0.is_offline.load(Relaxed) || is_offline(data.processMode);
            self.0.core.offline.store(is_offline, Relaxed);
            // SAFETY: `data` is what the host gave us for this call.
            unsafe { process_block(data, &mut processor, &self.0) };
            kResultOk
        })
    }

    /// A take may sound at any time, whatever the input does.
    unsafe fn getTailSamples(&self) -> uint32 {
        kInfiniteTail
    }
}

/// Mode "prefetch" is still played to somebody; only offline waits.
#[allow(clippy::unnecessary_cast)] // the constants are signed on Windows
fn is_offline(mode: int32) -> bool {
    mode as u32 == ProcessModes_::kOffline as u32
}

#[allow(clippy::unnecessary_cast)] // the constants are signed on Windows
fn is_32_bit(size: int32) -> bool {
    size as u32 == SymbolicSampleSizes_::kSample32 as u32
}

/// # Safety
/// `data` is what the host passed to `process`.
unsafe fn process_block(data: &ProcessData, processor: &mut Processor, instance: &Instance) {
    let automation = &instance.automation;
    let has_side = instance.has_side.load(Relaxed);
    let n_frames = data.numSamples.max(0) as usize;
    automation.advance(n_frames);
    processor.begin();
    // SAFETY: the caller's promise.
    unsafe { push_changes(data, n_frames, processor, automation) };
    processor.sort();
    // SAFETY: the pointer is null or the host's.
    let context = unsafe { data.processContext.as_ref() };
    let transport = time::transport(context, processor.rate());

    let mut offset = 0;
    while offset < n_frames {
        let n = processor.piece_frames().min(n_frames - offset);
        // SAFETY: the caller's promise, and `offset + n` is at most `numSamples`.
        unsafe { buffers::read(data, offset, n, processor) };
        // SAFETY: as above.
        processor.has_side = has_side && unsafe { buffers::read_side(data, offset, n, processor) };
        processor.run(offset, n, &transport.advanced(offset, processor.rate()));
        // SAFETY: as above.
        unsafe { buffers::write(data, offset, n, processor) };
        offset += n;
    }
    processor.finish();
    // SAFETY: the pointer is null or a live object.
    if let Some(changes) = unsafe { ComRef::from_raw(data.outputParameterChanges) } {
        give_falls(processor, changes);
    }
}

/// Hands every point of every queue to the processor, at its own frame.
///
/// # Safety
/// `data` is what the host passed to `process`.
unsafe fn push_changes(
    data: &ProcessData,
    n_frames: usize,
    processor: &mut Processor,
    automation: &Automation,
) {
    // SAFETY: the pointer is null or a live object.
    let Some(changes) = (unsafe { ComRef::from_raw(data.inputParameterChanges) }) else { return };
    let last_frame = n_frames.saturating_sub(1) as int32;
    // SAFETY: the object is live, and so are the queues it hands out during this call.
    unsafe {
        for i in 0..changes.getParameterCount() {
            let Some(queue) = ComRef::from_raw(changes.getParameterData(i)) else { continue };
            let Some(id) = ParamId::from_host_id(queue.getParameterId()) else { continue };
            automation.came(id);
            for k in 0..queue.getPointCount() {
                let (mut at, mut normalised) = (0, 0.0);
                if queue.getPoint(k, &mut at, &mut normalised) == kResultOk {
                    let at = at.clamp(0, last_frame) as u32;
                    processor.push(at, id, id.param().plain(normalised));
                }
            }
        }
    }
}

/// Tells the host which triggers are 0 again.
fn give_falls(processor: &Processor, changes: ComRef<IParameterChanges>) {
    for fall in processor.falls() {
        let (mut queue_index, mut point_index) = (0, 0);
        // SAFETY: the object is live, and so is the queue it hands out during this call.
        unsafe {
            let queue = changes.addParameterData(&fall.id.param().host_id, &mut queue_index);
            if let Some(queue) = ComRef::from_raw(queue) {
                queue.addPoint(fall.at as int32, 0.0, &mut point_index);
            }
        }
    }
}
