//! The released models (SPEC §1), by the shapes of their tensors.

use super::super::released;
use super::shapes::PriorShapes;
use super::told::ToldPrior;
use crate::jukebox::{LyricsKind, PriorConfig};

/// Rate of the audio that the released models were trained on, in Hz.
pub const SAMPLE_RATE: u32 = 44_100;
/// Down-sampling of their VQ-VAE, finest level first.
pub const DOWNS_T: [usize; 3] = [3, 2, 2];
pub const STRIDES_T: [usize; 3] = [2, 2, 2];
/// Growth of the dilations in their VQ-VAE.
pub const DILATION_GROWTH_RATE: usize = 3;

/// Name of a released prior, and what its shapes do not show. Both upsamplers have the same shapes, so
/// their level is not told.
pub fn prior(shapes: &PriorShapes) -> Option<(&'static str, ToldPrior)> {
    let names = ["1b_lyrics", "5b_lyrics", "5b", "upsampler_0"];
    let (name, config) = names
        .into_iter()
        .filter_map(|name| Some((name, released::prior(name)?)))
        .find(|(_, config)| is_shaped_like(shapes, config))?;
    let is_upsampler = config.conditioner.is_some();
    let (lyrics, labels) = (config.lyrics, config.labels?);
    let conditioner = config.conditioner;
    let (single, encoder) = match lyrics.as_ref().map(|lyrics| &lyrics.kind) {
        Some(LyricsKind::SeparateEncoder(encoder)) => (false, Some(encoder)),
        kind => (kind.is_some(), None),
    };
    let alignment = lyrics.as_ref().and_then(|lyrics| lyrics.alignment);
    let told = ToldPrior {
        level: (!is_upsampler).then_some(config.level),
        heads: Some(config.heads),
        attn_order: Some(config.attn_order),
        blocks: Some(config.blocks),
        merged_decoder: Some(config.merged_decoder),
        single_enc_dec: Some(single),
        n_tokens: Some(lyrics.as_ref().map_or(0, |lyrics| lyrics.n_tokens)),
        n_vocab: lyrics.as_ref().map(|lyrics| lyrics.n_vocab),
        prime_loss_fraction: lyrics.as_ref().map(|lyrics| lyrics.prime_loss_fraction),
        alignment_layer: alignment.map(|alignment| alignment.layer),
        alignment_head: alignment.map(|alignment| alignment.head),
        max_genre_words: Some(labels.max_genre_words),
        t_bins: Some(labels.t_bins),
        min_duration_seconds: Some(labels.min_duration_seconds),
        max_duration_seconds: Some(labels.max_duration_seconds),
        cond_growth_rate: conditioner.as_ref().map(|cond| cond.dilation_growth_rate),
        cond_cycle: conditioner.as_ref().and_then(|cond| cond.dilation_cycle),
        prime_heads: encoder.map(|encoder| encoder.heads),
        prime_attn_order: encoder.map(|encoder| encoder.attn_order),
        prime_blocks: encoder.map(|encoder| encoder.blocks),
        ..ToldPrior::default()
    };
    Some((if is_upsampler { "upsampler" } else { name }, told))
}

fn is_shaped_like(shapes: &PriorShapes, config: &PriorConfig) -> bool {
    shapes.n_symbols == config.n_symbols()
        && shapes.n_positions == config.stack().n_positions
        && (shapes.width, shapes.depth) == (config.width, config.depth)
        && shapes.conditioner.is_some() == config.conditioner.is_some()
        && shapes.encoder.is_some() == config.encoder_stack().is_some()
}

/// Whether only the upsampler of level 1 scales its conditioner's residuals.
pub fn cond_res_scale(level: usize) -> bool {
    level == 1
}

/// Frames per token of a level.
pub fn hop(level: usize) -> Option<usize> {
    (level < DOWNS_T.len()).then(|| super::shapes::hop(&DOWNS_T, &STRIDES_T, level))?
}
