//! The products of `simd` in the instructions of x86 processors.

use std::arch::x86_64::*;

use super::{BLOCK_ROWS, PARTS, TILE};

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

#[target_feature(enable = "avx512f")]
pub fn block_avx512(
    rows: &[&[f32]; BLOCK_ROWS],
    tiles: [&[f32]; 2],
    sums: &mut [[f32; 2 * TILE]; BLOCK_ROWS],
) {
    let n_in = rows[0].len();
    assert!(rows.iter().all(|row| row.len() == n_in));
    assert!(tiles.iter().all(|tile| tile.len() == n_in * TILE));
    let mut held = [[_mm512_setzero_ps(); 2]; BLOCK_ROWS];
    for (held, sums) in held.iter_mut().zip(&*sums) {
        // SAFETY: `sums` are two unaligned vectors.
        *held = unsafe { [_mm512_loadu_ps(sums.as_ptr()), _mm512_loadu_ps(sums[TILE..].as_ptr())] };
    }
    for i in 0..n_in {
        // SAFETY: each tile is `n_in` vectors long, see above.
        let weights = unsafe { tiles.map(|tile| _mm512_loadu_ps(tile.as_ptr().add(i * TILE))) };
        for (held, row) in held.iter_mut().zip(rows) {
            // SAFETY: each row is `n_in` long, see above.
            let x = _mm512_set1_ps(unsafe { *row.get_unchecked(i) });
            held[0] = _mm512_fmadd_ps(x, weights[0], held[0]);
            held[1] = _mm512_fmadd_ps(x, weights[1], held[1]);
        }
    }
    for (held, sums) in held.iter().zip(sums) {
        // SAFETY: `sums` have room for two unaligned vectors.
        unsafe {
            _mm512_storeu_ps(sums.as_mut_ptr(), held[0]);
            _mm512_storeu_ps(sums[TILE..].as_mut_ptr(), held[1]);
        }
    }
}

#[target_feature(enable = "avx2,fma")]
pub fn block_avx2(
    rows: &[&[f32]; BLOCK_ROWS],
    tiles: [&[f32]; 2],
    sums: &mut [[f32; 2 * TILE]; BLOCK_ROWS],
) {
    let n_in = rows[0].len();
    assert!(rows.iter().all(|row| row.len() == n_in));
    assert!(tiles.iter().all(|tile| tile.len() == n_in * TILE));
    for (half, tile) in tiles.iter().enumerate() {
        let mut held = [[_mm256_setzero_ps(); 2]; BLOCK_ROWS];
        for (held, sums) in held.iter_mut().zip(&*sums) {
            let sums = &sums[half * TILE..(half + 1) * TILE];
            // SAFETY: `sums` are two unaligned vectors.
            *held =
                unsafe { [_mm256_loadu_ps(sums.as_ptr()), _mm256_loadu_ps(sums[8..].as_ptr())] };
        }
        for i in 0..n_in {
            // SAFETY: the tile is `n_in` times two vectors long, see above.
            let weights = unsafe {
                let tile = tile.as_ptr().add(i * TILE);
                [_mm256_loadu_ps(tile), _mm256_loadu_ps(tile.add(8))]
            };
            for (held, row) in held.iter_mut().zip(rows) {
                // SAFETY: each row is `n_in` long, see above.
                let x = _mm256_set1_ps(unsafe { *row.get_unchecked(i) });
                held[0] = _mm256_fmadd_ps(x, weights[0], held[0]);
                held[1] = _mm256_fmadd_ps(x, weights[1], held[1]);
            }
        }
        for (held, sums) in held.iter().zip(&mut *sums) {
            let sums = &mut sums[half * TILE..(half + 1) * TILE];
            // SAFETY: `sums` have room for two unaligned vectors.
            unsafe {
                _mm256_storeu_ps(sums.as_mut_ptr(), held[0]);
                _mm256_storeu_ps(sums[8..].as_mut_ptr(), held[1]);
            }
        }
    }
}

#[inline(always)]
fn prefetch(weights: &[f32; TILE]) {
    let ahead = weights.as_ptr().wrapping_add(AHEAD).cast();
    // SAFETY: a prefetch is a hint, and reads nothing even where there is nothing to read.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead) };
}
