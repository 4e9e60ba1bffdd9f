//! From logits to a token: temperature, filters, and a reproducible dice (SPEC §3.6).

mod chooser;
mod rng;

use serde::{Deserialize, Serialize};

pub use self::chooser::{Chooser, choose, kept};
pub use self::rng::TokenRng;
use super::JukeboxError;

/// Where the numbers come from that choose tokens.
pub trait Dice {
    /// From 0 to below 1.
    fn next_uniform(&mut self) -> f64;
}

/// How freely tokens are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SamplerSettings {
    /// Logits are divided by it: below 1 the likely becomes likelier.
    pub temperature: f64,
    /// Only as many of the likeliest tokens; equals of the last one stay too.
    #[serde(default)]
    pub top_k: Option<usize>,
    /// Only the likeliest tokens until their probabilities pass this sum.
    #[serde(default)]
    pub top_p: Option<f64>,
}

impl Default for SamplerSettings {
    fn default() -> Self {
        Self { temperature: 0.98, top_k: None, top_p: None }
    }
}

impl SamplerSettings {
    /// Names the first setting that cannot be used.
    pub fn check(&self) -> Result<(), JukeboxError> {
        let range = |what, ok: bool, value: String, allowed: &str| match ok {
            true => Ok(()),
            false => Err(JukeboxError::Range { what, value, allowed: allowed.into() }),
        };
        let (t, k, p) = (self.temperature, self.top_k, self.top_p);
        range("temperature", t.is_finite() && 0.0 < t, t.to_string(), "numbers above 0")?;
        range("top_k", k != Some(0), "0".into(), "1 or more")?;
        let p = p.unwrap_or(1.0);
        range("top_p", 0.0 < p && p <= 1.0, p.to_string(), "numbers above 0, up to 1")
    }
}
