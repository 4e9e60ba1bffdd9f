//! Whole decode steps on plain slices, without an allocation per token.
//!
//! Most of a small model's step in a tensor library is not arithmetic but the many small tensors
//! around it. Here a step is one pass over packed weights. Chunks of a prefill are large enough
//! for candle's matrix products, which fill the same caches.

use candle_core::{Device, Tensor};

use super::StepBackend;
use super::cache::Slots;
use super::matrix::PackedMatrix;
use super::rows::{add, attend, layer_norm, quick_gelu};
use crate::jukebox::JukeboxError;
use crate::jukebox::prior::Stack;
use crate::jukebox::prior::layer::{Dense, Layer};

/// The weights of a stack, packed for single rows.
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
            let shift =
                norm.bias().ok_or(JukeboxError::Config("a layer norm without bias".into()))?;
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

pub struct FusedBackend<'m> {
    stack: &'m Stack,
    packed: &'m PackedStack,
    b: usize,
    position: usize,
    caches: Vec<Cache>, // one per layer
    scratch: Scratch,
}

/// Rows between the parts of a layer.
struct Scratch {
    x: Vec<f32>,      // [b, w]
    normed: Vec<f32>, // [b, w]
    qkv: Vec<f32>,    // [b, 3 * s]
    a: Vec<f32>,      // [b, s]
    branch: Vec<f32>, // [b, w]
    before: Vec<f32>, // [b, w], `x` before both branches
    hidden: Vec<f32>, // [b, mlp]
    scores: Vec<f32>, // [n_ctx]
}

/// Keys and values of one layer, `[b, heads, slots, c]` each.
struct Cache {
    slots: Slots,
    heads: usize,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl<'m> FusedBackend<'m> {
    pub fn new(stack: &'m Stack, packed: &'m PackedStack, b: usize) -> Self {
        let config = &stack.config;
        let (w, s) = (config.width, config.attn_width());
        let cache = |layer: &Layer| {
            let slots = Slots::new(config, layer.attention);
            let zeros = vec![0.0; b * s * slots.capacity()];
            Cache { slots, heads: config.heads, keys: zeros.clone(), values: zeros }
        };
        let rows = |width: usize| vec![0.0; b * width];
        let scratch = Scratch {
            x: rows(w),
            normed: rows(w),
            qkv: rows(3 * s),
            a: rows(s),
            branch: rows(w),
            before: rows(w),
            hidden: rows(config.mlp_width()),
            scores: vec![0.0; config.n_ctx],
        };
        let caches = stack.layers.iter().map(cache).collect();
        Self { stack, packed, b, position: 0, caches, scratch }
    }

    /// The rows of one position through all layers, in `scratch.x`.
    fn run_layers(&mut self) {
        let layers = self.packed.layers.iter().zip(&self.stack.layers).zip(&mut self.caches);
        let Scratch { x, normed, qkv, a, branch, before, hidden, scores } = &mut self.scratch;
        for ((packed, layer), cache) in layers {
            layer_norm(x, &packed.ln_0.scale, &packed.ln_0.shift, normed);
            packed.c_attn.multiply(normed, qkv);
            for (row, (qkv, a)) in rows(qkv, self.b).zip(rows_mut(a, self.b)).enumerate() {
                cache.attend(row, self.position, qkv, scores, a);
            }
            packed.c_proj.multiply(a, branch);
            before.copy_from_slice(x);
            add(x, branch); // x + a
            layer_norm(x, &packed.ln_1.scale, &packed.ln_1.shift, normed);
            packed.c_fc.multiply(normed, hidden);
            quick_gelu(hidden);
            packed.c_out.multiply(hidden, branch);
            add(x, branch); // x + a + m
            let scale = layer.branch_scale() as f32;
            if scale != 1.0 {
                x.iter_mut()
                    .zip(&*before)
                    .for_each(|(x, before)| *x = before + (*x - before) * scale);
            }
        }
    }
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
        for head in 0..self.heads {
            let base = (row * self.heads + head) * capacity;
            let channels = head * c..(head + 1) * c;
            let (q, k, v) = (&qkv[..s], &qkv[s..2 * s], &qkv[2 * s..]);
            let slot = (base + write) * c..(base + write + 1) * c;
            self.keys[slot.clone()].copy_from_slice(&k[channels.clone()]);
            self.values[slot].copy_from_slice(&v[channels.clone()]);
            let seen = (base + read.start) * c..(base + read.end) * c;
            let (keys, values) = (&self.keys[seen.clone()], &self.values[seen]);
            attend(&q[channels.clone()], keys, values, &mut scores[..read.len()], &mut a[channels]);
        }
    }
}

impl StepBackend for FusedBackend<'_> {
    fn prefill(&mut self, rows_in: &[f32], n_steps: usize) -> Result<(), JukeboxError> {
        let config = &self.stack.config;
        let (b, s) = (self.b, config.attn_width());
        let mut x = Tensor::from_slice(rows_in, (b, n_steps, config.width), &Device::Cpu)?;
        for (layer, cache) in self.stack.layers.iter().zip(&mut self.caches) {
            let qkv = numbers(&layer.qkv(&x)?)?; // [b, t, 3 * s]
            let mut a = vec![0.0; b * n_steps * s];
            for (idx, (qkv, a)) in qkv.chunks_exact(3 * s).zip(a.chunks_exact_mut(s)).enumerate() {
                let (row, step) = (idx / n_steps, idx % n_steps);
                cache.attend(row, self.position + step, qkv, &mut self.scratch.scores, a);
            }
            let a = Tensor::from_vec(a, (b, n_steps, s), &Device::Cpu)?;
            x = layer.add_branches(&x, &a)?; // [b, t, w]
        }
        self.position += n_steps;
        Ok(())
    }

    fn step(
        &mut self,
        rows_in: &[f32],
        before_head: Option<&[f32]>,
        logits: &mut [f32],
    ) -> Result<(), JukeboxError> {
        self.scratch.x.copy_from_slice(rows_in);
        self.run_layers();
        if let Some(cond) = before_head {
            add(&mut self.scratch.x, cond);
        }
        self.packed.head.multiply(&self.scratch.x, logits);
        self.position += 1;
        Ok(())
    }
}

fn rows(x: &[f32], b: usize) -> std::slice::ChunksExact<'_, f32> {
    x.chunks_exact(x.len() / b)
}

fn rows_mut(x: &mut [f32], b: usize) -> std::slice::ChunksExactMut<'_, f32> {
    x.chunks_exact_mut(x.len() / b)
}

fn numbers(x: &Tensor) -> Result<Vec<f32>, JukeboxError> {
    Ok(x.flatten_all()?.to_vec1()?)
}
