//! What can go wrong behind the scenes, in words for the user.

use std::path::PathBuf;

use crate::{jukebox::JukeboxError, pack::PackError, takes::EditError};

/// Why a continuation was not made, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("no model was found; put a pack into one of these folders and look again: {}", list(.0))]
    NoPack(Vec<PathBuf>),
    #[error(transparent)]
    Pack(#[from] PackError),
    #[error("{0}")]
    Jukebox(#[from] JukeboxError),
    #[error("audio at {from_hz} Hz cannot be brought to {to_hz} Hz: {why}")]
    Resample { from_hz: f64, to_hz: f64, why: String },
    #[error("nothing has been heard yet; play the track, then press Continue")]
    NothingHeard,
    #[error(
        "nothing came in on the sidechain before this place; send a track to it, or let Encore listen to its input"
    )]
    SidechainSilent,
    #[error(
        "only {heard_seconds:.2} s were heard before this place; the model needs at least {needed_seconds:.2} s"
    )]
    TooLittleHeard { heard_seconds: f64, needed_seconds: f64 },
    #[error(
        "{given_seconds:.2} s are too short for level {level} of this model, which hears {needed_seconds:.2} s at a time"
    )]
    TooShort { level: usize, given_seconds: f64, needed_seconds: f64 },
    #[error(
        "the model needs {needed_gb:.1} GB of memory, but {free_gb:.1} GB are free; it would take {smaller}"
    )]
    NoRoom { needed_gb: f64, free_gb: f64, smaller: String },
    #[error(
        "teaching this pack takes {needed_gb:.1} GB of memory, but {free_gb:.1} GB are free; a smaller pack would do"
    )]
    NoRoomToTeach { needed_gb: f64, free_gb: f64 },
    #[error("there is no memory for {n_bytes} bytes more; what was composed until then is kept")]
    NoMemory { n_bytes: usize },
    #[error(
        "the prime holds a sample that is no sound ({value:e}), {at_seconds:.3} s in; nothing was composed"
    )]
    BadPrime { at_seconds: f64, value: f32 },
    #[error("a length of {0} s cannot be composed; lengths from 0.1 to 3600 s are possible")]
    Length(f64),
    #[error(
        "the sample rate changed while a take was being made; what exists of it is kept; press Continue again"
    )]
    RateChanged,
    #[error("composing failed inside Encore ({0}); the engine was started again")]
    Panicked(String),
    #[error(
        "the song was not heard before {at_seconds:.2} s, or too long ago; play it there, then continue from there"
    )]
    NotHeard { at_seconds: f64 },
    #[error("there is no take {0} to go on from; it may have been deleted")]
    NoTake(u64),
    #[error("this take was made with the model “{wanted}”, which is not the one that is loaded")]
    OtherPack { wanted: String },
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error("the recipe cannot be used: {why}")]
    Recipe { why: String },
    #[error("stopped")]
    Stopped,
}

fn list(folders: &[PathBuf]) -> String {
    let names: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
    names.join(", ")
}
