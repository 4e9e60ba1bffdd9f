//! VST3's transport.

use ::vst3::Steinberg::Vst::{
    IProcessContextRequirements_::Flags_ as Need, IProcessContextRequirementsTrait, ProcessContext,
    ProcessContext_::StatesAndFlags_ as Has,
};

use super::Encore;
use crate::link::Transport;

/// The host's transport; without one, nothing is known.
pub fn transport(context: Option<&ProcessContext>, rate: f64) -> Transport {
    let Some(context) = context else { return Transport::default() };
    #[allow(clippy::unnecessary_cast)] // the constants are signed on Windows
    let has = |flag| context.state & flag as u32 != 0;
    let rate = if context.sampleRate > 0.0 { context.sampleRate } else { rate };
    let signature = (context.timeSigNumerator, context.timeSigDenominator);
    Transport {
        playing: has(Has::kPlaying),
        recording: has(Has::kRecording),
        frames: Some(context.projectTimeSamples),
        seconds: Some(context.projectTimeSamples as f64 / rate),
        beats: has(Has::kProjectTimeMusicValid).then_some(context.projectTimeMusic),
        tempo_bpm: (has(Has::kTempoValid) && context.tempo > 0.0).then_some(context.tempo),
        time_signature: (has(Has::kTimeSigValid) && signature.0 > 0 && signature.1 > 0)
            .then_some((signature.0 as u16, signature.1 as u16)),
        loop_beats: (has(Has::kCycleActive) && has(Has::kCycleValid))
            .then_some((context.cycleStartMusic, context.cycleEndMusic)),
    }
}

impl IProcessContextRequirementsTrait for Encore {
    unsafe fn getProcessContextRequirements(&self) -> u32 {
        #[allow(clippy::unnecessary_cast)] // the constants are signed on Windows
        let needs = (Need::kNeedProjectTimeMusic
            | Need::kNeedCycleMusic
            | Need::kNeedTempo
            | Need::kNeedTimeSignature
            | Need::kNeedTransportState) as u32;
        needs
    }
}
