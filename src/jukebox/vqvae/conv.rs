//! One-dimensional convolutions as matrix products over shifted rows.
//!
//! Tensors here are channels-last, `[b, t, c]`, so that a tap of a convolution is one product of
//! all rows with a `[c_in, c_out]` matrix. The weights on disk are channels-first (SPEC §2) and
//! are turned around once, while loading.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// Convolution that keeps its length: kernel 1 or 3, zeros beyond the edges.
pub struct Conv {
    taps: Vec<Tensor>, // [c_in, c_out] each
    bias: Tensor,      // [c_out]
    dilation: usize,
}

impl Conv {
    /// Kernel 3 with `dilation` steps between its taps.
    pub fn wide(c_in: usize, c_out: usize, dilation: usize, vb: VarBuilder) -> Result<Self> {
        let weight = vb.get((c_out, c_in, 3), "weight")?;
        Self::new(&weight, vb.get(c_out, "bias")?, dilation)
    }

    /// Kernel 1: the same product at every step.
    pub fn pointwise(c_in: usize, c_out: usize, vb: VarBuilder) -> Result<Self> {
        let weight = vb.get((c_out, c_in, 1), "weight")?;
        Self::new(&weight, vb.get(c_out, "bias")?, 1)
    }

    fn new(weight: &Tensor, bias: Tensor, dilation: usize) -> Result<Self> {
        let by_tap = weight.permute((2, 1, 0))?.contiguous()?; // [k, c_in, c_out]
        let taps = (0..by_tap.dim(0)?).map(|j| by_tap.get(j)).collect::<Result<_>>()?;
        Ok(Self { taps, bias, dilation })
    }

    /// `y[i] = bias + Σ_j w[j] · x[i + (j - middle) · dilation]`, `[b, t, c_in]` to `[b, t, c_out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let n_steps = x.dim(1)?;
        let reach = self.taps.len() / 2 * self.dilation;
        if reach == 0 || n_steps <= self.dilation {
            // the outer taps see nothing but zeros
            let middle = &self.taps[self.taps.len() / 2];
            return rows_times(x, middle)?.broadcast_add(&self.bias);
        }
        let padded = x.pad_with_zeros(1, reach, reach)?; // [b, t + 2 * reach, c_in]
        sum_of_taps(&padded, &self.taps, self.dilation, n_steps)?.broadcast_add(&self.bias)
    }
}

/// Convolution with kernel `2 * stride` and padding `stride / 2`: one step out for `stride` in.
pub struct DownConv {
    taps: Vec<Tensor>, // 2 of [stride * c_in, c_out]
    bias: Tensor,      // [c_out]
    stride: usize,
}

impl DownConv {
    pub fn load(c_in: usize, c_out: usize, stride: usize, vb: VarBuilder) -> Result<Self> {
        let weight = vb.get((c_out, c_in, 2 * stride), "weight")?;
        let by_tap = weight.permute((2, 1, 0))?.contiguous()?; // [2 * stride, c_in, c_out]
        let halves = by_tap.reshape((2, stride * c_in, c_out))?;
        let taps = vec![halves.get(0)?, halves.get(1)?];
        Ok(Self { taps, bias: vb.get(c_out, "bias")?, stride })
    }

    /// `[b, f, c_in]` to `[b, f / stride, c_out]`; a remainder is seen only by the last step.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (b, n_frames, c_in) = x.dims3()?;
        let n_steps = n_frames / self.stride;
        let n_seen = n_frames.min(n_steps * self.stride + self.stride / 2);
        let n_right = (n_steps + 1) * self.stride - self.stride / 2 - n_seen;
        let x = x.narrow(1, 0, n_seen)?.pad_with_zeros(1, self.stride / 2, n_right)?;
        let groups = x.reshape((b, n_steps + 1, self.stride * c_in))?;
        sum_of_taps(&groups, &self.taps, 1, n_steps)?.broadcast_add(&self.bias)
    }
}

/// Transposed convolution with kernel `2 * stride` and padding `stride / 2`: the way back up.
pub struct UpConv {
    taps: Vec<Tensor>, // 2 of [c_in, stride * c_out]
    bias: Tensor,      // [c_out]
    stride: usize,
}

impl UpConv {
    pub fn load(c_in: usize, c_out: usize, stride: usize, vb: VarBuilder) -> Result<Self> {
        let weight = vb.get((c_in, c_out, 2 * stride), "weight")?;
        let weight = weight.permute((0, 2, 1))?.reshape((c_in, 2, stride * c_out))?;
        let early = weight.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?;
        let late = weight.narrow(1, 1, 1)?.squeeze(1)?.contiguous()?;
        Ok(Self { taps: vec![late, early], bias: vb.get(c_out, "bias")?, stride })
    }

    /// `[b, t, c_in]` to `[b, t * stride, c_out]`.
    ///
    /// Step `i` spreads over `2 * stride` frames, so each group of `stride` frames is the late half
    /// of the step before plus the early half of its own.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (b, n_steps, _) = x.dims3()?;
        let padded = x.pad_with_zeros(1, 1, 1)?; // [b, t + 2, c_in]
        let groups = sum_of_taps(&padded, &self.taps, 1, n_steps + 1)?; // [b, t + 1, stride * c_out]
        let frames = groups.reshape((b, (n_steps + 1) * self.stride, ()))?;
        let frames = frames.narrow(1, self.stride / 2, n_steps * self.stride)?;
        frames.broadcast_add(&self.bias)
    }
}

/// `Σ_j x[i + j · step] · taps[j]` for `i` in `0..n_out`, over `[b, t, c_in]`.
fn sum_of_taps(x: &Tensor, taps: &[Tensor], step: usize, n_out: usize) -> Result<Tensor> {
    let mut sum = rows_times(&x.narrow(1, 0, n_out)?, &taps[0])?;
    for (j, tap) in taps.iter().enumerate().skip(1) {
        sum = (sum + rows_times(&x.narrow(1, j * step, n_out)?, tap)?)?;
    }
    Ok(sum)
}

/// `[b, t, c_in] · [c_in, c_out]` as one product; copies only where rows of a batch lie apart.
fn rows_times(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (b, n_steps, c_in) = x.dims3()?;
    let rows = x.contiguous()?.reshape((b * n_steps, c_in))?;
    rows.matmul(weight)?.reshape((b, n_steps, ()))
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

    /// Largest difference between channels-last `y` and candle's own channels-first `want`.
    fn difference(y: &Tensor, want: &Tensor, bias: &Tensor) -> f32 {
        let want = want.broadcast_add(&bias.reshape((1, (), 1)).unwrap()).unwrap();
        let y = y.transpose(1, 2).unwrap();
        assert_eq!(y.dims(), want.dims());
        (y - want).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    #[test]
    fn convolutions_agree_with_the_textbook_ones() {
        for (b, n_steps, dilation) in [(1, 20, 1), (2, 20, 3), (2, 5, 9)] {
            let (x, bias) = (random(&[b, 4, n_steps]), random(&[6]));
            let rows = x.transpose(1, 2).unwrap().contiguous().unwrap();
            let weight = random(&[6, 4, 3]);

            let conv = Conv::wide(4, 6, dilation, weights(&weight, &bias)).unwrap();
            let y = conv.forward(&rows).unwrap();

            let want = x.conv1d(&weight, dilation, 1, dilation, 1).unwrap();
            assert!(difference(&y, &want, &bias) < 1e-4);
        }
    }

    #[test]
    fn strided_convolutions_agree_with_the_textbook_ones() {
        for (stride, n_frames) in [(2, 16), (2, 17), (4, 30), (8, 71)] {
            let (x, bias) = (random(&[2, 3, n_frames]), random(&[5]));
            let rows = x.transpose(1, 2).unwrap().contiguous().unwrap();
            let down = random(&[5, 3, 2 * stride]);
            let up = random(&[3, 5, 2 * stride]);

            let shorter = DownConv::load(3, 5, stride, weights(&down, &bias)).unwrap();
            let longer = UpConv::load(3, 5, stride, weights(&up, &bias)).unwrap();
            let shorter = shorter.forward(&rows).unwrap();
            let longer = longer.forward(&rows).unwrap();

            let want = x.conv1d(&down, stride / 2, stride, 1, 1).unwrap();
            assert!(difference(&shorter, &want, &bias) < 1e-4, "down by {stride}");
            let want = x.conv_transpose1d(&up, stride / 2, 0, stride, 1, 1).unwrap();
            assert!(difference(&longer, &want, &bias) < 1e-4, "up by {stride}");
        }
    }
}
