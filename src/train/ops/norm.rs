//! Layer norm: each row less its mean, over its deviation, times a weight and moved by a bias.

use candle_core::{D, Result, Tensor};

use super::buffers::Buffer;
use super::lanes::{Shared, sum_over_rows};
use super::machine::{for_machine, sum_of};
use super::node::{node, numbers};

/// Added to the variance (SPEC §3.2).
const EPS: f64 = 1e-5;

/// Normalises the last dimension of `x`, `[.., w]`; `weight` and `bias` are `[w]`.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed(x, weight, bias);
    }
    let (rows, w, b) = (numbers(x)?, numbers(weight)?, numbers(bias)?);
    let mut out = vec![0.0; rows.len()];
    normalise(&rows, &w, &b, &mut out);
    let n_rows = rows.len() / w.len().max(1);
    node(&[x, weight, bias], out, x.shape(), move |grad| {
        let mut grad_x = grad.to_vec();
        let shared = Shared::new(&mut grad_x);
        let width = w.len();
        let sums = sum_over_rows(
            n_rows,
            &[width, width],
            || (),
            |tile, sums, _| {
                let span = tile.start * width..tile.end * width;
                // SAFETY: each tile has rows of its own
                let grad = unsafe { shared.slice_mut(span.start, span.len()) };
                let [grad_w, grad_b] = sums else { return };
                normalise_back(&rows[span], &w, grad, grad_w, grad_b);
            },
        );
        let sums = sums.into_iter().map(Buffer::into_vec);
        std::iter::once(grad_x).chain(sums).map(Some).collect()
    })
}

/// The same of candle's operations (its own layer norm has no way back).
pub fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let x = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let deviation = (x.sqr()?.mean_keepdim(D::Minus1)? + EPS)?.sqrt()?;
    x.broadcast_div(&deviation)?.broadcast_mul(weight)?.broadcast_add(bias)
}

for_machine! {
    /// Normalises rows of as many numbers as there are weights.
    pub fn normalise(x: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32]) {
        let width = weight.len();
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let (mean, scale) = mean_and_scale(x);
            for (((x, out), weight), bias) in x.iter().zip(out).zip(weight).zip(bias) {
                *out = (x - mean) * scale * weight + bias;
            }
        }
    }
}

for_machine! {
    /// Makes gradients of the rows of those of the result, in place, and adds those of weight and bias.
    pub fn normalise_back(
        x: &[f32],
        weight: &[f32],
        grad: &mut [f32],
        grad_weight: &mut [f32],
        grad_bias: &mut [f32],
    ) {
        let width = weight.len();
        for (x, grad) in x.chunks_exact(width).zip(grad.chunks_exact_mut(width)) {
            let (mean, scale) = mean_and_scale(x);
            let sums = grad_weight.iter_mut().zip(grad_bias.iter_mut());
            for ((x, (grad_weight, grad_bias)), (grad, weight)) in
                x.iter().zip(sums).zip(grad.iter_mut().zip(weight))
            {
                *grad_weight += *grad * (x - mean) * scale;
                *grad_bias += *grad;
                *grad *= weight;
            }
            let along = sum_of(grad, x, |grad, x| grad * (x - mean)) * scale / width as f32;
            let level = sum_of(grad, x, |grad, _| grad) / width as f32;
            for (x, grad) in x.iter().zip(grad) {
                *grad = scale * (*grad - level - (x - mean) * scale * along);
            }
        }
    }
}

#[inline(always)]
fn mean_and_scale(x: &[f32]) -> (f32, f32) {
    let mean = sum_of(x, x, |x, _| x) / x.len() as f32;
    let variance = sum_of(x, x, |x, _| (x - mean) * (x - mean)) / x.len() as f32;
    (mean, 1.0 / (variance + EPS as f32).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ops::tests::{assert_same_gradients, random};

    #[test]
    fn a_norm_and_its_gradients_are_those_of_candle() {
        let vars = [random(&[3, 5, 40], 1), random(&[40], 2), random(&[40], 3)];

        let ours = layer_norm(&vars[0], &vars[1], &vars[2]).unwrap();

        let theirs = composed(&vars[0], &vars[1], &vars[2]).unwrap();
        assert_same_gradients(&ours, &theirs, &vars);
    }
}
