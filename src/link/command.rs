//! What the editor and the host's automation ask of the engine.

use super::TakeOver;
use crate::takes::{Edit, TakeId};

/// Style and sampler settings of one continuation, as the parameters stood when it was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Id in the pack's artist table; 0 is unknown.
    pub artist: u32,
    /// Id in the pack's genre table; 0 is unknown.
    pub genre: u32,
    pub prime_seconds: f64,
    pub length_seconds: f64,
    pub temperature: f64,
    pub top_p: f64,
    pub seed: u64,
    /// Takes of one request, with seeds that follow one another.
    pub n_takes: usize,
    /// Length of the song as the model is told; 0 for what the pack recommends.
    pub song_seconds: f64,
    pub take_over: TakeOver,
}

/// A wish of the editor, sent to the engine at once and never waited for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Continue from the playhead, or from the end of what was captured when the transport rests; or from
    /// where the settings let it take over.
    Continue(Settings),
    /// Continue a take from a place of it on, in seconds from its seam.
    ContinueFrom {
        take: TakeId,
        at_seconds: f64,
        settings: Settings,
    },
    /// Continue what was heard before this frame of the song.
    ContinueAt {
        song_frame: i64,
        settings: Settings,
    },
    /// Compose from a recipe with the codes of its prime, at the playhead.
    ImportRecipe {
        json: String,
        settings: Settings,
    },
    /// Do something to takes.
    Edit(Edit),
    Undo,
    Redo,
    /// Hear the input in the place of takes, or takes again.
    Compare(bool),
    /// Stop composing; what exists is kept.
    Stop,
    /// Look for packs again and load one.
    ReloadModel,
    /// The user has read the notice.
    DismissNotice,
}
