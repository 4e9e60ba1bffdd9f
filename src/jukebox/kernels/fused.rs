//! Whole decode steps on plain slices, without an allocation per token.
//!
//! Most of a small model's step in a tensor library is not arithmetic but the many small tensors
//! around it. Here a step is one pass over packed weights; a chunk of a prefill is the same pass
//! with more rows.

use super::cache::Slots;
use super::heads::{Cache, Pass};
use super::matrix::Room;
use super::packed::{PackedLayer, PackedStack};
use super::rows::{add, quick_gelu};
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
    scores: Vec<f32>, // [b, heads] of as many as a position can see
    room: Room,
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
        let (one, many) = (Scratch::new(&packed.shape, b, 1), Scratch::default());
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
            self.many = Scratch::new(&self.packed.shape, self.b, n_steps);
        }
        let scratch = if n_steps == 1 { &mut self.one } else { &mut self.many };
        scratch.x.copy_from_slice(rows);
        let pass = Pass { first: self.position, n_steps };
        let layers = self.packed.layers.iter().zip(&mut self.caches).enumerate();
        for (layer_idx, (layer, cache)) in layers {
            let watch = observer.wants_weights(layer_idx);
            layer.run(scratch, |qkv, scores, a| {
                let watch = watch.then_some(&mut *observer as &mut dyn Observer);
                cache.attend(pass, qkv, scores, a, watch);
            });
            observer.after_layer(layer_idx, &scratch.x);
        }
        rows.copy_from_slice(&scratch.x);
        self.position += n_steps;
        Ok(())
    }

    fn repeat(&mut self, b: usize) -> Result<(), JukeboxError> {
        self.caches.iter_mut().for_each(|cache| cache.repeat(b));
        self.b = b;
        (self.one, self.many) = (Scratch::new(&self.packed.shape, b, 1), Scratch::default());
        Ok(())
    }

    fn fork<'a>(&self) -> Result<Box<dyn StepBackend + 'a>, JukeboxError>
    where
        Self: 'a,
    {
        let (packed, b, position) = (self.packed, self.b, self.position);
        let (one, many) = (Scratch::new(&packed.shape, b, 1), Scratch::default());
        Ok(Box::new(FusedBackend { packed, b, position, caches: self.caches.clone(), one, many }))
    }
}

impl PackedLayer {
    /// `scratch.x` through the layer; `attend` takes queries, keys and values of all rows.
    fn run(&self, scratch: &mut Scratch, attend: impl FnOnce(&[f32], &mut [f32], &mut [f32])) {
        let Scratch { n, x, before, normed, branch, qkv, a, hidden, scores, room } = scratch;
        self.ln_0.normalise(x, normed);
        let qkv = &mut qkv[..*n * self.c_attn.n_out()];
        self.c_attn.multiply(normed, room, qkv);
        attend(qkv, scores, a);
        self.c_proj.multiply(a, room, branch);
        before.copy_from_slice(x);
        add(x, branch); // x + a
        self.ln_1.normalise(x, normed);
        self.c_fc.multiply(normed, room, hidden);
        quick_gelu(hidden);
        self.c_out.multiply(hidden, room, branch);
        add(x, branch); // x + a + m
        if self.branch_scale != 1.0 {
            let scale = self.branch_scale;
            x.iter_mut().zip(before).for_each(|(x, before)| *x = *before + (*x - *before) * scale);
        }
    }
}

impl Scratch {
    fn new(shape: &StackShape, b: usize, n_steps: usize) -> Self {
        let n = b * n_steps;
        let rows = |width: usize| vec![0.0; n * width];
        let n_seen = shape.n_positions.max(shape.n_states.unwrap_or(0));
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
            scores: vec![0.0; b * shape.heads * n_seen],
            room: Room::default(),
        }
    }
}
