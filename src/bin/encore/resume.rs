//! Work that can be stopped at any moment and go on later: the finished windows of each level, on disk.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use encore::jukebox::LevelState;
use encore::takes::{Recipe, TakeError, write_whole};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::{Failure, note};

/// The version of these files that this Encore reads and writes.
const FORMAT_VERSION: u32 = 1;
/// Least time between two writes.
const BETWEEN_WRITES: Duration = Duration::from_millis(250);

/// What has been written of one take.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    format_version: u32,
    /// Hash of the recipe; work for another one is of no use.
    recipe: String,
    levels: BTreeMap<usize, LevelState>,
    /// Levels that are written in several chains, one state for each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    chains: BTreeMap<usize, Vec<LevelState>>,
}

/// A file of progress, which is there as long as its take is not.
pub struct Progress {
    path: PathBuf,
    kept: Kept,
}

/// Says when to write again: where windows follow one another too fast for the disk, some are passed over.
#[derive(Default)]
pub struct Pace {
    last: Option<Instant>,
}

impl Pace {
    pub fn is_due(&mut self) -> bool {
        let is_due = self.last.is_none_or(|last| BETWEEN_WRITES < last.elapsed());
        if is_due {
            self.last = Some(Instant::now());
        }
        is_due
    }
}

impl Progress {
    /// What is there of the take that `recipe` makes, or nothing. A note says if one goes on.
    pub fn open(path: PathBuf, recipe: &Recipe) -> Result<Self, Failure> {
        let recipe = identity(recipe);
        let kept = match fs::read(&path) {
            Ok(bytes) => found(&path, &bytes, &recipe),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(source) => return Err(TakeError::Read { path, source }.into()),
        };
        let (levels, chains) = (BTreeMap::new(), BTreeMap::new());
        let kept = kept.unwrap_or(Kept { format_version: FORMAT_VERSION, recipe, levels, chains });
        Ok(Self { path, kept })
    }

    /// A level as it was after its last finished window.
    pub fn of_level(&self, level: usize) -> Option<LevelState> {
        self.kept.levels.get(&level).cloned()
    }

    /// The chains of a level as they were after their last finished windows; none where it has not begun.
    pub fn chains_of(&self, level: usize) -> Vec<LevelState> {
        self.kept.chains.get(&level).cloned().unwrap_or_default()
    }

    /// Windows of a level that are kept.
    pub fn n_windows(&self, level: usize) -> usize {
        self.kept.levels.get(&level).map_or(0, |state| state.n_windows)
    }

    /// Keeps a level as it is now: the file changes as a whole or not at all.
    pub fn keep(&mut self, level: usize, state: &LevelState) -> Result<(), TakeError> {
        self.kept.levels.insert(level, state.clone());
        self.write()
    }

    /// The same for a level of several chains.
    pub fn keep_chains(&mut self, level: usize, states: &[LevelState]) -> Result<(), TakeError> {
        self.kept.chains.insert(level, states.to_vec());
        self.write()
    }

    fn write(&self) -> Result<(), TakeError> {
        write_whole(&self.path, |file| {
            serde_json::to_writer(file, &self.kept).map_err(std::io::Error::from)
        })
    }

    /// The take is there: nothing is left to go on with, nor of files that were being written when an
    /// earlier attempt was killed.
    pub fn remove(self) {
        let (Some(folder), Some(stem)) = (self.path.parent(), self.path.file_stem()) else {
            return;
        };
        let begins = format!(".{}.", stem.to_string_lossy());
        let _ = fs::remove_file(&self.path); // a file that stays is only of no use
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&begins) && name.ends_with(".part") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// What a file holds, if that is of use.
fn found(path: &Path, bytes: &[u8], recipe: &str) -> Option<Kept> {
    let kept: Kept = match serde_json::from_slice(bytes) {
        Ok(kept) => kept,
        Err(e) => {
            note(&format!("{path:?} cannot be used ({e}), so the take starts anew"));
            return None;
        }
    };
    if kept.format_version != FORMAT_VERSION || kept.recipe != recipe {
        note(&format!("{path:?} is of another request, so the take starts anew"));
        return None;
    }
    let of_level = |(level, state): (&usize, &LevelState)| (*level, state.n_windows);
    let of_chains = |(level, states): (&usize, &Vec<LevelState>)| {
        (*level, states.iter().map(|state| state.n_windows).sum::<usize>())
    };
    let kept_windows = kept.levels.iter().map(of_level).chain(kept.chains.iter().map(of_chains));
    let windows = kept_windows.map(|(level, n_windows)| {
        let plural = if n_windows == 1 { "" } else { "s" };
        format!("{n_windows} window{plural} of level {level}")
    });
    note(&format!("going on from {path:?}: {}", windows.collect::<Vec<_>>().join(", ")));
    Some(kept)
}

/// Tells one request from another.
fn identity(recipe: &Recipe) -> String {
    let text = serde_json::to_vec(recipe).unwrap_or_default(); // names and numbers always are JSON
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
