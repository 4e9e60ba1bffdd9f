//! Shards: an index in JSON says in which file each tensor is.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;

use super::{Checkpoint, CheckpointError};
use crate::pack::leaves_folder;

/// Largest JSON file beside the weights, and most shards.
pub const MAX_JSON_BYTES: u64 = 8 << 20;
const MAX_SHARDS: usize = 512;

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Opens the shards that the index at `path` lists, which lie beside it.
pub fn open(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let bad = |problem: String| CheckpointError::Json { path: path.into(), problem };
    let Index { weight_map } = read_json(path)?;
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
            return Err(bad(format!("the file name {file:?} leads out of the folder")));
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

/// A JSON file beside the weights.
pub fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, CheckpointError> {
    let refused = |source| CheckpointError::Io { path: path.into(), source };
    let bad = |problem: String| CheckpointError::Json { path: path.into(), problem };
    let n_bytes = std::fs::metadata(path).map_err(refused)?.len();
    if n_bytes > MAX_JSON_BYTES {
        return Err(bad(format!("it has {n_bytes} bytes (at most {MAX_JSON_BYTES})")));
    }
    let text = std::fs::read(path).map_err(refused)?;
    serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))
}
