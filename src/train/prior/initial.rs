//! The numbers that training begins with (SPEC §9).

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use candle_core::{Device, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Initialisation;
use crate::jukebox::PriorConfig;
use crate::jukebox::prior::attention::function_number;
use crate::pack::shapes::{TensorShape, prior_tensors};
use crate::train::TrainError;

/// Deviations before the factor of the recipe.
const DENSE: f64 = 0.02;
const LABELS_AND_POSITIONS: f64 = 0.01;
/// The attention function that looks at lyrics read elsewhere: it begins by adding nothing.
const LYRICS: u8 = 6;

/// How a tensor begins.
#[derive(Debug, PartialEq)]
enum Start {
    Zeros,
    Ones,
    Normal(f64),
    /// From minus to plus this.
    Even(f64),
}

/// Random tensors for a prior, by name.
pub fn tensors(
    config: &PriorConfig,
    initial: &Initialisation,
    rng: &mut ChaCha8Rng,
) -> Result<BTreeMap<String, Tensor>, TrainError> {
    let mut tensors = BTreeMap::new();
    for TensorShape { name, shape } in prior_tensors(config) {
        let n: usize = shape.iter().product();
        let numbers: Vec<f32> = match start(&name, &shape, config, initial) {
            Start::Zeros => vec![0.0; n],
            Start::Ones => vec![1.0; n],
            Start::Normal(deviation) => (0..n).map(|_| normal(rng, deviation)).collect(),
            Start::Even(limit) => (0..n).map(|_| rng.random_range(-limit..limit) as f32).collect(),
        };
        tensors.insert(name, Tensor::from_vec(numbers, shape, &Device::Cpu)?);
    }
    Ok(tensors)
}

fn start(name: &str, shape: &[usize], config: &PriorConfig, initial: &Initialisation) -> Start {
    let scaled = |deviation: f64| Start::Normal(deviation * initial.scale);
    if name.contains(".cond.model.") {
        return convolution(name, shape, config);
    }
    if name.starts_with("y_emb.") || name.ends_with("pos_emb") || name.ends_with("start_token") {
        return scaled(LABELS_AND_POSITIONS);
    }
    let is_norm = ["ln_0.", "ln_1.", "_ln.", ".ln."].iter().any(|norm| name.contains(norm));
    match (is_norm, name.ends_with(".bias") || name.ends_with(".b")) {
        (true, false) => return Start::Ones,
        (_, true) => return Start::Zeros,
        _ => {}
    }
    if name.ends_with("c_proj.w") {
        let (depth, attn_order) = match &config.encoder_stack() {
            Some(encoder) if name.starts_with("prime_prior.") => {
                (encoder.depth, encoder.attn_order)
            }
            _ => (config.depth, config.attn_order),
        };
        let layer = name.split('.').find_map(|part| part.parse().ok()).unwrap_or(0);
        if name.contains(".attn.") && function_number(attn_order, layer) == LYRICS {
            return Start::Zeros;
        }
        let by_depth = if initial.by_depth { (2.0 * depth as f64).sqrt() } else { 1.0 };
        return scaled(DENSE / by_depth);
    }
    scaled(DENSE)
}

/// As PyTorch begins its convolutions: evenly, up to the inverse root of what one number is made of.
fn convolution(name: &str, shape: &[usize], config: &PriorConfig) -> Start {
    let Some(conditioner) = &config.conditioner else {
        return Start::Zeros;
    };
    let n_seen = match shape {
        [_, second, kernel] => second * kernel,
        // biases know as much as their weights: a stack's 3 wide and 1 narrow, the transposed 2 strides wide
        _ => {
            let hidden = (conditioner.m_conv * conditioner.width as f64) as usize;
            match name {
                _ if name.ends_with("model.0.bias") => config.width * 3,
                _ if name.ends_with(".model.3.bias") => hidden,
                _ if name.ends_with(".model.1.bias") => conditioner.width * 3,
                _ => shape.first().copied().unwrap_or(1) * 2 * conditioner.strides_t,
            }
        }
    };
    Start::Even(1.0 / (n_seen.max(1) as f64).sqrt())
}

/// One number of a normal distribution.
pub fn normal(rng: &mut ChaCha8Rng, deviation: f64) -> f32 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (deviation * (-2.0 * (1.0 - u).ln()).sqrt() * (TAU * v).cos()) as f32
}
