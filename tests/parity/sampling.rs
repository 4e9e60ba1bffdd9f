//! Writes a window as the reference wrote it, with its own choices of tokens.

use candle_core::{D, DType, Device, Tensor};
use encore::jukebox::sample::choose;
use encore::jukebox::{Conditioning, JukeboxError, Prior, SamplerSettings};

use crate::{Expected, Fallible};

/// What computes the layers.
#[derive(Debug, Clone, Copy)]
pub enum Backend {
    Fast,
    Reference,
}

/// How the reference chose its tokens.
pub enum Choice {
    Greedy,
    Dice { settings: SamplerSettings, u: Vec<Vec<f64>> },
}

impl Choice {
    /// From names such as `greedy_tokens`, `noise_tokens_T0.98` or `topp0.8_tokens_T0.95`.
    pub fn named(name: &str, expected: &Expected) -> Fallible<Option<Self>> {
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

/// What was written, row by row.
pub struct Run {
    pub codes: Vec<Vec<u32>>,
    pub symbols: Vec<Vec<u32>>, // the new ones, as the model counts them
    pub lyric_logits: Vec<Tensor>, // one per symbol of lyrics before the music, [b, symbols]
    pub logits: Vec<Tensor>,    // one per new symbol
}

/// Goes on from `given` until there are `n_tokens` tokens of music.
pub fn generate(
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
