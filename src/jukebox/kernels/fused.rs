//! Whole decode steps on plain slices, without an allocation per token.
//!
//! Most of a small model's step in a tensor library is not arithmetic but the many small tensors
//! around it. Here a step is one pass over packed weights; a chunk of a prefill is the same pass
//! with more rows.

use candle_core::Tensor;

use super::StepBackend;
use super::cache::Slots;
use super::matrix::{Finish, PackedMatrix, Reading};
use super::rows::{add, attend, layer_norm, quick_gelu};
use crate::jukebox::prior::Stack;
use crate::jukebox::prior::layer::{Dense, Layer};
use crate::jukebox::{JukeboxError, PriorConfig};

/// The weights of a stack, packed.
pub struct PackedStack {
    layers: Vec<PackedLayer>,
    head: PackedMatrix,
}

struct PackedLayer {
    ln_0: Affine,
    c_attn: PackedMatrix,
    c_proj: PackedMatrix,
    ln_1: Affine,
    c_fc: PackedMatrix,
    c_out: PackedMatrix,
}

/// Scale and shift of a layer norm.
struct Affine {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl PackedStack {
    pub fn new(stack: &Stack) -> Result<Self, JukeboxError> {
        let layers = stack.layers.iter().map(PackedLayer::new).collect::<Result<_, _>>()?;
        let head = PackedMatrix::from_rows(&numbers(&stack.head)?, stack.config.width);
        Ok(Self { layers, head })
    }
}

impl PackedLayer {
    fn new(layer: &Layer) -> Result<Self, JukeboxError> {
        let affine = |norm: &candle_nn::LayerNorm| -> Result<Affine, JukeboxError> {
            let missing = || JukeboxError::Config("a layer norm without bias".into());
            let shift = norm.bias().ok_or_else(missing)?;
            Ok(Affine { scale: numbers(norm.weight())?, shift: numbers(shift)? })
        };
        let packed = |dense: &Dense| -> Result<PackedMatrix, JukeboxError> {
            let n_in = dense.weight.dim(0)?;
            Ok(PackedMatrix::new(&numbers(&dense.weight)?, &numbers(&dense.bias)?, n_in))
        };
        Ok(Self {
            ln_0: affine(&layer.ln_0)?,
            c_attn: packed(&layer.c_attn)?,
            c_proj: packed(&layer.c_proj)?,
            ln_1: affine(&layer.ln_1)?,
            c_fc: packed(&layer.c_fc)?,
            c_out: packed(&layer.c_out)?,
        })
    }
}

/// Sequences in the middle of a window.
pub struct FusedBackend<'m> {
    stack: &'m Stack,
    packed: &'m PackedStack,
    b: usize,
    position: usize,
    caches: Vec<Cache>, // one per layer
    one: Scratch,       // for steps
    many: Scratch,      // for prefills, as large as the last one
}

/// Keys and values of one layer, `[b, heads, slots, c]` each.
struct Cache {
    slots: Slots,
    heads: usize,
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// What lies between the parts of a layer, for `n` rows.
#[derive(Default)]
struct Scratch {
    n: usize,
    x: Vec<f32>,      // [n, w]
    before: Vec<f32>, // [n, w], `x` before both branches
    normed: Vec<f32>, // [n, w]
    branch: Vec<f32>, // [n, w]
    qkv: Vec<f32>,    // [n, 3 * s]
    a: Vec<f32>,      // [n, s]
    hidden: Vec<f32>, // [n, mlp]
    scores: Vec<f32>, // [n_ctx]
}

impl<'m> FusedBackend<'m> {
    pub fn new(stack: &'m Stack, packed: &'m PackedStack, b: usize) -> Self {
        let config = &stack.config;
        let cache = |layer: &Layer| {
            let slots = Slots::new(config, layer.attention);
            let zeros = vec![0.0; b * config.attn_width() * slots.capacity()];
            Cache { slots, heads: config.heads, keys: zeros.clone(), values: zeros }
        };
        let caches = stack.layers.iter().map(cache).collect();
        let (one, many) = (Scratch::new(config, b), Scratch::default());
        Self { stack, packed, b, position: 0, caches, one, many }
    }
}

impl StepBackend for FusedBackend<'_> {
    fn prefill(&mut self, rows: &[f32], n_steps: usize) -> Result<(), JukeboxError> {
        if self.many.n != self.b * n_steps {
            self.many = Scratch::new(&self.stack.config, self.b * n_steps);
        }
        self.many.x.copy_from_slice(rows);
        let layers = self.stack.layers.iter().zip(&self.packed.layers).zip(&mut self.caches);
        for ((layer, packed), cache) in layers {
            packed.run(
                &mut self.many,
                layer.branch_scale(),
                multiply_many,
                |idx, qkv, scores, a| {
                    cache.attend(idx / n_steps, self.position + idx % n_steps, qkv, scores, a);
                },
            );
        }
        self.position += n_steps;
        Ok(())
    }

    fn step(
        &mut self,
        rows: &[f32],
        before_head: Option<&[f32]>,
        logits: &mut [f32],
    ) -> Result<(), JukeboxError> {
        self.one.x.copy_from_slice(rows);
        let layers = self.stack.layers.iter().zip(&self.packed.layers).zip(&mut self.caches);
        for ((layer, packed), cache) in layers {
            let scale = layer.branch_scale();
            packed.run(&mut self.one, scale, PackedMatrix::multiply, |row, qkv, scores, a| {
                cache.attend(row, self.position, qkv, scores, a);
            });
        }
        if let Some(cond) = before_head {
            add(&mut self.one.x, cond);
        }
        self.packed.head.multiply(&self.one.x, logits);
        self.position += 1;
        Ok(())
    }
}

impl PackedLayer {
    /// `scratch.x` through the layer; `attend` takes a row's index, queries, keys and values.
    fn run(
        &self,
        scratch: &mut Scratch,
        branch_scale: f64,
        multiply: impl Fn(&PackedMatrix, &[f32], &mut [f32]),
        mut attend: impl FnMut(usize, &[f32], &mut [f32], &mut [f32]),
    ) {
        let Scratch { n, x, before, normed, branch, qkv, a, hidden, scores } = scratch;
        layer_norm(x, &self.ln_0.scale, &self.ln_0.shift, normed);
        multiply(&self.c_attn, normed, qkv);
        let (qkv_width, a_width) = (qkv.len() / *n, a.len() / *n);
        let rows = qkv.chunks_exact(qkv_width).zip(a.chunks_exact_mut(a_width));
        for (idx, (qkv, a)) in rows.enumerate() {
            attend(idx, qkv, scores, a);
        }
        multiply(&self.c_proj, a, branch);
        before.copy_from_slice(x);
        add(x, branch); // x + a
        layer_norm(x, &self.ln_1.scale, &self.ln_1.shift, normed);
        multiply(&self.c_fc, normed, hidden);
        quick_gelu(hidden);
        multiply(&self.c_out, hidden, branch);
        add(x, branch); // x + a + m
        if branch_scale != 1.0 {
            let scale = branch_scale as f32;
            x.iter_mut().zip(before).for_each(|(x, before)| *x = *before + (*x - *before) * scale);
        }
    }
}

fn multiply_many(matrix: &PackedMatrix, x: &[f32], y: &mut [f32]) {
    let reading = Reading { row_stride: matrix.n_in(), tap_stride: 0, n_taps: 1 };
    matrix.multiply_rows(x, reading, Finish::Write, y);
}

impl Cache {
    /// Keeps one position of one sequence and writes what it attends to, `[s]`.
    fn attend(
        &mut self,
        row: usize,
        position: usize,
        qkv: &[f32],
        scores: &mut [f32],
        a: &mut [f32],
    ) {
        let s = a.len();
        let (c, capacity) = (s / self.heads, self.slots.capacity());
        let (write, read) = (self.slots.write(position), self.slots.read(position));
        let (q, k, v) = (&qkv[..s], &qkv[s..2 * s], &qkv[2 * s..]);
        for head in 0..self.heads {
            let base = (row * self.heads + head) * capacity;
            let channels = head * c..(head + 1) * c;
            let slot = (base + write) * c..(base + write + 1) * c;
            self.keys[slot.clone()].copy_from_slice(&k[channels.clone()]);
            self.values[slot].copy_from_slice(&v[channels.clone()]);
            let seen = (base + read.start) * c..(base + read.end) * c;
            let (keys, values) = (&self.keys[seen.clone()], &self.values[seen]);
            attend(&q[channels.clone()], keys, values, &mut scores[..read.len()], &mut a[channels]);
        }
    }
}

impl Scratch {
    fn new(config: &PriorConfig, n: usize) -> Self {
        let rows = |width: usize| vec![0.0; n * width];
        let (w, s) = (config.width, config.attn_width());
        Self {
            n,
            x: rows(w),
            before: rows(w),
            normed: rows(w),
            branch: rows(w),
            qkv: rows(3 * s),
            a: rows(s),
            hidden: rows(config.mlp_width()),
            scores: vec![0.0; config.n_ctx],
        }
    }
}

fn numbers(x: &Tensor) -> Result<Vec<f32>, JukeboxError> {
    Ok(x.flatten_all()?.to_vec1()?)
}
