//! Dense products with floats, whose rows may overlap: of convolutions, codebooks and heads.

use super::dense::{Finish, Reading, Sides};
use super::rows::dot;
use super::tiles::FloatTiles;
use crate::jukebox::crew::Parted;

/// Fewer outputs than this would leave most of a tile empty.
const MIN_TILED: usize = 4;

/// `y = x · w + bias`, ready to be multiplied.
pub struct FloatMatrix {
    sides: Sides,
    tiles: FloatTiles<f32>,
    narrow: Vec<f32>, // [n_out][n_in] where there are few outputs, else empty
}

impl FloatMatrix {
    /// From weights `[n_out, n_in]`, without a bias.
    pub fn from_rows(weight: &[f32], n_in: usize) -> Self {
        let n_out = weight.len() / n_in;
        Self::from_fn(n_in, &vec![0.0; n_out], |i, o| weight[o * n_in + i])
    }

    /// `at` gives the weight from an input to an output.
    pub fn from_fn(n_in: usize, bias: &[f32], at: impl Fn(usize, usize) -> f32) -> Self {
        let n_out = bias.len();
        let narrow = match n_out < MIN_TILED {
            true => (0..n_out * n_in).map(|idx| at(idx % n_in, idx / n_in)).collect(),
            false => Vec::new(),
        };
        Self { sides: Sides::new(n_in, bias), tiles: FloatTiles::from_fn(n_in, n_out, at), narrow }
    }

    /// Adds the weights that lead to one output, `[n_in]`.
    pub fn add_weights_of(&self, output: usize, to: &mut [f32]) {
        self.tiles.add_weights_of(output, to);
    }

    /// Rows side by side.
    pub fn reading(&self) -> Reading {
        Reading { row_stride: self.sides.n_in, tap_stride: 0, n_taps: 1 }
    }

    /// Rows of `n_in` to as many of `n_out`.
    pub fn multiply(&self, x: &[f32], y: &mut [f32]) {
        self.multiply_rows(x, self.reading(), Finish::Write, y);
    }

    /// As many rows of `n_out` as `y` has room for; their inputs may overlap.
    pub fn multiply_rows(&self, x: &[f32], reading: Reading, finish: Finish, y: &mut [f32]) {
        match self.narrow.is_empty() {
            true => self.sides.multiply_floats(&self.tiles, x, reading, finish, y),
            false => self.multiply_narrow(x, reading, finish, y),
        }
    }

    /// Output by output, for the few that would not fill a tile.
    fn multiply_narrow(&self, x: &[f32], reading: Reading, finish: Finish, y: &mut [f32]) {
        let Sides { n_in, n_out, .. } = self.sides;
        let (n_each, n_rows) = (n_in / reading.n_taps, y.len() / n_out);
        let y = Parted::new(y);
        self.sides.share(0, n_rows, n_rows, |rows| {
            for row in rows {
                let mut sums = [0.0; MIN_TILED];
                for (sum, weights) in sums.iter_mut().zip(self.narrow.chunks_exact(n_in)) {
                    for (tap, weights) in weights.chunks_exact(n_each).enumerate() {
                        let from = row * reading.row_stride + tap * reading.tap_stride;
                        *sum += dot(&x[from..from + n_each], weights);
                    }
                }
                // SAFETY: only this part writes these rows.
                let y = unsafe { y.part(row * n_out..(row + 1) * n_out) };
                self.sides.finish(&sums, 0..n_out, finish, y);
            }
        });
    }
}
