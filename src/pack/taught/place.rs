//! Where taught artists lie, and how one is written there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Tensor, safetensors};
use sha2::{Digest, Sha256};

use super::{Card, TaughtError};
use crate::pack::labels::underscored;
use crate::pack::{FileEntry, Pack, hex};

/// What follows the name of a pack's folder.
const SUFFIX: &str = ".taught";
/// Digits of a pack's hash that name a folder of the user's data.
const N_HASH_DIGITS: usize = 16;
/// Longest name of a file, in characters before its ending.
const MAX_SLUG: usize = 60;

/// Folders with the artists of a pack, the preferred one first: beside it, and in the user's data.
pub fn folders(pack: &Pack) -> Vec<PathBuf> {
    let dir = pack.dir().canonicalize().unwrap_or_else(|_| pack.dir().into());
    let beside = dir.file_name().map(|name| {
        let mut name = name.to_owned();
        name.push(SUFFIX);
        dir.with_file_name(name)
    });
    let hash: String = pack.hash().chars().take(N_HASH_DIGITS).collect();
    let own = dirs::data_dir().map(|data| data.join("encore").join("taught").join(hash));
    beside.into_iter().chain(own).collect()
}

/// All cards of a pack, whether or not they can be used.
pub(super) fn cards(pack: &Pack) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders(pack) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut cards: Vec<_> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .collect();
        cards.sort();
        found.extend(cards);
    }
    found
}

/// Writes an artist, in the place of one of the same name, and returns its card's path. The hash and size in
/// the card are those of the tensors.
///
/// # Errors
/// When neither folder can be written.
pub fn write(
    pack: &Pack,
    card: &Card,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<PathBuf, TaughtError> {
    let mut refused = None;
    for folder in folders(pack) {
        match write_into(&folder, card, tensors) {
            Ok(path) => return Ok(path),
            Err(problem) => refused = refused.or(Some(problem)), // the preferred place is what counts
        }
    }
    Err(refused.unwrap_or_else(|| TaughtError::Write {
        path: pack.dir().into(),
        source: std::io::ErrorKind::NotFound.into(),
    }))
}

fn write_into(
    folder: &Path,
    card: &Card,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<PathBuf, TaughtError> {
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |source| TaughtError::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(refused(folder))?;
    let path = card_path(folder, &card.artist);
    let fresh = path.with_extension("safetensors.new");
    let tensors = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
    safetensors::save(&tensors, &fresh)
        .map_err(|e| refused(&fresh)(std::io::Error::other(e.to_string())))?;
    let bytes = fs::read(&fresh).map_err(refused(&fresh))?;
    let file = FileEntry { sha256: hex(&Sha256::digest(&bytes)), bytes: bytes.len() as u64 };
    let card = Card { file, ..card.clone() };
    let text = serde_json::to_string_pretty(&card)
        .map_err(|e| refused(&path)(std::io::Error::other(e.to_string())))?;
    let fresh_card = path.with_extension("json.new");
    fs::write(&fresh_card, text + "\n").map_err(refused(&fresh_card))?;
    // tensors first: a kill between the two leaves a card that does not fit them, which is said
    let target = path.with_extension("safetensors");
    fs::rename(&fresh, &target).map_err(refused(&target))?;
    fs::rename(&fresh_card, &path).map_err(refused(&path))?;
    Ok(path)
}

/// Where the card of an artist is or would be: a name that any system takes.
fn card_path(folder: &Path, artist: &str) -> PathBuf {
    let slug: String = underscored(artist).chars().take(MAX_SLUG).collect();
    let slug = if slug.is_empty() { "artist".to_owned() } else { slug };
    let is_its_own = |path: &Path| match Card::read(path) {
        Ok(card) => card.artist.to_lowercase() == artist.to_lowercase(),
        Err(_) => false,
    };
    let names = (1..).map(|n| match n {
        1 => folder.join(format!("{slug}.json")),
        n => folder.join(format!("{slug}-{n}.json")),
    });
    let free = |path: &PathBuf| !path.exists() || is_its_own(path);
    names.take(1 << 16).find(free).unwrap_or_else(|| folder.join(format!("{slug}.json")))
}
