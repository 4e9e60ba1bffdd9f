//! Keys and values of one layer, and attention to them.

use super::LyricStates;
use super::Observer;
use super::cache::Slots;
use super::matrix::{PackedMatrix, Room};
use super::rows::attend;
use crate::jukebox::config::StackShape;
use crate::jukebox::crew::{self, Parted};

/// Products that are worth sharing out.
const MIN_SHARED_PRODUCTS: usize = 1 << 18;

/// Keys and values of one layer, `[b, heads, slots, c]` each.
#[derive(Clone)]
pub struct Cache {
    slots: Slots,
    heads: usize,
    c: usize,
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// The next positions of all sequences.
#[derive(Clone, Copy)]
pub struct Pass {
    /// Position of the first step.
    pub first: usize,
    pub n_steps: usize,
}

impl Cache {
    pub fn new(shape: &StackShape, slots: Slots, b: usize) -> Self {
        let zeros = vec![0.0; b * shape.attn_width() * slots.capacity()];
        let (heads, c) = (shape.heads, shape.attn_width() / shape.heads);
        Self { slots, heads, c, keys: zeros.clone(), values: zeros }
    }

    /// Makes `b` sequences of the only one.
    pub fn repeat(&mut self, b: usize) {
        self.keys = self.keys.repeat(b);
        self.values = self.values.repeat(b);
    }

    /// Keys and values of lyrics, which stay as they are: `states` is `[b, slots, w]`.
    pub fn fill(&mut self, c_enc_kv: &PackedMatrix, states: LyricStates, b: usize) {
        let (capacity, s) = (self.slots.capacity(), c_enc_kv.n_out() / 2);
        let mut kv = vec![0.0; b * capacity * 2 * s];
        c_enc_kv.multiply(states, &mut Room::default(), &mut kv);
        for (idx, kv) in kv.chunks_exact(2 * s).enumerate() {
            let (k, v) = kv.split_at(s);
            for head in 0..self.heads {
                let unit = idx / capacity * self.heads + head;
                let at = (unit * capacity + idx % capacity) * self.c;
                let channels = head * self.c..(head + 1) * self.c;
                self.keys[at..at + self.c].copy_from_slice(&k[channels.clone()]);
                self.values[at..at + self.c].copy_from_slice(&v[channels]);
            }
        }
    }

    /// Keeps the positions of a pass and writes what each attends to, `[b, n_steps, s]`.
    ///
    /// `qkv` are queries, keys and values side by side, or queries alone; `scores` is room for what a
    /// position can see, for each head of each sequence.
    pub fn attend(
        &mut self,
        pass: Pass,
        qkv: &[f32],
        scores: &mut [f32],
        a: &mut [f32],
        watch: Option<&mut dyn Observer>,
    ) {
        let n_units = self.keys.len() / (self.slots.capacity() * self.c); // heads of all sequences
        let seen = self.slots.read(pass.first + pass.n_steps - 1).len();
        let n_products = 2 * n_units * pass.n_steps * seen * self.c;
        let capacity = self.slots.capacity() * self.c;
        let n_scores = scores.len() / n_units;
        let heads = Heads {
            slots: self.slots,
            heads: self.heads,
            c: self.c,
            pass,
            qkv,
            width: qkv.len() / (n_units / self.heads * pass.n_steps),
            a: Parted::new(a),
        };
        let (keys, values) = (Parted::new(&mut self.keys), Parted::new(&mut self.values));
        let scores = Parted::new(scores);
        let run = |unit: usize, watch: Option<&mut dyn Observer>| {
            let held = unit * capacity..(unit + 1) * capacity;
            // SAFETY: a unit is worked on once, and nobody else touches what belongs to it.
            let (keys, values, scores) = unsafe {
                let scores = scores.part(unit * n_scores..(unit + 1) * n_scores);
                (keys.part(held.clone()), values.part(held), scores)
            };
            heads.attend(unit, keys, values, scores, watch);
        };
        match watch {
            Some(watch) => (0..n_units).for_each(|unit| run(unit, Some(&mut *watch))),
            None if MIN_SHARED_PRODUCTS <= n_products => {
                crew::share(n_units, |unit| run(unit, None));
            }
            None => (0..n_units).for_each(|unit| run(unit, None)),
        }
    }
}

/// A pass through all heads of all sequences.
struct Heads<'a> {
    slots: Slots,
    heads: usize,
    c: usize,
    pass: Pass,
    qkv: &'a [f32],
    /// Of a row of `qkv`.
    width: usize,
    a: Parted<'a, f32>,
}

impl Heads<'_> {
    /// One head of one sequence, step by step; `keys` and `values` are `[slots, c]`.
    fn attend(
        &self,
        unit: usize,
        keys: &mut [f32],
        values: &mut [f32],
        scores: &mut [f32],
        mut watch: Option<&mut dyn Observer>,
    ) {
        let (c, Pass { first, n_steps }) = (self.c, self.pass);
        let (row, head, s) = (unit / self.heads, unit % self.heads, self.heads * self.c);
        for step in 0..n_steps {
            let (idx, position) = (row * n_steps + step, first + step);
            let qkv = &self.qkv[idx * self.width..(idx + 1) * self.width];
            let channels = head * c..(head + 1) * c;
            if let Some(slot) = self.slots.write(position) {
                let kept = slot * c..(slot + 1) * c;
                keys[kept.clone()].copy_from_slice(&qkv[s..][channels.clone()]);
                values[kept].copy_from_slice(&qkv[2 * s..][channels.clone()]);
            }
            let read = self.slots.read(position);
            let seen = read.start * c..read.end * c;
            let (scores, at) = (&mut scores[..read.len()], idx * s + channels.start);
            // SAFETY: only this head of this sequence writes its channels of its rows.
            let a = unsafe { self.a.part(at..at + c) };
            attend(&qkv[channels], &keys[seen.clone()], &values[seen], scores, a);
            if let Some(watch) = &mut watch {
                watch.weights(head, row, position, scores);
            }
        }
    }
}
