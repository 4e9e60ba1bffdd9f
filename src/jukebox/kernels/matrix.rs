//! Dense products on plain slices.
//!
//! Weights are packed once into tiles of [`TILE`] outputs, input by input, as floats or
//! [quantised](super::quantised). A few rows stream them through at the speed of memory; many rows are
//! worked on in blocks that stay in registers, shared out over the threads of the caller's rayon pool. No
//! result depends on how many there are.

use rayon::prelude::*;

use super::rows::dot;
use super::simd::{self, BLOCK_ROWS, TILE};
use super::tiles::{Floats, PIECE, Tiles};

/// Tiles that one thread takes at a time where a single row is shared out, and the fewest bytes for which
/// waking another thread takes less time than it saves.
const SHARED_TILES: usize = 4;
const MIN_SHARED_BYTES: usize = 1 << 20;

/// Rows that one thread works on at a time.
const CHUNK_ROWS: usize = 8 * BLOCK_ROWS;

/// Fewer outputs than this would leave most of a tile empty.
const MIN_TILED: usize = 4;

/// Where many rows find their inputs: row `i` reads, for each tap `j`, what starts at
/// `i * row_stride + j * tap_stride`.
#[derive(Clone, Copy)]
pub struct Reading {
    pub row_stride: usize,
    pub tap_stride: usize,
    pub n_taps: usize,
}

/// What becomes of a product.
#[derive(Clone, Copy)]
pub enum Finish {
    Write,
    /// Negative numbers become zero.
    WriteRelu,
    /// On top of what is there.
    Add,
}

/// `y = x · w + bias`, ready to be multiplied.
pub struct PackedMatrix {
    n_in: usize,
    n_out: usize,
    tiles: Tiles,
    bias: Vec<f32>,   // [n_out], padded to whole tiles
    narrow: Vec<f32>, // [n_out][n_in] where there are few outputs, else empty
}

impl PackedMatrix {
    /// From weights `[n_out, n_in]`, without a bias.
    pub fn from_rows(weight: &[f32], n_in: usize) -> Self {
        let n_out = weight.len() / n_in;
        Self::from_fn(n_in, &vec![0.0; n_out], |i, o| weight[o * n_in + i])
    }

    /// `at` gives the weight from an input to an output.
    pub fn from_fn(n_in: usize, bias: &[f32], at: impl Fn(usize, usize) -> f32) -> Self {
        let n_out = bias.len();
        let mut matrix = Self::from_tiles(n_in, bias, Tiles::from_fn(n_in, n_out, &at));
        if n_out < MIN_TILED {
            matrix.narrow = (0..n_out * n_in).map(|idx| at(idx % n_in, idx / n_in)).collect();
        }
        matrix
    }

    /// From weights that are in their place already.
    pub(super) fn from_tiles(n_in: usize, bias: &[f32], tiles: Tiles) -> Self {
        let n_out = bias.len();
        let mut bias = bias.to_vec();
        bias.resize(n_out.next_multiple_of(TILE), 0.0);
        Self { n_in, n_out, tiles, bias, narrow: Vec::new() }
    }

    /// Adds the weights that lead to one output, `[n_in]`.
    pub fn add_weights_of(&self, output: usize, to: &mut [f32]) {
        self.tiles.add_weights_of(output, to);
    }

    pub fn n_out(&self) -> usize {
        self.n_out
    }

    /// Many rows of `n_in` to as many of `n_out`.
    pub fn multiply_all(&self, x: &[f32], y: &mut [f32]) {
        let reading = Reading { row_stride: self.n_in, tap_stride: 0, n_taps: 1 };
        self.multiply_rows(x, reading, Finish::Write, y);
    }

    /// `b` rows of `n_in` to `b` rows of `n_out`; reads the weights from memory once.
    ///
    /// A single row with large weights is shared out where the caller runs in a rayon pool.
    pub fn multiply(&self, x: &[f32], y: &mut [f32]) {
        assert_eq!(x.len() / self.n_in, y.len() / self.n_out);
        let is_worth_sharing = x.len() == self.n_in && MIN_SHARED_BYTES <= self.tiles.n_bytes();
        if is_worth_sharing && rayon::current_thread_index().is_some() {
            let parts = y.par_chunks_mut(SHARED_TILES * TILE).enumerate();
            parts.for_each(|(idx, y)| {
                let n_each = y.len();
                self.multiply_tiles(idx * SHARED_TILES, x, y, n_each);
            });
        } else {
            self.multiply_tiles(0, x, y, self.n_out);
        }
    }

    /// The outputs of the tiles from `first` on, `n_each` for every row.
    fn multiply_tiles(&self, first: usize, x: &[f32], y: &mut [f32], n_each: usize) {
        for tile in 0..n_each.div_ceil(TILE) {
            let outputs = tile * TILE..n_each.min((tile + 1) * TILE);
            let bias = &self.bias[(first + tile) * TILE..];
            for (x, y) in x.chunks_exact(self.n_in).zip(y.chunks_exact_mut(n_each)) {
                let sums = self.tiles.product(x, first + tile);
                let y = &mut y[outputs.clone()];
                y.iter_mut().zip(sums).zip(bias).for_each(|((y, sum), bias)| *y = sum + bias);
            }
        }
    }

    /// As many rows of `n_out` as `y` has room for; their inputs may overlap.
    pub fn multiply_rows(&self, x: &[f32], reading: Reading, finish: Finish, y: &mut [f32]) {
        let n_rows = y.len() / self.n_out;
        let n_each = self.n_in / reading.n_taps; // inputs of one tap
        let last = n_rows.max(1) - 1;
        let end = last * reading.row_stride + (reading.n_taps - 1) * reading.tap_stride + n_each;
        assert!(end <= x.len() && y.len().is_multiple_of(self.n_out));
        y.par_chunks_mut(CHUNK_ROWS * self.n_out).enumerate().for_each(|(chunk, y)| {
            let x = &x[chunk * CHUNK_ROWS * reading.row_stride..];
            match self.narrow.is_empty() {
                true => self.multiply_chunk(x, reading, finish, y),
                false => self.multiply_narrow(x, reading, finish, y),
            }
        });
    }

    /// Output by output, for the few that would not fill a tile.
    fn multiply_narrow(&self, x: &[f32], reading: Reading, finish: Finish, y: &mut [f32]) {
        let n_each = self.n_in / reading.n_taps;
        for (row, y) in y.chunks_exact_mut(self.n_out).enumerate() {
            let mut sums = [0.0; MIN_TILED];
            for (sum, weights) in sums.iter_mut().zip(self.narrow.chunks_exact(self.n_in)) {
                for (tap, weights) in weights.chunks_exact(n_each).enumerate() {
                    let from = row * reading.row_stride + tap * reading.tap_stride;
                    *sum += dot(&x[from..from + n_each], weights);
                }
            }
            finish_row(y, &sums, &self.bias[..self.n_out], finish);
        }
    }

    /// A chunk of rows: for each pair of tiles, piece by piece of the inputs.
    fn multiply_chunk(&self, x: &[f32], reading: Reading, finish: Finish, y: &mut [f32]) {
        let product = simd::best_block();
        let n_each = self.n_in / reading.n_taps;
        let n_rows = y.len() / self.n_out;
        let n_tiles = self.n_out.div_ceil(TILE);
        let mut room: Floats = [[0.0; PIECE * TILE]; 2];
        for pair in 0..n_tiles.div_ceil(2) {
            let mut sums = [[[0.0; 2 * TILE]; BLOCK_ROWS]; CHUNK_ROWS / BLOCK_ROWS];
            let blocks = n_rows.div_ceil(BLOCK_ROWS);
            for first in self.pieces(reading) {
                let (tap, offset) = (first / n_each, first % n_each);
                let n = self.tiles.piece(n_each).min(n_each - offset);
                let [early, late] = &mut room;
                let inputs = first..first + n;
                let second = (2 * pair + 1).min(n_tiles - 1); // where there is none, in vain
                let tiles = [
                    self.tiles.floats(2 * pair, inputs.clone(), early),
                    self.tiles.floats(second, inputs, late),
                ];
                for (block, sums) in sums[..blocks].iter_mut().enumerate() {
                    let rows = std::array::from_fn(|i| {
                        let row = (block * BLOCK_ROWS + i).min(n_rows - 1); // past the end: again the last
                        let from = row * reading.row_stride + tap * reading.tap_stride + offset;
                        &x[from..from + n]
                    });
                    product(&rows, tiles, sums);
                }
            }
            let outputs = pair * 2 * TILE..self.n_out.min((pair + 1) * 2 * TILE);
            for (y, sums) in y.chunks_exact_mut(self.n_out).zip(sums.as_flattened()) {
                finish_row(&mut y[outputs.clone()], sums, &self.bias[outputs.clone()], finish);
            }
        }
    }

    /// Where each piece of the inputs begins.
    fn pieces(&self, reading: Reading) -> impl Iterator<Item = usize> {
        let n_each = self.n_in / reading.n_taps;
        let piece = self.tiles.piece(n_each);
        (0..reading.n_taps)
            .flat_map(move |tap| (0..n_each).step_by(piece).map(move |at| tap * n_each + at))
    }
}

fn finish_row(y: &mut [f32], sums: &[f32], bias: &[f32], finish: Finish) {
    let row = y.iter_mut().zip(sums).zip(bias);
    match finish {
        Finish::Write => row.for_each(|((y, sum), bias)| *y = sum + bias),
        Finish::WriteRelu => row.for_each(|((y, sum), bias)| *y = (sum + bias).max(0.0)),
        Finish::Add => row.for_each(|((y, sum), bias)| *y += sum + bias),
    }
}

#[cfg(test)]
mod tests;
