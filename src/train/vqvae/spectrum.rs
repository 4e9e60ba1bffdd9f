//! Distances of magnitudes of short-time Fourier transforms, with their gradients.

use std::f32::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::recipe::Stft;

/// Below any norm of music; keeps silence from weighing endlessly.
const NORM_FLOOR: f64 = 1e-4;
/// A magnitude that has no direction to speak of.
const MAGNITUDE_FLOOR: f32 = 1e-12;

/// A transform, and how much its distances weigh in one clip's loss.
pub struct Spectrum {
    stft: Stft,
    window: Vec<f32>, // [n_fft]
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

/// Weights of what [`Spectrum::compare`] measures.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Weights {
    pub distance: f64,
    pub convergence: f64,
    pub log_magnitude: f64,
    pub log_floor: f64,
}

/// What comparing a clip with another measures.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Compared {
    /// Norm of the difference of all magnitudes.
    pub distance: f64,
    /// That over the norm of the clip's own.
    pub convergence: f64,
    /// Mean difference of logarithms.
    pub log_magnitude: f64,
}

impl Spectrum {
    pub fn new(stft: Stft) -> Self {
        let mut planner = RealFftPlanner::new();
        let Stft { n_fft, window: n, .. } = stft;
        let first = (n_fft - n) / 2;
        let mut window = vec![0.0; n_fft];
        for (i, w) in window[first..first + n].iter_mut().enumerate() {
            *w = 0.5 - 0.5 * (2.0 * PI * i as f32 / n as f32).cos();
        }
        let (forward, inverse) = (planner.plan_fft_forward(n_fft), planner.plan_fft_inverse(n_fft));
        Self { stft, window, forward, inverse }
    }

    fn n_bins(&self) -> usize {
        self.stft.n_fft / 2 + 1
    }

    /// All transforms of a clip, frame after frame.
    fn transform(&self, clip: &[f32]) -> Vec<Complex32> {
        let padded = reflected(clip, self.stft.n_fft / 2);
        let n_frames = 1 + clip.len() / self.stft.hop;
        let mut spectra = vec![Complex32::default(); n_frames * self.n_bins()];
        let mut input = vec![0.0; self.stft.n_fft];
        let mut scratch = self.forward.make_scratch_vec();
        for (idx, spectrum) in spectra.chunks_exact_mut(self.n_bins()).enumerate() {
            let frame = &padded[idx * self.stft.hop..][..self.stft.n_fft];
            let windowed = frame.iter().zip(&self.window);
            input.iter_mut().zip(windowed).for_each(|(to, (x, w))| *to = x * w);
            // the lengths are those of the plan, so that it cannot fail
            let _ = self.forward.process_with_scratch(&mut input, spectrum, &mut scratch);
        }
        spectra
    }

    /// Norm of all magnitudes of a clip.
    pub fn norm(&self, clip: &[f32]) -> f64 {
        self.transform(clip).iter().map(|z| f64::from(z.norm_sqr())).sum::<f64>().sqrt()
    }

    /// Compares what was rebuilt with what it is of; adds the gradient of the weighted sum to `grad` if any.
    pub fn compare(
        &self,
        clip: &[f32],
        rebuilt: &[f32],
        weights: Weights,
        grad: Option<&mut [f32]>,
    ) -> Compared {
        let mut wanted: Vec<f32> =
            self.transform(clip).iter().map(|z| z.norm_sqr().sqrt()).collect();
        let mut spectra = self.transform(rebuilt);
        let (mut apart, mut whole, mut logs) = (0f64, 0f64, 0f64);
        let floor = weights.log_floor as f32;
        let takes_logs = 0.0 < weights.log_magnitude;
        let frames = wanted.chunks_exact(self.n_bins()).zip(spectra.chunks_exact(self.n_bins()));
        for (wanted, spectrum) in frames {
            let (mut frame_apart, mut frame_whole, mut frame_logs) = (0f32, 0f32, 0f32);
            for (x, z) in wanted.iter().zip(spectrum) {
                let y = z.norm_sqr().sqrt();
                frame_apart += (x - y) * (x - y);
                frame_whole += x * x;
                if takes_logs {
                    frame_logs += ((x + floor) / (y + floor)).ln().abs();
                }
            }
            apart += f64::from(frame_apart);
            whole += f64::from(frame_whole);
            logs += f64::from(frame_logs);
        }
        let (distance, norm) = (apart.sqrt(), whole.sqrt() + NORM_FLOOR);
        let n = wanted.len() as f64;
        if let Some(grad) = grad {
            let per_distance = weights.distance + weights.convergence / norm;
            let pull = if 0.0 < distance { (per_distance / distance) as f32 } else { 0.0 };
            let log_pull = (weights.log_magnitude / n) as f32;
            for (x, z) in wanted.iter_mut().zip(&mut spectra) {
                let y = z.norm_sqr().sqrt();
                let mut pulled = pull * (y - *x);
                if y != *x {
                    pulled += log_pull * (y - *x).signum() / (y + floor);
                }
                *z *= if MAGNITUDE_FLOOR < y { pulled / y } else { 0.0 };
            }
            self.add_back(&mut spectra, grad);
        }
        Compared { distance, convergence: distance / norm, log_magnitude: logs / n }
    }

    /// From gradients of transforms to those of the clip they are of.
    fn add_back(&self, spectra: &mut [Complex32], grad: &mut [f32]) {
        let (n_fft, last) = (self.stft.n_fft, self.n_bins() - 1);
        let mut padded = vec![0.0; grad.len() + n_fft];
        let mut output = vec![0.0; n_fft];
        let mut scratch = self.inverse.make_scratch_vec();
        for (idx, spectrum) in spectra.chunks_exact_mut(last + 1).enumerate() {
            // the inverse counts all but the first and the last twice
            spectrum[1..last].iter_mut().for_each(|z| *z *= 0.5);
            (spectrum[0].im, spectrum[last].im) = (0.0, 0.0);
            let _ = self.inverse.process_with_scratch(spectrum, &mut output, &mut scratch);
            let frame = &mut padded[idx * self.stft.hop..][..n_fft];
            let terms = output.iter().zip(&self.window);
            frame.iter_mut().zip(terms).for_each(|(to, (y, w))| *to += y * w);
        }
        let (edge, len) = (n_fft / 2, grad.len());
        grad.iter_mut().zip(&padded[edge..]).for_each(|(to, g)| *to += g);
        for i in 0..edge {
            grad[edge - i] += padded[i];
            grad[len - 2 - i] += padded[edge + len + i];
        }
    }
}

/// A clip with its edges reflected; longer than `edge`.
fn reflected(clip: &[f32], edge: usize) -> Vec<f32> {
    let before = clip[1..=edge].iter().rev();
    let after = clip[clip.len() - 1 - edge..clip.len() - 1].iter().rev();
    before.chain(clip).chain(after).copied().collect()
}
