//! PyTorch's legacy stream (SPEC §6.1): pickles back to back, then the storages.

use std::collections::HashMap;

use super::error::CheckpointError;
use super::places::Place;
use crate::pack::pickle::{self, Input, Limits, Pickle, Problem, Storage};
use crate::pack::source::Source;

/// The first pickle of the file.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
/// The second.
const VERSION: i128 = 1001;

/// Whether a file that begins like this is a legacy stream: a pickle of an integer of ten bytes.
///
/// PyTorch writes protocol 2 unless it is told otherwise; from 4 on, pickles come in frames.
pub fn is_legacy(first: &[u8]) -> bool {
    matches!(
        first,
        [0x80, 2 | 3, 0x8a, 10, ..] | [0x80, 4 | 5, 0x95, _, _, _, _, _, _, _, _, 0x8a, 10, ..]
    )
}

/// What the file describes, and where each storage of it lies.
pub fn open(source: &Source) -> Result<(Pickle, Vec<Place>), CheckpointError> {
    let path = source.path();
    let pickle_error = |error| CheckpointError::Pickle { path: path.into(), error };
    let mut input = Input::new(source, 0, source.len());
    let limits = Limits::default();
    let small = Limits { values: 256, program_bytes: 4096, memory_bytes: 1 << 16, ..limits };
    let mut small_pickle = || pickle::read(&mut input, &small).map_err(pickle_error);

    if small_pickle()?.root().as_integer() != Some(MAGIC) {
        return Err(CheckpointError::NotACheckpoint { path: path.into() });
    }
    let version = small_pickle()?.root().as_integer();
    let system = small_pickle()?;
    let refused = |problem: String| {
        let offset = 0;
        let error = pickle::PickleError { offset, problem: Problem::Malformed(problem) };
        Err(CheckpointError::Pickle { path: path.into(), error })
    };
    if version != Some(VERSION) {
        return refused(format!("version {version:?} of PyTorch's format is unknown ({VERSION})"));
    }
    if system.root().get("little_endian").and_then(|value| value.as_bool()) == Some(false) {
        return refused("it was written on a big-endian machine; convert it there".into());
    }
    let object = pickle::read(&mut input, &limits).map_err(pickle_error)?;
    let keys = pickle::read(&mut input, &limits).map_err(pickle_error)?;
    let places = places(source, &object, &keys, input.offset())?;
    Ok((object, places))
}

/// Walks over the storages, which lie in the order of `keys`, each with its length before it.
fn places(
    source: &Source,
    object: &Pickle,
    keys: &Pickle,
    start: u64,
) -> Result<Vec<Place>, CheckpointError> {
    let wrong = |key: &str, problem: String| CheckpointError::Storage {
        path: source.path().into(),
        key: key.into(),
        problem,
    };
    let known: HashMap<&str, &Storage> =
        object.storages().iter().map(|storage| (storage.key.as_str(), storage)).collect();
    let mut found: HashMap<&str, u64> = HashMap::new();
    let mut offset = start;
    for key in keys.root().members().into_iter().flatten() {
        let key = key.as_str().ok_or_else(|| wrong("", "is named by no text".into()))?;
        let storage = known.get(key).ok_or_else(|| wrong(key, "is listed, but unknown".into()))?;
        let mut count = [0; 8];
        source
            .read_exact_at(offset, &mut count)
            .map_err(|e| wrong(key, format!("at byte {offset} cannot be read: {e}")))?;
        let (count, size) = (i64::from_le_bytes(count), storage.dtype.size());
        let expected = storage.n_bytes / size;
        if u64::try_from(count) != Ok(expected) {
            return Err(wrong(key, format!("has {count} elements, but {expected} are described")));
        }
        let end = (offset + 8).checked_add(storage.n_bytes).filter(|end| *end <= source.len());
        let end = end.ok_or_else(|| {
            let (len, n_bytes) = (source.len(), storage.n_bytes);
            wrong(key, format!("of {n_bytes} bytes at byte {offset} goes beyond the file's {len}"))
        })?;
        if found.insert(&storage.key, offset + 8).is_some() {
            return Err(wrong(key, "is listed twice".into()));
        }
        offset = end;
    }
    let place = |storage: &Storage| {
        let (root, inside) = match &storage.view_of {
            Some((root, inside)) => (root, *inside),
            None => (&storage.key, 0),
        };
        let start =
            found.get(root.as_str()).ok_or_else(|| wrong(root, "is not in the file".into()))?;
        Ok(Place { start: start + inside, n_bytes: storage.n_bytes })
    };
    object.storages().iter().map(place).collect()
}
