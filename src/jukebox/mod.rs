//! The Jukebox networks and samplers: tensors and codes in and out.
//!
//! Nothing here knows about threads, hosts, windows or file dialogs, so every layer can be tested alone.
//!
//! Work that is shared out goes to the [crew] that the caller runs in, and no thread is started
//! besides; results do not depend on how many there are. (Whole sequences through [`Prior::logits`]
//! are for tests and training: they run on candle, which keeps a pool of its own, like [`device`].)
//!
//! In shapes, `b` is batch, `c` channels, `f` audio frames at the model's rate, `t` steps at the rate of
//! the layer (at the end of a level these are its tokens), and `w` the width of a transformer.

pub mod config;
pub mod crew;
pub mod device;
pub mod kernels;
pub mod prior;
pub mod sample;
pub mod song;
pub mod vqvae;
pub mod weights;
pub mod yardstick;

pub use config::{
    AlignmentConfig, ConditionerConfig, EncoderConfig, LabelConfig, LyricsConfig, LyricsKind,
    PriorConfig, VqvaeConfig,
};
pub use device::{DeviceChoice, DeviceError, DeviceLevel, DevicePrior, DeviceWindow, OpenDevice};
pub use prior::{Conditioning, Decoder, LabelRow, Prior, Teller};
pub use sample::{Chooser, Dice, SamplerSettings, TokenRng};
pub use song::{Advance, LevelPrior, LevelSampler, LevelState, LevelWriter, Plan, Song, Window};
pub use vqvae::Vqvae;
pub use weights::{Precision, Quantisation, Weights};

/// Why a network could not be built or run.
#[derive(Debug, thiserror::Error)]
pub enum JukeboxError {
    /// The configuration contradicts itself or asks for something that is not built.
    #[error("this model's shape is not usable: {0}")]
    Config(String),
    /// A label, length or code that the model has no place for.
    #[error("{what} is {value}, but this model takes {allowed}")]
    Range { what: &'static str, value: String, allowed: String },
    /// The network's output cannot be sampled from.
    #[error("the model produced {0} where numbers should be; its weights may be damaged")]
    NotFinite(&'static str),
    /// The device that was asked for cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Missing or misshapen weights, or a failure inside the tensor library.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl JukeboxError {
    /// A value that the model has no place for.
    fn range(what: &'static str, value: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Range { what, value: value.to_string(), allowed: allowed.into() }
    }
}
