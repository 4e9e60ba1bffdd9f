//! Teaching a pack an artist from somebody's own recordings.
//!
//! The pack stays as it is: what is learnt are thin matrices beside those of the coarsest prior, and the
//! artist's row in its table (see [`crate::pack::taught`] for what becomes of them). Recordings are heard
//! with the pack's own VQ-VAE ([`Ear`]), the search for a place to begin is [`Start`], and [`TeachTrainee`]
//! does the steps.

mod ear;
mod names;
mod start;
mod trainee;

use serde::{Deserialize, Serialize};

use super::{AdamConfig, RunConfig};

pub use ear::{Ear, Lesson};
pub use names::{Genre, Names};
pub use start::Start;
pub use trainee::TeachTrainee;

/// Less than this of recordings teaches nothing but the recordings themselves.
pub const LEAST_SECONDS: f64 = 60.0;
/// Less than this is worth a warning.
pub const GOOD_SECONDS: f64 = 300.0;

/// How an artist is taught.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeachConfig {
    /// Width between the two matrices of a pair.
    pub rank: usize,
    /// What their product is multiplied by.
    pub scale: f64,
    /// Windows in a step.
    pub n_windows: usize,
    pub adam: AdamConfig,
    pub run: RunConfig,
}

impl TeachConfig {
    /// What suits a prior with windows of `n_ctx` tokens, for `n_steps` steps.
    pub fn new(n_ctx: usize, n_steps: u64, seed: u64) -> Self {
        let adam = AdamConfig {
            rate: 1e-3,
            n_warmup_steps: 10.min(n_steps.div_ceil(10)),
            n_decay_steps: n_steps,
            ..AdamConfig::default()
        };
        let looks = n_steps.div_ceil(16).max(1);
        let run = RunConfig {
            seed,
            n_steps,
            metrics_every: looks,
            held_out_every: looks,
            checkpoint_every: looks,
        };
        Self { rank: 16, scale: 1.0, n_windows: (TOKENS_PER_STEP / n_ctx).max(1), adam, run }
    }
}

/// Tokens that a step learns from, about.
const TOKENS_PER_STEP: usize = 4096;
