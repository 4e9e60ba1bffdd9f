//! The choice of a token among its logits.

use super::SamplerSettings;
use crate::jukebox::JukeboxError;

/// Chooses tokens, in room that is used again: once there was a choice, another one of as many tokens
/// allocates nothing.
pub struct Chooser {
    settings: SamplerSettings,
    kept: Vec<bool>,   // per token
    order: Vec<usize>, // tokens, likeliest first, where a filter asks for it
    weights: Vec<f64>, // unnormalised probabilities
}

/// The first token whose cumulative probability exceeds `u`, a number from 0 to below 1.
///
/// # Errors
/// As [`Chooser::new`] and [`Chooser::choose`].
pub fn choose(logits: &[f32], settings: &SamplerSettings, u: f64) -> Result<u32, JukeboxError> {
    Chooser::new(*settings)?.choose(logits, u)
}

/// Whether each token passes the filters.
///
/// # Errors
/// As [`Chooser::new`] and [`Chooser::choose`].
pub fn kept(logits: &[f32], settings: &SamplerSettings) -> Result<Vec<bool>, JukeboxError> {
    let mut chooser = Chooser::new(*settings)?;
    chooser.filter(logits)?;
    Ok(chooser.kept)
}

impl Chooser {
    /// Chooses as the settings say.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn new(settings: SamplerSettings) -> Result<Self, JukeboxError> {
        settings.check()?;
        Ok(Self { settings, kept: Vec::new(), order: Vec::new(), weights: Vec::new() })
    }

    /// The first token whose cumulative probability exceeds `u`, a number from 0 to below 1.
    ///
    /// # Errors
    /// When there are no logits, or one is not a number.
    pub fn choose(&mut self, logits: &[f32], u: f64) -> Result<u32, JukeboxError> {
        self.filter(logits)?;
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
        let Self { settings, kept, weights, .. } = self;
        let weight = |(logit, kept): (&f32, &bool)| match kept {
            true => ((*logit as f64 - highest) / settings.temperature).exp(),
            false => 0.0,
        };
        weights.clear();
        weights.extend(logits.iter().zip(kept.iter()).map(weight));
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

    /// Sets `kept`.
    fn filter(&mut self, logits: &[f32]) -> Result<(), JukeboxError> {
        if logits.is_empty() || logits.iter().any(|logit| !logit.is_finite()) {
            return Err(JukeboxError::NotFinite("logits"));
        }
        let Self { settings, kept, order, weights } = self;
        kept.clear();
        kept.resize(logits.len(), true);
        if settings.top_k.is_none() && settings.top_p.is_none() {
            return Ok(());
        }
        order.clear();
        order.extend(0..logits.len());
        // a sort that keeps equals in their order would allocate
        order.sort_unstable_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
        if let Some(k) = settings.top_k {
            let threshold = logits[order[k.min(order.len()) - 1]];
            logits
                .iter()
                .zip(kept.iter_mut())
                .for_each(|(logit, kept)| *kept = threshold <= *logit);
        }
        if let Some(p) = settings.top_p {
            let highest = logits[order[0]] as f64;
            let weight = |token: &usize| match kept[*token] {
                true => ((logits[*token] as f64 - highest) / settings.temperature).exp(),
                false => 0.0,
            };
            weights.clear();
            weights.extend(order.iter().map(weight));
            let total: f64 = weights.iter().sum();
            let mut before = 0.0;
            for (token, weight) in order.iter().zip(weights.iter()) {
                kept[*token] &= before <= p;
                before += weight / total;
            }
        }
        Ok(())
    }
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
    fn room_that_was_used_before_changes_no_choice() {
        let logits = |i: usize| -> Vec<f32> {
            (0..40 - i).map(|token| ((token * token * 7 + i * 5) % 11) as f32 / 3.0).collect()
        };
        for (top_k, top_p) in
            [(None, None), (Some(5), None), (None, Some(0.7)), (Some(9), Some(0.5))]
        {
            let settings = SamplerSettings { temperature: 0.9, top_k, top_p };
            let mut chooser = Chooser::new(settings).unwrap();

            for i in 0..30 {
                let u = i as f64 / 30.0;
                let chosen = chooser.choose(&logits(i), u).unwrap();

                assert_eq!(chosen, choose(&logits(i), &settings, u).unwrap());
            }
        }
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
