//! A dense product of one row, on plain slices.
//!
//! Weights are packed once into tiles of [`TILE`] outputs, input by input, so that a product
//! streams through memory.

use super::simd::{self, TILE};

/// `y = x · w + bias`, ready to be multiplied.
pub struct PackedMatrix {
    n_in: usize,
    n_out: usize,
    tiles: Vec<f32>, // [n_out / TILE][n_in][TILE]
    bias: Vec<f32>,  // [n_out], padded to whole tiles
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
        Self { n_in, n_out, tiles, bias }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 % 1013) as f32 - 506.0) / 506.0).collect()
    }

    #[test]
    fn products_are_the_textbook_ones_for_any_shape() {
        for (b, n_in, n_out) in [(1, 1, 1), (1, 37, 40), (2, 16, 33), (3, 102, 30)] {
            let (x, weight, bias) = (numbers(b * n_in), numbers(n_in * n_out), numbers(n_out));
            let mut y = vec![0.0; b * n_out];

            PackedMatrix::new(&weight, &bias, n_in).multiply(&x, &mut y);

            for (row, y) in x.chunks_exact(n_in).zip(y.chunks_exact(n_out)) {
                for (o, y) in y.iter().enumerate() {
                    let products = row.iter().enumerate().map(|(i, x)| x * weight[i * n_out + o]);
                    assert!((products.sum::<f32>() + bias[o] - y).abs() < 1e-4);
                }
            }
        }
    }
}
