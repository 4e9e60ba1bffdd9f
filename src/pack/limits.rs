//! How large a network may be that a pack or checkpoint describes.
//!
//! Sizes are bounded so that a wrong digit is a message and not an attempt to allocate everything.

use crate::jukebox::{ConditionerConfig, LyricsConfig, LyricsKind, PriorConfig, VqvaeConfig};

/// Longest song that can be told of: eleven days.
pub const MAX_SECONDS: f64 = 1e6;

/// Why a VQ-VAE of this shape cannot be built, if it cannot.
pub fn vqvae_problem(config: &VqvaeConfig) -> Option<String> {
    if let Some(problem) = config.problem() {
        return Some(problem);
    }
    let deepest = config.depth.saturating_mul(config.multipliers.iter().copied().max()?);
    let widest = config.width.saturating_mul(config.multipliers.iter().copied().max()?);
    too_large("emb_width", config.emb_width, 1 << 16)
        .or_else(|| too_large("l_bins", config.l_bins, 1 << 20))
        .or_else(|| too_large("width times the largest multiplier", widest, 1 << 16))
        .or_else(|| too_large("depth times the largest multiplier", deepest, 256))
        .or_else(|| too_large("downs_t", config.downs_t.iter().copied().max()?, 16))
        .or_else(|| {
            let n_stages: usize = config.downs_t.iter().sum();
            too_large("the depth of all stages together", n_stages * deepest, 4096)
        })
        .or_else(|| hidden_problem(config.m_conv, config.width))
        .or_else(|| dilation_problem(config.dilation_growth_rate, config.dilation_cycle, deepest))
}

/// Why a prior of this shape cannot be built, if it cannot.
pub fn prior_problem(config: &PriorConfig) -> Option<String> {
    let sizes = too_large("n_ctx", config.n_ctx, 1 << 20)
        .or_else(|| too_large("l_bins", config.l_bins, 1 << 20))
        .or_else(|| stack_problem(config.width, config.depth, config.m_attn, config.m_mlp))
        .or_else(|| config.lyrics.as_ref().and_then(lyrics_problem))
        .or_else(|| config.conditioner.as_ref().and_then(conditioner_problem))
        .or_else(|| config.problem());
    sizes.or_else(|| {
        let labels = config.labels.as_ref()?;
        let (min, max) = (labels.min_duration_seconds, labels.max_duration_seconds);
        // in frames, because that is how lengths are brought within these limits
        let [first, last] = [min, max].map(|seconds| seconds * f64::from(labels.sample_rate));
        if !(0.0 <= min && max <= MAX_SECONDS && first.ceil() < last.ceil()) {
            return Some(format!(
                "songs last from {min} to {max} seconds (0 to {MAX_SECONDS}, rising)"
            ));
        }
        let tables = [labels.artist_bins, labels.genre_bins, labels.t_bins];
        if tables.contains(&0) {
            return Some("a label table of 0 rows".into());
        }
        too_large("a label table", tables.into_iter().max()?, 1 << 20)
    })
}

fn lyrics_problem(lyrics: &LyricsConfig) -> Option<String> {
    let sizes = too_large("lyrics.n_tokens", lyrics.n_tokens, 1 << 20)
        .or_else(|| too_large("lyrics.n_vocab", lyrics.n_vocab, 1 << 16));
    sizes.or_else(|| match &lyrics.kind {
        LyricsKind::SingleSequence => None,
        LyricsKind::SeparateEncoder(encoder) => {
            stack_problem(encoder.width, encoder.depth, encoder.m_attn, encoder.m_mlp)
                .map(|problem| format!("the lyric encoder's {problem}"))
        }
    })
}

fn conditioner_problem(conditioner: &ConditionerConfig) -> Option<String> {
    let ConditionerConfig { dilation_growth_rate, dilation_cycle, .. } = *conditioner;
    let sizes = too_large("width", conditioner.width, 1 << 16)
        .or_else(|| too_large("depth", conditioner.depth, 256))
        .or_else(|| too_large("downs_t", conditioner.downs_t, 16))
        .or_else(|| too_large("l_bins", conditioner.l_bins, 1 << 20))
        .or_else(|| hidden_problem(conditioner.m_conv, conditioner.width))
        .or_else(|| dilation_problem(dilation_growth_rate, dilation_cycle, conditioner.depth));
    sizes.map(|problem| format!("the conditioner's {problem}"))
}

fn stack_problem(width: usize, depth: usize, m_attn: f64, m_mlp: f64) -> Option<String> {
    too_large("width", width, 1 << 16)
        .or_else(|| too_large("depth", depth, 1024))
        .or_else(|| share_problem("m_attn", m_attn))
        .or_else(|| share_problem("m_mlp", m_mlp))
}

fn too_large(what: &str, value: usize, limit: usize) -> Option<String> {
    (value > limit).then(|| format!("{what} is {value} (at most {limit})"))
}

fn share_problem(what: &str, share: f64) -> Option<String> {
    let sound = share > 0.0 && share <= 16.0;
    (!sound).then(|| format!("{what} is {share} (above 0, at most 16)"))
}

/// Residual blocks need at least one channel to go through.
fn hidden_problem(m_conv: f64, width: usize) -> Option<String> {
    let is_none = m_conv * (width as f64) < 1.0;
    share_problem("m_conv", m_conv)
        .or_else(|| is_none.then(|| format!("m_conv is {m_conv}, which of {width} leaves nothing")))
}

fn dilation_problem(growth: usize, cycle: Option<usize>, deepest: usize) -> Option<String> {
    if cycle == Some(0) {
        return Some("dilation_cycle is 0".into());
    }
    let n_powers = deepest.min(cycle.unwrap_or(deepest)) as u32;
    let largest = growth.checked_pow(n_powers.saturating_sub(1));
    let sound = largest.is_some_and(|dilation| dilation <= 1 << 20);
    (!sound).then(|| format!("dilations grow beyond {} in {n_powers} blocks", 1 << 20))
}
