//! Conditioning, every layer, logits, and tokens under every way of choosing them.

use std::path::Path;

use candle_core::{D, Device, IndexOp, Tensor};
use encore::jukebox::sample::choose;
use encore::jukebox::{
    Conditioning, JukeboxError, LabelConfig, LabelRow, Prior, PriorConfig, SamplerSettings,
};
use serde_json::Value;

use crate::{Expected, Outcome, Tally, codes, weights};

/// What a set needs that is not built, if anything.
pub fn missing(meta: &Value) -> Option<&'static str> {
    let hps = &meta["hps"];
    if hps["n_tokens"].as_u64() != Some(0) || hps["single_enc_dec"].as_bool() == Some(true) {
        return Some("it needs lyrics, which are not built");
    }
    let top_level = hps["levels"].as_u64().unwrap_or(0).saturating_sub(1);
    (hps["level"].as_u64() != Some(top_level))
        .then_some("it needs the conditioning of an upsampler, which is not built")
}

pub fn run(set: &Path, meta: &Value, tally: &mut Tally) -> Outcome {
    let config = config(meta).ok_or("meta.json lacks a hyper-parameter")?;
    let prior = Prior::load(&config, weights(set, &[])?)?;
    let expected = Expected::load(set)?;
    let tokens = codes(expected.get("z")?)?;
    let rows = match &config.labels {
        Some(_) => label_rows(expected.get("y")?)?,
        None => vec![LabelRow::default(); tokens.len()],
    };
    let cond = prior.condition(&rows)?;
    teacher_forced(&prior, &cond, &tokens, &expected, tally)?;
    for backend in [Backend::Fast, Backend::Reference] {
        sampled(&prior, &cond, backend, &expected, tally)?;
    }
    Ok(())
}

fn teacher_forced(
    prior: &Prior,
    cond: &Conditioning,
    tokens: &[Vec<u32>],
    expected: &Expected,
    tally: &mut Tally,
) -> Outcome {
    for (name, got) in [("y_cond", &cond.y_cond), ("x_cond", &cond.x_cond)] {
        if let Ok(want) = expected.get(name) {
            tally.close(name, got, want)?;
        }
    }
    let tokens = Tensor::new(tokens.to_vec(), &Device::Cpu)?; // [b, t]
    for (d, hidden) in prior.hidden_states(&tokens, cond)?.iter().enumerate() {
        if let Ok(want) = expected.get(&format!("hidden_after_layer_{d}")) {
            tally.close(&format!("hidden after layer {d}"), &hidden.i(0..1)?, want)?;
        }
    }
    tally.close("logits", &prior.logits(&tokens, cond)?, expected.get("logits")?)?;
    Ok(())
}

fn sampled(
    prior: &Prior,
    cond: &Conditioning,
    backend: Backend,
    expected: &Expected,
    tally: &mut Tally,
) -> Outcome {
    let nothing = vec![vec![]; cond.y_cond.dim(0)?];
    let prefix = codes(expected.get("primed_prefix")?)?;
    for (name, want) in &expected.0 {
        let (tokens, chunks, given) = match Choice::named(name, expected)? {
            None => continue,
            Some(choice) if name.starts_with("primed") || name.starts_with("top") => {
                (choice, vec![usize::MAX, 5, 16], &prefix)
            }
            Some(choice) => (choice, vec![usize::MAX], &nothing),
        };
        for chunk in chunks {
            let n_tokens = want.dim(1)?;
            let what = format!("{name} ({backend:?}, chunks of {chunk})");
            let run = generate(prior, cond, backend, given, chunk, n_tokens, &tokens)?;
            tally.equal(&what, &run.tokens.concat(), &codes(want)?.concat());
            if name == "greedy_tokens" {
                let logits = Tensor::stack(&run.logits, 1)?; // [b, t, bins]
                let want = expected.get("greedy_cached_logits")?;
                tally.close(&format!("greedy_cached_logits ({backend:?})"), &logits, want)?;
            }
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Backend {
    Fast,
    Reference,
}

/// How the reference chose its tokens.
enum Choice {
    Greedy,
    Dice { settings: SamplerSettings, u: Vec<Vec<f64>> },
}

impl Choice {
    /// From names such as `greedy_tokens`, `noise_tokens_T0.98` or `topp0.8_tokens_T0.95`.
    fn named(name: &str, expected: &Expected) -> Result<Option<Self>, Box<dyn std::error::Error>> {
        if name.starts_with("raw_") {
            return Ok(None);
        }
        if name.ends_with("greedy_tokens") {
            return Ok(Some(Self::Greedy));
        }
        let Some((kind, temperature)) = name.split_once("_tokens_T") else {
            return Ok(None);
        };
        let (top_k, top_p) = (kind.strip_prefix("topk"), kind.strip_prefix("topp"));
        let noise = match kind {
            "noise" => "noise_u",
            _ if top_k.is_some() => "topk_u",
            _ => "topp_u",
        };
        let settings = SamplerSettings {
            temperature: temperature.parse()?,
            top_k: top_k.map(str::parse).transpose()?,
            top_p: top_p.map(str::parse).transpose()?,
        };
        Ok(Some(Self::Dice { settings, u: expected.get(noise)?.to_vec2::<f64>()? }))
    }

    fn token(&self, row: usize, n_new: usize, logits: &[f32]) -> Result<u32, JukeboxError> {
        match self {
            Self::Dice { settings, u } => choose(logits, settings, u[row][n_new]),
            Self::Greedy => {
                let logits = Tensor::from_slice(logits, logits.len(), &Device::Cpu)?;
                Ok(logits.argmax(D::Minus1)?.to_scalar()?)
            }
        }
    }
}

struct Run {
    tokens: Vec<Vec<u32>>,
    logits: Vec<Tensor>, // one per new token, [b, bins]
}

fn generate(
    prior: &Prior,
    cond: &Conditioning,
    backend: Backend,
    given: &[Vec<u32>],
    chunk: usize,
    n_tokens: usize,
    choice: &Choice,
) -> Result<Run, JukeboxError> {
    let mut decoder = match backend {
        Backend::Fast => prior.start(cond.clone())?,
        Backend::Reference => prior.start_reference(cond.clone())?,
    };
    let (b, n_given) = (given.len(), given[0].len());
    for first in (0..n_given).step_by(chunk) {
        let last = n_given.min(first.saturating_add(chunk));
        let part: Vec<_> = given.iter().map(|row| row[first..last].to_vec()).collect();
        decoder.prefill(&part)?;
    }
    let mut run = Run { tokens: given.to_vec(), logits: Vec::new() };
    for n_new in 0..n_tokens - n_given {
        let logits = decoder.logits()?.to_vec();
        let rows = logits.chunks_exact(prior.config().l_bins).enumerate();
        let next = rows
            .map(|(row, logits)| choice.token(row, n_new, logits))
            .collect::<Result<Vec<_>, _>>()?;
        run.logits.push(Tensor::from_vec(logits, (b, prior.config().l_bins), &Device::Cpu)?);
        run.tokens.iter_mut().zip(&next).for_each(|(row, token)| row.push(*token));
        decoder.push(&next)?;
    }
    Ok(run)
}

/// `[total_length, offset, sample_length, artist, genres ..]`; genres below 0 are unused slots.
fn label_rows(y: &Tensor) -> candle_core::Result<Vec<LabelRow>> {
    let row = |y: Vec<i64>| LabelRow {
        total_length: y[0],
        offset: y[1],
        sample_length: y[2],
        artist: y[3] as u32,
        genres: y[4..].iter().filter(|genre| 0 <= **genre).map(|genre| *genre as u32).collect(),
    };
    Ok(y.to_vec2::<i64>()?.into_iter().map(row).collect())
}

/// The shape that the reference's hyper-parameters describe.
fn config(meta: &Value) -> Option<PriorConfig> {
    let hps = &meta["hps"];
    let size = |name: &str| hps[name].as_u64().map(|n| n as usize);
    let labels = match hps["labels"].as_bool()? {
        false => None,
        true => Some(LabelConfig {
            genre_bins: hps["y_bins"][0].as_u64()? as usize,
            artist_bins: hps["y_bins"][1].as_u64()? as usize,
            max_genre_words: size("max_bow_genre_size")?,
            t_bins: size("t_bins")?,
            min_duration_seconds: hps["min_duration"].as_f64()?,
            max_duration_seconds: hps["max_duration"].as_f64()?,
            sample_rate: hps["sr"].as_u64()? as u32,
            hop: meta["raw_to_tokens"].as_u64()? as usize,
            timing: true,
        }),
    };
    Some(PriorConfig {
        level: size("level")?,
        n_ctx: size("n_ctx")?,
        width: size("prior_width")?,
        depth: size("prior_depth")?,
        heads: size("heads")?,
        attn_order: size("attn_order")?,
        blocks: size("blocks")?,
        m_attn: hps["m_attn"].as_f64()?,
        m_mlp: hps["m_mlp"].as_f64()?,
        merged_decoder: hps["merged_decoder"].as_bool()?,
        res_scale: hps["res_scale"].as_bool()?,
        l_bins: meta["vqvae"]["l_bins"].as_u64()? as usize,
        labels,
    })
}
