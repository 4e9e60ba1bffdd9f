//! What a run of a prior or an upsampler is made of, as it is on disk.

use serde::{Deserialize, Serialize};

use crate::jukebox::PriorConfig;
use crate::pack::Sampling;
use crate::train::{AdamConfig, RunConfig, TrainError};

/// A prior, and how it learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorRecipe {
    /// Shape of the network; its label tables have room for those of the corpus.
    pub prior: PriorConfig,
    /// Windows in a step.
    pub n_windows: usize,
    /// Share of windows whose artist and genre are told as unknown.
    #[serde(default = "a_tenth")]
    pub unlabelled_share: f64,
    /// Share of windows that begin where their song does.
    #[serde(default = "a_tenth")]
    pub song_start_share: f64,
    /// Windows of what is held out that are measured, the same each time.
    #[serde(default = "eight")]
    pub n_held_out_windows: usize,
    pub initial: Initialisation,
    pub adam: AdamConfig,
    pub run: RunConfig,
    /// What the pack recommends.
    pub sampling: Sampling,
}

/// Random numbers to begin with (SPEC §9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Initialisation {
    /// Factor on every deviation.
    pub scale: f64,
    /// What is added to the sum of the layers starts smaller by the square root of twice their number.
    #[serde(default)]
    pub by_depth: bool,
}

fn a_tenth() -> f64 {
    0.1
}

fn eight() -> usize {
    8
}

impl PriorRecipe {
    /// # Errors
    /// When a setting has no meaning.
    pub fn check(&self) -> Result<(), TrainError> {
        if let Some(problem) = self.prior.problem() {
            return Err(range("the prior's shape", problem, "a shape that can be built"));
        }
        if self.n_windows == 0 {
            return Err(range("n_windows", "0", "1 or more"));
        }
        for (what, share) in [
            ("unlabelled_share", self.unlabelled_share),
            ("song_start_share", self.song_start_share),
        ] {
            if !(0.0..=1.0).contains(&share) {
                return Err(range(what, share, "0 to 1"));
            }
        }
        if !(self.initial.scale.is_finite() && 0.0 < self.initial.scale) {
            return Err(range("initial.scale", self.initial.scale, "above 0"));
        }
        Ok(())
    }
}

pub(super) fn range(
    what: &'static str,
    value: impl ToString,
    allowed: impl Into<String>,
) -> TrainError {
    TrainError::Range { what, value: value.to_string(), allowed: allowed.into() }
}
