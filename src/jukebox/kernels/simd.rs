//! The innermost product, for each kind of processor.
//!
//! A tile is `[n_in][TILE]`, so every output has a lane of its own and is summed in the same order
//! whatever the vector width is: AVX2 and AVX-512 give the same bits.

/// Outputs worked on together.
pub const TILE: usize = 16;

/// Partial sums per output, to keep the multipliers busy.
const PARTS: usize = 4;

/// One row, `[n_in]`, times one tile.
pub type TileProduct = fn(&[f32], &[f32]) -> [f32; TILE];

/// The fastest that this processor can run.
pub fn best() -> TileProduct {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return |x, tile| {
                // SAFETY: the processor was just asked for what the function is compiled for.
                unsafe { x86::product_avx512(x, tile) }
            };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return |x, tile| {
                // SAFETY: the processor was just asked for what the function is compiled for.
                unsafe { x86::product_avx2(x, tile) }
            };
        }
    }
    product_portable
}

/// For every other processor; simple enough for the compiler to vectorise.
fn product_portable(x: &[f32], tile: &[f32]) -> [f32; TILE] {
    let mut sums = [[0.0; TILE]; PARTS];
    for (i, (x, weights)) in x.iter().zip(tile.as_chunks::<TILE>().0).enumerate() {
        for (sum, weight) in sums[i % PARTS].iter_mut().zip(weights) {
            *sum += x * weight;
        }
    }
    std::array::from_fn(|o| (sums[0][o] + sums[1][o]) + (sums[2][o] + sums[3][o]))
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{PARTS, TILE};
    use std::arch::x86_64::*;

    /// How far ahead of the product the weights are asked for, in floats.
    const AHEAD: usize = 512;

    #[target_feature(enable = "avx512f")]
    pub fn product_avx512(x: &[f32], tile: &[f32]) -> [f32; TILE] {
        let mut sums = [_mm512_setzero_ps(); PARTS];
        let step = |sum: &mut __m512, x: f32, weights: &[f32; TILE]| {
            prefetch(weights);
            // SAFETY: an array of `TILE` floats is one unaligned vector.
            let weights = unsafe { _mm512_loadu_ps(weights.as_ptr()) };
            *sum = _mm512_fmadd_ps(_mm512_set1_ps(x), weights, *sum);
        };
        let (x, x_rest) = x.as_chunks::<PARTS>();
        let (weights, weights_rest) = tile.as_chunks::<TILE>().0.as_chunks::<PARTS>();
        for (x, weights) in x.iter().zip(weights) {
            for part in 0..PARTS {
                step(&mut sums[part], x[part], &weights[part]);
            }
        }
        for ((x, weights), sum) in x_rest.iter().zip(weights_rest).zip(&mut sums) {
            step(sum, *x, weights);
        }
        let [a, b, c, d] = sums;
        let sum = _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d));
        let mut out = [0.0; TILE];
        // SAFETY: `out` has room for one unaligned vector.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), sum) };
        out
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn product_avx2(x: &[f32], tile: &[f32]) -> [f32; TILE] {
        let mut sums = [[_mm256_setzero_ps(); 2]; PARTS];
        let step = |sums: &mut [__m256; 2], x: f32, weights: &[f32; TILE]| {
            prefetch(weights);
            let x = _mm256_set1_ps(x);
            for (sum, half) in sums.iter_mut().zip(weights.as_chunks::<8>().0) {
                // SAFETY: an array of eight floats is one unaligned vector.
                let half = unsafe { _mm256_loadu_ps(half.as_ptr()) };
                *sum = _mm256_fmadd_ps(x, half, *sum);
            }
        };
        let (x, x_rest) = x.as_chunks::<PARTS>();
        let (weights, weights_rest) = tile.as_chunks::<TILE>().0.as_chunks::<PARTS>();
        for (x, weights) in x.iter().zip(weights) {
            for part in 0..PARTS {
                step(&mut sums[part], x[part], &weights[part]);
            }
        }
        for ((x, weights), sums) in x_rest.iter().zip(weights_rest).zip(&mut sums) {
            step(sums, *x, weights);
        }
        let [a, b, c, d] = sums;
        let mut out = [0.0; TILE];
        for (half, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let sum = _mm256_add_ps(a[half], b[half]);
            let sum = _mm256_add_ps(sum, _mm256_add_ps(c[half], d[half]));
            // SAFETY: `out` has room for one unaligned vector.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), sum) };
        }
        out
    }

    #[inline(always)]
    fn prefetch(weights: &[f32; TILE]) {
        let ahead = weights.as_ptr().wrapping_add(AHEAD).cast();
        // SAFETY: a prefetch is a hint, and reads nothing even where there is nothing to read.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 % 1013) as f32 - 506.0) / 506.0).collect()
    }

    #[test]
    fn every_processor_gives_the_same_product() {
        for n_in in [1, 4, 101, 384] {
            let (x, tile) = (numbers(n_in), numbers(n_in * TILE));

            let (portable, best) = (product_portable(&x, &tile), best()(&x, &tile));

            assert!(portable.iter().zip(best).all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn vector_widths_agree_to_the_bit() {
        let has_both = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma");
        if !has_both {
            return;
        }
        let (x, tile) = (numbers(101), numbers(101 * TILE));

        // SAFETY: the processor was just asked, and AVX-512 includes AVX2.
        let (wide, narrow) =
            unsafe { (x86::product_avx512(&x, &tile), x86::product_avx2(&x, &tile)) };

        assert_eq!(wide, narrow);
    }
}
