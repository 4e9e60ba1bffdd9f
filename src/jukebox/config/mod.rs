//! Shapes of the networks, as packs and checkpoints state them.

mod prior;
mod vqvae;

pub use self::prior::{
    AlignmentConfig, ConditionerConfig, EncoderConfig, LabelConfig, LyricsConfig, LyricsKind,
    PriorConfig, StackShape,
};
pub use self::vqvae::VqvaeConfig;

fn one() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}
