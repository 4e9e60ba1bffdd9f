//! Convolutions of sound, channels-last, with weights as checkpoints hold them (SPEC §2).
//!
//! The gradient of each with respect to what it reads is one of the same family: a wide one with its taps in
//! the other order, one that goes down for one that goes up.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::numbers;
use super::rows::{Product, Seen};

/// Kernel of a convolution that keeps the length.
const WIDE_TAPS: usize = 3;

/// Kernel 3, zeros beyond the edges: `[b, t, c_in]` to `[b, t, c_out]`; the weight is `[c_out, c_in, 3]`.
pub fn wide_conv(x: &Tensor, weight: &Tensor, bias: &Tensor, dilation: usize) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed::wide_conv(x, weight, bias, dilation);
    }
    apply(x, weight, bias, Kind::Wide { dilation }, true)
}

/// One step out for `stride` in, kernel `2 * stride`: `[b, t, c_in]` to `[b, t / stride, c_out]`; the weight
/// is `[c_out, c_in, 2 * stride]`.
pub fn down_conv(x: &Tensor, weight: &Tensor, bias: &Tensor, stride: usize) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed::down_conv(x, weight, bias, stride);
    }
    apply(x, weight, bias, Kind::Down { stride }, true)
}

/// [`down_conv`] of what nothing is to be learnt for, such as audio.
pub fn down_conv_of_data(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    stride: usize,
) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed::down_conv(x, weight, bias, stride);
    }
    apply(x, weight, bias, Kind::Down { stride }, false)
}

/// `stride` steps out for one in, transposed, kernel `2 * stride`: `[b, t, c_in]` to `[b, t * stride, c_out]`;
/// the weight is `[c_in, c_out, 2 * stride]`.
pub fn up_conv(x: &Tensor, weight: &Tensor, bias: &Tensor, stride: usize) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed::up_conv(x, weight, bias, stride);
    }
    apply(x, weight, bias, Kind::Up { stride }, true)
}

fn apply(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    kind: Kind,
    needs_grad: bool,
) -> Result<Tensor> {
    let (x, weight, bias) = (x.contiguous()?, weight.contiguous()?, bias.contiguous()?);
    x.apply_op3(&weight, &bias, Conv { kind, needs_grad })
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Wide { dilation: usize },
    Down { stride: usize },
    Up { stride: usize },
}

struct Conv {
    kind: Kind,
    needs_grad: bool,
}

/// Sizes of one call.
#[derive(Clone, Copy)]
struct Sizes {
    b: usize,
    t: usize,
    c_in: usize,
    c_out: usize,
}

impl Conv {
    fn sizes(&self, x: &Shape, weight: &Shape) -> Result<Sizes> {
        let ((b, t, c_in), (w_0, w_1, k)) = (x.dims3()?, weight.dims3()?);
        let ((w_out, w_in), want_k) = match self.kind {
            Kind::Wide { .. } => ((w_0, w_1), WIDE_TAPS),
            Kind::Down { stride } => ((w_0, w_1), 2 * stride),
            Kind::Up { stride } => ((w_1, w_0), 2 * stride),
        };
        if let Kind::Down { stride } = self.kind
            && !t.is_multiple_of(stride)
        {
            bail!("{t} steps in a convolution that goes down by {stride}");
        }
        if (w_in, k) != (c_in, want_k) {
            bail!("a convolution {:?} of {c_in} channels with weights {weight:?}", self.kind);
        }
        Ok(Sizes { b, t, c_in, c_out: w_out })
    }

    /// Steps of the result.
    fn t_out(&self, t: usize) -> usize {
        match self.kind {
            Kind::Wide { .. } => t,
            Kind::Down { stride } => t / stride,
            Kind::Up { stride } => t * stride,
        }
    }

    fn product(&self, s: Sizes) -> Product {
        product(self.kind, s.b, s.t, s.c_in, s.c_out)
    }

    /// The product that turns the gradient of the result into that of what was read.
    fn turned(&self, s: Sizes) -> Product {
        let kind = match self.kind {
            Kind::Wide { dilation } => Kind::Wide { dilation },
            Kind::Down { stride } => Kind::Up { stride },
            Kind::Up { stride } => Kind::Down { stride },
        };
        product(kind, s.b, self.t_out(s.t), s.c_out, s.c_in)
    }

    /// Calls `f` with the place of each weight in the checkpoint, in the product and in the turned product.
    fn places(&self, s: Sizes, mut f: impl FnMut(usize, usize, usize)) {
        let Sizes { c_in, c_out, .. } = s;
        match self.kind {
            Kind::Wide { .. } => each(c_out, c_in, WIDE_TAPS, |o, i, tap, stored| {
                let turned = ((WIDE_TAPS - 1 - tap) * c_out + o) * c_in + i;
                f(stored, (tap * c_in + i) * c_out + o, turned);
            }),
            Kind::Down { stride } => each(c_out, c_in, 2 * stride, |o, i, tap, stored| {
                f(stored, (tap * c_in + i) * c_out + o, up_place(stride, tap, o, i, c_out, c_in));
            }),
            Kind::Up { stride } => each(c_in, c_out, 2 * stride, |i, o, tap, stored| {
                f(stored, up_place(stride, tap, i, o, c_in, c_out), (tap * c_out + o) * c_in + i);
            }),
        }
    }

    /// Numbers of the bias of one row of the product.
    fn n_repeats(&self) -> usize {
        match self.kind {
            Kind::Up { stride } => stride,
            _ => 1,
        }
    }
}

/// Goes through weights in their stored order.
fn each(n_0: usize, n_1: usize, n_taps: usize, mut f: impl FnMut(usize, usize, usize, usize)) {
    for a in 0..n_0 {
        for b in 0..n_1 {
            for tap in 0..n_taps {
                f(a, b, tap, (a * n_1 + b) * n_taps + tap);
            }
        }
    }
}

/// Place of a weight of a transposed convolution in the matrix `[2 * c_in, stride * c_out]`: a block of
/// `stride` steps sees the row before it with the later half of the kernel, and its own with the earlier.
fn up_place(stride: usize, tap: usize, i: usize, o: usize, c_in: usize, c_out: usize) -> usize {
    let row = if tap < stride { c_in + i } else { i };
    (row * stride + tap % stride) * c_out + o
}

fn product(kind: Kind, b: usize, t: usize, c_in: usize, c_out: usize) -> Product {
    let whole = |n_rows, t_out: usize, seen, n, start_out| Product {
        n_examples: b,
        len_in: t * c_in,
        len_out: t_out * c_out,
        n_rows,
        seen,
        n,
        start_out,
    };
    match kind {
        Kind::Wide { dilation } => {
            let stride = dilation * c_in;
            let seen = Seen {
                n_taps: WIDE_TAPS,
                width: c_in,
                tap_stride: stride,
                row_stride: c_in,
                start: -(stride as isize),
            };
            whole(t, t, seen, c_out, 0)
        }
        Kind::Down { stride } => {
            let width = 2 * stride * c_in;
            let start = -((stride / 2 * c_in) as isize);
            let seen = Seen { n_taps: 1, width, tap_stride: 0, row_stride: stride * c_in, start };
            whole(t / stride, t / stride, seen, c_out, 0)
        }
        Kind::Up { stride } => {
            let (width, start) = (2 * c_in, -(c_in as isize));
            let seen = Seen { n_taps: 1, width, tap_stride: 0, row_stride: c_in, start };
            whole(t + 1, t * stride, seen, stride * c_out, -((stride / 2 * c_out) as isize))
        }
    }
}

impl CustomOp3 for Conv {
    fn name(&self) -> &'static str {
        "convolution of sound"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let s = self.sizes(x_layout.shape(), weight_layout.shape())?;
        let stored = numbers::of(weight, weight_layout)?;
        let mut weights = vec![0.0; stored.len()];
        self.places(s, |at, to, _| weights[to] = stored[at]);
        let bias = numbers::of(bias, bias_layout)?.repeat(self.n_repeats());
        let y = self.product(s).run(numbers::of(x, x_layout)?, &weights, Some(&bias));
        Ok((CpuStorage::F32(y), Shape::from((s.b, self.t_out(s.t), s.c_out))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let s = self.sizes(x.shape(), weight.shape())?;
        let (packed, bias_sums) =
            numbers::with(x, |x| numbers::with(dy, |dy| self.product(s).weight_grads(x, dy)))??;
        let mut weight_grad = vec![0.0; packed.len()];
        self.places(s, |at, to, _| weight_grad[at] = packed[to]);
        let mut bias_grad = vec![0.0; s.c_out];
        super::rows::add_rows(&bias_sums, &mut bias_grad);
        let dx = match self.needs_grad {
            true => {
                let mut turned = vec![0.0; packed.len()];
                numbers::with(weight, |stored| {
                    self.places(s, |at, _, to| turned[to] = stored[at]);
                })?;
                let dx = numbers::with(dy, |dy| self.turned(s).run(dy, &turned, None))?;
                Some(Tensor::from_vec(dx, x.shape(), x.device())?)
            }
            false => None,
        };
        let weight_grad = Tensor::from_vec(weight_grad, weight.shape(), weight.device())?;
        let bias_grad = Tensor::from_vec(bias_grad, bias.shape(), bias.device())?;
        Ok((dx, Some(weight_grad), Some(bias_grad)))
    }
}

/// The same in candle's own operations, for other devices.
pub mod composed {
    use super::*;

    pub fn wide_conv(
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        dilation: usize,
    ) -> Result<Tensor> {
        let (b, t, c_in) = x.dims3()?;
        let padded = x.pad_with_zeros(1, dilation, dilation)?;
        let taps: Vec<Tensor> =
            (0..WIDE_TAPS).map(|tap| padded.narrow(1, tap * dilation, t)).collect::<Result<_>>()?;
        let seen = Tensor::cat(&taps, 2)?.reshape((b * t, WIDE_TAPS * c_in))?;
        dense(&seen, weight, bias)?.reshape((b, t, ()))
    }

    pub fn down_conv(x: &Tensor, weight: &Tensor, bias: &Tensor, stride: usize) -> Result<Tensor> {
        let (b, t, c_in) = x.dims3()?;
        let n = t / stride;
        let padded = x.pad_with_zeros(1, stride / 2, stride - stride / 2)?;
        let half = |first| {
            padded.narrow(1, first, n * stride)?.contiguous()?.reshape((b, n, stride * c_in))
        };
        let seen = Tensor::cat(&[half(0)?, half(stride)?], 2)?;
        dense(&seen.reshape((b * n, 2 * stride * c_in))?, weight, bias)?.reshape((b, n, ()))
    }

    pub fn up_conv(x: &Tensor, weight: &Tensor, bias: &Tensor, stride: usize) -> Result<Tensor> {
        let ((b, t, c_in), (_, c_out, k)) = (x.dims3()?, weight.dims3()?);
        let weight = weight.transpose(1, 2)?.contiguous()?.reshape((c_in, k * c_out))?;
        let y = x.reshape((b * t, c_in))?.matmul(&weight)?.reshape((b, t, 2, stride * c_out))?;
        let half = |idx: usize, before, after| {
            y.narrow(2, idx, 1)?
                .contiguous()?
                .reshape((b, t, stride * c_out))?
                .pad_with_zeros(1, before, after)
        };
        let y = (half(0, 0, 1)? + half(1, 1, 0)?)?.reshape((b, (t + 1) * stride, c_out))?;
        y.narrow(1, stride / 2, t * stride)?.contiguous()?.broadcast_add(bias)
    }

    /// `[n, taps * c_in]` times weights `[c_out, c_in, taps]`.
    fn dense(seen: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let (c_out, c_in, k) = weight.dims3()?;
        let weight = weight.permute((2, 1, 0))?.contiguous()?.reshape((k * c_in, c_out))?;
        seen.matmul(&weight)?.broadcast_add(bias)
    }
}
