//! Shards: an index in JSON says in which file each tensor is.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;

use super::{Checkpoint, CheckpointError};
use crate::pack::source::read_small;
use crate::pack::{brief, leaves_folder};

/// Largest JSON file of names, some five times the largest that any model needs, and most shards.
pub const MAX_JSON_BYTES: u64 = 2 << 20;
const MAX_SHARDS: usize = 128;

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Opens the shards that the index at `path` lists, which lie beside it.
pub fn open(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let bad = |problem: String| bad_json(path, &problem);
    let Index { weight_map } = read_json(path, MAX_JSON_BYTES)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut whole = Checkpoint {
        path: path.into(),
        sources: Vec::new(),
        tensors: BTreeMap::new(),
        hps: serde_json::Map::new(),
    };
    let mut shards: HashMap<&str, (usize, Checkpoint)> = HashMap::new();
    for (name, file) in &weight_map {
        if leaves_folder(file) {
            return Err(bad(format!("the file name {file:?} leads out of the folder, or nowhere")));
        }
        if !shards.contains_key(file.as_str()) {
            if shards.len() == MAX_SHARDS {
                return Err(bad(format!("it lists more than {MAX_SHARDS} files")));
            }
            let shard = Checkpoint::open(&folder.join(file))?;
            shards.insert(file, (shards.len(), shard));
        }
        let (idx, shard) = &shards[file.as_str()];
        let plain = name.strip_prefix("module.").unwrap_or(name);
        let (_, layout) = shard
            .tensors
            .get(plain)
            .ok_or_else(|| bad(format!("it says that {name:?} is in {file:?}, but it is not")))?;
        whole.add(name, *idx, layout.clone())?;
    }
    let mut shards: Vec<_> = shards.into_values().collect();
    shards.sort_by_key(|(idx, _)| *idx);
    whole.sources = shards.into_iter().flat_map(|(_, shard)| shard.sources).collect();
    Ok(whole)
}

/// A JSON file beside the weights, of at most `limit` bytes.
pub fn read_json<T: for<'de> Deserialize<'de>>(
    path: &Path,
    limit: u64,
) -> Result<T, CheckpointError> {
    let text = read_small(path, limit)
        .map_err(|source| CheckpointError::Io { path: path.into(), source })?
        .ok_or_else(|| bad_json(path, &format!("it has more than {limit} bytes")))?;
    parse_json(path, &text)
}

/// The same of a text that was read already; `path` is for the messages.
pub fn parse_json<'de, T: Deserialize<'de>>(
    path: &Path,
    text: &'de [u8],
) -> Result<T, CheckpointError> {
    serde_json::from_slice(text).map_err(|e| bad_json(path, &e.to_string()))
}

fn bad_json(path: &Path, problem: &str) -> CheckpointError {
    CheckpointError::Json { path: path.into(), problem: brief(problem) }
}
