//! What candle's own quantised products take, for comparison.

use std::time::Instant;

use encore::jukebox::yardstick::CandleProducts;
use encore::jukebox::{JukeboxError, PriorConfig};

use super::decode::Decode;
use super::machine::median;

const N_STEPS: usize = 7;

/// A lower bound of the time of a step in Q8_0; none where candle cannot take the widths.
pub fn q8_products(config: &PriorConfig, bandwidth: f64) -> Result<Option<Decode>, JukeboxError> {
    let Some(products) = CandleProducts::new(config)? else {
        return Ok(None);
    };
    let mut seconds = Vec::new();
    for _ in 0..N_STEPS {
        let begun = Instant::now();
        products.run()?;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    let seconds = median(seconds);
    Ok(Some(Decode {
        backend: "candle (products only)",
        precision: "q8_0",
        batch: 1,
        tokens_per_second: 1.0 / seconds,
        share_of_bandwidth: products.n_bytes as f64 / seconds / bandwidth,
    }))
}
