//! The products of `simd::quantised` in the instructions of x86 processors.

use std::arch::x86_64::*;

use super::quantised::{Q4_BLOCK, Q8_BLOCK};
use super::{PARTS, TILE};
use crate::jukebox::kernels::quantised::{GROUP, SCALE_BYTES};

/// How far ahead of the product the weights are asked for, in bytes.
const AHEAD: usize = 2048;

#[target_feature(enable = "avx512f")]
pub fn product_q8_avx512(x: &[f32], tile: &[u8]) -> [f32; TILE] {
    let mut total = _mm512_setzero_ps();
    for (x, block) in x.as_chunks::<GROUP>().0.iter().zip(tile.as_chunks::<Q8_BLOCK>().0) {
        let (scales, ints) = block.split_at(SCALE_BYTES);
        let mut sums = [_mm512_setzero_ps(); PARTS];
        let ints = ints.as_chunks::<TILE>().0.as_chunks::<PARTS>().0;
        for (x, ints) in x.as_chunks::<PARTS>().0.iter().zip(ints) {
            prefetch(ints[0].as_ptr());
            for part in 0..PARTS {
                // SAFETY: an array of 16 bytes is one unaligned vector.
                let ints = unsafe { _mm_loadu_si128(ints[part].as_ptr().cast()) };
                let weights = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(ints));
                sums[part] = _mm512_fmadd_ps(_mm512_set1_ps(x[part]), weights, sums[part]);
            }
        }
        total = add_group_avx512(sums, scales, total);
    }
    store_avx512(total)
}

#[target_feature(enable = "avx512f")]
pub fn product_q4_avx512(x: &[f32], tile: &[u8]) -> [f32; TILE] {
    // only the lowest four bits choose, so neither half of a byte needs a mask
    let weight_of =
        _mm512_setr_ps(-8., -7., -6., -5., -4., -3., -2., -1., 0., 1., 2., 3., 4., 5., 6., 7.);
    let mut total = _mm512_setzero_ps();
    for (x, block) in x.as_chunks::<GROUP>().0.iter().zip(tile.as_chunks::<Q4_BLOCK>().0) {
        let (scales, pairs) = block.split_at(SCALE_BYTES);
        let mut sums = [_mm512_setzero_ps(); PARTS];
        let pairs = pairs.as_chunks::<TILE>().0.as_chunks::<{ PARTS / 2 }>().0;
        for (x, pairs) in x.as_chunks::<PARTS>().0.iter().zip(pairs) {
            prefetch(pairs[0].as_ptr());
            for (pair, ints) in pairs.iter().enumerate() {
                // SAFETY: an array of 16 bytes is one unaligned vector.
                let ints = unsafe { _mm_loadu_si128(ints.as_ptr().cast()) };
                let low = _mm512_cvtepu8_epi32(ints);
                for (part, int) in [(2 * pair, low), (2 * pair + 1, _mm512_srli_epi32::<4>(low))] {
                    let weights = _mm512_permutexvar_ps(int, weight_of);
                    sums[part] = _mm512_fmadd_ps(_mm512_set1_ps(x[part]), weights, sums[part]);
                }
            }
        }
        total = add_group_avx512(sums, scales, total);
    }
    store_avx512(total)
}

/// `total` and the sum of all parts times the scales.
#[inline]
#[target_feature(enable = "avx512f")]
fn add_group_avx512(sums: [__m512; PARTS], scales: &[u8], total: __m512) -> __m512 {
    assert_eq!(scales.len(), SCALE_BYTES);
    // SAFETY: 32 bytes are one unaligned vector.
    let scales = unsafe { _mm256_loadu_si256(scales.as_ptr().cast()) };
    let scales = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(scales)));
    let [a, b, c, d] = sums;
    let sum = _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d));
    _mm512_fmadd_ps(sum, scales, total)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_avx512(total: __m512) -> [f32; TILE] {
    let mut out = [0.0; TILE];
    // SAFETY: `out` has room for one unaligned vector.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), total) };
    out
}

#[target_feature(enable = "avx2,fma")]
pub fn product_q8_avx2(x: &[f32], tile: &[u8]) -> [f32; TILE] {
    let mut totals = [_mm256_setzero_ps(); 2];
    for (x, block) in x.as_chunks::<GROUP>().0.iter().zip(tile.as_chunks::<Q8_BLOCK>().0) {
        let (scales, ints) = block.split_at(SCALE_BYTES);
        let mut sums = [[_mm256_setzero_ps(); PARTS]; 2];
        let ints = ints.as_chunks::<TILE>().0.as_chunks::<PARTS>().0;
        for (x, ints) in x.as_chunks::<PARTS>().0.iter().zip(ints) {
            prefetch(ints[0].as_ptr());
            for part in 0..PARTS {
                let x = _mm256_set1_ps(x[part]);
                for (sums, half) in sums.iter_mut().zip(ints[part].as_chunks::<8>().0) {
                    // SAFETY: an array of eight bytes is half a vector.
                    let half = unsafe { _mm_loadl_epi64(half.as_ptr().cast()) };
                    let weights = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(half));
                    sums[part] = _mm256_fmadd_ps(x, weights, sums[part]);
                }
            }
        }
        totals = add_group_avx2(sums, scales, totals);
    }
    store_avx2(totals)
}

#[target_feature(enable = "avx2,fma")]
pub fn product_q4_avx2(x: &[f32], tile: &[u8]) -> [f32; TILE] {
    let (low_half, eight) = (_mm256_set1_epi32(15), _mm256_set1_epi32(8));
    let mut totals = [_mm256_setzero_ps(); 2];
    for (x, block) in x.as_chunks::<GROUP>().0.iter().zip(tile.as_chunks::<Q4_BLOCK>().0) {
        let (scales, pairs) = block.split_at(SCALE_BYTES);
        let mut sums = [[_mm256_setzero_ps(); PARTS]; 2];
        let pairs = pairs.as_chunks::<TILE>().0.as_chunks::<{ PARTS / 2 }>().0;
        for (x, pairs) in x.as_chunks::<PARTS>().0.iter().zip(pairs) {
            prefetch(pairs[0].as_ptr());
            for (pair, ints) in pairs.iter().enumerate() {
                for (sums, half) in sums.iter_mut().zip(ints.as_chunks::<8>().0) {
                    // SAFETY: an array of eight bytes is half a vector.
                    let half = unsafe { _mm_loadl_epi64(half.as_ptr().cast()) };
                    let both = _mm256_cvtepu8_epi32(half);
                    let low = _mm256_and_si256(both, low_half);
                    let ints = [(2 * pair, low), (2 * pair + 1, _mm256_srli_epi32::<4>(both))];
                    for (part, int) in ints {
                        let weights = _mm256_cvtepi32_ps(_mm256_sub_epi32(int, eight));
                        sums[part] = _mm256_fmadd_ps(_mm256_set1_ps(x[part]), weights, sums[part]);
                    }
                }
            }
        }
        totals = add_group_avx2(sums, scales, totals);
    }
    store_avx2(totals)
}

/// `totals` and the sums of all parts times the scales.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_group_avx2(
    sums: [[__m256; PARTS]; 2],
    scales: &[u8],
    mut totals: [__m256; 2],
) -> [__m256; 2] {
    let halves = scales.as_chunks::<16>().0.iter().zip(sums).zip(&mut totals);
    for ((scales, [a, b, c, d]), total) in halves {
        // SAFETY: an array of 16 bytes is one unaligned vector.
        let scales = unsafe { _mm_loadu_si128(scales.as_ptr().cast()) };
        let scales = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(scales)));
        let sum = _mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d));
        *total = _mm256_fmadd_ps(sum, scales, *total);
    }
    totals
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn store_avx2(totals: [__m256; 2]) -> [f32; TILE] {
    let mut out = [0.0; TILE];
    for (total, out) in totals.into_iter().zip(out.as_chunks_mut::<8>().0) {
        // SAFETY: `out` has room for one unaligned vector.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), total) };
    }
    out
}

#[inline(always)]
fn prefetch(ints: *const u8) {
    // SAFETY: a prefetch is a hint, and reads nothing even where there is nothing to read.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(ints.wrapping_add(AHEAD).cast()) };
}
