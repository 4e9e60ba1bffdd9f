//! Finding what the command line names: packs, tracks and places to write to.

use std::path::{Path, PathBuf};

use encore::engine::resample::to_rate;
use encore::pack::{MANIFEST_FILE, Pack, find_packs};
use encore::takes::{TakeError, wav};

use crate::failure::Failure;

/// A pack by its folder, or by the folder name of one on the search path.
pub fn pack(named: &Path) -> Result<Pack, Failure> {
    Ok(Pack::open(&pack_folder(named))?)
}

fn pack_folder(named: &Path) -> PathBuf {
    let is_bare_name = named.components().count() == 1;
    if named.join(MANIFEST_FILE).is_file() || !is_bare_name {
        return named.into();
    }
    let installed = find_packs(std::env::current_exe().ok().as_deref());
    let found = installed.into_iter().find(|folder| folder.file_name() == Some(named.as_os_str()));
    found.unwrap_or_else(|| named.into())
}

/// A track as the networks take it: mono, at the pack's rate.
pub fn track(path: &Path, pack: &Pack) -> Result<Vec<f32>, Failure> {
    let audio = wav::read(path)?;
    to_rate(&audio.mono(), audio.rate_hz.into(), pack.sample_rate().into())
        .map_err(|e| Failure::BadInput(format!("{path:?}: {e}")))
}

/// Whether a file can be written here, before any work is done for it.
pub fn check_target(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if path.is_dir() {
        return Err(Failure::BadInput(format!("{path:?} is a folder, not a file to write to")));
    }
    if !folder.is_dir() {
        return Err(Failure::BadInput(format!(
            "{path:?} cannot be written: there is no folder {folder:?}"
        )));
    }
    Ok(())
}

/// A folder that can be written to, made where it was not there.
pub fn target_folder(folder: &Path) -> Result<(), Failure> {
    let refused = |source| TakeError::Write { path: folder.into(), source };
    std::fs::create_dir_all(folder).map_err(refused)?;
    let probe = folder.join(format!(".encore.{}.probe", std::process::id()));
    std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)).map_err(refused)?;
    Ok(())
}
