//! What dense products have in common: who multiplies which tiles, and what becomes of the sums.

use std::ops::Range;

pub use super::rows::Finish;
use super::simd::{self, TILE};
use super::tiles::{Float, FloatTiles};
use crate::jukebox::crew::{self, Parted};

/// Fewest bytes of weights, and fewest products, that are worth sharing out.
const MIN_SHARED_BYTES: usize = 1 << 17;
const MIN_SHARED_PRODUCTS: usize = 1 << 20;

/// Parts for each thread, so that none waits long for another.
const PARTS_PER_THREAD: usize = 4;

/// Rows that one thread works on at a time: while it does, their sums stay in the first cache.
pub const CHUNK_ROWS: usize = 48;

/// Where many rows find their inputs: row `i` reads, for each tap `j`, what starts at
/// `i * row_stride + j * tap_stride`.
#[derive(Clone, Copy)]
pub struct Reading {
    pub row_stride: usize,
    pub tap_stride: usize,
    pub n_taps: usize,
}

/// A matrix apart from its weights.
pub struct Sides {
    pub n_in: usize,
    pub n_out: usize,
    bias: Vec<f32>, // [n_out], padded to whole tiles
}

impl Sides {
    pub fn new(n_in: usize, bias: &[f32]) -> Self {
        let n_out = bias.len();
        let mut bias = bias.to_vec();
        bias.resize(n_out.next_multiple_of(TILE), 0.0);
        Self { n_in, n_out, bias }
    }

    pub fn n_tiles(&self) -> usize {
        self.n_out.div_ceil(TILE)
    }

    /// Outputs of some tiles.
    pub fn outputs(&self, tiles: Range<usize>) -> Range<usize> {
        tiles.start * TILE..self.n_out.min(tiles.end * TILE)
    }

    /// Calls `part` with every range of a few of `n_units`, shared out where `n_rows` are worth it.
    pub fn share(
        &self,
        n_bytes: usize,
        n_rows: usize,
        n_units: usize,
        part: impl Fn(Range<usize>) + Sync,
    ) {
        let is_worth_it =
            MIN_SHARED_BYTES <= n_bytes || MIN_SHARED_PRODUCTS <= n_rows * self.n_in * self.n_out;
        let n_parts = match is_worth_it {
            true => (PARTS_PER_THREAD * crew::n_threads()).clamp(1, n_units.max(1)),
            false => 1,
        };
        let range = |idx: usize| idx * n_units / n_parts..(idx + 1) * n_units / n_parts;
        crew::share(n_parts, |idx| part(range(idx)));
    }

    /// Makes of sums what is asked for, in the outputs of one row.
    pub fn finish(&self, sums: &[f32], outputs: Range<usize>, finish: Finish, y: &mut [f32]) {
        (simd::products().rows.finish)(sums, &self.bias[outputs], finish, y);
    }

    /// As many rows of `n_out` as `y` has room for.
    pub fn multiply_floats<T: Float>(
        &self,
        tiles: &FloatTiles<T>,
        x: &[f32],
        reading: Reading,
        finish: Finish,
        y: &mut [f32],
    ) {
        let n_rows = y.len() / self.n_out;
        let n_each = self.n_in / reading.n_taps; // inputs of one tap
        let last = n_rows.max(1) - 1;
        let end = last * reading.row_stride + (reading.n_taps - 1) * reading.tap_stride + n_each;
        assert!(end <= x.len() && y.len().is_multiple_of(self.n_out));
        let (product, y) = (T::product(simd::products()), Parted::new(y));
        let (n_chunks, n_pairs) = (n_rows.div_ceil(CHUNK_ROWS), self.n_tiles().div_ceil(2));
        self.share(tiles.n_bytes(), n_rows, n_chunks * n_pairs, |units| {
            let mut sums = [[0.0; 2 * TILE]; CHUNK_ROWS];
            for unit in units {
                let (chunk, pair) = (unit / n_pairs * CHUNK_ROWS, unit % n_pairs);
                let chunk = chunk..n_rows.min(chunk + CHUNK_ROWS);
                let second = (2 * pair + 1).min(self.n_tiles() - 1); // where there is none, in vain
                let sums = &mut sums[..chunk.len()];
                sums.fill([0.0; 2 * TILE]);
                for tap in 0..reading.n_taps {
                    let mut rows = [&x[..0]; CHUNK_ROWS];
                    for (to, row) in rows.iter_mut().zip(chunk.clone()) {
                        let from = row * reading.row_stride + tap * reading.tap_stride;
                        *to = &x[from..from + n_each];
                    }
                    let inputs = tap * n_each..(tap + 1) * n_each;
                    let tiles = [2 * pair, second].map(|tile| tiles.tile(tile, inputs.clone()));
                    product(&rows[..chunk.len()], tiles, sums);
                }
                let outputs = self.outputs(2 * pair..2 * pair + 2);
                for (row, sums) in chunk.zip(sums) {
                    let at = row * self.n_out + outputs.start;
                    // SAFETY: only this part writes these outputs of these rows.
                    let y = unsafe { y.part(at..at + outputs.len()) };
                    self.finish(sums, outputs.clone(), finish, y);
                }
            }
        });
    }
}
