//! Teaching a VQ-VAE its levels: pairs of an encoder and a decoder with a codebook between them (SPEC §9).

mod clips;
mod codebook;
mod loss;
mod net;
mod recipe;
mod spectrum;
mod trainee;

#[cfg(test)]
mod tests;

pub use recipe::{Bandwidth, CodebookConfig, LossConfig, Stft, VqvaeRecipe};
pub use trainee::VqvaeTrainee;
