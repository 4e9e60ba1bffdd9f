//! A dense layer, with the weights of checkpoints: `(in, out)`.

use candle_core::{Result, Tensor};

use super::buffers::Buffer;
use super::lanes::{Shared, sum_over_rows};
use super::machine::add;
use super::node::{node, numbers, wanted};
use super::product::{Into, View, product};

/// `x · weight + bias` over the last dimension of `x`: `[.., n]` to `[.., m]`.
pub fn dense(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (n_in, n_out) = weight.dims2()?;
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = n_out;
    }
    if !x.device().is_cpu() {
        let y = x.contiguous()?.reshape(((), n_in))?.matmul(weight)?;
        return y.broadcast_add(bias)?.reshape(shape);
    }
    let asked = wanted(&[x, weight, bias]);
    let (rows, w, b) = (numbers(x)?, numbers(weight)?, numbers(bias)?);
    let n_rows = rows.len() / n_in.max(1);
    let mut out = vec![0.0; n_rows * n_out];
    let shared = Shared::new(&mut out);
    sum_over_rows(
        n_rows,
        &[],
        || (),
        |tile, _, _| {
            // SAFETY: each tile has rows of its own
            let out = unsafe { shared.slice_mut(tile.start * n_out, tile.len() * n_out) };
            apply(&rows[tile.start * n_in..tile.end * n_in], &w, &b, out);
        },
    );
    node(&[x, weight, bias], out, shape, move |grad| {
        let mut grad_x = vec![0.0; if asked[0] { rows.len() } else { 0 }];
        let shared = Shared::new(&mut grad_x);
        let n_weights = if asked[1] { w.len() } else { 0 };
        let mut sums = sum_over_rows(
            n_rows,
            &[n_weights, n_out],
            || (),
            |tile, sums, _| {
                let grad = &grad[tile.start * n_out..tile.end * n_out];
                if asked[0] {
                    // SAFETY: each tile has rows of its own
                    let to = unsafe { shared.slice_mut(tile.start * n_in, tile.len() * n_in) };
                    back(grad, &w, n_in, to);
                }
                let [grad_w, grad_b] = sums else { return };
                if asked[1] {
                    add_weights(&rows[tile.start * n_in..tile.end * n_in], grad, n_in, grad_w);
                }
                add_rows(grad, grad_b);
            },
        );
        let grad_b = sums.pop();
        vec![
            asked[0].then_some(grad_x),
            sums.pop().filter(|_| asked[1]).map(Buffer::into_vec),
            grad_b.filter(|_| asked[2]).map(Buffer::into_vec),
        ]
    })
}

/// `x · weight + bias` on this thread.
pub fn apply(x: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32]) {
    let n_out = bias.len();
    out.chunks_exact_mut(n_out).for_each(|row| row.copy_from_slice(bias));
    let weight = View::rows(weight, n_out);
    let n_in = x.len() / (out.len() / n_out).max(1);
    product(out, n_out, View::rows(x, n_in), weight, Into::Add, 1.0);
}

/// Gradients of `x`, of `n_in` numbers a row, from those of the result.
pub fn back(grad: &[f32], weight: &[f32], n_in: usize, grad_x: &mut [f32]) {
    let n_out = weight.len() / n_in;
    let weight = View::rows(weight, n_out).t();
    product(grad_x, n_in, View::rows(grad, n_out), weight, Into::Replace, 1.0);
}

/// Adds gradients of the weights, `xᵀ · grad`.
pub fn add_weights(x: &[f32], grad: &[f32], n_in: usize, grad_weight: &mut [f32]) {
    let n_out = grad_weight.len() / n_in;
    let (x, grad) = (View::rows(x, n_in).t(), View::rows(grad, n_out));
    product(grad_weight, n_out, x, grad, Into::Add, 1.0);
}

/// Adds every row up.
pub fn add_rows(rows: &[f32], sum: &mut [f32]) {
    rows.chunks_exact(sum.len()).for_each(|row| add(sum, row));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ops::tests::{assert_same_gradients, random};

    #[test]
    fn a_dense_layer_and_its_gradients_are_those_of_candle() {
        let vars = [random(&[2, 301, 5], 1), random(&[5, 7], 2), random(&[7], 3)];

        let ours = dense(&vars[0], &vars[1], &vars[2]).unwrap();

        let rows = vars[0].reshape((602, 5)).unwrap().matmul(&vars[1]).unwrap();
        let theirs = rows.broadcast_add(&vars[2]).unwrap().reshape((2, 301, 7)).unwrap();
        assert_same_gradients(&ours, &theirs, &vars);
    }

    #[test]
    fn a_frozen_weight_gets_no_gradient() {
        let (x, b) = (random(&[4, 5], 1), random(&[7], 3));
        let frozen = random(&[5, 7], 2).as_detached_tensor();

        let loss = dense(&x, &frozen, &b).unwrap().sum_all().unwrap();

        let grads = loss.backward().unwrap();
        assert!(grads.get(&x).is_some() && grads.get(&b).is_some() && grads.get(&frozen).is_none());
    }
}
