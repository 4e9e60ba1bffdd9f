//! Shapes of networks, from the reference's own hyper-parameters.

use std::collections::BTreeSet;

use encore::jukebox::{
    AlignmentConfig, ConditionerConfig, EncoderConfig, LabelConfig, LyricsConfig, LyricsKind,
    PriorConfig, VqvaeConfig,
};
use serde::Serialize;
use serde_json::{Value, json};

/// Shape of a VQ-VAE; where it has no multipliers, its levels are of one shape.
pub fn vqvae(hps: &Value) -> Result<VqvaeConfig, serde_json::Error> {
    let n_levels = hps["levels"].as_u64().unwrap_or(0) as usize;
    let multipliers = match &hps["hvqvae_multipliers"] {
        Value::Null => json!(vec![1; n_levels]),
        multipliers => multipliers.clone(),
    };
    let mut config = json!({
        "multipliers": multipliers,
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
pub fn prior(hps: &Value, vqvae: &Value) -> Result<PriorConfig, String> {
    prior_config(&Hps(hps), &Hps(vqvae)).map_err(|name| format!("meta.json lacks {name}"))
}

fn prior_config(hps: &Hps, vqvae: &Hps) -> Result<PriorConfig, String> {
    let (level, n_levels) = (hps.size("level")?, hps.size("levels")?);
    let is_top = level + 1 == n_levels;
    let (downs_t, strides_t) = (vqvae.sizes("downs_t")?, vqvae.sizes("strides_t")?);
    let rate = |rates: &[usize], level: usize| {
        rates.get(level).copied().ok_or_else(|| format!("a rate of level {level}"))
    };
    let mut hop = 1;
    for l in 0..=level {
        hop *= rate(&strides_t, l)?.pow(rate(&downs_t, l)? as u32);
    }
    let l_bins = vqvae.size("l_bins")?;
    let labels = || -> Result<LabelConfig, String> {
        let bins = hps.sizes("y_bins")?;
        Ok(LabelConfig {
            genre_bins: *bins.first().ok_or("y_bins")?,
            artist_bins: *bins.get(1).ok_or("y_bins")?,
            max_genre_words: hps.size("max_bow_genre_size")?,
            t_bins: hps.size("t_bins")?,
            min_duration_seconds: hps.share("min_duration").unwrap_or(0.0),
            max_duration_seconds: hps.share("max_duration").unwrap_or(600.0),
            sample_rate: hps.size("sr")? as u32,
            hop,
            timing: is_top,
        })
    };
    let conditioner = || -> Result<ConditionerConfig, String> {
        Ok(ConditionerConfig {
            width: hps.size("cond_width")?,
            depth: hps.size("cond_depth")?,
            m_conv: hps.share("cond_m_conv")?,
            dilation_growth_rate: hps.size("cond_dilation_growth_rate")?,
            dilation_cycle: hps.size("cond_dilation_cycle").ok(),
            res_scale: hps.truth("cond_res_scale")?,
            downs_t: rate(&downs_t, level + 1)?,
            strides_t: rate(&strides_t, level + 1)?,
            l_bins,
        })
    };
    let reads_lyrics = hps.truth("use_tokens") != Ok(false) && hps.size("n_tokens")? != 0;
    Ok(PriorConfig {
        level,
        n_ctx: hps.size("n_ctx")?,
        width: hps.size("prior_width")?,
        depth: hps.size("prior_depth")?,
        heads: hps.size("heads")?,
        attn_order: hps.size("attn_order")?,
        blocks: hps.size("blocks").unwrap_or(1),
        m_attn: hps.share("m_attn")?,
        m_mlp: hps.share("m_mlp")?,
        merged_decoder: hps.truth("merged_decoder")?,
        res_scale: hps.truth("res_scale")?,
        l_bins,
        labels: if hps.truth("labels")? { Some(labels()?) } else { None },
        lyrics: if reads_lyrics { Some(lyrics(hps)?) } else { None },
        conditioner: if is_top { None } else { Some(conditioner()?) },
    })
}

fn lyrics(hps: &Hps) -> Result<LyricsConfig, String> {
    let kind = match hps.truth("single_enc_dec")? {
        true => LyricsKind::SingleSequence,
        false => LyricsKind::SeparateEncoder(EncoderConfig {
            width: hps.size("prime_width")?,
            depth: hps.size("prime_depth")?,
            heads: hps.size("prime_heads")?,
            attn_order: hps.size("prime_attn_order")?,
            blocks: hps.size("prime_blocks").unwrap_or(1),
            m_attn: hps.share("prime_m_attn")?,
            m_mlp: hps.share("prime_m_mlp")?,
            res_scale: hps.truth("prime_res_scale").unwrap_or(false),
        }),
    };
    let depth = hps.size("prior_depth")?;
    let layer = hps.size("alignment_layer").ok().filter(|layer| *layer < depth);
    let head = hps.size("alignment_head").ok();
    Ok(LyricsConfig {
        n_tokens: hps.size("n_tokens")?,
        n_vocab: hps.size("n_vocab")?,
        kind,
        alignment: layer.zip(head).map(|(layer, head)| AlignmentConfig { layer, head }),
        prime_loss_fraction: hps.share("prime_loss_fraction")?,
    })
}

/// A shape as a file tells it, with what the file of one prior cannot know: the VQ-VAE's hop, and what
/// a prior without timing does not look at. (The port keeps one limit of genre words for all priors.)
pub fn as_told(mut told: PriorConfig, known: &PriorConfig) -> PriorConfig {
    if let (Some(told), Some(known)) = (&mut told.labels, &known.labels) {
        told.hop = known.hop;
        if !known.timing {
            told.max_genre_words = known.max_genre_words;
            told.t_bins = known.t_bins;
            told.min_duration_seconds = known.min_duration_seconds;
            told.max_duration_seconds = known.max_duration_seconds;
        }
    }
    told
}

/// Hyper-parameters; what is missing is an error with its name.
struct Hps<'a>(&'a Value);

impl Hps<'_> {
    fn share(&self, name: &str) -> Result<f64, String> {
        self.0[name].as_f64().ok_or(name.into())
    }

    /// A whole number; some writers make `8.0` of it.
    fn size(&self, name: &str) -> Result<usize, String> {
        let value = self.share(name)?;
        if 0.0 <= value && value.fract() == 0.0 { Ok(value as usize) } else { Err(name.into()) }
    }

    fn truth(&self, name: &str) -> Result<bool, String> {
        let number = || self.share(name).map(|number| number != 0.0);
        self.0[name].as_bool().map_or_else(number, Ok)
    }

    fn sizes(&self, name: &str) -> Result<Vec<usize>, String> {
        serde_json::from_value(self.0[name].clone()).map_err(|_| name.into())
    }
}

/// Where two shapes differ first; their numbers may differ as much as 32 bits do.
pub fn difference<C: Serialize>(got: &C, want: &C) -> Option<String> {
    let json = |config| serde_json::to_value(config).unwrap_or_default();
    first_difference("", &json(got), &json(want))
}

fn first_difference(at: &str, got: &Value, want: &Value) -> Option<String> {
    let differ = || Some(format!("{at} is {got} instead of {want}"));
    match (got, want) {
        (Value::Object(of_got), Value::Object(of_want)) => {
            let names: BTreeSet<_> = of_got.keys().chain(of_want.keys()).collect();
            names
                .into_iter()
                .find_map(|name| first_difference(&format!("{at}.{name}"), &got[name], &want[name]))
        }
        (Value::Number(got), Value::Number(want)) => {
            let (got, want) = got.as_f64().zip(want.as_f64())?;
            if (got - want).abs() <= 1e-6 * want.abs() { None } else { differ() }
        }
        _ => {
            if got == want {
                None
            } else {
                differ()
            }
        }
    }
}
