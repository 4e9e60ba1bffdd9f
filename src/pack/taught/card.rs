//! What is said of a taught artist, as JSON beside its tensors.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::TaughtError;
use crate::pack::source::read_small;
use crate::pack::{FileEntry, brief};

/// The version of cards that this Encore reads and writes.
pub const TAUGHT_FORMAT_VERSION: u64 = 1;
/// Longest card, in bytes.
const MAX_CARD_BYTES: u64 = 64 << 10;
/// Longest name of an artist or genre, in bytes.
pub const MAX_NAME_BYTES: usize = 200;
/// Highest rank; beyond, a pair is hardly smaller than what it changes.
const MAX_RANK: usize = 1024;
/// Largest scale.
const MAX_SCALE: f64 = 1e4;

/// A taught artist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    pub format_version: u64,
    /// Its name, as it was given.
    pub artist: String,
    /// The genre that goes with it, one of the pack's or a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genre: Option<String>,
    /// The id that it had when it was taught, and keeps unless another artist has it.
    pub artist_id: u32,
    /// [`Pack::hash`](crate::pack::Pack::hash) of the pack that it was taught to.
    pub pack: String,
    /// The level whose prior is adapted.
    pub level: usize,
    /// Width between the two matrices of a pair.
    pub rank: usize,
    /// What their product is multiplied by.
    pub scale: f64,
    /// Seconds of recordings that it was taught from.
    pub audio_seconds: f64,
    /// Steps of training.
    pub n_steps: u64,
    /// Its tensors.
    pub file: FileEntry,
}

impl Card {
    /// Reads a card that makes sense.
    pub(super) fn read(path: &Path) -> Result<Self, TaughtError> {
        #[derive(Deserialize)]
        struct AnyVersion {
            format_version: u64,
        }
        let refused =
            |problem: String| TaughtError::Card { path: path.into(), problem: brief(&problem) };
        let text = read_small(path, MAX_CARD_BYTES)
            .map_err(|source| TaughtError::Io { path: path.into(), source })?;
        let text = text.ok_or_else(|| refused(format!("more than {MAX_CARD_BYTES} bytes")))?;
        let AnyVersion { format_version: found } =
            serde_json::from_slice(&text).map_err(|e| refused(e.to_string()))?;
        if found != TAUGHT_FORMAT_VERSION {
            let supported = TAUGHT_FORMAT_VERSION;
            return Err(TaughtError::Version { path: path.into(), found, supported });
        }
        let card: Self = serde_json::from_slice(&text).map_err(|e| refused(e.to_string()))?;
        match card.problem() {
            Some(problem) => Err(refused(problem)),
            None => Ok(card),
        }
    }

    /// Why this card cannot be used, if it cannot.
    pub fn problem(&self) -> Option<String> {
        let names = [Some(&self.artist), self.genre.as_ref()];
        if let Some(problem) = names.into_iter().flatten().find_map(|name| name_problem(name)) {
            return Some(problem);
        }
        if !(1..=MAX_RANK).contains(&self.rank) {
            return Some(format!("its rank is {} (1 to {MAX_RANK})", self.rank));
        }
        if !self.scale.is_finite() || MAX_SCALE < self.scale.abs() {
            return Some(format!("its scale is {} (at most {MAX_SCALE})", self.scale));
        }
        None
    }
}

/// Why something cannot be the name of an artist or genre, if it cannot.
pub fn name_problem(name: &str) -> Option<String> {
    if name.trim().is_empty() || name.trim() != name {
        return Some(format!("the name {name:?} is empty, or has spaces around it"));
    }
    if name.len() > MAX_NAME_BYTES || name.contains(char::is_control) {
        let name = brief(name);
        return Some(format!("the name {name:?} is longer than {MAX_NAME_BYTES} bytes or no line"));
    }
    None
}
