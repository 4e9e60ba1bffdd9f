//! `hps`, as OpenAI's checkpoints have it.
//!
//! A prior's `hps` were merged from defaults, so it also has numbers of a VQ-VAE, and often of one that
//! it was not trained with: those are believed only where they fit the prior's own tensors.

use serde_json::{Map, Value};

use super::told::{ToldPrior, ToldVqvae};

type Hps = Map<String, Value>;

pub fn vqvae(hps: &Hps) -> ToldVqvae {
    ToldVqvae {
        width: size(hps, "width"),
        depth: size(hps, "depth"),
        m_conv: share(hps, "m_conv"),
        multipliers: sizes(hps, "hvqvae_multipliers"),
        dilation_growth_rate: size(hps, "dilation_growth_rate"),
        dilation_cycle: size(hps, "dilation_cycle"),
        reverse_decoder_dilation: truth(hps, "vqvae_reverse_decoder_dilation"),
        sample_rate: size(hps, "sr").and_then(|rate| rate.try_into().ok()),
    }
}

/// `n_symbols` are the prior's own: codes, and lyrics where they stand in the same sequence.
pub fn prior(hps: &Hps, n_symbols: usize) -> ToldPrior {
    let n_lyric_symbols = match truth(hps, "single_enc_dec") {
        Some(true) => size(hps, "n_vocab").unwrap_or(0),
        _ => 0,
    };
    let l_bins = n_symbols.saturating_sub(n_lyric_symbols);
    ToldPrior {
        level: size(hps, "level"),
        heads: size(hps, "heads"),
        attn_order: size(hps, "attn_order"),
        blocks: blocks(hps, "blocks"),
        m_attn: share(hps, "m_attn"),
        m_mlp: share(hps, "m_mlp"),
        merged_decoder: truth(hps, "merged_decoder"),
        res_scale: truth(hps, "res_scale"),
        single_enc_dec: truth(hps, "single_enc_dec"),
        n_tokens: match truth(hps, "use_tokens") {
            Some(false) => Some(0),
            _ => size(hps, "n_tokens"),
        },
        n_vocab: size(hps, "n_vocab"),
        prime_loss_fraction: share(hps, "prime_loss_fraction"),
        alignment_layer: size(hps, "alignment_layer"),
        alignment_head: size(hps, "alignment_head"),
        max_genre_words: size(hps, "max_bow_genre_size"),
        t_bins: size(hps, "t_bins"),
        min_duration_seconds: share(hps, "min_duration"),
        max_duration_seconds: share(hps, "max_duration"),
        sample_rate: size(hps, "sr").and_then(|rate| rate.try_into().ok()),
        hop: hop(hps, l_bins),
        cond_m_conv: share(hps, "cond_m_conv"),
        cond_growth_rate: size(hps, "cond_dilation_growth_rate"),
        cond_cycle: size(hps, "cond_dilation_cycle"),
        cond_res_scale: truth(hps, "cond_res_scale"),
        prime_heads: size(hps, "prime_heads"),
        prime_attn_order: size(hps, "prime_attn_order"),
        prime_blocks: blocks(hps, "prime_blocks"),
        prime_m_attn: share(hps, "prime_m_attn"),
        prime_m_mlp: share(hps, "prime_m_mlp"),
        prime_res_scale: truth(hps, "prime_res_scale"),
    }
}

/// Frames per token, if the VQ-VAE in these `hps` can be the one that the prior was trained with.
fn hop(hps: &Hps, l_bins: usize) -> Option<usize> {
    let (level, downs, strides) =
        (size(hps, "level")?, sizes(hps, "downs_t")?, sizes(hps, "strides_t")?);
    if size(hps, "l_bins") != Some(l_bins) || downs.len() != strides.len() || level >= downs.len() {
        return None;
    }
    super::shapes::hop(&downs, &strides, level)
}

/// A model whose attention knows no blocks is told of none.
pub fn blocks(hps: &Hps, name: &str) -> Option<usize> {
    match hps.get(name)? {
        Value::Null => Some(1),
        _ => size(hps, name),
    }
}

pub fn size(hps: &Hps, name: &str) -> Option<usize> {
    let value = hps.get(name)?;
    let whole = |value: f64| (value >= 0.0 && value.fract() == 0.0).then_some(value as usize);
    value.as_u64().map(|n| n as usize).or_else(|| value.as_f64().and_then(whole))
}

/// A number, or yes as 1 and no as nothing.
pub fn share(hps: &Hps, name: &str) -> Option<f64> {
    hps.get(name)?.as_f64()
}

/// Yes or no; numpy and others also write 1, 0 and 1.0.
pub fn truth(hps: &Hps, name: &str) -> Option<bool> {
    match hps.get(name)? {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => number.as_f64().map(|number| number != 0.0),
        _ => None,
    }
}

pub fn sizes(hps: &Hps, name: &str) -> Option<Vec<usize>> {
    let list = hps.get(name)?.as_array()?;
    list.iter().map(|n| n.as_u64().map(|n| n as usize)).collect()
}
