//! Dense products on plain slices.
//!
//! Weights are packed once into tiles of [`TILE`] outputs, input by input. A few rows stream them
//! through at the speed of memory; many rows are worked on in blocks that stay in registers,
//! shared out over the threads of the caller's rayon pool. No result depends on how many there are.

use rayon::prelude::*;

use super::rows::dot;
use super::simd::{self, BLOCK_ROWS, TILE};

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
    tiles: Vec<f32>,  // [n_out / TILE][n_in][TILE]
    bias: Vec<f32>,   // [n_out], padded to whole tiles
    narrow: Vec<f32>, // [n_out][n_in] where there are few outputs, else empty
}

impl PackedMatrix {
    /// From weights `[n_in, n_out]`.
    pub fn new(weight: &[f32], bias: &[f32], n_in: usize) -> Self {
        let n_out = bias.len();
        Self::pack(n_in, n_out, bias, |i, o| weight[i * n_out + o])
    }

    /// From weights `[n_out, n_in]`, without a bias.
    pub fn from_rows(weight: &[f32], n_in: usize) -> Self {
        let n_out = weight.len() / n_in;
        Self::pack(n_in, n_out, &vec![0.0; n_out], |i, o| weight[o * n_in + i])
    }

    fn pack(n_in: usize, n_out: usize, bias: &[f32], at: impl Fn(usize, usize) -> f32) -> Self {
        let n_tiles = n_out.div_ceil(TILE);
        let mut tiles = vec![0.0; n_tiles * n_in * TILE];
        for (idx, tile) in tiles.chunks_exact_mut(n_in * TILE).enumerate() {
            for (i, group) in tile.chunks_exact_mut(TILE).enumerate() {
                for (o, value) in (idx * TILE..n_out).zip(group) {
                    *value = at(i, o);
                }
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(n_tiles * TILE, 0.0);
        let narrow = match n_out < MIN_TILED {
            true => (0..n_out).flat_map(|o| (0..n_in).map(move |i| (i, o))).collect(),
            false => Vec::new(),
        };
        let narrow = narrow.into_iter().map(|(i, o)| at(i, o)).collect();
        Self { n_in, n_out, tiles, bias, narrow }
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
    pub fn multiply(&self, x: &[f32], y: &mut [f32]) {
        assert_eq!(x.len() / self.n_in, y.len() / self.n_out);
        let product = simd::best();
        for (idx, tile) in self.tiles.chunks_exact(self.n_in * TILE).enumerate() {
            let outputs = idx * TILE..self.n_out.min((idx + 1) * TILE);
            let bias = &self.bias[outputs.clone()];
            for (x, y) in x.chunks_exact(self.n_in).zip(y.chunks_exact_mut(self.n_out)) {
                let sums = product(x, tile);
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

    fn multiply_chunk(&self, x: &[f32], reading: Reading, finish: Finish, y: &mut [f32]) {
        let product = simd::best_block();
        let n_each = self.n_in / reading.n_taps;
        let n_rows = y.len() / self.n_out;
        let tile_len = self.n_in * TILE;
        for (pair, tiles) in self.tiles.chunks(2 * tile_len).enumerate() {
            let (first, second) = tiles.split_at(tile_len);
            let second = if second.is_empty() { first } else { second }; // computed in vain
            let outputs = pair * 2 * TILE..self.n_out.min((pair + 1) * 2 * TILE);
            for start in (0..n_rows).step_by(BLOCK_ROWS) {
                let mut sums = [[0.0; 2 * TILE]; BLOCK_ROWS];
                for tap in 0..reading.n_taps {
                    let rows = std::array::from_fn(|i| {
                        let row = (start + i).min(n_rows - 1); // past the end: again the last
                        let from = row * reading.row_stride + tap * reading.tap_stride;
                        &x[from..from + n_each]
                    });
                    let weights = tap * n_each * TILE..(tap + 1) * n_each * TILE;
                    product(&rows, [&first[weights.clone()], &second[weights]], &mut sums);
                }
                let y = y[start * self.n_out..].chunks_exact_mut(self.n_out);
                for (y, sums) in y.zip(&sums) {
                    finish_row(&mut y[outputs.clone()], sums, &self.bias[outputs.clone()], finish);
                }
            }
        }
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
mod tests {
    use super::*;

    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 % 1013) as f32 - 506.0) / 506.0).collect()
    }

    #[test]
    fn products_are_the_textbook_ones_for_any_shape() {
        for (b, n_in, n_out) in [(1, 1, 1), (1, 37, 40), (2, 16, 33), (3, 102, 30), (101, 8, 70)] {
            let (x, weight, bias) = (numbers(b * n_in), numbers(n_in * n_out), numbers(n_out));
            let matrix = PackedMatrix::new(&weight, &bias, n_in);
            let reading = Reading { row_stride: n_in, tap_stride: 0, n_taps: 1 };
            let (mut few, mut many) = (vec![0.0; b * n_out], vec![0.0; b * n_out]);

            matrix.multiply(&x, &mut few);
            matrix.multiply_rows(&x, reading, Finish::Write, &mut many);

            for (idx, (few, many)) in few.iter().zip(&many).enumerate() {
                let (row, o) = (idx / n_out, idx % n_out);
                let products = (0..n_in).map(|i| x[row * n_in + i] * weight[i * n_out + o]);
                let want = products.sum::<f32>() + bias[o];
                assert!((want - few).abs() < 1e-4 && (want - many).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn taps_read_apart_and_rows_may_overlap() {
        let (x, matrix) = (numbers(40), PackedMatrix::new(&numbers(6 * 2), &[0.0; 2], 6));
        let reading = Reading { row_stride: 2, tap_stride: 8, n_taps: 3 };
        let mut y = vec![1.0; 11 * 2];

        matrix.multiply_rows(&x, reading, Finish::Add, &mut y);

        for (i, y) in y.chunks_exact(2).enumerate() {
            let inputs = [0, 1, 8, 9, 16, 17].map(|offset| x[2 * i + offset]);
            let mut want = [0.0; 2];
            matrix.multiply(&inputs, &mut want);
            assert!((y[0] - 1.0 - want[0]).abs() < 1e-5 && (y[1] - 1.0 - want[1]).abs() < 1e-5);
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let matrix = PackedMatrix::new(&numbers(64 * 48), &numbers(48), 64);
        let reading = Reading { row_stride: 64, tap_stride: 0, n_taps: 1 };
        let x = numbers(500 * 64);

        let [one, three] = [1, 3].map(|n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let mut y = vec![0.0; 500 * 48];
            pool.install(|| matrix.multiply_rows(&x, reading, Finish::WriteRelu, &mut y));
            y
        });

        assert_eq!(one, three);
    }
}
