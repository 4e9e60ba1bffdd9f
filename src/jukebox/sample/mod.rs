//! From logits to a token: temperature, filters, and a reproducible dice (SPEC §3.6).

mod rng;

use serde::{Deserialize, Serialize};

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

/// The first token whose cumulative probability exceeds `u`, a number from 0 to below 1.
pub fn choose(logits: &[f32], settings: &SamplerSettings, u: f64) -> Result<u32, JukeboxError> {
    let weights = weights(logits, settings)?;
    let total: f64 = weights.iter().sum();
    let mut sum = 0.0;
    let mut last_possible = 0;
    for (token, weight) in weights.iter().enumerate() {
        sum += weight / total;
        if u < sum {
            return Ok(token as u32);
        }
        if 0.0 < *weight {
            last_possible = token;
        }
    }
    Ok(last_possible as u32) // the sum was rounded to just below `u`
}

/// Whether each token passes the filters.
pub fn kept(logits: &[f32], settings: &SamplerSettings) -> Result<Vec<bool>, JukeboxError> {
    settings.check()?;
    if logits.is_empty() || logits.iter().any(|logit| !logit.is_finite()) {
        return Err(JukeboxError::NotFinite("logits"));
    }
    let mut kept = vec![true; logits.len()];
    if settings.top_k.is_none() && settings.top_p.is_none() {
        return Ok(kept);
    }
    let mut order: Vec<usize> = (0..logits.len()).collect(); // likeliest first
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
    if let Some(k) = settings.top_k {
        let threshold = logits[order[k.min(order.len()) - 1]];
        logits.iter().zip(&mut kept).for_each(|(logit, kept)| *kept = threshold <= *logit);
    }
    if let Some(p) = settings.top_p {
        let highest = logits[order[0]] as f64;
        let weight = |token: &usize| match kept[*token] {
            true => ((logits[*token] as f64 - highest) / settings.temperature).exp(),
            false => 0.0,
        };
        let weights: Vec<f64> = order.iter().map(weight).collect();
        let total: f64 = weights.iter().sum();
        let mut before = 0.0;
        for (token, weight) in order.iter().zip(weights) {
            kept[*token] &= before <= p;
            before += weight / total;
        }
    }
    Ok(kept)
}

/// Unnormalised probabilities after temperature and filters.
fn weights(logits: &[f32], settings: &SamplerSettings) -> Result<Vec<f64>, JukeboxError> {
    let kept = kept(logits, settings)?;
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
    let weight = |(logit, kept): (&f32, bool)| match kept {
        true => ((*logit as f64 - highest) / settings.temperature).exp(),
        false => 0.0,
    };
    Ok(logits.iter().zip(kept).map(weight).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: SamplerSettings = SamplerSettings { temperature: 1.0, top_k: None, top_p: None };

    fn kept_tokens(logits: &[f32], settings: SamplerSettings) -> Vec<usize> {
        let kept = kept(logits, &settings).unwrap();
        (0..logits.len()).filter(|token| kept[*token]).collect()
    }

    #[test]
    fn the_dice_falls_where_cumulative_probability_passes_it() {
        let logits = [0.25f32, 0.5, 0.25].map(f32::ln);

        let choices = [0.0, 0.2499, 0.2501, 0.7499, 0.7501, 0.999_999_999]
            .map(|u| choose(&logits, &PLAIN, u).unwrap());

        assert_eq!(choices, [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn filters_keep_ties_and_the_first_token_past_the_threshold() {
        let logits = [0.1f32, 0.4, 0.1, 0.3, 0.1].map(f32::ln);
        let (top_k, top_p) = (Some(3), Some(0.5));

        assert_eq!(kept_tokens(&logits, SamplerSettings { top_k, ..PLAIN }), [0, 1, 2, 3, 4]);
        assert_eq!(kept_tokens(&logits, SamplerSettings { top_k: Some(2), ..PLAIN }), [1, 3]);
        assert_eq!(kept_tokens(&logits, SamplerSettings { top_k: Some(9), ..PLAIN }).len(), 5);
        assert_eq!(kept_tokens(&logits, SamplerSettings { top_p, ..PLAIN }), [1, 3]);
        assert_eq!(kept_tokens(&logits, SamplerSettings { top_p: Some(0.01), ..PLAIN }), [1]);
        let (top_k, top_p) = (Some(2), Some(0.9)); // of two tokens, 0.4 / 0.7 is below 0.9
        assert_eq!(kept_tokens(&logits, SamplerSettings { top_k, top_p, ..PLAIN }), [1, 3]);
    }

    #[test]
    fn logits_and_settings_that_mean_nothing_are_errors() {
        let broken = choose(&[0.0, f32::NAN], &PLAIN, 0.5).unwrap_err();
        let cold = SamplerSettings { temperature: 0.0, ..PLAIN };

        assert!(matches!(broken, JukeboxError::NotFinite("logits")));
        assert_eq!(
            choose(&[0.0], &cold, 0.5).unwrap_err().to_string(),
            "temperature is 0, but this model takes numbers above 0"
        );
    }
}
