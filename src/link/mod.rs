//! The only types that cross threads: a ring of what was heard with marks between its frames, arrangements of
//! what sounds, commands, a status snapshot and a handful of atomics.
//!
//! The audio thread holds [`AudioEnds`], the engine [`EngineEnds`]; [`open`] makes the pair. Audio-thread
//! methods here never allocate, free, lock or wait.

mod arrangement;
mod capture;
mod command;
mod health;
mod signals;
mod song_bars;
mod sound;
mod status;
mod take_over;
mod transport;

use std::sync::Arc;

pub use arrangement::{
    Anchor, Arrangement, ArrangementReader, ArrangementWriter, MAX_REGIONS, Region,
};
pub use capture::{CaptureReader, CaptureWriter, Lane, Mark, Motion, Request, Told};
pub use command::{Command, Settings};
pub use health::{EngineLoad, Health, HealthCounts};
pub use signals::Signals;
pub use sound::{CHUNK_FRAMES, Sound};
pub use status::{
    Armed, CaptureStatus, Labels, ModelStatus, Notice, PackSummary, Phase, Progress, Severity,
    Stage, StageTimes, Status, TakeStatus, Waveform,
};
pub use take_over::{Bars, TakeOver, Target};
pub use transport::Transport;

/// Seconds of audio that wait between the audio thread and the engine before frames are lost.
const CAPTURE_RING_SECONDS: f64 = 4.0;

/// Seconds of what was heard that are remembered unless the user says otherwise.
pub const DEFAULT_MEMORY_SECONDS: f64 = 120.0;

/// What the audio thread holds.
pub struct AudioEnds {
    pub capture: CaptureWriter,
    pub arrangements: ArrangementReader,
    pub signals: Arc<Signals>,
}

/// What the engine holds.
pub struct EngineEnds {
    pub capture: CaptureReader,
    pub arrangements: ArrangementWriter,
    pub signals: Arc<Signals>,
}

/// Makes both ends of a link for audio at `rate` Hz.
pub fn open(rate: f64) -> (AudioEnds, EngineEnds) {
    let signals = Arc::new(Signals::new(rate));
    let (capture_in, capture_out) = capture::open((rate * CAPTURE_RING_SECONDS) as usize, &signals);
    let (arrangements_in, arrangements_out) = arrangement::open();
    (
        AudioEnds {
            capture: capture_in,
            arrangements: arrangements_out,
            signals: Arc::clone(&signals),
        },
        EngineEnds { capture: capture_out, arrangements: arrangements_in, signals },
    )
}
