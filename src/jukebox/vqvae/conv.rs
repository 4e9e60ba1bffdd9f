//! One-dimensional convolutions on plain slices.
//!
//! Sound is channels-last here, `[t, c]`, so that the inputs of a step lie side by side and a
//! convolution is a product whose rows overlap. The weights on disk are channels-first (SPEC §2)
//! and are turned around once, while loading.

use candle_core::{Error, Result, Tensor};
use candle_nn::VarBuilder;

use super::buffers::Buffers;
use crate::jukebox::kernels::dense::{Finish, Reading};
use crate::jukebox::kernels::float_matrix::FloatMatrix;
use crate::jukebox::kernels::with_numbers;

/// Convolution that keeps its length: kernel 3, zeros beyond the edges.
pub struct Conv {
    matrix: FloatMatrix, // [3 * c_in, c_out]
    c_in: usize,
    c_out: usize,
    dilation: usize,
}

impl Conv {
    /// `dilation` steps between its taps.
    pub fn wide(c_in: usize, c_out: usize, dilation: usize, vb: VarBuilder) -> Result<Self> {
        Ok(Self { matrix: taps(c_in, c_out, 3, 1.0, vb)?, c_in, c_out, dilation })
    }

    /// `y[i] = bias + Σ_j w[j] · x[i + j · dilation]`, where `x` is `dilation` steps longer on either side
    /// than `y`.
    fn run(&self, x: &[f32], finish: Finish, y: &mut [f32]) {
        let tap_stride = self.dilation * self.c_in;
        let reading = Reading { row_stride: self.c_in, tap_stride, n_taps: 3 };
        self.matrix.multiply_rows(x, reading, finish, y);
    }

    /// `[t, c_in]` to `[t, c_out]`, with zeros beyond the edges.
    pub fn forward(&self, x: &[f32], buffers: &mut Buffers) -> Vec<f32> {
        let (c_in, reach) = (self.c_in, self.dilation);
        let n_steps = x.len() / c_in;
        let mut y = buffers.take(n_steps * self.c_out);
        if n_steps <= 2 * reach {
            self.run(&padded(x, c_in, reach, reach), Finish::Write, &mut y);
            return y;
        }
        // only the edges see zeros, so only they are copied
        let (first, rest) = y.split_at_mut(reach * self.c_out);
        let (middle, last) = rest.split_at_mut((n_steps - 2 * reach) * self.c_out);
        self.run(&padded(&x[..2 * reach * c_in], c_in, reach, 0), Finish::Write, first);
        self.run(x, Finish::Write, middle);
        self.run(&padded(&x[x.len() - 2 * reach * c_in..], c_in, 0, reach), Finish::Write, last);
        y
    }
}

/// Convolution with kernel `2 * stride` and padding `stride / 2`: one step out for `stride` in.
pub struct DownConv {
    matrix: FloatMatrix, // [2 * stride * c_in, c_out]
    c_in: usize,
    c_out: usize,
    stride: usize,
}

impl DownConv {
    pub fn load(c_in: usize, c_out: usize, stride: usize, vb: VarBuilder) -> Result<Self> {
        Ok(Self { matrix: taps(c_in, c_out, 2 * stride, 1.0, vb)?, c_in, c_out, stride })
    }

    /// `[f, c_in]` to `[f / stride, c_out]`; a remainder is seen only by the last step.
    pub fn forward(&self, x: &[f32], buffers: &mut Buffers) -> Vec<f32> {
        let (n_frames, half) = (x.len() / self.c_in, self.stride / 2);
        let n_steps = n_frames / self.stride;
        let mut y = buffers.take(n_steps * self.c_out);
        // step `i` sees the frames from `i * stride - half` on; of the first and the last some are beyond
        let n_last = 2 * self.stride - half; // frames that the last step could see
        let n_inside = n_steps.saturating_sub(2);
        if 0 < n_inside {
            let inside = &mut y[self.c_out..(1 + n_inside) * self.c_out];
            self.run(&x[(self.stride - half) * self.c_in..], inside);
        }
        if 0 < n_steps {
            let n_seen = n_frames.min(2 * self.stride - half);
            let first = padded(&x[..n_seen * self.c_in], self.c_in, half, n_last - n_seen);
            self.run(&first, &mut y[..self.c_out]);
        }
        if 1 < n_steps {
            let start = (n_steps - 1) * self.stride - half;
            let n_seen = (n_frames - start).min(2 * self.stride);
            let seen = &x[start * self.c_in..(start + n_seen) * self.c_in];
            let last = padded(seen, self.c_in, 0, 2 * self.stride - n_seen);
            self.run(&last, &mut y[(n_steps - 1) * self.c_out..]);
        }
        y
    }

    /// Steps that see nothing beyond the edges.
    fn run(&self, x: &[f32], y: &mut [f32]) {
        let reading = Reading { row_stride: self.stride * self.c_in, tap_stride: 0, n_taps: 1 };
        self.matrix.multiply_rows(x, reading, Finish::Write, y);
    }
}

/// Transposed convolution with kernel `2 * stride` and padding `stride / 2`: the way back up.
pub struct UpConv {
    matrix: FloatMatrix, // [2 * c_in, stride * c_out]
    c_in: usize,
    c_out: usize,
    stride: usize,
}

impl UpConv {
    pub fn load(c_in: usize, c_out: usize, stride: usize, vb: VarBuilder) -> Result<Self> {
        let bias = vb.get(c_out, "bias")?.to_vec1::<f32>()?.repeat(stride);
        let weight = vb.get((c_in, c_out, 2 * stride), "weight")?;
        let matrix = packed(&weight, 2 * c_in, &bias, |weight, i, o| {
            let half = if i < c_in { stride } else { 0 }; // the late half first
            weight[((i % c_in) * c_out + o % c_out) * 2 * stride + half + o / c_out]
        })?;
        Ok(Self { matrix, c_in, c_out, stride })
    }

    /// `[t, c_in]` to `[t * stride, c_out]`.
    ///
    /// A step spreads over `2 * stride` frames, so each group of `stride` frames is the late half
    /// of the step before plus the early half of its own.
    pub fn forward(&self, x: &[f32], buffers: &mut Buffers) -> Vec<f32> {
        let n_steps = x.len() / self.c_in;
        let mut y = buffers.take(n_steps * self.stride * self.c_out);
        if n_steps == 0 {
            return y;
        }
        // of the first group only the late half is heard, and of the last the early half
        let n_half = self.stride / 2 * self.c_out;
        let (first, rest) = y.split_at_mut(n_half);
        let (middle, last) = rest.split_at_mut((n_steps - 1) * 2 * n_half);
        let mut group = vec![0.0; 2 * n_half];
        self.run(&padded(&x[..self.c_in], self.c_in, 1, 0), &mut group);
        first.copy_from_slice(&group[n_half..]);
        if 1 < n_steps {
            self.run(x, middle);
        }
        self.run(&padded(&x[x.len() - self.c_in..], self.c_in, 0, 1), &mut group);
        last.copy_from_slice(&group[..n_half]);
        y
    }

    /// Groups between each two neighbours of `x`.
    fn run(&self, x: &[f32], groups: &mut [f32]) {
        let reading = Reading { row_stride: self.c_in, tap_stride: 0, n_taps: 1 };
        self.matrix.multiply_rows(x, reading, Finish::Write, groups);
    }
}

/// The weights of `k` taps, each times `scale`, as a product with what they see side by side:
/// `[k * c_in, c_out]`.
pub fn taps(
    c_in: usize,
    c_out: usize,
    k: usize,
    scale: f64,
    vb: VarBuilder,
) -> Result<FloatMatrix> {
    let scale = scale as f32;
    let bias: Vec<f32> = vb.get(c_out, "bias")?.to_vec1()?;
    let bias: Vec<f32> = bias.into_iter().map(|bias| bias * scale).collect();
    packed(&vb.get((c_out, c_in, k), "weight")?, k * c_in, &bias, |weight, i, o| {
        weight[(o * c_in + i % c_in) * k + i / c_in] * scale
    })
}

/// `[t, c]` with steps of zeros around it.
fn padded(x: &[f32], c: usize, n_before: usize, n_after: usize) -> Vec<f32> {
    let mut padded = Vec::with_capacity(x.len() + (n_before + n_after) * c);
    padded.resize(n_before * c, 0.0);
    padded.extend_from_slice(x);
    padded.resize(padded.len() + n_after * c, 0.0);
    padded
}

/// `at` finds the weight from an input to an output among the numbers of `weight`.
fn packed(
    weight: &Tensor,
    n_in: usize,
    bias: &[f32],
    at: impl Fn(&[f32], usize, usize) -> f32,
) -> Result<FloatMatrix> {
    with_numbers(weight, |weight| FloatMatrix::from_fn(n_in, bias, |i, o| at(weight, i, o)))
        .map_err(Error::wrap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};
    use std::collections::HashMap;

    fn random(shape: &[usize]) -> Tensor {
        Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap()
    }

    fn weights(weight: &Tensor, bias: &Tensor) -> VarBuilder<'static> {
        let tensors = [("weight", weight), ("bias", bias)];
        let tensors: HashMap<_, _> =
            tensors.into_iter().map(|(name, t)| (name.to_string(), t.clone())).collect();
        VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)
    }

    /// Channels-first `[1, c, t]` as the rows that a convolution takes.
    fn rows(x: &Tensor) -> Vec<f32> {
        x.transpose(1, 2).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Largest difference between rows `y` and candle's own channels-first `want`.
    fn difference(y: &[f32], want: &Tensor, bias: &Tensor) -> f32 {
        let want = rows(&want.broadcast_add(&bias.reshape((1, (), 1)).unwrap()).unwrap());
        assert_eq!(y.len(), want.len());
        y.iter().zip(want).map(|(y, want)| (y - want).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn convolutions_agree_with_the_textbook_ones() {
        for (n_steps, dilation) in [(1, 1), (20, 1), (200, 3), (5, 9)] {
            let (x, bias, weight) = (random(&[1, 4, n_steps]), random(&[6]), random(&[6, 4, 3]));

            let conv = Conv::wide(4, 6, dilation, weights(&weight, &bias)).unwrap();
            let y = conv.forward(&rows(&x), &mut Buffers::default());

            let want = x.conv1d(&weight, dilation, 1, dilation, 1).unwrap();
            assert!(difference(&y, &want, &bias) < 1e-4);
        }
    }

    #[test]
    fn strided_convolutions_agree_with_the_textbook_ones() {
        for (stride, n_frames) in [(2, 16), (2, 17), (4, 30), (8, 71)] {
            let (x, bias) = (random(&[1, 3, n_frames]), random(&[5]));
            let down = random(&[5, 3, 2 * stride]);
            let up = random(&[3, 5, 2 * stride]);

            let shorter = DownConv::load(3, 5, stride, weights(&down, &bias)).unwrap();
            let longer = UpConv::load(3, 5, stride, weights(&up, &bias)).unwrap();
            let mut buffers = Buffers::default();
            let shorter = shorter.forward(&rows(&x), &mut buffers);
            let longer = longer.forward(&rows(&x), &mut buffers);

            let want = x.conv1d(&down, stride / 2, stride, 1, 1).unwrap();
            assert!(difference(&shorter, &want, &bias) < 1e-4, "down by {stride}");
            let want = x.conv_transpose1d(&up, stride / 2, 0, stride, 1, 1).unwrap();
            assert!(difference(&longer, &want, &bias) < 1e-4, "up by {stride}");
        }
    }
}
