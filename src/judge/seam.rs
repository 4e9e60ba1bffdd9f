//! Whether one hears where the recording ends and the continuation begins.

use super::mel::Mel;
use super::stats::{deviation, mean, median};

/// Loudness is compared over this much on either side, in seconds.
const SIDE_SECONDS: f64 = 0.05;
/// What is quieter counts as this loud, as a mean square.
const QUIET: f64 = 1e-7;

const FFT_FRAMES: usize = 512;
const HOP_FRAMES: usize = 128;
const N_BANDS: usize = 32;
const HEARD_HZ: (f64, f64) = (60.0, 16_000.0);
/// How far quiet sounds count beside loud ones.
const COMPRESSION: f32 = 100.0;
/// Steps between windows that a seam touches.
const N_TOUCHED: usize = FFT_FRAMES / HOP_FRAMES + 1;

/// A seam beside what the prime itself does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seam {
    /// How much louder or quieter it becomes, in dB, without a sign.
    pub jump_db: f64,
    /// The median of what the prime does from moment to moment.
    pub prime_jump_db: f64,
    /// How much of the spectrum begins at the seam, in deviations from the prime's mean.
    pub flux_z: f64,
}

impl Seam {
    /// Of a prime and its continuation in one; `seam_frame` is the first frame of the continuation.
    pub fn new(audio: &[f32], seam_frame: usize, rate: f64) -> Self {
        let side = ((SIDE_SECONDS * rate) as usize).max(1);
        let seam_frame = seam_frame.min(audio.len());
        let places = (side..seam_frame.saturating_sub(side)).step_by((side / 2).max(1));
        let of_prime: Vec<f64> = places.map(|place| jump_db(audio, place, side)).collect();
        Self {
            jump_db: jump_db(audio, seam_frame, side),
            prime_jump_db: if of_prime.is_empty() { 0.0 } else { median(&of_prime) },
            flux_z: flux_z(audio, seam_frame, rate),
        }
    }
}

/// The difference in level between the frames before and after a place.
fn jump_db(audio: &[f32], place: usize, side: usize) -> f64 {
    let power = |frames: &[f32]| {
        let sum: f64 = frames.iter().map(|x| f64::from(*x).powi(2)).sum();
        (sum / frames.len().max(1) as f64).max(QUIET)
    };
    let before = &audio[place.saturating_sub(side)..place];
    let after = &audio[place..audio.len().min(place + side)];
    (10.0 * (power(after) / power(before)).log10()).abs()
}

/// The strongest rise of the windows that touch the seam, beside the strongest of as many in the prime.
fn flux_z(audio: &[f32], seam_frame: usize, rate: f64) -> f64 {
    let powers = Mel::new(rate, (FFT_FRAMES, HOP_FRAMES), N_BANDS, HEARD_HZ).powers(audio);
    let sum: f64 = powers.iter().flatten().map(|power| f64::from(*power)).sum();
    let usual = (sum / (powers.len() * N_BANDS).max(1) as f64).max(1e-12) as f32;
    let loud = |power: &f32| (1.0 + COMPRESSION * power / usual).ln();
    let rise = |pair: &[Vec<f32>]| -> f64 {
        let bands = pair[1].iter().zip(&pair[0]);
        bands.map(|(now, before)| f64::from((loud(now) - loud(before)).max(0.0))).sum()
    };
    let rises: Vec<f64> = powers.windows(2).map(rise).collect(); // onto the second window of each pair
    let strongest = |of: &[f64]| of.iter().copied().fold(0.0, f64::max);
    // the first pair whose second window looks beyond the seam
    let first = (seam_frame.saturating_sub(FFT_FRAMES) / HOP_FRAMES).min(rises.len());
    let touched = &rises[first..rises.len().min(first + N_TOUCHED)];
    let of_prime: Vec<f64> = rises[..first].windows(N_TOUCHED).map(strongest).collect();
    let spread = deviation(&of_prime).max(1e-9);
    if of_prime.is_empty() { 0.0 } else { (strongest(touched) - mean(&of_prime)) / spread }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const RATE: f64 = 44_100.0;

    /// Noise that swells a little, twice as loud from `seam` on if asked for.
    fn noise(n_frames: usize, seam: usize, gain_after: f32) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut at = |i: usize| {
            let swell = 0.3 + 0.1 * (i as f32 * 5e-5).sin();
            swell * rng.random_range(-0.5..0.5) * if i < seam { 1.0 } else { gain_after }
        };
        (0..n_frames).map(&mut at).collect()
    }

    #[test]
    fn a_step_of_six_decibels_is_heard_as_one() {
        let seam = Seam::new(&noise(132_300, 88_200, 2.0), 88_200, RATE);

        assert!((seam.jump_db - 6.02).abs() < 0.6, "{seam:?}");
        assert!(seam.prime_jump_db < 0.7, "{seam:?}");
    }

    #[test]
    fn what_goes_on_as_before_has_no_seam() {
        let seam = Seam::new(&noise(132_300, 0, 1.0), 88_200, RATE);

        assert!(seam.jump_db < 1.0 && seam.flux_z.abs() < 2.5, "{seam:?}");
    }

    #[test]
    fn a_click_stands_out_against_the_prime() {
        let mut audio = noise(132_300, 0, 1.0);
        audio[88_200] = 1.0;
        audio[88_201] = -1.0;
        let quiet: Vec<f32> = audio
            .iter()
            .enumerate()
            .map(|(i, x)| if (88_200..88_202).contains(&i) { *x } else { 0.05 * x })
            .collect();

        assert!(Seam::new(&quiet, 88_200, RATE).flux_z > 4.0);
    }

    #[test]
    fn short_and_silent_audio_has_numbers_too() {
        for (audio, seam) in [(vec![0.0; 44_100], 22_050), (vec![0.1; 600], 300), (vec![], 0)] {
            let seam = Seam::new(&audio, seam, RATE);
            assert!(seam.jump_db.is_finite() && seam.prime_jump_db.is_finite(), "{seam:?}");
            assert!(seam.flux_z.is_finite(), "{seam:?}");
        }
    }
}
