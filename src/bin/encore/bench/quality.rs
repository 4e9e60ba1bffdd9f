//! What smaller weights cost: how far their probabilities are from those of whole ones.

use encore::engine::session::label_row;
use encore::jukebox::Song;
use encore::jukebox::yardstick::divergences;
use encore::pack::{Pack, Precision};
use encore::units::frames_from_seconds;
use serde_json::{Value, json};

use crate::args::BenchArgs;
use crate::failure::Failure;
use crate::heard;

/// How far one precision is from `f32`, over the first window of a track.
pub struct Quality {
    precision: &'static str,
    /// Mean divergence of a token's probabilities.
    nats_per_token: f64,
    n_tokens: usize,
}

impl Quality {
    pub fn json(&self) -> Value {
        json!({
            "precision": self.precision,
            "nats_per_token": self.nats_per_token,
            "tokens": self.n_tokens,
        })
    }

    pub fn line(&self) -> String {
        let Self { precision, nats_per_token, n_tokens } = self;
        format!(
            "{precision} is {nats_per_token:.5} nats per token from f32, over {n_tokens} tokens"
        )
    }
}

/// The smaller precisions on the track that was named, if one was.
pub fn measure(args: &BenchArgs, pack: &Pack) -> Result<Vec<Quality>, Failure> {
    let Some(track) = args.track() else { return Ok(Vec::new()) };
    let level = pack.top_level();
    let mut codes = heard::codes(track, pack, &[level])?.remove(&level).unwrap_or_default();
    let exact = pack.load_prior_as(level, Precision::F32)?;
    codes.truncate(exact.config().n_ctx);
    if codes.is_empty() {
        return Err(Failure::BadInput(format!("{track:?} is too short for a single code")));
    }
    let total_seconds = pack.manifest().sampling.total_seconds;
    let total = frames_from_seconds(total_seconds, f64::from(pack.sample_rate()));
    let labels = label_row(exact.config(), total, 0, Vec::new()); // by nobody that it knows
    let cond = Song { labels, ..Song::default() }.told(&exact, 0)?.condition(&exact)?;
    let mut qualities = Vec::new();
    for held_as in Precision::ALL.into_iter().filter(|precision| *precision != Precision::F32) {
        let (precision, smaller) = (held_as.name(), pack.load_prior_as(level, held_as)?);
        let apart = divergences(&exact, &smaller, &codes, &cond)?;
        let nats_per_token = apart.iter().sum::<f64>() / apart.len() as f64;
        qualities.push(Quality { precision, nats_per_token, n_tokens: codes.len() });
    }
    Ok(qualities)
}
