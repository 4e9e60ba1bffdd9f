//! Conditioning, every layer, logits, and tokens under every way of choosing them.

use std::path::Path;

use candle_core::{D, DType, Device, IndexOp, Tensor};
use encore::jukebox::prior::attention::function_number;
use encore::jukebox::sample::choose;
use encore::jukebox::{Conditioning, JukeboxError, LabelRow, Prior, PriorConfig, SamplerSettings};
use serde_json::Value;

use crate::{Expected, Fallible, Outcome, Source, Tally, codes, shapes};

pub fn run(
    _set: &Path,
    meta: &Value,
    source: &Source,
    expected: &Expected,
    tally: &mut Tally,
) -> Outcome {
    let config = shapes::prior(&meta["hps"], &meta["vqvae"])?;
    let stored = source.prior(config.level)?;
    tally.shape(&stored.shape.map(|told| shapes::as_told(told, &config)), &config);
    functions(&config, meta, tally);
    let prior = Prior::load_with_reference(&config, stored.weights)?;
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
            None => tally.skip(name, "meta.json does not tell it"),
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
    fn named(name: &str, expected: &Expected) -> Fallible<Option<Self>> {
        if name.starts_with("raw_") {
            return Ok(None);
        }
        if name.ends_with("greedy_tokens") {
            return Ok(Some(Self::Greedy));
        }
        let Some((kind, temperature)) = name.split_once("_tokens_T") else {
            return Ok(None);
        };
        let filter = kind.strip_prefix("primed_").unwrap_or(kind);
        let (top_k, top_p) = (filter.strip_prefix("topk"), filter.strip_prefix("topp"));
        let settings = SamplerSettings {
            temperature: temperature.parse()?,
            top_k: top_k.map(str::parse).transpose()?,
            top_p: top_p.map(str::parse).transpose()?,
        };
        // the numbers of `topk7` are in `topk_u`, unless there are some of its own
        let plain = kind.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let own = expected.find(&format!("{kind}_u"));
        let u = own.map_or_else(|| expected.get(&format!("{plain}_u")), Ok)?;
        Ok(Some(Self::Dice { settings, u: u.to_dtype(DType::F64)?.to_vec2()? }))
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
    codes: Vec<Vec<u32>>,
    symbols: Vec<Vec<u32>>,    // the new ones, as the model counts them
    lyric_logits: Vec<Tensor>, // one per symbol of lyrics before the music, [b, symbols]
    logits: Vec<Tensor>,       // one per new symbol
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
    let (b, n_given, n_symbols) = (given.len(), given[0].len(), prior.config().n_symbols());
    let row_of = |logits: Vec<f32>| Tensor::from_vec(logits, (b, n_symbols), &Device::Cpu);
    let mut run = Run {
        codes: given.to_vec(),
        symbols: vec![Vec::new(); b],
        lyric_logits: Vec::new(),
        logits: Vec::new(),
    };
    if n_given == 0 {
        while let Some(logits) = decoder.lyric_logits()? {
            run.lyric_logits.push(row_of(logits.to_vec())?);
        }
    }
    while 0 < decoder.n_lyrics_left() {
        decoder.prefill_lyrics(chunk)?;
    }
    for first in (0..n_given).step_by(chunk) {
        let last = n_given.min(first.saturating_add(chunk));
        let part: Vec<_> = given.iter().map(|row| row[first..last].to_vec()).collect();
        decoder.prefill(&part)?;
    }
    for n_new in 0..n_tokens - n_given {
        let logits = decoder.logits()?.to_vec();
        let rows = logits.chunks_exact(n_symbols).enumerate();
        let next = rows
            .map(|(row, logits)| choice.token(row, n_new, logits))
            .collect::<Result<Vec<_>, _>>()?;
        run.logits.push(row_of(logits)?);
        for (row, symbol) in next.iter().enumerate() {
            run.symbols[row].push(*symbol);
            run.codes[row].push(prior.config().code_of(*symbol));
        }
        decoder.push(&next)?;
    }
    Ok(run)
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
