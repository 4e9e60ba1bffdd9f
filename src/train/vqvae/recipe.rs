//! Everything that a run of training a VQ-VAE depends on, besides the music.

use serde::{Deserialize, Serialize};

use crate::jukebox::VqvaeConfig;
use crate::train::{AdamConfig, RunConfig, TrainError};

/// How to train the levels of a VQ-VAE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VqvaeRecipe {
    /// Name and licence of the pack.
    #[serde(default = "untitled")]
    pub name: String,
    #[serde(default)]
    pub licence: String,
    pub vqvae: VqvaeConfig,
    /// Of the music, in Hz.
    pub sample_rate: u32,
    /// Levels to train, all in one loss; 0 is the finest.
    pub levels: Vec<usize>,
    /// Clips in a step.
    pub batch: usize,
    pub clip_frames: usize,
    /// A clip is made louder by something between the two.
    #[serde(default)]
    pub gain_db_range: [f64; 2],
    #[serde(default)]
    pub loss: LossConfig,
    #[serde(default)]
    pub codebook: CodebookConfig,
    #[serde(default)]
    pub adam: AdamConfig,
    pub run: RunConfig,
}

/// What is to become small; each figure times its weight (SPEC §9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossConfig {
    /// Squared error, over `bandwidth.l2`.
    pub l2: f64,
    /// Mean of the `n_linf` largest squared errors of a clip, over `bandwidth.l2`.
    pub linf: f64,
    pub n_linf: usize,
    /// Distance of magnitudes over a wide window, over `bandwidth.spec`.
    pub spectral: f64,
    /// Mean of the same over three other windows.
    pub multispectral: f64,
    /// Squared error over the square of the music itself.
    pub relative_l2: f64,
    /// Distance of magnitudes over the magnitudes themselves, mean over `stfts`.
    pub convergence: f64,
    /// Mean distance of the logarithms of magnitudes over `stfts`, of which what is below `log_floor` hardly counts.
    pub log_magnitude: f64,
    pub log_floor: f64,
    pub stfts: Vec<Stft>,
    /// Distance of the encoder's outputs from their codes.
    pub commit: f64,
    /// Measured from the music where none is given.
    pub bandwidth: Option<Bandwidth>,
}

impl Default for LossConfig {
    fn default() -> Self {
        let stft = |n_fft, hop| Stft { n_fft, hop, window: n_fft };
        Self {
            l2: 1.0,
            linf: 0.02,
            n_linf: 2048,
            spectral: 0.0,
            multispectral: 1.0,
            relative_l2: 0.0,
            convergence: 0.0,
            log_magnitude: 0.0,
            log_floor: 1e-2,
            stfts: vec![stft(2048, 512), stft(1024, 256), stft(512, 128), stft(128, 32)],
            commit: 0.02,
            bandwidth: None,
        }
    }
}

/// How large errors are beside the music they are of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bandwidth {
    /// Variance of the music.
    pub l2: f64,
    /// Mean norm of a clip's magnitudes.
    pub spec: f64,
}

/// A short-time Fourier transform: Hann windows in the middle of each `n_fft`, the edges reflected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stft {
    pub n_fft: usize,
    pub hop: usize,
    pub window: usize,
}

impl Stft {
    /// Of the `spectral` loss.
    pub const SPECTRAL: Self = Self { n_fft: 2048, hop: 256, window: 1536 };
    /// Of the `multispectral` loss.
    pub const MULTISPECTRAL: [Self; 3] = [
        Self { n_fft: 2048, hop: 240, window: 1200 },
        Self { n_fft: 1024, hop: 120, window: 600 },
        Self { n_fft: 512, hop: 50, window: 240 },
    ];
    /// What held-out music is measured with.
    pub const JUDGE: Self = Self { n_fft: 2048, hop: 512, window: 2048 };
}

/// How codes follow the encoder (SPEC §9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CodebookConfig {
    /// Share of a code's running sums that stays at each step.
    pub mu: f64,
    /// A code used less often than this in a step, on the running mean, becomes a random output of the encoder.
    pub revival_count: f64,
    /// Such a code starts anew with its sums too, so that it has time to find its use.
    pub revival_is_whole: bool,
}

impl Default for CodebookConfig {
    fn default() -> Self {
        Self { mu: 0.99, revival_count: 1.0, revival_is_whole: false }
    }
}

fn untitled() -> String {
    "untitled".to_owned()
}

impl VqvaeRecipe {
    /// Whether a run with these numbers makes sense.
    pub fn check(&self) -> Result<(), TrainError> {
        let range = |what, value: String, allowed: &str| {
            Err(TrainError::Range { what, value, allowed: allowed.to_owned() })
        };
        if let Some(problem) = self.vqvae.problem() {
            return range("vqvae", problem, "a shape that a network can have");
        }
        if let Some(stride) = self.vqvae.strides_t.iter().find(|stride| !stride.is_multiple_of(2)) {
            return range("strides_t", stride.to_string(), "an even number");
        }
        let Some(coarsest) = self.levels.iter().max() else {
            return range("levels", "empty".into(), "the numbers of one or more levels");
        };
        if self.vqvae.levels <= *coarsest {
            return range("levels", coarsest.to_string(), "less than vqvae.levels");
        }
        let hop = self.vqvae.hop(*coarsest);
        if self.clip_frames == 0 || !self.clip_frames.is_multiple_of(hop) {
            return range(
                "clip_frames",
                self.clip_frames.to_string(),
                &format!("a multiple of {hop}"),
            );
        }
        if self.batch == 0 {
            return range("batch", "0".into(), "1 or more");
        }
        let [low, high] = self.gain_db_range;
        if !(low <= high && (-60.0..=24.0).contains(&low) && high <= 24.0) {
            return range("gain_db_range", format!("{low} to {high}"), "from -60 up to 24");
        }
        if !(0.0..1.0).contains(&self.codebook.mu) {
            return range("codebook.mu", self.codebook.mu.to_string(), "0 up to but not 1");
        }
        for stft in &self.loss.stfts {
            let Stft { n_fft, hop, window } = *stft;
            if n_fft < 2 || !n_fft.is_multiple_of(2) || hop == 0 || !(1..=n_fft).contains(&window) {
                return range("loss.stfts", format!("{stft:?}"), "even windows with a hop");
            }
        }
        let longest = self.loss.stfts.iter().map(|stft| stft.n_fft).max().unwrap_or(0).max(2048);
        if self.clip_frames <= longest / 2 {
            let allowed = format!("more than {}", longest / 2);
            return range("clip_frames", self.clip_frames.to_string(), &allowed);
        }
        Ok(())
    }
}
