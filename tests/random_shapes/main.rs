//! Networks of shapes that nobody chose agree with the same networks written out plainly.
//!
//! The shapes come from a dice with a fixed seed, so a failure names one that can be built again.

mod prior;
mod vqvae;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use encore::jukebox::{Dice, TokenRng};

/// Where shapes and inputs come from.
struct Chance(TokenRng);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(TokenRng::new(seed))
    }

    /// From `low` up to `high`.
    fn size(&mut self, low: usize, high: usize) -> usize {
        low + (self.0.next_uniform() * (high - low + 1) as f64) as usize
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.size(0, choices.len() - 1)]
    }

    fn truth(&mut self) -> bool {
        self.one_of(&[false, true])
    }

    /// Numbers around 0 with a variance of 1.
    fn numbers(&mut self, shape: &[usize]) -> Tensor {
        let number = |_| (self.0.next_uniform() as f32 - 0.5) * 12f32.sqrt();
        let numbers: Vec<f32> = (0..shape.iter().product()).map(number).collect();
        Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
    }

    fn ids(&mut self, n: usize, n_ids: usize) -> Vec<u32> {
        (0..n).map(|_| self.size(0, n_ids - 1) as u32).collect()
    }
}

/// Random weights for whatever `load` asks for, strong enough that every layer is felt.
fn random_weights(chance: &mut Chance, load: impl Fn(VarBuilder)) -> VarBuilder<'static> {
    let map = VarMap::new();
    load(VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu));
    let asked: BTreeMap<String, Vec<usize>> = {
        let data = map.data().lock().unwrap();
        data.iter().map(|(name, var)| (name.clone(), var.dims().to_vec())).collect()
    };
    let weight = |(name, shape): (String, Vec<usize>)| {
        let fan_in = shape.iter().product::<usize>() / shape.last().unwrap_or(&1);
        let spread = if shape.len() == 1 { 0.5 } else { 1.0 / (fan_in as f32).sqrt().min(5.0) };
        (name, (chance.numbers(&shape) * f64::from(spread)).unwrap())
    };
    VarBuilder::from_tensors(asked.into_iter().map(weight).collect(), DType::F32, &Device::Cpu)
}

/// Differences, as a share of the largest number.
fn difference(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    if a.elem_count() == 0 {
        return 0.0;
    }
    let largest = |x: Tensor| x.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    largest((a - b).unwrap()) / largest(b.clone()).max(1e-3)
}
