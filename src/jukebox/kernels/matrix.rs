//! A dense product of one row, on plain slices.
//!
//! Weights are packed once into tiles of [`TILE`] outputs, input by input, so a product streams
//! through memory and every output is summed in the same order whatever the vector width is:
//! processors with AVX2 and with AVX-512 give the same bits.

/// Outputs worked on together.
const TILE: usize = 16;

/// Partial sums per output, to keep the multipliers busy.
const LANES: usize = 4;

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
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { self.multiply_avx512(x, y) };
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { self.multiply_avx2(x, y) };
        }
        self.multiply_with(x, y, |a, b, c| a * b + c);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,fma")]
    fn multiply_avx512(&self, x: &[f32], y: &mut [f32]) {
        self.multiply_with(x, y, f32::mul_add);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn multiply_avx2(&self, x: &[f32], y: &mut [f32]) {
        self.multiply_with(x, y, f32::mul_add);
    }

    /// Inlined into each of the above, and compiled for its processor there.
    #[inline(always)]
    fn multiply_with(&self, x: &[f32], y: &mut [f32], fma: impl Fn(f32, f32, f32) -> f32 + Copy) {
        let tiles = self.tiles.chunks_exact(self.n_in * TILE).zip(self.bias.chunks_exact(TILE));
        for (idx, (tile, bias)) in tiles.enumerate() {
            let outputs = idx * TILE..self.n_out.min((idx + 1) * TILE);
            for (x, y) in x.chunks_exact(self.n_in).zip(y.chunks_exact_mut(self.n_out)) {
                let sums = tile_product(x, tile, fma);
                let y = &mut y[outputs.clone()];
                for ((y, sum), bias) in y.iter_mut().zip(sums).zip(bias) {
                    *y = sum + bias;
                }
            }
        }
    }
}

/// One row times one tile.
#[inline(always)]
fn tile_product(x: &[f32], tile: &[f32], fma: impl Fn(f32, f32, f32) -> f32 + Copy) -> [f32; TILE] {
    let mut sums = [[0.0; TILE]; LANES];
    let (x_whole, x_rest) = x.as_chunks::<LANES>();
    let (tile_whole, tile_rest) = tile.split_at(x_whole.len() * LANES * TILE);
    for (x, groups) in x_whole.iter().zip(tile_whole.as_chunks::<{ LANES * TILE }>().0) {
        for lane in 0..LANES {
            for o in 0..TILE {
                sums[lane][o] = fma(x[lane], groups[lane * TILE + o], sums[lane][o]);
            }
        }
    }
    for ((x, group), sums) in x_rest.iter().zip(tile_rest.chunks_exact(TILE)).zip(&mut sums) {
        for o in 0..TILE {
            sums[o] = fma(*x, group[o], sums[o]);
        }
    }
    std::array::from_fn(|o| (sums[0][o] + sums[1][o]) + (sums[2][o] + sums[3][o]))
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

    #[test]
    fn vector_widths_agree_to_the_bit() {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") {
            let matrix = PackedMatrix::from_rows(&numbers(101 * 50), 101);
            let (x, mut wide, mut narrow) = (numbers(101), vec![0.0; 50], vec![0.0; 50]);

            // SAFETY: processors with AVX-512 have AVX2 and FMA as well.
            unsafe {
                matrix.multiply_avx512(&x, &mut wide);
                matrix.multiply_avx2(&x, &mut narrow);
            }

            assert_eq!(wide, narrow);
        }
    }
}
