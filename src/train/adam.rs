//! Adam as Jukebox trains with it, warm-up and decay of its rate, and the running mean of the weights.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Tensor, Var};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::TrainError;

/// Numbers that one thread updates at a time.
const CHUNK: usize = 1 << 14;

/// How weights follow their gradients (SPEC §9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// Step size at its highest.
    pub rate: f64,
    pub beta_1: f64,
    pub beta_2: f64,
    pub eps: f64,
    /// Decoupled: a share of the weight, times the step size.
    pub weight_decay: f64,
    /// Gradients are scaled down to this norm, all together.
    pub clip_norm: f64,
    pub n_warmup_steps: u64,
    /// The step at which the rate has gone down to `end_share` of its highest, along half a cosine; 0 for never.
    pub n_decay_steps: u64,
    pub end_share: f64,
    /// Share of the running mean of the weights that stays at each step; 0 for none.
    pub mean_share: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            rate: 3e-4,
            beta_1: 0.9,
            beta_2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            clip_norm: 1.0,
            n_warmup_steps: 100,
            n_decay_steps: 0,
            end_share: 0.02,
            mean_share: 0.0,
        }
    }
}

impl AdamConfig {
    /// Step size at a step, counted from 0.
    pub fn rate_at(&self, step_idx: u64) -> f64 {
        let warm = ((step_idx + 1) as f64 / self.n_warmup_steps.max(1) as f64).min(1.0);
        if self.n_decay_steps == 0 {
            return self.rate * warm;
        }
        let done = (step_idx as f64 / self.n_decay_steps as f64).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        self.rate * warm * cosine.max(self.end_share)
    }
}

/// Weights by name, with what the optimiser remembers of each.
pub struct Adam {
    config: AdamConfig,
    n_steps: u64,
    weights: BTreeMap<String, Weight>,
}

struct Weight {
    var: Var,
    first: Tensor,  // running mean of the gradient
    second: Tensor, // and of its square
    mean: Option<Tensor>,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stepped {
    /// Of all gradients together, before they were scaled down.
    pub grad_norm: f64,
    pub rate: f64,
}

impl Adam {
    /// Starts with nothing remembered; the weights are f32.
    pub fn new(
        weights: impl IntoIterator<Item = (String, Var)>,
        config: AdamConfig,
    ) -> Result<Self, TrainError> {
        let remember = |(name, var): (String, Var)| {
            let zeros = || Tensor::zeros(var.shape(), DType::F32, var.device());
            let mean = (0.0 < config.mean_share).then(|| var.as_tensor().copy()).transpose()?;
            Ok((name, Weight { first: zeros()?, second: zeros()?, mean, var }))
        };
        let weights = weights.into_iter().map(remember).collect::<Result<_, TrainError>>()?;
        Ok(Self { config, n_steps: 0, weights })
    }

    pub fn n_steps(&self) -> u64 {
        self.n_steps
    }

    /// Moves every weight that has a gradient: `step = rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)`,
    /// `w -= step * (m / (sqrt(v) + eps) + decay * w)`; eps is added before the correction (SPEC §9).
    pub fn step(&mut self, grads: &GradStore) -> Result<Stepped, TrainError> {
        let mut square = 0.0;
        for weight in self.weights.values() {
            if let Some(grad) = grads.get(weight.var.as_tensor()) {
                square += square_sum(grad)?;
            }
        }
        let grad_norm = square.sqrt();
        if !grad_norm.is_finite() {
            return Err(TrainError::Diverged { step_idx: self.n_steps });
        }
        let rate = self.config.rate_at(self.n_steps);
        self.n_steps += 1;
        let t = self.n_steps.min(1 << 20) as i32;
        let correction =
            (1.0 - self.config.beta_2.powi(t)).sqrt() / (1.0 - self.config.beta_1.powi(t));
        let moves = Moves {
            scale: (self.config.clip_norm / grad_norm.max(1e-12)).min(1.0) as f32,
            step: (rate * correction) as f32,
            beta_1: self.config.beta_1 as f32,
            beta_2: self.config.beta_2 as f32,
            eps: self.config.eps as f32,
            decay: self.config.weight_decay as f32,
            mean_share: self.config.mean_share as f32,
        };
        for weight in self.weights.values_mut() {
            if let Some(grad) = grads.get(weight.var.as_tensor()) {
                weight.follow(grad, moves)?;
            }
        }
        Ok(Stepped { grad_norm, rate })
    }

    /// The weights as a pack is to hold them: their running mean where one is kept.
    pub fn weights(&self) -> BTreeMap<String, Tensor> {
        let pick = |(name, weight): (&String, &Weight)| {
            (name.clone(), weight.mean.as_ref().unwrap_or(weight.var.as_tensor()).clone())
        };
        self.weights.iter().map(pick).collect()
    }

    /// Everything that the next step depends on, the weights included.
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        let mut state = BTreeMap::new();
        for (name, weight) in &self.weights {
            state.insert(format!("weight.{name}"), weight.var.as_tensor().clone());
            state.insert(format!("first.{name}"), weight.first.clone());
            state.insert(format!("second.{name}"), weight.second.clone());
            if let Some(mean) = &weight.mean {
                state.insert(format!("mean.{name}"), mean.clone());
            }
        }
        state
    }

    /// Goes back to a state that was taken after `n_steps`.
    pub fn restore(
        &mut self,
        n_steps: u64,
        state: &BTreeMap<String, Tensor>,
    ) -> Result<(), TrainError> {
        for (name, weight) in &mut self.weights {
            let find = |kind: &str| -> Result<Tensor, TrainError> {
                let key = format!("{kind}.{name}");
                let found = state.get(&key).filter(|found| found.shape() == weight.var.shape());
                found.cloned().ok_or(TrainError::State { name: key })
            };
            let (stored, first, second) = (find("weight")?, find("first")?, find("second")?);
            let device = weight.var.device().clone();
            if weight.mean.is_some() {
                weight.mean = Some(find("mean")?.to_device(&device)?);
            }
            weight.var.set(&stored.to_device(&device)?)?;
            weight.first = first.to_device(&device)?;
            weight.second = second.to_device(&device)?;
        }
        self.n_steps = n_steps;
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Moves {
    scale: f32,
    step: f32,
    beta_1: f32,
    beta_2: f32,
    eps: f32,
    decay: f32,
    mean_share: f32,
}

impl Weight {
    fn follow(&mut self, grad: &Tensor, moves: Moves) -> Result<(), TrainError> {
        if !grad.device().is_cpu() {
            return self.follow_on_device(grad, moves);
        }
        let mut grad = grad.flatten_all()?.to_vec1::<f32>()?;
        let mut var = self.var.flatten_all()?.to_vec1::<f32>()?;
        let mut first = self.first.flatten_all()?.to_vec1::<f32>()?;
        let mut second = self.second.flatten_all()?.to_vec1::<f32>()?;
        let parts = var.par_chunks_mut(CHUNK).zip(first.par_chunks_mut(CHUNK));
        let parts = parts.zip(second.par_chunks_mut(CHUNK)).zip(grad.par_chunks_mut(CHUNK));
        parts.for_each(|(((var, first), second), grad)| {
            for (((w, m), v), g) in var.iter_mut().zip(first).zip(second).zip(grad) {
                let g = *g * moves.scale;
                *m = moves.beta_1 * *m + (1.0 - moves.beta_1) * g;
                *v = moves.beta_2 * *v + (1.0 - moves.beta_2) * g * g;
                *w -= moves.step * (*m / (v.sqrt() + moves.eps) + moves.decay * *w);
            }
        });
        if let Some(mean) = &mut self.mean {
            let mut kept = mean.flatten_all()?.to_vec1::<f32>()?;
            kept.par_chunks_mut(CHUNK).zip(var.par_chunks(CHUNK)).for_each(|(kept, var)| {
                for (kept, w) in kept.iter_mut().zip(var) {
                    *kept = moves.mean_share * *kept + (1.0 - moves.mean_share) * w;
                }
            });
            *mean = Tensor::from_vec(kept, self.var.shape(), self.var.device())?;
        }
        let (shape, device) = (self.var.shape().clone(), self.var.device().clone());
        self.first = Tensor::from_vec(first, &shape, &device)?;
        self.second = Tensor::from_vec(second, &shape, &device)?;
        Ok(self.var.set(&Tensor::from_vec(var, &shape, &device)?)?)
    }

    fn follow_on_device(&mut self, grad: &Tensor, moves: Moves) -> Result<(), TrainError> {
        let blend = |old: &Tensor, new: &Tensor, share: f32| {
            (old * share as f64)? + (new * (1.0 - share as f64))?
        };
        let grad = (grad.detach() * moves.scale as f64)?;
        self.first = blend(&self.first, &grad, moves.beta_1)?;
        self.second = blend(&self.second, &grad.sqr()?, moves.beta_2)?;
        let w = self.var.as_tensor().detach();
        let ahead = (&self.first / (self.second.sqrt()? + moves.eps as f64)?)?;
        let ahead = (ahead + (&w * moves.decay as f64)?)?;
        let w = (w - (ahead * moves.step as f64)?)?;
        if let Some(mean) = &mut self.mean {
            *mean = blend(mean, &w, moves.mean_share)?;
        }
        Ok(self.var.set(&w)?)
    }
}

fn square_sum(grad: &Tensor) -> Result<f64, TrainError> {
    if !grad.device().is_cpu() {
        return Ok(grad.sqr()?.sum_all()?.to_scalar::<f32>()? as f64);
    }
    let grad = grad.flatten_all()?.to_vec1::<f32>()?;
    Ok(grad.iter().map(|g| *g as f64 * *g as f64).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn var(values: &[f32]) -> Var {
        Var::new(values, &Device::Cpu).unwrap()
    }

    fn config() -> AdamConfig {
        AdamConfig { rate: 0.1, n_warmup_steps: 1, mean_share: 0.9, ..Default::default() }
    }

    /// One step down `sum(w²)`.
    fn step(adam: &mut Adam, w: &Var) -> Stepped {
        let loss = w.as_tensor().sqr().unwrap().sum_all().unwrap();
        adam.step(&loss.backward().unwrap()).unwrap()
    }

    #[test]
    fn a_first_step_moves_by_the_rate_against_the_gradient() {
        let w = var(&[1.0, -2.0]);
        let mut adam = Adam::new([("w".to_owned(), w.clone())], config()).unwrap();

        let stepped = step(&mut adam, &w);

        let moved = w.to_vec1::<f32>().unwrap();
        assert!((stepped.grad_norm - 20f64.sqrt()).abs() < 1e-5);
        assert!((moved[0] - 0.9).abs() < 1e-4 && (moved[1] + 1.9).abs() < 1e-4, "{moved:?}");
    }

    #[test]
    fn a_restored_optimiser_goes_on_to_the_bit() {
        let [w, other] = [var(&[1.0, -2.0]), var(&[5.0, 5.0])];
        let mut adam = Adam::new([("w".to_owned(), w.clone())], config()).unwrap();
        (0..3).for_each(|_| _ = step(&mut adam, &w));
        let state = adam.state().into_iter().map(|(k, v)| (k, v.copy().unwrap())).collect();

        let mut again = Adam::new([("w".to_owned(), other.clone())], config()).unwrap();
        again.restore(3, &state).unwrap();
        (0..3).for_each(|_| _ = (step(&mut adam, &w), step(&mut again, &other)));

        assert_eq!(w.to_vec1::<f32>().unwrap(), other.to_vec1::<f32>().unwrap());
        assert_eq!(
            adam.weights()["w"].to_vec1::<f32>().unwrap(),
            again.weights()["w"].to_vec1::<f32>().unwrap()
        );
    }

    #[test]
    fn the_rate_warms_up_and_goes_down() {
        let config = AdamConfig { n_warmup_steps: 10, n_decay_steps: 100, ..Default::default() };

        assert!((config.rate_at(0) - 3e-5).abs() < 1e-6);
        assert!(config.rate_at(50) < config.rate_at(20));
        assert!((config.rate_at(100) - 3e-4 * 0.02).abs() < 1e-12);
    }
}
