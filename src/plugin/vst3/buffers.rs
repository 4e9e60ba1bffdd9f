//! The host's audio buffers: any of them may be missing, shared or longer than promised.

use ::vst3::Steinberg::Vst::{AudioBusBuffers, ProcessData};

use crate::plugin::Processor;

/// Copies frames `offset..offset + n` of the main input in. A mono input fills both channels, a missing
/// one is silence.
///
/// # Safety
/// `data` is what the host passed to `process`, and `offset + n` is at most its `numSamples`.
pub unsafe fn read(data: &ProcessData, offset: usize, n: usize, to: &mut Processor) {
    for (c, to) in to.main.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        let channel = unsafe {
            channel(data.inputs, data.numInputs, 0, c)
                .or_else(|| channel(data.inputs, data.numInputs, 0, 0))
        };
        match channel {
            // SAFETY: the channel has `numSamples` frames, and `to` is ours, so they do not overlap.
            Some(from) => unsafe {
                std::ptr::copy_nonoverlapping(from.add(offset), to[..n].as_mut_ptr(), n);
            },
            None => to[..n].fill(0.0),
        }
    }
}

/// Copies the same frames of the sidechain in; false if there is none, which is so where the host has not
/// switched it on. A mono one is on both channels.
///
/// # Safety
/// As for [`read`].
pub unsafe fn read_side(data: &ProcessData, offset: usize, n: usize, to: &mut Processor) -> bool {
    for (c, to) in to.side.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        let channel = unsafe {
            channel(data.inputs, data.numInputs, 1, c)
                .or_else(|| channel(data.inputs, data.numInputs, 1, 0))
        };
        let Some(from) = channel else { return false };
        // SAFETY: the channel has `numSamples` frames, and `to` is ours, so they do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(from.add(offset), to[..n].as_mut_ptr(), n) };
    }
    true
}

/// Copies the processed frames to the main output; channels and busses we know nothing of get silence.
///
/// # Safety
/// As for [`read`].
pub unsafe fn write(data: &ProcessData, offset: usize, n: usize, from: &Processor) {
    if data.outputs.is_null() {
        return;
    }
    for bus in 0..data.numOutputs.max(0) as usize {
        // SAFETY: the host says that there are `numOutputs` of them.
        let n_channels = unsafe {
            let bus = &mut *data.outputs.add(bus);
            bus.silenceFlags = 0;
            bus.numChannels.max(0) as usize
        };
        for c in 0..n_channels {
            // SAFETY: the caller's promise.
            let Some(to) = (unsafe { channel(data.outputs, data.numOutputs, bus, c) }) else {
                continue;
            };
            match from.main.get(c).filter(|_| bus == 0) {
                // SAFETY: the channel has `numSamples` frames, and `from` is ours.
                Some(from) => unsafe {
                    std::ptr::copy_nonoverlapping(from[..n].as_ptr(), to.add(offset), n);
                },
                // SAFETY: the channel has `numSamples` frames; all bits zero is 0.0.
                None => unsafe { std::ptr::write_bytes(to.add(offset), 0, n) },
            }
        }
    }
}

/// A channel's first frame, if the host brought one.
///
/// # Safety
/// `busses` is null or points to `n_busses` descriptions with true channel counts.
unsafe fn channel(
    busses: *mut AudioBusBuffers,
    n_busses: i32,
    bus: usize,
    c: usize,
) -> Option<*mut f32> {
    if busses.is_null() || bus >= n_busses.max(0) as usize {
        return None;
    }
    // SAFETY: `bus` is one of the `n_busses`.
    let bus = unsafe { &*busses.add(bus) };
    // SAFETY: every field of the union is a pointer, and we only take 32-bit blocks.
    let channels = unsafe { bus.__field0.channelBuffers32 };
    if channels.is_null() || c >= bus.numChannels.max(0) as usize {
        return None;
    }
    // SAFETY: `c` is one of the `numChannels`.
    let first = unsafe { *channels.add(c) };
    (!first.is_null()).then_some(first)
}
