//! Attention over whole sequences, tile by tile, on queries, keys and values as the dense layers leave them:
//! side by side in each row, heads within each.
//!
//! A tile is some queries and the keys that they can see. Its weights are made again on the way back.

use rayon::prelude::*;

use super::buffers::Buffer;
use super::lanes::Shared;
use super::machine::{exp, for_machine, highest_of, sum_of};
use super::product::{Into, View, product, product_into};
use crate::jukebox::prior::attention::Attention;

/// Queries of a tile where they see more than a block.
const N_QUERIES: usize = 64;

/// How the positions of some sequences look at each other.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    pub attention: Attention,
    /// Sequences beside each other.
    pub n_sequences: usize,
    /// Positions of each that ask.
    pub n_steps: usize,
    /// Positions of each that are asked.
    pub n_keys: usize,
    pub block_len: usize,
    pub heads: usize,
    /// Channels of all heads together.
    pub width: usize,
}

/// Queries, keys and values, and where they begin in rows of some length.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub queries: Columns<'a>,
    pub keys: Columns<'a>,
    pub values: Columns<'a>,
}

/// Some columns of rows that lie one after the other.
#[derive(Clone, Copy)]
pub struct Columns<'a> {
    pub numbers: &'a [f32],
    pub row_len: usize,
    pub first: usize,
}

/// Where gradients go, as [`Asked`]: several may lie in the same numbers.
pub struct Gradients {
    pub queries: SharedColumns,
    pub keys: SharedColumns,
    pub values: SharedColumns,
}

/// Columns that threads write to.
#[derive(Clone, Copy)]
pub struct SharedColumns {
    pub numbers: Shared,
    pub row_len: usize,
    pub first: usize,
}

/// What queries make of the values, `[n_sequences * n_steps, width]`; `out` is zeros before.
pub fn attend(sight: &Sight, asked: Asked, out: &mut [f32]) {
    let out = SharedColumns { numbers: Shared::new(out), row_len: sight.width, first: 0 };
    sight.tasks().into_par_iter().for_each_init(Buffer::default, |weights, task| {
        for tile in &task.tiles {
            for head in task.heads.clone() {
                let place = |rows| Place { sight, sequence: task.sequence, rows, head };
                let (of_queries, of_keys) = (place(tile.queries), place(tile.keys));
                weigh(tile, &asked, of_queries, of_keys, weights);
                let weights = View::rows(weights, tile.keys.n);
                let values = of_keys.view(asked.values, sight.n_keys);
                // SAFETY: no two tasks have the same queries and heads
                unsafe { of_queries.write(out, sight.n_steps, weights, values, Into::Replace, 1.0) }
            }
        }
    });
}

/// Gradients of queries, keys and values from those of the result; all are zeros before.
pub fn attend_back(sight: &Sight, asked: Asked, grad: &[f32], gradients: &Gradients) {
    let grad = Columns { numbers: grad, row_len: sight.width, first: 0 };
    let scale = sight.scale();
    sight.tasks().into_par_iter().for_each_init(<[Buffer; 2]>::default, |scratch, task| {
        let [weights, grad_weights] = scratch;
        for tile in &task.tiles {
            for head in task.heads.clone() {
                let place = |rows| Place { sight, sequence: task.sequence, rows, head };
                let (of_queries, of_keys) = (place(tile.queries), place(tile.keys));
                let n_keys = tile.keys.n;
                weigh(tile, &asked, of_queries, of_keys, weights);
                let (queries, keys, values) = (
                    of_queries.view(asked.queries, sight.n_steps),
                    of_keys.view(asked.keys, sight.n_keys),
                    of_keys.view(asked.values, sight.n_keys),
                );
                let grad = of_queries.view(grad, sight.n_steps);
                grad_weights.fit(weights.len());
                product(grad_weights, n_keys, grad, values.t(), Into::Replace, 1.0);
                let seen = View::rows(weights, n_keys);
                // SAFETY: tiles of different tasks share neither queries nor keys of a head
                unsafe {
                    of_keys.write(gradients.values, sight.n_keys, seen.t(), grad, Into::Add, 1.0)
                }
                weigh_back(weights, grad_weights, n_keys);
                let seen = View::rows(grad_weights, n_keys);
                // SAFETY: as above
                unsafe {
                    let (to, n) = (gradients.queries, sight.n_steps);
                    of_queries.write(to, n, seen, keys, Into::Replace, scale);
                    let (to, n) = (gradients.keys, sight.n_keys);
                    of_keys.write(to, n, seen.t(), queries, Into::Add, scale);
                }
            }
        }
    });
}

/// Positions of a sequence at equal distances.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rows {
    first: usize,
    step: usize,
    n: usize,
}

impl Rows {
    fn of(range: std::ops::Range<usize>) -> Self {
        Self { first: range.start, step: 1, n: range.len() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Tile {
    queries: Rows,
    keys: Rows,
    /// Keys that the first query sees; each next sees one more, as far as there are.
    n_seen: usize,
}

/// Tiles that share keys, for one thread.
struct Task {
    sequence: usize,
    tiles: Vec<Tile>,
    heads: std::ops::Range<usize>,
}

impl Sight {
    fn scale(&self) -> f32 {
        1.0 / ((self.width / self.heads) as f32).sqrt()
    }

    fn tasks(&self) -> Vec<Task> {
        let groups = self.groups();
        let each_head = match self.attention {
            Attention::Block | Attention::Column | Attention::PreviousBlock => self.heads,
            _ => 1, // all tiles share keys, so heads are what can be shared out
        };
        let mut tasks = Vec::new();
        for sequence in 0..self.n_sequences {
            for tiles in &groups {
                for first in (0..self.heads).step_by(each_head) {
                    let heads = first..first + each_head;
                    tasks.push(Task { sequence, tiles: tiles.clone(), heads });
                }
            }
        }
        tasks
    }

    /// Tiles of one sequence; those that share keys are together.
    fn groups(&self) -> Vec<Vec<Tile>> {
        let (n, l) = (self.n_steps, self.block_len);
        let blocks = || (0..n).step_by(l).map(|start| start..n.min(start + l));
        let so_far = |rows: Rows| Tile { queries: rows, keys: rows, n_seen: 1 };
        let some = || (0..n).step_by(N_QUERIES).map(|start| start..n.min(start + N_QUERIES));
        match self.attention {
            Attention::Block => blocks().map(|block| vec![so_far(Rows::of(block))]).collect(),
            Attention::Column => {
                let column = |first| Rows { first, step: l, n: (n - first).div_ceil(l) };
                (0..l.min(n)).map(|first| vec![so_far(column(first))]).collect()
            }
            Attention::PreviousBlock => {
                let look = |block: std::ops::Range<usize>| {
                    let keys = Rows::of(block.start - l..block.start);
                    vec![Tile { queries: Rows::of(block), keys, n_seen: l }]
                };
                blocks().skip(1).map(look).collect()
            }
            Attention::Dense | Attention::Prime { .. } => {
                let n_prime = match self.attention {
                    Attention::Prime { n: n_prime } => n_prime.min(n),
                    _ => n,
                };
                let look = |queries: std::ops::Range<usize>| {
                    let keys = Rows::of(0..queries.end.min(n_prime));
                    let n_seen = (queries.start + 1).min(n_prime);
                    Tile { queries: Rows::of(queries), keys, n_seen }
                };
                vec![some().map(look).collect()]
            }
            Attention::Lyrics { .. } => {
                let keys = Rows::of(0..self.n_keys);
                let look = |queries| Tile { queries: Rows::of(queries), keys, n_seen: keys.n };
                vec![some().map(look).collect()]
            }
        }
    }
}

/// Some rows of a sequence and the channels of a head.
#[derive(Clone, Copy)]
struct Place<'a> {
    sight: &'a Sight,
    sequence: usize,
    rows: Rows,
    head: usize,
}

impl Place<'_> {
    fn n_channels(&self) -> usize {
        self.sight.width / self.sight.heads
    }

    /// Where these rows begin, in rows of which each sequence has `n_steps`.
    fn start(&self, n_steps: usize, row_len: usize, first: usize) -> usize {
        let row = self.sequence * n_steps + self.rows.first;
        row * row_len + first + self.head * self.n_channels()
    }

    fn view<'a>(&self, of: Columns<'a>, n_steps: usize) -> View<'a> {
        let numbers = &of.numbers[self.start(n_steps, of.row_len, of.first)..];
        View::strided(numbers, self.rows.n, self.n_channels(), of.row_len * self.rows.step)
    }

    /// Puts a product there.
    ///
    /// # Safety
    /// The numbers of `to` are still there, and nobody else reads or writes this place.
    unsafe fn write(
        &self,
        to: SharedColumns,
        n_steps: usize,
        a: View,
        b: View,
        into: Into,
        scale: f32,
    ) {
        let stride = to.row_len * self.rows.step;
        let len = self.rows.n.saturating_sub(1) * stride + self.n_channels();
        let place = to.numbers.at(self.start(n_steps, to.row_len, to.first), len);
        // SAFETY: the place is within the numbers, and the caller vouches for the rest
        unsafe { product_into(place, stride, a, b, into, scale) }
    }
}

/// How much each query of a tile looks at each key, `[n_queries, n_keys]`.
fn weigh(tile: &Tile, asked: &Asked, queries: Place, keys: Place, weights: &mut Buffer) {
    let sight = queries.sight;
    weights.fit(tile.queries.n * tile.keys.n);
    let (q, k) = (queries.view(asked.queries, sight.n_steps), keys.view(asked.keys, sight.n_keys));
    product(weights, tile.keys.n, q, k.t(), Into::Replace, sight.scale());
    softmax(weights, tile.keys.n, tile.n_seen);
}

for_machine! {
    /// Softmax of each row over as many as it sees: `n_seen` in the first row, one more in each next.
    fn softmax(weights: &mut [f32], n_keys: usize, n_seen: usize) {
        for (idx, row) in weights.chunks_exact_mut(n_keys).enumerate() {
            let (seen, unseen) = row.split_at_mut((n_seen + idx).min(n_keys));
            let highest = highest_of(seen);
            seen.iter_mut().for_each(|weight| *weight = exp(*weight - highest));
            let scale = 1.0 / sum_of(seen, seen, |weight, _| weight);
            seen.iter_mut().for_each(|weight| *weight *= scale);
            unseen.fill(0.0);
        }
    }
}

for_machine! {
    /// Gradients of what the weights were made of, in the place of gradients of the weights.
    fn weigh_back(weights: &[f32], grad: &mut [f32], n_keys: usize) {
        for (weights, grad) in weights.chunks_exact(n_keys).zip(grad.chunks_exact_mut(n_keys)) {
            let mean = sum_of(weights, grad, |weight, grad| weight * grad);
            weights.iter().zip(grad).for_each(|(weight, grad)| *grad = weight * (*grad - mean));
        }
    }
}

#[cfg(test)]
mod tests;
