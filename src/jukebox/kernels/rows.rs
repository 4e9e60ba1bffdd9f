//! What a layer does to a row besides products: norms, attention, activation.
//!
//! Sums run in [`LANES`] partial sums of a fixed order and nothing is rounded otherwise on one processor than
//! on another, so the same code is compiled for each of them and gives the same bits everywhere.

use super::simd::products;
use crate::jukebox::prior::layer::LAYER_NORM_EPS;

const LANES: usize = 16;

/// These functions as they are compiled for one kind of processor.
pub struct RowFunctions {
    pub gelu: fn(&mut [f32]),
    pub norm: Norm,
    pub attend: Attend,
    pub dot: fn(&[f32], &[f32]) -> f32,
    pub relu: fn(&[f32], &mut [f32]),
    pub finish: fn(&[f32], &[f32], Finish, &mut [f32]),
}

/// [`layer_norm`].
type Norm = fn(x: &[f32], scale: &[f32], shift: &[f32], out: &mut [f32]);
/// [`attend`].
type Attend = fn(q: &[f32], keys: &[f32], values: &[f32], scores: &mut [f32], out: &mut [f32]);

/// `x += y`.
pub fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

/// `x · sigmoid(1.702 x)` in place.
pub fn quick_gelu(x: &mut [f32]) {
    (products().rows.gelu)(x);
}

/// Normalises each row of the width of `scale`.
pub fn layer_norm(x: &[f32], scale: &[f32], shift: &[f32], out: &mut [f32]) {
    (products().rows.norm)(x, scale, shift, out);
}

/// `softmax(q · kᵀ / sqrt(c)) · v` for one query; zeros where there is nothing to see.
///
/// `keys` and `values` are `[n, c]`; `scores` is room for `n` numbers and becomes their softmax.
pub fn attend(q: &[f32], keys: &[f32], values: &[f32], scores: &mut [f32], out: &mut [f32]) {
    (products().rows.attend)(q, keys, values, scores, out);
}

/// `Σ x · y`.
pub fn dot(x: &[f32], y: &[f32]) -> f32 {
    (products().rows.dot)(x, y)
}

/// `y = max(x, 0)`.
pub fn relu(x: &[f32], y: &mut [f32]) {
    (products().rows.relu)(x, y);
}

/// What becomes of sums and their biases.
#[derive(Clone, Copy)]
pub enum Finish {
    Write,
    /// Negative numbers become zero.
    WriteRelu,
    /// On top of what is there.
    Add,
}

/// The functions for any processor, to be compiled again for others.
pub mod any {
    use super::{Finish, LANES, LAYER_NORM_EPS};

    #[inline(always)]
    pub fn gelu(x: &mut [f32]) {
        x.iter_mut().for_each(|x| *x /= 1.0 + exp(-1.702 * *x));
    }

    #[inline(always)]
    pub fn relu(x: &[f32], y: &mut [f32]) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = x.max(0.0));
    }

    #[inline(always)]
    pub fn finish(sums: &[f32], bias: &[f32], finish: Finish, y: &mut [f32]) {
        let row = y.iter_mut().zip(sums).zip(bias);
        match finish {
            Finish::Write => row.for_each(|((y, sum), bias)| *y = sum + bias),
            Finish::WriteRelu => row.for_each(|((y, sum), bias)| *y = (sum + bias).max(0.0)),
            Finish::Add => row.for_each(|((y, sum), bias)| *y += sum + bias),
        }
    }

    #[inline(always)]
    pub fn norm(x: &[f32], scale: &[f32], shift: &[f32], out: &mut [f32]) {
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

    #[inline(always)]
    pub fn attend(q: &[f32], keys: &[f32], values: &[f32], scores: &mut [f32], out: &mut [f32]) {
        let c = q.len();
        let scale = 1.0 / (c as f32).sqrt();
        let mut highest = f32::NEG_INFINITY;
        for (score, key) in scores.iter_mut().zip(keys.chunks_exact(c)) {
            *score = dot(q, key) * scale;
            highest = highest.max(*score);
        }
        scores.iter_mut().for_each(|score| *score = exp(*score - highest));
        let factor = 1.0 / sum(scores, |score| score);
        out.fill(0.0);
        for (weight, value) in scores.iter_mut().zip(values.chunks_exact(c)) {
            *weight *= factor;
            out.iter_mut().zip(value).for_each(|(out, value)| *out += *weight * value);
        }
    }

    #[inline(always)]
    pub fn dot(x: &[f32], y: &[f32]) -> f32 {
        let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
        let mut sums = [0.0; LANES];
        for (x, y) in x.iter().zip(y) {
            for lane in 0..LANES {
                sums[lane] += x[lane] * y[lane];
            }
        }
        let rest: f32 = x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum();
        total(sums) + rest
    }

    /// Sum of `f(x)`.
    #[inline(always)]
    fn sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
        let (whole, rest) = x.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for x in whole {
            for lane in 0..LANES {
                sums[lane] += f(x[lane]);
            }
        }
        total(sums) + rest.iter().map(|x| f(*x)).sum::<f32>()
    }

    /// Halves on halves, as vectors are folded.
    #[inline(always)]
    fn total(mut sums: [f32; LANES]) -> f32 {
        for half in [8, 4, 2, 1] {
            (0..half).for_each(|lane| sums[lane] += sums[lane + half]);
        }
        sums[0]
    }

    /// `e` to the power of `x`, within two units of the last place; what would not be a normal number becomes
    /// the smallest or the largest that is about one. (Coefficients: Cephes, `expf`.)
    #[inline(always)]
    pub fn exp(x: f32) -> f32 {
        /// The last digit of a number near it counts as 1.
        const ONE_AND_A_HALF: f32 = (3 << 22) as f32;
        let x = x.clamp(-87.0, 88.0); // keeps what is no number
        let shifted = x * std::f32::consts::LOG2_E + ONE_AND_A_HALF;
        let n = shifted - ONE_AND_A_HALF;
        let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4; // x - n ln 2
        let mut y = 1.987_569_2e-4;
        for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
            y = y * r + coefficient;
        }
        let y = y * r * r + r + 1.0;
        let exponent = shifted.to_bits().wrapping_sub(ONE_AND_A_HALF.to_bits());
        y * f32::from_bits(exponent.wrapping_add(127) << 23)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jukebox::kernels::simd::Cpu;

    #[test]
    fn a_normalised_row_has_no_mean_and_unit_variance() {
        let x: Vec<f32> = (0..21).map(|i| 1000.0 + (i * i % 17) as f32).collect();
        let mut y = vec![0.0; 21];

        layer_norm(&x, &[1.0; 21], &[0.0; 21], &mut y);

        assert!((y.iter().sum::<f32>() / 21.0).abs() < 1e-4);
        assert!((y.iter().map(|y| y * y).sum::<f32>() / 21.0 - 1.0).abs() < 1e-4);
    }

    #[test]
    fn the_power_of_e_is_that_of_the_library() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            let (ours, theirs) = (any::exp(x), x.exp());
            assert!((ours - theirs).abs() <= 3e-7 * theirs, "e^{x}: {ours} and {theirs}");
        }
        assert_eq!(any::exp(0.0), 1.0);
        assert!(any::exp(f32::NAN).is_nan());
        assert!(any::exp(f32::NEG_INFINITY) < 1e-37 && any::exp(f32::INFINITY) > 1e38);
    }

    #[test]
    fn every_processor_gives_the_same_bits() {
        let x: Vec<f32> = (0..4 * 67).map(|i| (i * 7919 % 1013) as f32 / 100.0 - 5.0).collect();
        let run = |rows: &RowFunctions| {
            let (mut gelu, mut norm) = (x.clone(), x.clone());
            let (mut scores, mut seen) = (vec![0.0; 3], vec![0.0; 67]);
            (rows.gelu)(&mut gelu);
            (rows.norm)(&x, &x[..67], &x[67..134], &mut norm);
            (rows.attend)(&x[..67], &x[67..], &x[..201], &mut scores, &mut seen);
            (gelu, norm, scores, seen, (rows.dot)(&x[..67], &x[67..134]))
        };

        let portable = run(&Cpu::Portable.products().rows);

        assert!(Cpu::available().all(|cpu| run(&cpu.products().rows) == portable));
    }

    #[test]
    fn attention_to_nothing_is_zero() {
        let mut out = [1.0; 3];

        attend(&[1.0, 2.0, 3.0], &[], &[], &mut [], &mut out);

        assert_eq!(out, [0.0; 3]);
    }
}
