//! Whole decode steps on plain slices, without an allocation per token.
//!
//! Most of a small model's step in a tensor library is not arithmetic but the many small tensors
//! around it. Here a step is one pass over packed weights; a chunk of a prefill is the same pass
//! with more rows.

use super::cache::Slots;
use super::matrix::PackedMatrix;
use super::packed::{PackedLayer, PackedStack};
use super::rows::{add, attend, quick_gelu};
use super::{LyricStates, Observer, StepBackend};
use crate::jukebox::JukeboxError;
use crate::jukebox::config::StackShape;

/// Sequences in the middle of a window.
pub struct FusedBackend<'m> {
    packed: &'m PackedStack,
    b: usize,
    position: usize,
    caches: Vec<Cache>, // one per layer
    one: Scratch,       // for steps
    many: Scratch,      // for prefills, as large as the last one
}

/// Keys and values of one layer, `[b, heads, slots, c]` each.
#[derive(Clone)]
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
    scores: Vec<f32>, // as many as a position can see
}

impl<'m> FusedBackend<'m> {
    pub fn new(packed: &'m PackedStack, b: usize, states: LyricStates) -> Self {
        let cache = |layer: &PackedLayer| {
            let mut cache =
                Cache::new(&packed.shape, Slots::new(&packed.shape, layer.attention), b);
            if let Some(c_enc_kv) = &layer.c_enc_kv {
                cache.fill(c_enc_kv, states, b);
            }
            cache
        };
        let caches = packed.layers.iter().map(cache).collect();
        let (one, many) = (Scratch::new(&packed.shape, b), Scratch::default());
        Self { packed, b, position: 0, caches, one, many }
    }
}

impl StepBackend for FusedBackend<'_> {
    fn run(
        &mut self,
        rows: &mut [f32],
        n_steps: usize,
        observer: &mut dyn Observer,
    ) -> Result<(), JukeboxError> {
        let n = self.b * n_steps;
        if 1 < n_steps && self.many.n != n {
            self.many = Scratch::new(&self.packed.shape, n);
        }
        let (scratch, multiply): (_, Multiply) = match n_steps {
            1 => (&mut self.one, PackedMatrix::multiply),
            _ => (&mut self.many, PackedMatrix::multiply_all),
        };
        scratch.x.copy_from_slice(rows);
        let layers = self.packed.layers.iter().zip(&mut self.caches).enumerate();
        for (layer_idx, (layer, cache)) in layers {
            let is_watched = observer.wants_weights(layer_idx);
            layer.run(scratch, multiply, |idx, qkv, scores, a| {
                let (row, position) = (idx / n_steps, self.position + idx % n_steps);
                cache.attend(row, position, qkv, scores, a, |head, weights| {
                    if is_watched {
                        observer.weights(head, row, position, weights);
                    }
                });
            });
            observer.after_layer(layer_idx, &scratch.x);
        }
        rows.copy_from_slice(&scratch.x);
        self.position += n_steps;
        Ok(())
    }

    fn repeat(&mut self, b: usize) -> Result<(), JukeboxError> {
        for cache in &mut self.caches {
            cache.keys = cache.keys.repeat(b);
            cache.values = cache.values.repeat(b);
        }
        self.b = b;
        (self.one, self.many) = (Scratch::new(&self.packed.shape, b), Scratch::default());
        Ok(())
    }

    fn fork<'a>(&self) -> Result<Box<dyn StepBackend + 'a>, JukeboxError>
    where
        Self: 'a,
    {
        let (packed, b, position) = (self.packed, self.b, self.position);
        let (one, many) = (Scratch::new(&packed.shape, b), Scratch::default());
        Ok(Box::new(FusedBackend { packed, b, position, caches: self.caches.clone(), one, many }))
    }
}

/// A product of all rows with one matrix.
type Multiply = fn(&PackedMatrix, &[f32], &mut [f32]);

impl PackedLayer {
    /// `scratch.x` through the layer; `attend` takes a row's index, queries, keys and values.
    fn run(
        &self,
        scratch: &mut Scratch,
        multiply: Multiply,
        mut attend: impl FnMut(usize, &[f32], &mut [f32], &mut [f32]),
    ) {
        let Scratch { n, x, before, normed, branch, qkv, a, hidden, scores } = scratch;
        self.ln_0.normalise(x, normed);
        let (qkv_width, a_width) = (self.c_attn.n_out(), a.len() / *n);
        let qkv = &mut qkv[..*n * qkv_width];
        multiply(&self.c_attn, normed, qkv);
        let rows = qkv.chunks_exact(qkv_width).zip(a.chunks_exact_mut(a_width));
        for (idx, (qkv, a)) in rows.enumerate() {
            attend(idx, qkv, scores, a);
        }
        multiply(&self.c_proj, a, branch);
        before.copy_from_slice(x);
        add(x, branch); // x + a
        self.ln_1.normalise(x, normed);
        multiply(&self.c_fc, normed, hidden);
        quick_gelu(hidden);
        multiply(&self.c_out, hidden, branch);
        add(x, branch); // x + a + m
        if self.branch_scale != 1.0 {
            let scale = self.branch_scale;
            x.iter_mut().zip(before).for_each(|(x, before)| *x = *before + (*x - *before) * scale);
        }
    }
}

impl Cache {
    fn new(shape: &StackShape, slots: Slots, b: usize) -> Self {
        let zeros = vec![0.0; b * shape.attn_width() * slots.capacity()];
        Self { slots, heads: shape.heads, keys: zeros.clone(), values: zeros }
    }

    /// Keys and values of lyrics, which stay as they are: `states` is `[b, slots, w]`.
    fn fill(&mut self, c_enc_kv: &PackedMatrix, states: LyricStates, b: usize) {
        let (capacity, s) = (self.slots.capacity(), c_enc_kv.n_out() / 2);
        let mut kv = vec![0.0; b * capacity * 2 * s];
        c_enc_kv.multiply_all(states, &mut kv);
        for (idx, kv) in kv.chunks_exact(2 * s).enumerate() {
            self.keep(idx / capacity, idx % capacity, kv);
        }
    }

    /// Writes the keys and values, `[2 * s]`, of one slot of one sequence.
    fn keep(&mut self, row: usize, slot: usize, kv: &[f32]) {
        let (k, v) = kv.split_at(kv.len() / 2);
        let (c, capacity) = (k.len() / self.heads, self.slots.capacity());
        for head in 0..self.heads {
            let at = ((row * self.heads + head) * capacity + slot) * c;
            let channels = head * c..(head + 1) * c;
            self.keys[at..at + c].copy_from_slice(&k[channels.clone()]);
            self.values[at..at + c].copy_from_slice(&v[channels]);
        }
    }

    /// Keeps one position of one sequence and writes what it attends to, `[s]`.
    fn attend(
        &mut self,
        row: usize,
        position: usize,
        qkv: &[f32],
        scores: &mut [f32],
        a: &mut [f32],
        mut watch: impl FnMut(usize, &[f32]),
    ) {
        let (q, kv) = qkv.split_at(a.len());
        let (c, capacity) = (q.len() / self.heads, self.slots.capacity());
        if let Some(slot) = self.slots.write(position) {
            self.keep(row, slot, kv);
        }
        let read = self.slots.read(position);
        let scores = &mut scores[..read.len()];
        for head in 0..self.heads {
            let base = (row * self.heads + head) * capacity;
            let channels = head * c..(head + 1) * c;
            let seen = (base + read.start) * c..(base + read.end) * c;
            let (keys, values) = (&self.keys[seen.clone()], &self.values[seen]);
            attend(&q[channels.clone()], keys, values, scores, &mut a[channels]);
            watch(head, scores);
        }
    }
}

impl Scratch {
    fn new(shape: &StackShape, n: usize) -> Self {
        let rows = |width: usize| vec![0.0; n * width];
        let (w, s) = (shape.width, shape.attn_width());
        Self {
            n,
            x: rows(w),
            before: rows(w),
            normed: rows(w),
            branch: rows(w),
            qkv: rows(3 * s),
            a: rows(s),
            hidden: rows(shape.mlp_width()),
            scores: vec![0.0; shape.n_positions.max(shape.n_states.unwrap_or(0))],
        }
    }
}
