//! Which network a checkpoint holds: from its tensors' shapes, from what is told beside them, and for
//! the released models from the table of SPEC §1.
//!
//! Shapes come first, because they are what will be computed with. What no shape shows (heads, blocks,
//! dilations) must be told: by `hps`, by `config.json`, or by being shaped like a released model.

mod hf;
mod hps;
mod prior;
mod released;
mod shapes;
mod told;
mod vqvae;

pub use hf::HfConfig;
pub use prior::prior;
pub use released::SAMPLE_RATE;
pub use told::{ToldPrior, ToldVqvae};
pub use vqvae::vqvae;

use super::Checkpoint;

/// Whether these are the weights of a VQ-VAE, under OpenAI's names.
pub fn is_vqvae(checkpoint: &Checkpoint) -> bool {
    checkpoint.contains("bottleneck.level_blocks.0.k")
        || checkpoint
            .tensors()
            .any(|(name, ..)| name.starts_with("bottleneck.level_blocks.") && name.ends_with(".k"))
}

/// Whether these are the weights of a prior, under OpenAI's names.
pub fn is_prior(checkpoint: &Checkpoint) -> bool {
    checkpoint.contains("prior.x_emb.weight")
}
