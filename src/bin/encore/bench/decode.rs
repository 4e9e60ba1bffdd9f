//! Tokens per second of a prior: one at a time, several columns at once, and known ones.

use std::time::Instant;

use encore::jukebox::{Decoder, JukeboxError, LabelRow, Prior, PriorConfig};
use serde_json::{Value, json};

use super::machine::median;

/// Columns that are written at once.
pub const BATCHES: [usize; 4] = [1, 4, 8, 16];
/// Known tokens that come before what is measured.
const PREFILL_TOKENS: usize = 128;
/// A measurement is of at least so many steps, and as many as fit into this time.
const MIN_STEPS: usize = 5;
const MAX_STEPS: usize = 300;
const MEASURED_SECONDS: f64 = 2.0;

/// One line of the table.
pub struct Decode {
    pub backend: &'static str,
    pub precision: &'static str,
    pub batch: usize,
    pub tokens_per_second: f64,
    /// Of what the machine reads from memory, if every weight is read once a step.
    pub share_of_bandwidth: f64,
}

impl Decode {
    pub fn json(&self) -> Value {
        json!({
            "backend": self.backend,
            "precision": self.precision,
            "batch": self.batch,
            "tokens_per_s": self.tokens_per_second,
            "share_of_bandwidth": self.share_of_bandwidth,
        })
    }

    pub fn line(&self) -> String {
        format!(
            "{:<22} {:<5} batch {:<3} {:>9.1} tokens/s {:>6.1} % of bandwidth",
            self.backend,
            self.precision,
            self.batch,
            self.tokens_per_second,
            100.0 * self.share_of_bandwidth
        )
    }
}

/// Steps of `batch` columns; the share is of `bandwidth` bytes per second.
pub fn steps(
    prior: &Prior,
    names: [&'static str; 2],
    batch: usize,
    bytes_per_step: u64,
    bandwidth: f64,
    start: impl Fn(&Prior) -> Result<Decoder<'_>, JukeboxError>,
) -> Result<Decode, JukeboxError> {
    let mut decoder = start(prior)?;
    decoder.prefill(&[known(prior)])?;
    if 1 < batch {
        decoder.repeat(batch)?;
    }
    let symbols = vec![prior.config().first_code() as u32; batch];
    let (mut seconds, begun) = (Vec::new(), Instant::now());
    while seconds.len() < MIN_STEPS
        || seconds.len() < MAX_STEPS && begun.elapsed().as_secs_f64() < MEASURED_SECONDS
    {
        let begun = Instant::now();
        decoder.logits()?;
        decoder.push(&symbols)?;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    let seconds_per_step = median(seconds);
    let [backend, precision] = names;
    Ok(Decode {
        backend,
        precision,
        batch,
        tokens_per_second: batch as f64 / seconds_per_step,
        share_of_bandwidth: bytes_per_step as f64 / seconds_per_step / bandwidth,
    })
}

/// Known tokens that are taken in per second.
pub fn prefill(prior: &Prior) -> Result<f64, JukeboxError> {
    let known = [known(prior)];
    let seconds = median((0..3).map(|_| -> f64 {
        let Ok(mut decoder) = begin(prior) else { return f64::NAN };
        let begun = Instant::now();
        match decoder.prefill(&known) {
            Ok(()) => begun.elapsed().as_secs_f64(),
            Err(_) => f64::NAN,
        }
    }));
    Ok(known[0].len() as f64 / seconds)
}

/// A window from nothing, under arbitrary labels.
pub fn begin(prior: &Prior) -> Result<Decoder<'_>, JukeboxError> {
    let upper: Vec<_> = prior.n_upper().map(|n| vec![0; n]).into_iter().collect();
    prior.start(prior.condition_on(&[row(prior.config())], &upper)?)
}

/// The same on candle's tensors.
pub fn begin_on_candle(prior: &Prior) -> Result<Decoder<'_>, JukeboxError> {
    let upper: Vec<_> = prior.n_upper().map(|n| vec![0; n]).into_iter().collect();
    prior.start_reference(prior.condition_on(&[row(prior.config())], &upper)?)
}

pub fn row(config: &PriorConfig) -> LabelRow {
    let row = config.labels.as_ref().map(|labels| {
        let total = (labels.max_duration_seconds * f64::from(labels.sample_rate) / 2.0) as i64;
        LabelRow::clamped(labels, config.n_ctx, total, 0, 0, vec![])
    });
    LabelRow { lyrics: vec![0; config.n_lyric_tokens()], ..row.unwrap_or_default() }
}

fn known(prior: &Prior) -> Vec<u32> {
    known_codes(prior.config())
}

pub fn known_codes(config: &PriorConfig) -> Vec<u32> {
    let n_tokens = PREFILL_TOKENS.min(config.n_ctx / 4);
    (0..n_tokens).map(|i| (i * 7919 % config.l_bins) as u32).collect()
}
