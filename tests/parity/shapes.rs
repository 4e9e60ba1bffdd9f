//! Shapes of networks, from the reference's own hyper-parameters.

use encore::jukebox::{
    AlignmentConfig, ConditionerConfig, EncoderConfig, LabelConfig, LyricsConfig, LyricsKind,
    PriorConfig, VqvaeConfig,
};
use serde_json::{Value, json};

/// Shape of a VQ-VAE.
pub fn vqvae(hps: &Value) -> Result<VqvaeConfig, serde_json::Error> {
    let mut config = json!({
        "multipliers": hps["hvqvae_multipliers"],
        "reverse_decoder_dilation": hps["vqvae_reverse_decoder_dilation"],
    });
    for name in [
        "levels",
        "downs_t",
        "strides_t",
        "emb_width",
        "l_bins",
        "width",
        "depth",
        "m_conv",
        "dilation_growth_rate",
        "dilation_cycle",
    ] {
        config[name] = hps[name].clone();
    }
    serde_json::from_value(config)
}

/// Shape of a prior over the codes of a VQ-VAE, of which only the rates and the codebook matter.
pub fn prior(hps: &Value, vqvae: &Value) -> Option<PriorConfig> {
    let size = |name: &str| hps[name].as_u64().map(|n| n as usize);
    let share = |name: &str| hps[name].as_f64();
    let rate = |name: &str, level: usize| vqvae[name][level].as_u64().map(|n| n as usize);
    let (level, n_levels) = (size("level")?, size("levels")?);
    let is_top = level + 1 == n_levels;
    let mut hop = 1;
    for l in 0..=level {
        hop *= rate("strides_t", l)?.pow(rate("downs_t", l)? as u32);
    }
    let l_bins = vqvae["l_bins"].as_u64()? as usize;
    let labels = match hps["labels"].as_bool()? {
        false => None,
        true => Some(LabelConfig {
            genre_bins: hps["y_bins"][0].as_u64()? as usize,
            artist_bins: hps["y_bins"][1].as_u64()? as usize,
            max_genre_words: size("max_bow_genre_size")?,
            t_bins: size("t_bins")?,
            min_duration_seconds: share("min_duration").unwrap_or(0.0),
            max_duration_seconds: share("max_duration").unwrap_or(600.0),
            sample_rate: hps["sr"].as_u64()? as u32,
            hop,
            timing: is_top,
        }),
    };
    let conditioner = match is_top {
        true => None,
        false => Some(ConditionerConfig {
            width: size("cond_width")?,
            depth: size("cond_depth")?,
            m_conv: share("cond_m_conv")?,
            dilation_growth_rate: size("cond_dilation_growth_rate")?,
            dilation_cycle: size("cond_dilation_cycle"),
            res_scale: hps["cond_res_scale"].as_bool()?,
            downs_t: rate("downs_t", level + 1)?,
            strides_t: rate("strides_t", level + 1)?,
            l_bins,
        }),
    };
    Some(PriorConfig {
        level,
        n_ctx: size("n_ctx")?,
        width: size("prior_width")?,
        depth: size("prior_depth")?,
        heads: size("heads")?,
        attn_order: size("attn_order")?,
        blocks: size("blocks").unwrap_or(1),
        m_attn: share("m_attn")?,
        m_mlp: share("m_mlp")?,
        merged_decoder: hps["merged_decoder"].as_bool()?,
        res_scale: hps["res_scale"].as_bool()?,
        l_bins,
        labels,
        lyrics: if size("n_tokens")? == 0 { None } else { Some(lyrics(hps)?) },
        conditioner,
    })
}

fn lyrics(hps: &Value) -> Option<LyricsConfig> {
    let size = |name: &str| hps[name].as_u64().map(|n| n as usize);
    let kind = match hps["single_enc_dec"].as_bool()? {
        true => LyricsKind::SingleSequence,
        false => LyricsKind::SeparateEncoder(EncoderConfig {
            width: size("prime_width")?,
            depth: size("prime_depth")?,
            heads: size("prime_heads")?,
            attn_order: size("prime_attn_order")?,
            blocks: size("prime_blocks").unwrap_or(1),
            m_attn: hps["prime_m_attn"].as_f64()?,
            m_mlp: hps["prime_m_mlp"].as_f64()?,
            res_scale: hps["prime_res_scale"].as_bool().unwrap_or(false),
        }),
    };
    let (layer, head) = (size("alignment_layer"), size("alignment_head"));
    Some(LyricsConfig {
        n_tokens: size("n_tokens")?,
        n_vocab: size("n_vocab")?,
        kind,
        alignment: layer.zip(head).map(|(layer, head)| AlignmentConfig { layer, head }),
        prime_loss_fraction: hps["prime_loss_fraction"].as_f64()?,
    })
}
