//! How far what was rebuilt is from the music, and where it should go (SPEC §9).

use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::recipe::{Bandwidth, LossConfig, Stft};
use super::spectrum::{Compared, Spectrum, Weights};
use crate::train::ops::numbers;

/// Below any mean square of music.
const SQUARE_FLOOR: f64 = 1e-6;

/// Measures how far what was rebuilt is from the music.
pub struct Loss {
    config: LossConfig,
    bandwidth: Bandwidth,
    spectra: Vec<(Spectrum, Part)>,
}

/// Which figure a transform belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Spectral,
    Multispectral,
    Relative,
}

/// Figures of a batch: the weighted sum, and what it is the sum of, before the weights.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Losses {
    pub total: f64,
    pub l2: f64,
    pub linf: f64,
    pub relative_l2: f64,
    pub spectral: f64,
    pub multispectral: f64,
    pub convergence: f64,
    pub log_magnitude: f64,
}

impl Loss {
    pub fn new(config: &LossConfig, bandwidth: Bandwidth) -> Self {
        let mut spectra = Vec::new();
        if 0.0 < config.spectral {
            spectra.push((Spectrum::new(Stft::SPECTRAL), Part::Spectral));
        }
        if 0.0 < config.multispectral {
            let all = Stft::MULTISPECTRAL.map(|stft| (Spectrum::new(stft), Part::Multispectral));
            spectra.extend(all);
        }
        if 0.0 < config.convergence || 0.0 < config.log_magnitude {
            let all = config.stfts.iter().map(|stft| (Spectrum::new(*stft), Part::Relative));
            spectra.extend(all);
        }
        Self { config: config.clone(), bandwidth, spectra }
    }

    /// Weights of a transform in the loss of a batch of `n_clips`.
    fn weights(&self, part: Part, n_clips: usize) -> Weights {
        let (config, n) = (&self.config, n_clips as f64);
        let distance = |weight: f64| Weights {
            distance: weight / self.bandwidth.spec / n,
            ..Weights::default()
        };
        match part {
            Part::Spectral => distance(config.spectral),
            Part::Multispectral => {
                distance(config.multispectral / Stft::MULTISPECTRAL.len() as f64)
            }
            Part::Relative => {
                let n = n * config.stfts.len() as f64;
                Weights {
                    distance: 0.0,
                    convergence: config.convergence / n,
                    log_magnitude: config.log_magnitude / n,
                    log_floor: config.log_floor,
                }
            }
        }
    }

    /// Figures of `[b, f]`, and the gradient of the total.
    pub fn measure(&self, clips: &[f32], rebuilt: &[f32], n_clips: usize) -> (Losses, Vec<f32>) {
        let n_frames = clips.len() / n_clips.max(1);
        let jobs: Vec<(usize, usize)> =
            (0..n_clips).flat_map(|clip| (0..self.spectra.len()).map(move |s| (clip, s))).collect();
        let part = |all: &[f32], idx: usize| all[idx * n_frames..][..n_frames].to_vec();
        let compared: Vec<(Compared, Vec<f32>)> = jobs
            .par_iter()
            .with_max_len(1)
            .map(|&(clip, s)| {
                let (spectrum, kind) = &self.spectra[s];
                let (x, y) = (part(clips, clip), part(rebuilt, clip));
                let mut grad = vec![0.0; n_frames];
                let weights = self.weights(*kind, n_clips);
                (spectrum.compare(&x, &y, weights, Some(&mut grad)), grad)
            })
            .collect();
        let (mut losses, mut grad) = self.waves(clips, rebuilt, n_clips);
        for ((clip, s), (compared, clip_grad)) in jobs.iter().zip(&compared) {
            let kind = self.spectra[*s].1;
            let weights = self.weights(kind, n_clips);
            losses.total += weights.distance * compared.distance
                + weights.convergence * compared.convergence
                + weights.log_magnitude * compared.log_magnitude;
            let n = n_clips as f64;
            let distance = compared.distance / self.bandwidth.spec / n;
            match kind {
                Part::Spectral => losses.spectral += distance,
                Part::Multispectral => {
                    losses.multispectral += distance / Stft::MULTISPECTRAL.len() as f64;
                }
                Part::Relative => {
                    let n = n * self.config.stfts.len() as f64;
                    losses.convergence += compared.convergence / n;
                    losses.log_magnitude += compared.log_magnitude / n;
                }
            }
            let to = &mut grad[clip * n_frames..][..n_frames];
            to.iter_mut().zip(clip_grad).for_each(|(to, g)| *to += g);
        }
        (losses, grad)
    }

    /// The figures that compare waves.
    fn waves(&self, clips: &[f32], rebuilt: &[f32], n_clips: usize) -> (Losses, Vec<f32>) {
        let (config, n) = (&self.config, clips.len() as f64);
        let n_frames = clips.len() / n_clips.max(1);
        let apart: Vec<f32> = rebuilt.iter().zip(clips).map(|(y, x)| y - x).collect();
        let square = |all: &[f32]| all.iter().map(|x| f64::from(x * x)).sum::<f64>() / n;
        let (error, own) = (square(&apart), square(clips) + SQUARE_FLOOR);
        let mut losses =
            Losses { l2: error / self.bandwidth.l2, relative_l2: error / own, ..Losses::default() };
        let pull = 2.0 / n * (config.l2 / self.bandwidth.l2 + config.relative_l2 / own);
        let mut grad: Vec<f32> = apart.iter().map(|e| e * pull as f32).collect();
        if 0.0 < config.linf {
            let n_largest = config.n_linf.min(n_frames).max(1);
            let scale = 1.0 / (self.bandwidth.l2 * (n_largest * n_clips) as f64);
            for clip in 0..n_clips {
                let first = clip * n_frames;
                let mut order: Vec<usize> = (first..first + n_frames).collect();
                order.select_nth_unstable_by(n_largest - 1, |a, b| {
                    apart[*b].abs().total_cmp(&apart[*a].abs()).then(a.cmp(b))
                });
                for at in &order[..n_largest] {
                    losses.linf += f64::from(apart[*at] * apart[*at]) * scale;
                    grad[*at] += (2.0 * config.linf * scale) as f32 * apart[*at];
                }
            }
        }
        losses.total = config.l2 * losses.l2
            + config.linf * losses.linf
            + config.relative_l2 * losses.relative_l2;
        (losses, grad)
    }

    /// The total as a number that a gradient can be taken of; both are `[b, f]`.
    pub fn of(&self, clips: &[f32], rebuilt: &Tensor) -> Result<(Tensor, Losses)> {
        let rebuilt = rebuilt.to_device(&Device::Cpu)?.contiguous()?;
        let (n_clips, n_frames) = rebuilt.dims2()?;
        if n_clips * n_frames != clips.len() {
            bail!("{n_clips} clips of {n_frames} frames rebuilt from {} frames", clips.len());
        }
        let measured = numbers::with(&rebuilt, |rebuilt| self.measure(clips, rebuilt, n_clips))?;
        let (losses, grad) = measured;
        let total =
            rebuilt.apply_op1(Known { value: losses.total as f32, grad: Mutex::new(grad) })?;
        Ok((total, losses))
    }
}

/// A number whose gradient is known.
struct Known {
    value: f32,
    grad: Mutex<Vec<f32>>,
}

impl CustomOp1 for Known {
    fn name(&self) -> &'static str {
        "distance of what was rebuilt"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![self.value]), Shape::from(())))
    }

    fn bwd(&self, rebuilt: &Tensor, _: &Tensor, moved: &Tensor) -> Result<Option<Tensor>> {
        let mut grad =
            std::mem::take(&mut *self.grad.lock().unwrap_or_else(PoisonError::into_inner));
        let by = moved.to_scalar::<f32>()?;
        grad.iter_mut().for_each(|g| *g *= by);
        Ok(Some(Tensor::from_vec(grad, rebuilt.shape(), rebuilt.device())?))
    }
}

impl Losses {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            l2: self.l2 + other.l2,
            linf: self.linf + other.linf,
            relative_l2: self.relative_l2 + other.relative_l2,
            spectral: self.spectral + other.spectral,
            multispectral: self.multispectral + other.multispectral,
            convergence: self.convergence + other.convergence,
            log_magnitude: self.log_magnitude + other.log_magnitude,
        }
    }

    /// By name, but for the total.
    pub fn figures(self) -> [(&'static str, f64); 7] {
        [
            ("l2", self.l2),
            ("linf", self.linf),
            ("relative_l2", self.relative_l2),
            ("spectral", self.spectral),
            ("multispectral", self.multispectral),
            ("convergence", self.convergence),
            ("log_magnitude", self.log_magnitude),
        ]
    }
}
