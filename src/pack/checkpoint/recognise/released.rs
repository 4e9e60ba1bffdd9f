//! The released models (SPEC §1), by the shapes of their tensors.

use super::shapes::PriorShapes;
use super::told::ToldPrior;

/// Rate of the audio that the released models were trained on, in Hz.
pub const SAMPLE_RATE: u32 = 44_100;
/// Down-sampling of their VQ-VAE, finest level first.
pub const DOWNS_T: [usize; 3] = [3, 2, 2];
pub const STRIDES_T: [usize; 3] = [2, 2, 2];
/// Growth of the dilations in their VQ-VAE.
pub const DILATION_GROWTH_RATE: usize = 3;

/// Name of a released prior, and what its shapes do not show.
pub fn prior(shapes: &PriorShapes) -> Option<(&'static str, ToldPrior)> {
    let PriorShapes { n_symbols, n_positions, width, depth, .. } = shapes;
    let common = ToldPrior {
        res_scale: Some(false),
        single_enc_dec: Some(false),
        n_tokens: Some(0),
        max_genre_words: Some(5),
        t_bins: Some(128),
        sample_rate: Some(SAMPLE_RATE),
        attn_order: Some(2),
        blocks: Some(128),
        ..ToldPrior::default()
    };
    let top = ToldPrior {
        level: Some(2),
        heads: Some(8),
        merged_decoder: Some(true),
        min_duration_seconds: Some(60.0),
        max_duration_seconds: Some(600.0),
        ..common.clone()
    };
    let has = (shapes.conditioner.is_some(), shapes.encoder.is_some());
    Some(match (n_symbols, n_positions, width, depth, has) {
        (2048, 8192, 1920, 72, (true, false)) => {
            let upsampler = ToldPrior {
                heads: Some(1),
                merged_decoder: Some(false),
                cond_growth_rate: Some(3),
                cond_cycle: Some(8),
                ..common
            };
            ("upsampler", upsampler)
        }
        (2048, 8192, 4800, 72, (false, false)) => ("5b", top),
        (2048, 8192, 4800, 79, (false, true)) => {
            let lyrics = ToldPrior {
                attn_order: Some(10),
                n_tokens: Some(512),
                n_vocab: Some(80),
                prime_loss_fraction: Some(0.4),
                min_duration_seconds: Some(23.8),
                alignment_layer: Some(68),
                alignment_head: Some(2),
                prime_heads: Some(4),
                prime_attn_order: Some(2),
                prime_blocks: Some(32),
                ..top
            };
            ("5b_lyrics", lyrics)
        }
        (2127, 6528, 2048, 72, (false, false)) => {
            let lyrics = ToldPrior {
                heads: Some(2),
                attn_order: Some(12),
                blocks: Some(64),
                merged_decoder: Some(false),
                single_enc_dec: Some(true),
                n_tokens: Some(384),
                n_vocab: Some(79),
                prime_loss_fraction: Some(0.4),
                max_genre_words: Some(1),
                t_bins: Some(64),
                min_duration_seconds: Some(17.84),
                alignment_layer: Some(63),
                alignment_head: Some(0),
                ..top
            };
            ("1b_lyrics", lyrics)
        }
        _ => return None,
    })
}

/// Whether only the upsampler of level 1 scales its conditioner's residuals.
pub fn cond_res_scale(level: usize) -> bool {
    level == 1
}

/// Frames per token of a level.
pub fn hop(level: usize) -> Option<usize> {
    (level < DOWNS_T.len()).then(|| super::shapes::hop(&DOWNS_T, &STRIDES_T, level))?
}
