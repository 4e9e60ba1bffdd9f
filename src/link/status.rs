//! What the engine tells the editor: one snapshot, replaced as a whole.

use std::{path::PathBuf, sync::Arc};

use super::{EngineLoad, HealthCounts};
use crate::takes::{Branch, TakeId, TrimSeconds};

/// Everything the editor shows about one instance, but for the live numbers in [`super::Signals`].
#[derive(Debug, Clone, Default)]
pub struct Status {
    pub model: ModelStatus,
    pub phase: Phase,
    /// What was heard, at its place in the song.
    pub captured: Arc<Waveform>,
    /// How much is remembered, and what it takes.
    pub capture: CaptureStatus,
    /// The newest take, complete or not.
    pub take: Option<TakeStatus>,
    /// All takes, those that are being composed last.
    pub takes: Arc<[TakeStatus]>,
    /// What can be undone and done again, as in "renaming “Hearthside 1”".
    pub undo: Option<String>,
    pub redo: Option<String>,
    /// The input is heard in the place of takes, to compare.
    pub compares: bool,
    /// How often takes were changed: each time the project has something new to save.
    pub n_edits: u64,
    /// The last thing the user should read.
    pub notice: Option<Notice>,
    /// How often something went wrong for this instance.
    pub health: HealthCounts,
    /// What the engine costs.
    pub load: EngineLoad,
}

/// The memory of what was heard.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CaptureStatus {
    /// What is remembered of the song, in seconds.
    pub seconds: f64,
    /// What is remembered besides of what was played while the song rested, in seconds.
    pub rest_seconds: f64,
    /// Most that is remembered of either, in seconds.
    pub max_seconds: f64,
    /// Memory that it takes.
    pub bytes: usize,
    /// Frames that passed while the engine could not keep up.
    pub lost_frames: u64,
    /// Frames that held something that is no number; they are kept as they came.
    pub non_finite: u64,
}

/// Whether there is a model to compose with.
#[derive(Debug, Clone, Default)]
pub enum ModelStatus {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    Loading {
        name: String,
    },
    Ready(Arc<PackSummary>),
    /// No pack was found, or it could not be used; in words, with what to do.
    Unavailable {
        reason: String,
    },
}

/// A loaded pack in a few facts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PackSummary {
    pub name: String,
    /// What tells it from any other, as recipes have it.
    pub hash: String,
    pub licence: String,
    pub folder: PathBuf,
    pub n_parameters: usize,
    /// Size of the weights in memory.
    pub n_bytes: usize,
    pub sample_rate: u32,
    /// Audio frames per token of the level that composes.
    pub hop: usize,
    /// Longest prime the model can listen to, in seconds.
    pub max_prime_seconds: f64,
    pub labels: Labels,
}

/// Names by id. Id 0 is "unknown" in every pack.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labels {
    pub artists: Vec<String>,
    pub genres: Vec<String>,
    /// The genre id that goes with each artist id, where the pack says so.
    pub genre_of_artist: Vec<Option<u32>>,
}

/// What the engine is doing for this instance.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Phase {
    #[default]
    Idle,
    /// Other instances come first.
    Queued {
        n_ahead: usize,
    },
    /// Reading what a taught artist's music is composed with.
    Loading,
    /// Waits for the place where the take is to take over.
    Armed(Armed),
    Composing(Progress),
}

/// A take that will take over from the input.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Armed {
    /// Song frame of the take's first frame.
    pub frame: i64,
    /// Number of the bar that begins there, counted from 1; none at a loop's end within a bar.
    pub bar: Option<i64>,
    /// Seconds until the song is there.
    pub seconds_left: f64,
}

/// How far a continuation has come.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    pub stage: Stage,
    /// Seconds of new audio that can be heard already.
    pub seconds_done: f64,
    pub seconds_total: f64,
    /// Seconds of new audio per second of work since the request.
    pub realtime_factor: f64,
    /// Honest guess; none before there is something to go by.
    pub remaining_seconds: Option<f64>,
    /// What the time to the first sound was spent on, as far as it has been.
    pub stages: StageTimes,
}

/// The time from the beginning of the work to the first sound, stage by stage.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StageTimes {
    /// Turning what is not yet codes of the prime into codes.
    pub encoding_ms: f64,
    /// Reading what the prior has not read yet of the prime.
    pub prefilling_ms: f64,
    /// Writing and decoding the first piece.
    pub first_piece_ms: f64,
}

/// Where in the work a continuation is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stage {
    /// Turning the prime into codes.
    #[default]
    Encoding,
    /// The prior reads the prime.
    Prefilling,
    /// New codes are written and decoded.
    Generating,
}

/// Peaks of some audio at its place in the song.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Waveform {
    /// Song position of the first peak, in frames at `rate`.
    pub start_frame: i64,
    pub rate: f64,
    pub frames_per_peak: usize,
    /// Lowest and highest sample of each stretch.
    pub peaks: Vec<[f32; 2]>,
}

impl Waveform {
    /// Song position just after the last peak, in frames.
    pub fn end_frame(&self) -> i64 {
        self.start_frame + (self.peaks.len() * self.frames_per_peak) as i64
    }
}

/// A take as far as it exists.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TakeStatus {
    pub number: TakeId,
    pub name: String,
    /// Takes of one request share it.
    pub batch: u64,
    /// The take that it goes on from.
    pub parent: Option<Branch>,
    pub artist: String,
    pub genre: String,
    pub seed: u64,
    pub waveform: Arc<Waveform>,
    /// Song frame where the prime ends and the take begins.
    pub seam_frame: i64,
    /// Wanted length, in seconds.
    pub length_seconds: f64,
    /// What of it is played.
    pub trim: TrimSeconds,
    pub gain_db: f64,
    pub is_pinned: bool,
    /// It is chosen: played when the transport passes.
    pub sounds: bool,
    /// All of it can be heard.
    pub is_complete: bool,
    /// The song's tempo is no longer the one that it was composed for.
    pub is_stale: bool,
    /// The model that its codes belong to is not here.
    pub is_model_missing: bool,
    /// From the request to the first frame that could be heard.
    pub first_frame_ms: Option<f64>,
    pub realtime_factor: f64,
    /// What the time to the first sound was spent on.
    pub stages: StageTimes,
}

/// Something the user should read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub severity: Severity,
    pub text: String,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Note,
    /// What was asked for did not happen.
    Error,
}
