//! What a layer does to a row besides products: norms, attention, activation.
//!
//! Sums run in [`LANES`] partial sums of a fixed order, so they vectorise and never depend on the
//! processor they run on.

use crate::jukebox::prior::layer::LAYER_NORM_EPS;

const LANES: usize = 8;

/// `x += y`.
pub fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

/// `x · sigmoid(1.702 x)` in place.
pub fn quick_gelu(x: &mut [f32]) {
    x.iter_mut().for_each(|x| *x /= 1.0 + (-1.702 * *x).exp());
}

/// Normalises each row of the width of `scale`.
pub fn layer_norm(x: &[f32], scale: &[f32], shift: &[f32], out: &mut [f32]) {
    let width = scale.len();
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let mean = sum(x, |x| x) / width as f32;
        let variance = sum(x, |x| (x - mean) * (x - mean)) / width as f32;
        let factor = 1.0 / (variance + LAYER_NORM_EPS as f32).sqrt();
        for (((out, x), scale), shift) in out.iter_mut().zip(x).zip(scale).zip(shift) {
            *out = (x - mean) * factor * scale + shift;
        }
    }
}

/// `softmax(q · kᵀ / sqrt(c)) · v` for one query; zeros where there is nothing to see.
///
/// `keys` and `values` are `[n, c]`; `scores` is room for `n` numbers and becomes their softmax.
pub fn attend(q: &[f32], keys: &[f32], values: &[f32], scores: &mut [f32], out: &mut [f32]) {
    let c = q.len();
    let scale = 1.0 / (c as f32).sqrt();
    let mut highest = f32::NEG_INFINITY;
    for (score, key) in scores.iter_mut().zip(keys.chunks_exact(c)) {
        *score = dot(q, key) * scale;
        highest = highest.max(*score);
    }
    let mut total = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - highest).exp();
        total += *score;
    }
    out.fill(0.0);
    for (weight, value) in scores.iter_mut().zip(values.chunks_exact(c)) {
        *weight /= total;
        out.iter_mut().zip(value).for_each(|(out, value)| *out += *weight * value);
    }
}

/// `Σ x · y`.
pub fn dot(x: &[f32], y: &[f32]) -> f32 {
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (x, y) in x.iter().zip(y) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

/// Sum of `f(x)`.
fn sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (whole, rest) = x.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for x in whole {
        for lane in 0..LANES {
            sums[lane] += f(x[lane]);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|x| f(*x)).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_normalised_row_has_no_mean_and_unit_variance() {
        let x: Vec<f32> = (0..21).map(|i| 1000.0 + (i * i % 17) as f32).collect();
        let mut y = vec![0.0; 21];

        layer_norm(&x, &[1.0; 21], &[0.0; 21], &mut y);

        assert!((y.iter().sum::<f32>() / 21.0).abs() < 1e-4);
        assert!((y.iter().map(|y| y * y).sum::<f32>() / 21.0 - 1.0).abs() < 1e-4);
    }

    #[test]
    fn attention_to_nothing_is_zero() {
        let mut out = [1.0; 3];

        attend(&[1.0, 2.0, 3.0], &[], &[], &mut [], &mut out);

        assert_eq!(out, [0.0; 3]);
    }
}
