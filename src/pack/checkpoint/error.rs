//! What can be wrong with a checkpoint, each with the file, the value and what to do.

use std::io;
use std::path::PathBuf;

use crate::pack::IdFileError;
use crate::pack::pickle::PickleError;

/// Why a checkpoint could not be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("{path:?} cannot be read: {source}")]
    Io { path: PathBuf, source: io::Error },

    /// None of the forms that are known.
    #[error(
        "{path:?} is no checkpoint: it begins neither like PyTorch's files (.pth.tar, .bin) nor \
         like safetensors; fetch it again if it should be one"
    )]
    NotACheckpoint { path: PathBuf },

    /// A folder without any of the files that models are made of.
    #[error(
        "{path:?} holds no model: there is no pack.json, no config.json, no vqvae.pth.tar or \
         prior_level_N.pth.tar, and no single checkpoint"
    )]
    NoModel { path: PathBuf },

    #[error("{path:?}, {error}")]
    Pickle { path: PathBuf, error: PickleError },

    #[error("{path:?} is not a usable zip file: {problem}")]
    Zip { path: PathBuf, problem: String },

    #[error("{path:?} is not a usable safetensors file: {problem}")]
    Safetensors { path: PathBuf, problem: String },

    /// `config.json`, an index of shards or another JSON file beside the weights.
    #[error("{path:?} is not usable: {problem}")]
    Json { path: PathBuf, problem: String },

    /// Numbers of tensors that are not where they should be.
    #[error("{path:?}: storage {key:?} {problem}; fetch the file again")]
    Storage { path: PathBuf, key: String, problem: String },

    /// A table of names beside the checkpoints.
    #[error(transparent)]
    Names(#[from] IdFileError),

    #[error("{path:?} holds no weights: there is no dictionary of tensors in it")]
    NoWeights { path: PathBuf },

    #[error("{path:?}: tensor {name:?} {problem}")]
    Tensor { path: PathBuf, name: String, problem: String },

    #[error("{path:?} has no tensor {name:?}, which a {what} of this shape needs")]
    MissingTensor { path: PathBuf, name: String, what: &'static str },

    #[error(
        "{path:?}: tensor {name:?} is {found:?}, but its hyper-parameters call for {expected:?}"
    )]
    Shape { path: PathBuf, name: String, found: Vec<usize>, expected: Vec<usize> },

    #[error(
        "{path:?}: tensor {name:?} has {value} where a number should be; the file is damaged, so \
         fetch it again"
    )]
    NotFinite { path: PathBuf, name: String, value: f32 },

    /// A shape that no table knows, and no hyper-parameters that tell.
    #[error(
        "{path:?} does not say {}, and its tensors are not shaped like a released model's",
        .missing.join(", ")
    )]
    Untold { path: PathBuf, missing: Vec<String> },

    #[error("{path:?} is not usable: {problem}")]
    Config { path: PathBuf, problem: String },
}
