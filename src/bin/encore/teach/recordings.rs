//! The recordings of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use encore::pack::Pack;
use encore::train::teach::{Ear, Lesson};

use crate::failure::{Failure, note};
use crate::open;
use crate::progress::StepsBar;

/// Hears every WAV file of a folder, in the order of their names. Folders in it are not looked into.
pub fn hear(folder: &Path, pack: &Pack) -> Result<Lesson, Failure> {
    let entries = fs::read_dir(folder)
        .map_err(|e| Failure::BadInput(format!("{folder:?} cannot be read: {e}")))?;
    let (mut waves, mut n_others): (Vec<PathBuf>, usize) = (Vec::new(), 0);
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_wave = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("wav"));
        match is_wave && path.is_file() {
            true => waves.push(path),
            false => n_others += 1,
        }
    }
    waves.sort();
    if n_others != 0 {
        note(&format!("{n_others} entries of {folder:?} are no WAV files, and are left out"));
    }
    if waves.is_empty() {
        return Err(Failure::BadInput(format!("{folder:?} has no WAV files")));
    }
    let mut ear = Ear::new(pack)?;
    let bar = StepsBar::new("listening", waves.len() as u64);
    for (idx, path) in waves.iter().enumerate() {
        let heard = ear.hear(&open::track(path, pack)?);
        heard.map_err(|e| Failure::BadInput(format!("{path:?}: {e}")))?;
        bar.set(idx as u64 + 1);
    }
    Ok(ear.lesson()?)
}
