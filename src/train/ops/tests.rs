//! Random tensors, and what two ways to the same numbers have to agree in.

use candle_core::{Device, Tensor, Var};
use rand::{Rng, SeedableRng};

/// Numbers from -1 to 1.
pub fn random(shape: &[usize], seed: u64) -> Var {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let numbers = (0..shape.iter().product()).map(|_| rng.random_range(-1f32..1.0));
    Var::from_vec(numbers.collect(), shape, &Device::Cpu).unwrap()
}

/// That two ways to the same numbers agree, and the gradients of every variable.
pub fn assert_same_gradients(ours: &Tensor, theirs: &Tensor, vars: &[Var]) {
    assert_eq!(ours.dims(), theirs.dims());
    assert_close("the result", ours, theirs);
    let loss = |y: &Tensor| {
        let n = y.elem_count();
        let slope = Tensor::from_vec(
            (0..n).map(|i| ((i * 37 % 11) as f32) - 4.0).collect(),
            n,
            &Device::Cpu,
        );
        (y.flatten_all().unwrap() * slope.unwrap()).unwrap().sum_all().unwrap()
    };
    let (our_grads, their_grads) =
        (loss(ours).backward().unwrap(), loss(theirs).backward().unwrap());
    for (idx, var) in vars.iter().enumerate() {
        let (ours, theirs) = (our_grads.get(var), their_grads.get(var));
        assert_close(&format!("gradient {idx}"), ours.unwrap(), theirs.unwrap());
    }
}

pub fn assert_close(what: &str, ours: &Tensor, theirs: &Tensor) {
    let [ours, theirs] = [ours, theirs].map(|y| y.flatten_all().unwrap().to_vec1::<f32>().unwrap());
    assert_eq!(ours.len(), theirs.len());
    let size = theirs.iter().fold(1f32, |size, y| size.max(y.abs()));
    let off = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    assert!(off <= 2e-5 * size, "{what} is off by {off}, of {size}");
}
