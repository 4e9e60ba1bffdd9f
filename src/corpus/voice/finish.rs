//! A rendered song at the rate and level that were asked for.

use realfft::RealFftPlanner;
use realfft::num_complex::Complex32;

use super::analysis::rise;
use super::espeak::ESPEAK_RATE;

/// Loudest sample of a song.
pub const PEAK: f32 = 0.5;
/// What lies below is no voice, in Hz.
const LOWEST_HZ: (f32, f32) = (30.0, 60.0);

/// Brings `audio` from [`ESPEAK_RATE`] to `rate` and to [`PEAK`].
pub fn finish(audio: &[f32], rate: u32) -> Vec<f32> {
    // whole seconds make the length whole at any rate, and one of them keeps the end from the beginning
    let n_seconds = smooth_above(audio.len() / ESPEAK_RATE as usize + 2);
    let (n_in, n_out) = (n_seconds * ESPEAK_RATE as usize, n_seconds * rate as usize);
    let mut planner = RealFftPlanner::new();
    let mut frames = audio.to_vec();
    frames.resize(n_in, 0.0);
    let mut spectrum = vec![Complex32::default(); n_in / 2 + 1];
    // lengths are right by construction, which is all that the transforms can complain of
    let _ = planner.plan_fft_forward(n_in).process(&mut frames, &mut spectrum);
    for (bin, z) in spectrum.iter_mut().enumerate().take(100 * n_seconds) {
        *z *= rise(bin as f32 / n_seconds as f32, LOWEST_HZ.0, LOWEST_HZ.1);
    }
    spectrum.resize(n_out / 2 + 1, Complex32::default());
    if let Some(last) = spectrum.last_mut() {
        *last = Complex32::default();
    }
    let mut out = vec![0.0; n_out];
    let _ = planner.plan_fft_inverse(n_out).process(&mut spectrum, &mut out);
    out.truncate((audio.len() as u64 * u64::from(rate) / u64::from(ESPEAK_RATE)) as usize);
    let peak = out.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    if peak > 0.0 {
        out.iter_mut().for_each(|x| *x *= PEAK / peak);
    }
    out
}

/// The least number from `n` on that is a power of two, or three times one, so that transforms are quick.
fn smooth_above(n: usize) -> usize {
    let double = n.next_power_of_two();
    if double / 4 * 3 >= n { double / 4 * 3 } else { double }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_keeps_its_pitch_and_place_at_another_rate() {
        let tone = |rate: u32| -> Vec<f32> {
            (0..rate)
                .map(|i| (i as f32 / rate as f32 * 440.0 * std::f32::consts::TAU).sin())
                .collect()
        };

        let out = finish(&tone(ESPEAK_RATE), 48_000);

        assert_eq!(out.len(), 48_000);
        let wanted = tone(48_000);
        let middle = 12_000..36_000;
        let error = out[middle.clone()].iter().zip(&wanted[middle]);
        let worst = error.map(|(a, b)| (a / PEAK - b).abs()).fold(0.0, f32::max);
        assert!(worst < 0.1, "{worst}");
    }
}
