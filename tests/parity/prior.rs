//! Conditioning, every layer, logits, and tokens under every way of choosing them.

use std::path::Path;

use candle_core::{Device, IndexOp, Tensor};
use encore::jukebox::prior::attention::function_number;
use encore::jukebox::{Conditioning, LabelRow, Prior, PriorConfig};
use serde_json::Value;

use crate::sampling::{Backend, Choice, Run, generate};
use crate::{Expected, Outcome, Source, Tally, codes, shapes, training};

pub fn run(
    set: &Path,
    meta: &Value,
    source: &Source,
    expected: &Expected,
    tally: &mut Tally,
) -> Outcome {
    let config = shapes::prior(&meta["hps"], &meta["vqvae"])?;
    let stored = source.prior(config.level)?;
    tally.shape(&stored.shape.map(|told| shapes::as_told(told, &config)), &config);
    functions(&config, meta, tally);
    let prior = Prior::load_with_reference(&config, stored.weights.clone())?;
    let tokens = codes(expected.get("z")?)?;
    let rows = match &config.labels {
        Some(_) => label_rows(expected.get("y")?, &config)?,
        None => vec![LabelRow::default(); tokens.len()],
    };
    let upper = match &config.conditioner {
        Some(_) => codes(expected.get("z_cond")?)?,
        None => Vec::new(),
    };
    let cond = prior.condition_on(&rows, &upper)?;
    lyrics(&prior, &cond, expected, tally)?;
    teacher_forced(&prior, &cond, &tokens, expected, tally)?;
    losses(&prior, &cond, &tokens, meta, tally)?;
    let windows = training::windows(&tokens, &rows, &upper);
    training::run(set, meta, &config, &stored.weights, &windows, tally)?;
    for backend in [Backend::Fast, Backend::Reference] {
        sampled(&prior, &cond, backend, expected, tally)?;
    }
    Ok(())
}

/// Which attention function each layer has.
fn functions(config: &PriorConfig, meta: &Value, tally: &mut Tally) {
    if let Ok(want) = serde_json::from_value::<Vec<u8>>(meta["attn_funcs"].clone()) {
        let got = (0..config.depth).map(|layer| function_number(config.attn_order, layer));
        tally.equal("attn_funcs", &got.collect::<Vec<_>>(), &want);
    }
}

/// What an encoder of their own makes of the lyrics.
fn lyrics(prior: &Prior, cond: &Conditioning, expected: &Expected, tally: &mut Tally) -> Outcome {
    let Some(encoder) = prior.lyric_encoder() else {
        return Ok(());
    };
    let read = encoder.read(&cond.lyrics)?;
    tally.close("prime_acts", &read.acts, expected.get("prime_acts")?)?;
    tally.close("encoder_kv", &read.states, expected.get("encoder_kv")?)?;
    let logits = encoder.logits(&read.states)?;
    tally.close("prime_logits", &logits, expected.get("prime_logits")?)?;
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
        if let Some(want) = expected.find(name) {
            tally.close(name, got, want)?;
        }
    }
    if let Some(want) = expected.find("alignment_w") {
        let got = prior.lyric_attention(tokens, cond)?.concat();
        tally.close("alignment_w", &Tensor::from_vec(got, want.shape(), &Device::Cpu)?, want)?;
    }
    let tokens = Tensor::new(tokens.to_vec(), &Device::Cpu)?; // [b, t]
    let hidden = [
        (Backend::Fast, prior.hidden_states(&tokens, cond)?),
        (Backend::Reference, prior.reference_hidden_states(&tokens, cond)?),
    ];
    for (backend, hidden) in &hidden {
        for (d, hidden) in hidden.iter().enumerate() {
            if let Some(want) = expected.find(&format!("hidden_after_layer_{d}")) {
                let what = format!("hidden after layer {d} ({backend:?})");
                tally.close(&what, &hidden.i(0..want.dim(0)?)?, want)?; // of the first sample
            }
        }
    }
    let want = expected.get("logits")?;
    tally.close("logits (Fast)", &prior.logits(&tokens, cond)?, want)?;
    tally.close("logits (Reference)", &prior.reference_logits(&tokens, cond)?, want)?;
    Ok(())
}

fn losses(
    prior: &Prior,
    cond: &Conditioning,
    tokens: &[Vec<u32>],
    meta: &Value,
    tally: &mut Tally,
) -> Outcome {
    let bits = prior.token_bits(tokens, cond)?;
    let of_reference = [
        ("gen_loss", bits.music_mean()),
        ("prime_loss", bits.lyrics_mean()),
        ("loss", bits.loss()),
        ("train_mode_loss", bits.loss()),
    ];
    for (name, got) in of_reference {
        match meta["losses_bits"][name].as_f64() {
            Some(want) => tally.close(name, &number(got)?, &number(want)?)?,
            None if name == "train_mode_loss" => {} // told of some sets
            None => tally.aside(name, "meta.json does not tell it"),
        }
    }
    Ok(())
}

fn number(x: f64) -> candle_core::Result<Tensor> {
    Tensor::new(&[x], &Device::Cpu)
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
    for name in expected.names() {
        let (tokens, chunks, given) = match Choice::named(name, expected)? {
            None => continue,
            Some(choice) if name.starts_with("primed") || name.starts_with("top") => {
                (choice, vec![usize::MAX, 5, 16], &prefix)
            }
            Some(choice) => (choice, vec![usize::MAX], &nothing),
        };
        let want = expected.get(name)?;
        for chunk in chunks {
            let n_tokens = want.dim(1)?;
            let what = format!("{name} ({backend:?}, chunks of {chunk})");
            let run = generate(prior, cond, backend, given, chunk, n_tokens, &tokens)?;
            tally.equal(&what, &run.codes.concat(), &codes(want)?.concat());
            if name == "greedy_tokens" {
                greedy(&run, cond, backend, expected, tally)?;
            }
        }
    }
    Ok(())
}

/// What the cached sampler saw on its way through a whole window.
fn greedy(
    run: &Run,
    cond: &Conditioning,
    backend: Backend,
    expected: &Expected,
    tally: &mut Tally,
) -> Outcome {
    if let Some(want) = expected.find("cached_logits_lyrics_part") {
        let logits = Tensor::stack(&run.lyric_logits, 1)?; // [b, n, symbols]
        tally.close(&format!("cached_logits_lyrics_part ({backend:?})"), &logits, want)?;
    }
    let want = expected.get("greedy_cached_logits")?;
    let logits = Tensor::stack(&[&run.lyric_logits[..], &run.logits[..]].concat(), 1)?;
    tally.close(&format!("greedy_cached_logits ({backend:?})"), &logits, want)?;
    if let Some(want) = expected.find("raw_greedy_tokens_incl_lyrics") {
        let rows = cond.lyrics.iter().zip(&run.symbols);
        let got: Vec<u32> =
            rows.flat_map(|(lyrics, music)| [&lyrics[..], music].concat()).collect();
        let what = format!("raw_greedy_tokens_incl_lyrics ({backend:?})");
        tally.equal(&what, &got, &codes(want)?.concat());
    }
    Ok(())
}

fn label_rows(y: &Tensor, config: &PriorConfig) -> candle_core::Result<Vec<LabelRow>> {
    let rows = y.to_vec2::<i64>()?;
    Ok(rows.iter().map(|y| label_row(y, config)).collect())
}

/// `[total_length, offset, sample_length, artist, genres .., lyrics ..]`; genres below 0 are unused
/// slots.
pub fn label_row(y: &[i64], config: &PriorConfig) -> LabelRow {
    let n_genres = config.labels.as_ref().map_or(0, |labels| labels.max_genre_words);
    let (genres, lyrics) = y[4..].split_at(n_genres);
    let ids = |ids: &[i64]| ids.iter().filter(|id| 0 <= **id).map(|id| *id as u32).collect();
    LabelRow {
        total_length: y[0],
        offset: y[1],
        sample_length: y[2],
        artist: y[3] as u32,
        genres: ids(genres),
        lyrics: ids(lyrics),
    }
}
