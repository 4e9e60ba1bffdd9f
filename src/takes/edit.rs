//! What a musician can do to takes, and why it may not be done.

use super::take::MAX_NAME_CHARS;
use super::tree::MAX_TAKES;
use super::{GAINS_DB, Take, TakeId, TrimSeconds};

/// One thing that is done to takes, and can be undone as a whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// New takes, with numbers from [`Tree::next_id`](super::Tree::next_id). Where one of them sounds, its rivals no
    /// longer do.
    Add(Vec<Take>),
    Rename {
        take: TakeId,
        name: String,
    },
    /// Another part of the take is played.
    Trim {
        take: TakeId,
        trim: TrimSeconds,
    },
    /// Pinned takes cannot be deleted.
    Pin {
        take: TakeId,
        pinned: bool,
    },
    /// It sounds, and its rivals at the same place no longer do.
    Choose {
        take: TakeId,
    },
    /// It no longer sounds.
    Mute {
        take: TakeId,
    },
    Gain {
        take: TakeId,
        gain_db: f64,
    },
    /// Refused while it is pinned. Takes that go on from it stay.
    Delete {
        take: TakeId,
    },
}

/// Why an edit was refused. The takes are as they were.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditError {
    #[error("there is no take {0}; it may have been deleted")]
    NoTake(TakeId),
    #[error("take {0} is there already")]
    Known(TakeId),
    #[error("there are at most {MAX_TAKES} takes in a project; delete some")]
    Many,
    #[error("{name:?} is pinned and stays; unpin it to delete it")]
    Pinned { name: String },
    #[error("a take needs a name")]
    NoName,
    #[error("a name has at most {MAX_NAME_CHARS} characters, and this one has {0}")]
    LongName(usize),
    #[error("another take is called {0:?}; choose another name")]
    NameTaken(String),
    #[error(
        "a take cannot be played from {} s to {} s of itself; it has {length_seconds:.2} s", .trim.start, .trim.end
    )]
    Trim { trim: TrimSeconds, length_seconds: f64 },
    #[error("a take's gain is from {} to {} dB, not {gain_db}", GAINS_DB.start(), GAINS_DB.end())]
    Gain { gain_db: f64 },
    #[error("take {take} cannot be added: {problem}")]
    Bad { take: TakeId, problem: &'static str },
}
