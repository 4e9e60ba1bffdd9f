//! What makes one singer sound unlike another.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use realfft::RealFftPlanner;

use super::analysis::{self, Cepstrum, N_BINS};
use super::espeak::ESPEAK_RATE;

/// Width of a bin of a spectrum, in Hz.
const BIN_HZ: f32 = ESPEAK_RATE as f32 / 2.0 / (N_BINS - 1) as f32;

/// From here on there is air, in Hz.
const AIR_HZ: f32 = 4_500.0;
/// Decibels of amplitude in a natural logarithm of it.
const DB_PER_LOG: f32 = 8.686;

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

    /// Bins, gains and floors of this singer's envelopes.
    fn bins(&self) -> impl Iterator<Item = Bin> {
        (0..N_BINS).map(|bin| {
            let from = (bin as f32 / self.formant_scale).min((N_BINS - 1) as f32);
            let hz = bin as f32 * BIN_HZ;
            let ring = (-((hz - 2_950.0) / 500.0).powi(2)).exp();
            let gain_db = self.tilt_db * (hz.max(250.0) / 1_000.0).log2() + self.ring_db * ring;
            let octaves = (hz.max(1.0) / AIR_HZ).log2();
            let air_db = self.air_db + 10.0 * octaves;
            Bin {
                from: from as usize,
                part: from.fract(),
                gain_log: gain_db / DB_PER_LOG,
                air_log: if octaves > -0.2 { -air_db / DB_PER_LOG } else { f32::NEG_INFINITY },
            }
        })
    }
}

/// What becomes of one bin of an envelope.
struct Bin {
    /// The bin it is taken from, and how far towards the next.
    from: usize,
    part: f32,
    gain_log: f32,
    /// Least it is, over the loudest.
    air_log: f32,
}

/// Gives envelopes of a man's voice the shape of a singer's.
pub struct Shaper {
    bins: Vec<Bin>,
    planner: RealFftPlanner<f32>,
}

impl Shaper {
    pub fn new(timbre: &Timbre) -> Self {
        Self { bins: timbre.bins().collect(), planner: RealFftPlanner::new() }
    }

    pub fn shape(&mut self, spoken: &Cepstrum) -> Cepstrum {
        let logs = analysis::logs(&mut self.planner, spoken);
        let at = |bin: &Bin| {
            let next = logs[(bin.from + 1).min(N_BINS - 1)];
            logs[bin.from] + bin.part * (next - logs[bin.from]) + bin.gain_log
        };
        let mut shaped: Vec<f32> = self.bins.iter().map(at).collect();
        let loudest = shaped.iter().fold(f32::MIN, |loudest, log| loudest.max(*log));
        for (log, bin) in shaped.iter_mut().zip(&self.bins) {
            *log = log.max(loudest + bin.air_log);
        }
        analysis::cepstrum(&mut self.planner, &shaped)
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
