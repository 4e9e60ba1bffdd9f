//! Spectra over time, and how far those of two sounds are apart.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use crate::units::db_from_gain;

/// Spectra of windows of `n_fft` frames, `hop` frames apart, under a Hann window.
///
/// A full-scale sine has magnitude 1. Windows lie wholly within the audio; audio shorter than one is
/// taken as if silence followed.
pub struct Stft {
    n_fft: usize,
    hop: usize,
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
}

impl Stft {
    pub fn new(n_fft: usize, hop: usize) -> Self {
        let scale = 4.0 / n_fft as f64;
        let hann = |i: usize| scale * (0.5 - 0.5 * (TAU * i as f64 / n_fft as f64).cos());
        let window = (0..n_fft).map(|i| hann(i) as f32).collect();
        Self { n_fft, hop, window, fft: RealFftPlanner::new().plan_fft_forward(n_fft) }
    }

    /// Windows in this much audio.
    pub fn n_windows(&self, n_frames: usize) -> usize {
        n_frames.saturating_sub(self.n_fft) / self.hop + usize::from(n_frames > 0)
    }

    /// Hands out the magnitudes of one window after another, `[n_fft / 2 + 1]` each.
    pub fn each(&self, audio: &[f32], mut take: impl FnMut(&[f32])) {
        let mut input = self.fft.make_input_vec();
        let mut output = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut magnitudes = vec![0.0; output.len()];
        for window_idx in 0..self.n_windows(audio.len()) {
            let start = window_idx * self.hop;
            let seen = &audio[start..audio.len().min(start + self.n_fft)];
            let weighted = seen.iter().zip(&self.window).map(|(x, weight)| x * weight);
            input.iter_mut().zip(weighted.chain(std::iter::repeat(0.0))).for_each(|(i, x)| *i = x);
            let done = self.fft.process_with_scratch(&mut input, &mut output, &mut scratch);
            debug_assert!(done.is_ok(), "the buffers are the plan's own");
            let norms = output.iter().map(|x: &Complex<f32>| x.norm());
            magnitudes.iter_mut().zip(norms).for_each(|(m, norm)| *m = norm);
            take(&magnitudes);
        }
    }

    /// All magnitudes, window after window: `[windows * (n_fft / 2 + 1)]`.
    pub fn magnitudes(&self, audio: &[f32]) -> Vec<f32> {
        let mut all = Vec::with_capacity(self.n_windows(audio.len()) * (self.n_fft / 2 + 1));
        self.each(audio, |magnitudes| all.extend_from_slice(magnitudes));
        all
    }
}

/// Window and step of [`spectral_convergence_db`], in frames.
const CONVERGENCE_FFT: usize = 2048;
const CONVERGENCE_HOP: usize = 512;

/// How much of a sound's magnitudes another one misses: ‖|S| − |Ŝ|‖ / ‖|S|‖ in dB, lower is better.
///
/// What is longer is cut to the other's length. NaN for silence.
pub fn spectral_convergence_db(sound: &[f32], heard: &[f32]) -> f64 {
    let n_frames = sound.len().min(heard.len());
    let stft = Stft::new(CONVERGENCE_FFT, CONVERGENCE_HOP);
    let (wanted, found) =
        (stft.magnitudes(&sound[..n_frames]), stft.magnitudes(&heard[..n_frames]));
    let energy = |values: &mut dyn Iterator<Item = f32>| -> f64 {
        values.map(|x| f64::from(x).powi(2)).sum()
    };
    let missed = energy(&mut wanted.iter().zip(&found).map(|(s, h)| s - h));
    let whole = energy(&mut wanted.iter().copied());
    db_from_gain((missed / whole).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, gain: f64, n_frames: usize) -> Vec<f32> {
        (0..n_frames).map(|i| (gain * (TAU * hz * i as f64 / 44_100.0).sin()) as f32).collect()
    }

    #[test]
    fn a_full_scale_sine_has_magnitude_one() {
        let hz = 40.0 * 44_100.0 / 2048.0;
        let mut loudest = 0f32;

        Stft::new(2048, 512)
            .each(&sine(hz, 1.0, 8192), |m| loudest = m.iter().copied().fold(loudest, f32::max));

        assert!((loudest - 1.0).abs() < 1e-3, "{loudest}");
    }

    #[test]
    fn half_the_magnitude_is_six_decibels_and_nothing_is_none() {
        let sound = sine(440.0, 0.8, 44_100);
        let half: Vec<f32> = sound.iter().map(|x| 0.5 * x).collect();
        let tenth: Vec<f32> = sound.iter().map(|x| 0.9 * x).collect();

        assert!((spectral_convergence_db(&sound, &half) + 6.02).abs() < 0.01);
        assert!((spectral_convergence_db(&sound, &tenth) + 20.0).abs() < 0.01);
        assert!(spectral_convergence_db(&sound, &[0.0; 44_100]).abs() < 0.01);
    }

    #[test]
    fn short_audio_is_one_window() {
        let stft = Stft::new(2048, 512);

        assert_eq!([0, 100, 2048, 2560].map(|n| stft.n_windows(n)), [0, 1, 1, 2]);
        assert_eq!(stft.magnitudes(&[0.5; 100]).len(), 1025);
    }
}
