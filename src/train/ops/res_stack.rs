//! Stacks of dilated residual blocks, `x + scale * pointwise(relu(wide(relu(x))))` one after the other, as one
//! operation: what runs between the blocks stays out of the graph.

use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, Var, bail};
use rayon::prelude::*;

use super::conv::composed;
use super::numbers;
use super::rows::{CHUNK_ROWS, Chunk, Matrix, Seen, add_rows, chunks, cut, multiply, summed};

const TAPS: usize = 3;

/// The shape of a stack.
#[derive(Debug, Clone, PartialEq)]
pub struct ResStackShape {
    pub width: usize,
    /// Channels inside a block.
    pub hidden: usize,
    /// Of each block's wide convolution, in steps.
    pub dilations: Vec<usize>,
    /// Of what a block adds.
    pub scale: f64,
}

impl ResStackShape {
    /// Numbers of the weights and biases of a block.
    fn n_block(&self) -> usize {
        self.hidden * (self.width * TAPS + 1) + self.width * (self.hidden + 1)
    }
}

/// The weights of a block, as checkpoints hold them (SPEC §2).
#[derive(Debug, Clone)]
pub struct ResBlockVars {
    /// `[hidden, width, 3]`.
    pub wide: Var,
    pub wide_bias: Var,
    /// `[width, hidden, 1]`.
    pub pointwise: Var,
    pub pointwise_bias: Var,
}

/// Keeps the shape `[b, t, width]`; one entry of `vars` for each dilation.
pub fn res_stack(x: &Tensor, vars: &[ResBlockVars], shape: &ResStackShape) -> Result<Tensor> {
    if vars.len() != shape.dilations.len() {
        bail!("{} blocks with {} dilations", vars.len(), shape.dilations.len());
    }
    if !x.device().is_cpu() {
        return compose(x, vars, shape);
    }
    let flat: Vec<Tensor> = vars
        .iter()
        .flat_map(|block| [&block.wide, &block.wide_bias, &block.pointwise, &block.pointwise_bias])
        .map(|var| var.as_tensor().flatten_all())
        .collect::<Result<_>>()?;
    let flat = Tensor::cat(&flat, 0)?;
    x.contiguous()?.apply_op2(&flat, Stack { shape: shape.clone(), seen: Mutex::default() })
}

/// The same in candle's own operations, for other devices.
pub fn compose(x: &Tensor, vars: &[ResBlockVars], shape: &ResStackShape) -> Result<Tensor> {
    let (b, t, _) = x.dims3()?;
    vars.iter().zip(&shape.dilations).try_fold(x.clone(), |x, (block, dilation)| {
        let hidden = composed::wide_conv(&x.relu()?, &block.wide, &block.wide_bias, *dilation)?;
        let hidden = hidden.relu()?.reshape((b * t, shape.hidden))?;
        let weight = block.pointwise.as_tensor().squeeze(2)?.t()?.contiguous()?;
        let added = hidden.matmul(&weight)?.broadcast_add(&block.pointwise_bias)?;
        x + (added.reshape((b, t, shape.width))? * shape.scale)?
    })
}

struct Stack {
    shape: ResStackShape,
    /// What the way forward went through, for the way back.
    seen: Mutex<Vec<Passed>>,
}

/// What went through a block.
struct Passed {
    /// The block's input; empty for the first, which the graph keeps.
    x: Vec<f32>, // [b, t, width]
    hidden: Vec<f32>, // [b, t, hidden], nothing negative
}

/// The weights of a block, for products.
struct Packed {
    wide: Vec<f32>, // [3 * width, hidden]
    wide_bias: Vec<f32>,
    pointwise: Vec<f32>,      // [hidden, width], times the scale
    pointwise_bias: Vec<f32>, // times the scale
    turned: Vec<f32>,         // [3 * hidden, width]: the wide ones with taps in the other order
}

/// Sizes of one call.
#[derive(Clone, Copy)]
struct Sizes {
    b: usize,
    t: usize,
    width: usize,
    hidden: usize,
    scale: f32,
}

impl Sizes {
    fn seen(&self, c: usize, dilation: usize) -> Seen {
        let stride = dilation * c;
        let start = -(stride as isize);
        Seen { n_taps: TAPS, width: c, tap_stride: stride, row_stride: c, start }
    }

    fn pack(&self, block: &[f32]) -> Packed {
        let (width, hidden) = (self.width, self.hidden);
        let (stored, rest) = block.split_at(hidden * width * TAPS);
        let (wide_bias, rest) = rest.split_at(hidden);
        let (stored_pointwise, pointwise_bias) = rest.split_at(width * hidden);
        let mut wide = vec![0.0; stored.len()];
        let mut turned = vec![0.0; stored.len()];
        for (at, weight) in stored.iter().enumerate() {
            let (tap, i, o) = (at % TAPS, at / TAPS % width, at / TAPS / width);
            wide[(tap * width + i) * hidden + o] = *weight;
            turned[((TAPS - 1 - tap) * hidden + o) * width + i] = *weight;
        }
        let mut pointwise = vec![0.0; stored_pointwise.len()];
        for (at, weight) in stored_pointwise.iter().enumerate() {
            pointwise[at % hidden * width + at / hidden] = weight * self.scale;
        }
        let pointwise_bias = pointwise_bias.iter().map(|bias| bias * self.scale).collect();
        Packed { wide, wide_bias: wide_bias.to_vec(), pointwise, pointwise_bias, turned }
    }

    fn chunks(&self) -> Vec<Chunk> {
        chunks(self.b, self.t)
    }

    /// The part of `[b, t, c]` that a chunk is.
    fn part<'a>(&self, all: &'a [f32], c: usize, chunk: &Chunk) -> &'a [f32] {
        let first = chunk.example * self.t;
        &all[(first + chunk.rows.start) * c..(first + chunk.rows.end) * c]
    }

    fn example<'a>(&self, all: &'a [f32], c: usize, chunk: &Chunk) -> &'a [f32] {
        &all[chunk.example * self.t * c..][..self.t * c]
    }

    /// One block forwards: what it makes of `x`, and what was inside.
    fn forward(&self, x: &[f32], weights: &Packed, dilation: usize) -> (Vec<f32>, Vec<f32>) {
        let (width, hidden) = (self.width, self.hidden);
        let mut y = vec![0.0; x.len()];
        let mut inside = vec![0.0; self.b * self.t * hidden];
        let jobs = self.chunks();
        let ys = cut(&mut y, jobs.iter().map(|job| job.rows.len() * width));
        let insides = cut(&mut inside, jobs.iter().map(|job| job.rows.len() * hidden));
        let seen_by = self.seen(width, dilation);
        let room = || vec![0.0; CHUNK_ROWS * TAPS * width];
        let jobs = jobs.par_iter().zip(ys).zip(insides);
        jobs.for_each_init(room, |seen, ((job, y), inside)| {
            let n = job.rows.len();
            let seen = &mut seen[..n * TAPS * width];
            seen_by.gather(self.example(x, width, job), job.rows.clone(), true, seen);
            inside.chunks_exact_mut(hidden).for_each(|row| row.copy_from_slice(&weights.wide_bias));
            let wide = Matrix::of(&weights.wide, hidden);
            multiply((n, TAPS * width, hidden), Matrix::of(seen, TAPS * width), wide, true, inside);
            inside.iter_mut().for_each(|h| *h = h.max(0.0));
            for (y, x) in
                y.chunks_exact_mut(width).zip(self.part(x, width, job).chunks_exact(width))
            {
                let terms = x.iter().zip(&weights.pointwise_bias);
                y.iter_mut().zip(terms).for_each(|(y, (x, bias))| *y = x + bias);
            }
            let pointwise = Matrix::of(&weights.pointwise, width);
            multiply((n, hidden, width), Matrix::of(inside, hidden), pointwise, true, y);
        });
        (y, inside)
    }

    /// One block backwards: `d` goes from the gradient of its result to that of `x`; returns that of the weights,
    /// in the order of the checkpoint.
    fn backward(
        &self,
        x: &[f32],
        inside: &[f32],
        weights: &Packed,
        dilation: usize,
        d: &mut [f32],
    ) -> Vec<f32> {
        let (width, hidden) = (self.width, self.hidden);
        let jobs = self.chunks();
        let mut d_inside = vec![0.0; inside.len()];
        let pieces = cut(&mut d_inside, jobs.iter().map(|job| job.rows.len() * hidden));
        let pieces: Vec<_> =
            jobs.iter().zip(pieces).map(|(job, piece)| (job, Mutex::new(piece))).collect();
        let seen_by = self.seen(width, dilation);
        let dy = &*d;
        let sums = summed(&pieces, |jobs| {
            let lens = [TAPS * width * hidden, hidden, hidden * width, width];
            let mut sums = lens.map(|len| vec![0.0; len]);
            let mut seen = vec![0.0; CHUNK_ROWS * TAPS * width];
            let [wide, wide_bias, pointwise, pointwise_bias] = &mut sums;
            for (job, piece) in jobs {
                let mut piece = piece.lock().unwrap_or_else(PoisonError::into_inner);
                let n = job.rows.len();
                let (dy, inside) = (self.part(dy, width, job), self.part(inside, hidden, job));
                let dy_matrix = Matrix::of(dy, width);
                add_rows(dy, pointwise_bias);
                let turned = Matrix::of(inside, hidden).turned();
                multiply((hidden, n, width), turned, dy_matrix, true, pointwise);
                let back = Matrix::of(&weights.pointwise, width).turned();
                multiply((n, width, hidden), dy_matrix, back, false, &mut piece);
                piece
                    .iter_mut()
                    .zip(inside)
                    .for_each(|(d, h)| *d = if 0.0 < *h { *d } else { 0.0 });
                add_rows(&piece, wide_bias);
                let seen = &mut seen[..n * TAPS * width];
                seen_by.gather(self.example(x, width, job), job.rows.clone(), true, seen);
                let turned = Matrix::of(seen, TAPS * width).turned();
                multiply((TAPS * width, n, hidden), turned, Matrix::of(&piece, hidden), true, wide);
            }
            sums.into()
        });
        drop(pieces);
        let pieces = cut(d, jobs.iter().map(|job| job.rows.len() * width));
        let seen_by = self.seen(hidden, dilation);
        let room = || (vec![0.0; CHUNK_ROWS * TAPS * hidden], vec![0.0; CHUNK_ROWS * width]);
        jobs.par_iter().zip(pieces).for_each_init(room, |(seen, dx), (job, d)| {
            let n = job.rows.len();
            let (seen, dx) = (&mut seen[..n * TAPS * hidden], &mut dx[..n * width]);
            seen_by.gather(self.example(&d_inside, hidden, job), job.rows.clone(), false, seen);
            let turned = Matrix::of(&weights.turned, width);
            multiply((n, TAPS * hidden, width), Matrix::of(seen, TAPS * hidden), turned, false, dx);
            let terms = dx.iter().zip(self.part(x, width, job));
            d.iter_mut().zip(terms).for_each(|(d, (dx, x))| *d += if 0.0 < *x { *dx } else { 0.0 });
        });
        self.unpack(&sums)
    }

    /// Gradients of packed weights in the order of the checkpoint.
    fn unpack(&self, sums: &[Vec<f32>]) -> Vec<f32> {
        let (width, hidden) = (self.width, self.hidden);
        let [wide, wide_bias, pointwise, pointwise_bias] = sums else { return Vec::new() };
        let stored = (0..wide.len()).map(|at| {
            let (tap, i, o) = (at % TAPS, at / TAPS % width, at / TAPS / width);
            wide[(tap * width + i) * hidden + o]
        });
        let stored_pointwise = (0..pointwise.len())
            .map(|at| pointwise[at % hidden * width + at / hidden] * self.scale);
        stored
            .chain(wide_bias.iter().copied())
            .chain(stored_pointwise)
            .chain(pointwise_bias.iter().map(|bias| bias * self.scale))
            .collect()
    }
}

impl Stack {
    fn sizes(&self, x: &Shape) -> Result<Sizes> {
        let (b, t, width) = x.dims3()?;
        if width != self.shape.width || self.shape.dilations.is_empty() {
            bail!("{width} channels in a stack {:?}", self.shape);
        }
        Ok(Sizes { b, t, width, hidden: self.shape.hidden, scale: self.shape.scale as f32 })
    }
}

impl CustomOp2 for Stack {
    fn name(&self) -> &'static str {
        "stack of residual blocks"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weights: &CpuStorage,
        weights_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = self.sizes(x_layout.shape())?;
        let (x, weights) = (numbers::of(x, x_layout)?, numbers::of(weights, weights_layout)?);
        let mut passed: Vec<Passed> = Vec::new();
        let mut last: Vec<f32> = Vec::new();
        let blocks = weights.chunks_exact(self.shape.n_block());
        for (idx, (block, dilation)) in blocks.zip(&self.shape.dilations).enumerate() {
            let input = if idx == 0 { x } else { &last };
            let (y, hidden) = sizes.forward(input, &sizes.pack(block), *dilation);
            passed.push(Passed { x: std::mem::replace(&mut last, y), hidden });
        }
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = passed;
        Ok((CpuStorage::F32(last), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weights: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let sizes = self.sizes(x.shape())?;
        let passed = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        if passed.len() != self.shape.dilations.len() {
            bail!("a stack of residual blocks went backwards twice");
        }
        let mut d = numbers::with(dy, <[f32]>::to_vec)?;
        let n_block = self.shape.n_block();
        let mut grads = vec![Vec::new(); passed.len()];
        numbers::with(weights, |weights| {
            numbers::with(x, |x| {
                for (idx, passed) in passed.into_iter().enumerate().rev() {
                    let packed = sizes.pack(&weights[idx * n_block..][..n_block]);
                    let x = if idx == 0 { x } else { &passed.x };
                    let dilation = self.shape.dilations[idx];
                    grads[idx] = sizes.backward(x, &passed.hidden, &packed, dilation, &mut d);
                }
            })
        })??;
        let grads = Tensor::from_vec(grads.concat(), weights.shape(), weights.device())?;
        Ok((Some(Tensor::from_vec(d, x.shape(), x.device())?), Some(grads)))
    }
}
