//! What can be wrong with a pack, each with the file, the value and what to do.

use std::io;
use std::path::PathBuf;

use super::checkpoint::CheckpointError;
use super::taught::TaughtError;
use crate::jukebox::JukeboxError;

/// Why a pack could not be opened, verified or loaded.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// There is no such folder, or it has no `pack.json`.
    #[error(
        "{path:?} is not a model pack: it has no pack.json (models/README.md says what a pack is)"
    )]
    NotAPack { path: PathBuf },

    /// The operating system refused.
    #[error("{path:?} cannot be read: {source}")]
    Io { path: PathBuf, source: io::Error },

    /// `pack.json` is not JSON, or not this JSON.
    #[error("{path:?}, line {line}, column {column}: {problem}")]
    Json { path: PathBuf, line: usize, column: usize, problem: String },

    /// Written for another Encore.
    #[error(
        "{path:?} has format_version {found}, but this Encore reads version {supported}; \
         use the Encore that the pack was made for, or convert the model again"
    )]
    Version { path: PathBuf, found: u64, supported: u64 },

    /// The manifest contradicts itself or describes something that cannot be built.
    #[error("{path:?} is not usable: {problem}")]
    Config { path: PathBuf, problem: String },

    /// A name that would lead out of the pack's folder.
    #[error(
        "{path:?} names the file {name:?}; a pack's files lie in its own folder, so a name has no separators, colons or \"..\", and at most 255 bytes"
    )]
    FileName { path: PathBuf, name: String },

    /// Named in the manifest, but not there.
    #[error("{path:?} is missing; copy the pack again, with all of its files")]
    MissingFile { path: PathBuf },

    /// Cut short, or replaced.
    #[error("{path:?} has {found} bytes, but pack.json says {expected}; copy the pack again")]
    Size { path: PathBuf, found: u64, expected: u64 },

    /// Damaged, or replaced.
    #[error(
        "{path:?} is damaged: its SHA-256 is {found}, but pack.json says {expected}; copy the pack again"
    )]
    Hash { path: PathBuf, found: String, expected: String },

    /// Not safetensors, or not all of it.
    #[error("{path:?} is not a usable safetensors file: {problem}")]
    Malformed { path: PathBuf, problem: String },

    /// The network needs a tensor that the file does not have.
    #[error("{path:?} has no tensor {name:?}, which the shapes in pack.json call for")]
    MissingTensor { path: PathBuf, name: String },

    /// The file and the manifest describe different networks.
    #[error(
        "{path:?}: tensor {name:?} is {found:?}, but the shapes in pack.json call for {expected:?}"
    )]
    Shape { path: PathBuf, name: String, found: Vec<usize>, expected: Vec<usize> },

    /// A level that this pack has no network for.
    #[error("{path:?} has no {what} for level {level}; it has {}", list(.available))]
    NoSuchLevel { path: PathBuf, what: &'static str, level: usize, available: Vec<usize> },

    /// A checkpoint that was to be opened like a pack.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),

    /// An artist that was taught to the pack.
    #[error(transparent)]
    Taught(#[from] TaughtError),

    /// The file is sound, but the network refused it.
    #[error("{path:?}: {source}")]
    Network { path: PathBuf, source: JukeboxError },
}

fn list(levels: &[usize]) -> String {
    match levels {
        [] => "none".into(),
        [level] => format!("level {level}"),
        _ => {
            let levels: Vec<_> = levels.iter().map(usize::to_string).collect();
            format!("levels {}", levels.join(", "))
        }
    }
}
