//! Each operation against the same composed of candle's own, gradients included.

use candle_core::{Device, Result, Tensor, Var};

use super::conv::composed;
use super::res_stack::compose;
use super::*;

fn var(shape: &[usize], seed: u64) -> Var {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let n: usize = shape.iter().product();
    let values: Vec<f32> = (0..n).map(|_| next()).collect();
    Var::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Both ways give the same result, and the same gradient for every variable.
fn agree(vars: &[&Var], ours: Result<Tensor>, textbook: Result<Tensor>, what: &str) {
    let (ours, textbook) = (ours.unwrap(), textbook.unwrap());
    assert_eq!(ours.dims(), textbook.dims(), "{what}");
    let target = var(ours.dims(), 99);
    let grads = |y: &Tensor| {
        let loss = (y * target.as_tensor()).unwrap().sum_all().unwrap();
        loss.backward().unwrap()
    };
    let (a, b) = (grads(&ours), grads(&textbook));
    assert!(difference(&ours, &textbook) < 1e-4, "{what}: results");
    for (idx, var) in vars.iter().enumerate() {
        let (a, b) = (a.get(var).unwrap(), b.get(var).unwrap());
        assert!(difference(a, b) < 2e-5, "{what}: gradient {idx} {}", difference(a, b));
    }
}

/// Largest, as a share of the largest number.
fn difference(a: &Tensor, b: &Tensor) -> f32 {
    let most = |t: Tensor| t.abs().unwrap().flatten_all().unwrap().max(0).unwrap();
    let apart = most((a - b).unwrap()).to_scalar::<f32>().unwrap();
    apart / most(b.clone()).to_scalar::<f32>().unwrap().max(1.0)
}

#[test]
fn wide_convolutions_and_their_gradients_are_the_textbook_ones() {
    for (t, dilation) in [(1, 1), (7, 1), (600, 3), (20, 27)] {
        let (x, w, b) = (var(&[2, t, 4], 1), var(&[5, 4, 3], 2), var(&[5], 3));
        let ours = wide_conv(&x, &w, &b, dilation);
        agree(&[&x, &w, &b], ours, composed::wide_conv(&x, &w, &b, dilation), "wide");
    }
}

#[test]
fn strided_convolutions_and_their_gradients_are_the_textbook_ones() {
    for (t, stride) in [(2, 2), (16, 8), (1200, 4), (2400, 8)] {
        let (x, b) = (var(&[2, t, 3], 1), var(&[5], 3));
        let (down, up) = (var(&[5, 3, 2 * stride], 2), var(&[3, 5, 2 * stride], 4));
        let ours = down_conv(&x, &down, &b, stride);
        agree(&[&x, &down, &b], ours, composed::down_conv(&x, &down, &b, stride), "down");
        let ours = up_conv(&x, &up, &b, stride);
        agree(&[&x, &up, &b], ours, composed::up_conv(&x, &up, &b, stride), "up");
    }
}

#[test]
fn residual_stacks_and_their_gradients_are_the_textbook_ones() {
    for (width, hidden, t, scale) in [(4, 4, 300, 1.0), (6, 3, 20, 0.25)] {
        let block = |idx: u64| ResBlockVars {
            wide: var(&[hidden, width, 3], 10 + idx),
            wide_bias: var(&[hidden], 20 + idx),
            pointwise: var(&[width, hidden, 1], 30 + idx),
            pointwise_bias: var(&[width], 40 + idx),
        };
        let (x, blocks) = (var(&[2, t, width], 1), [block(0), block(1), block(2)]);
        let shape = ResStackShape { width, hidden, dilations: vec![1, 3, 9], scale };
        let vars: Vec<&Var> = blocks
            .iter()
            .flat_map(|b| [&b.wide, &b.wide_bias, &b.pointwise, &b.pointwise_bias])
            .chain([&x])
            .collect();
        let ours = res_stack(&x, &blocks, &shape);
        agree(&vars, ours, compose(&x, &blocks, &shape), "stack");
    }
}
