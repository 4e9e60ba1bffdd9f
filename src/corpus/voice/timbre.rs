//! What makes one singer sound unlike another.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use realfft::RealFftPlanner;

use super::analysis::{self, Cepstrum, N_BINS};
use super::espeak::ESPEAK_RATE;

/// Width of a bin of a spectrum, in Hz.
const BIN_HZ: f32 = ESPEAK_RATE as f32 / 2.0 / (N_BINS - 1) as f32;

/// A singer's throat and habits.
#[derive(Debug, Clone, PartialEq)]
pub struct Timbre {
    /// Highest formants over those of a man's voice; a shorter throat has higher ones.
    pub formant_scale: f32,
    /// Brightness, in decibels for each octave above 1 kHz.
    pub tilt_db: f32,
    /// Strength of the singer's formant at about 3 kHz, in decibels.
    pub ring_db: f32,
    /// How far the air above 4.5 kHz stays below the strongest formant, in decibels.
    pub air_db: f32,
    /// How much of the sound above some kHz is breath, 0 to 1.
    pub breath: f32,
    pub vibrato_hz: f64,
    pub vibrato_cents: f64,
    /// Time taken from note to note.
    pub glide_seconds: f64,
    /// Lowest and highest comfortable note.
    pub midi_range: (f64, f64),
    /// Seeds what is left to chance while singing.
    pub seed: u64,
}

impl Timbre {
    /// Draws a singer: half of them sing low, half of them high.
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let is_high = rng.random_bool(0.5);
        let lowest = if is_high { 57.0 } else { 46.0 } + f64::from(rng.random_range(-2..=2));
        Self {
            formant_scale: if is_high {
                rng.random_range(1.1..1.2)
            } else {
                rng.random_range(0.94..1.04)
            },
            tilt_db: rng.random_range(-1.0..1.5),
            ring_db: if is_high { rng.random_range(0.0..4.0) } else { rng.random_range(2.0..6.0) },
            air_db: rng.random_range(36.0..44.0),
            breath: rng.random_range(0.15..0.5),
            vibrato_hz: rng.random_range(5.0..6.2),
            vibrato_cents: rng.random_range(18.0..38.0),
            glide_seconds: rng.random_range(0.05..0.09),
            midi_range: (lowest, lowest + 19.0),
            seed,
        }
    }

    /// The envelope that this singer gives to what a man's voice said.
    pub fn shape(&self, planner: &mut RealFftPlanner<f32>, spoken: &Cepstrum) -> Cepstrum {
        let logs = analysis::logs(planner, spoken);
        let mut shaped: Vec<f32> = (0..N_BINS).map(|bin| self.log_at(&logs, bin)).collect();
        let loudest = shaped.iter().fold(f32::MIN, |loudest, log| loudest.max(*log));
        for (bin, log) in shaped.iter_mut().enumerate() {
            let octaves = (bin as f32 * BIN_HZ / 4_500.0).log2();
            if octaves > -0.2 {
                *log = log.max(loudest - (self.air_db + 10.0 * octaves) / 8.686);
            }
        }
        analysis::cepstrum(planner, &shaped)
    }

    /// Natural logarithm of the amplitude at a bin.
    fn log_at(&self, logs: &[f32], bin: usize) -> f32 {
        let from = (bin as f32 / self.formant_scale).min((N_BINS - 1) as f32);
        let (whole, part) = (from as usize, from.fract());
        let next = logs[(whole + 1).min(N_BINS - 1)];
        let hz = bin as f32 * BIN_HZ;
        let octaves = (hz.max(250.0) / 1_000.0).log2();
        let ring = (-((hz - 2_950.0) / 500.0).powi(2)).exp();
        let gain_db = self.tilt_db * octaves + self.ring_db * ring;
        logs[whole] + part * (next - logs[whole]) + gain_db / 8.686
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singers_differ_and_a_seed_is_one_singer() {
        assert_eq!(Timbre::new(3), Timbre::new(3));
        assert_ne!(Timbre::new(3), Timbre::new(4));
    }
}
