//! The products of `simd::ints` in the instructions of x86 processors.

use std::arch::x86_64::*;

use super::TILE;
use super::blocks::by_blocks;
use super::ints::{
    IntRow, IntTile, LINE, Line, Q4_ABOVE, Q4_LINES, Q8_ABOVE, Q8_LINES, QUADS, quantise,
};

/// How far ahead of the product the weights are asked for, in lines.
const AHEAD: usize = 32;

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub fn q8_avx512(rows: &[IntRow], tile: IntTile, sums: &mut [[f32; TILE]]) {
    by_blocks!([8, 4, 2], rows, sums, |N| block_avx512::<false, N>(rows, tile, sums));
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub fn q4_avx512(rows: &[IntRow], tile: IntTile, sums: &mut [[f32; TILE]]) {
    by_blocks!([8, 4, 2], rows, sums, |N| block_avx512::<true, N>(rows, tile, sums));
}

/// `N` rows, while a line of weights is in a register.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn block_avx512<const FOUR_BITS: bool, const N: usize>(
    rows: &[IntRow],
    tile: IntTile,
    sums: &mut [[f32; TILE]],
) {
    let n_groups = check::<FOUR_BITS>(rows, tile);
    let rows: &[IntRow; N] = rows.try_into().expect("a block has its rows");
    let mut totals = [_mm512_setzero_ps(); N];
    for group in 0..n_groups {
        let above = if FOUR_BITS { Q4_ABOVE } else { Q8_ABOVE };
        // SAFETY: `check` saw that everything has `n_groups` groups.
        let mut exact = rows.map(|row| unsafe {
            _mm512_set1_epi32(row.sums.get_unchecked(group).wrapping_mul(-above))
        });
        if FOUR_BITS {
            let low_half = _mm512_set1_epi8(15);
            for line in 0..Q4_LINES {
                let both = load_avx512(tile.ints, group * Q4_LINES + line);
                let low = _mm512_and_si512(both, low_half);
                let high = _mm512_and_si512(_mm512_srli_epi16::<4>(both), low_half);
                for (exact, row) in exact.iter_mut().zip(rows) {
                    let quads = [0, 1].map(|i| quad(row, group * QUADS + 2 * line + i));
                    *exact = _mm512_dpbusd_epi32(*exact, low, _mm512_set1_epi32(quads[0]));
                    *exact = _mm512_dpbusd_epi32(*exact, high, _mm512_set1_epi32(quads[1]));
                }
            }
        } else {
            for line in 0..Q8_LINES {
                let ints = load_avx512(tile.ints, group * Q8_LINES + line);
                for (exact, row) in exact.iter_mut().zip(rows) {
                    let quad = _mm512_set1_epi32(quad(row, group * QUADS + line));
                    *exact = _mm512_dpbusd_epi32(*exact, ints, quad);
                }
            }
        }
        // SAFETY: `check` saw that there are scales for `n_groups` groups, two of 32 bytes to a line.
        let scales = unsafe {
            _mm256_loadu_si256(tile.scales.as_ptr().cast::<u8>().add(group * 2 * TILE).cast())
        };
        let scales = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(scales)));
        for ((total, exact), row) in totals.iter_mut().zip(exact).zip(rows) {
            // SAFETY: `check` saw that the row has `n_groups` scales.
            let scale = _mm512_set1_ps(unsafe { *row.scales.get_unchecked(group) });
            let scales = _mm512_mul_ps(scales, scale);
            *total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(exact), scales, *total);
        }
    }
    for (total, sums) in totals.iter().zip(sums) {
        // SAFETY: an array of `TILE` floats is one unaligned vector.
        unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), *total) };
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_avx512(lines: &[Line], idx: usize) -> __m512i {
    // SAFETY: `check` saw that there are as many lines as the loops take; they are aligned. A prefetch is a
    // hint, and reads nothing even where there is nothing to read.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(lines.as_ptr().wrapping_add(idx + AHEAD).cast());
        _mm512_load_si512(lines.as_ptr().add(idx).cast())
    }
}

#[target_feature(enable = "avx2,fma")]
pub fn q8_avx2(rows: &[IntRow], tile: IntTile, sums: &mut [[f32; TILE]]) {
    by_blocks!([2], rows, sums, |N| block_avx2::<false, N>(rows, tile, sums));
}

#[target_feature(enable = "avx2,fma")]
pub fn q4_avx2(rows: &[IntRow], tile: IntTile, sums: &mut [[f32; TILE]]) {
    by_blocks!([2], rows, sums, |N| block_avx2::<true, N>(rows, tile, sums));
}

/// `N` rows, while half a line of weights is in a register.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn block_avx2<const FOUR_BITS: bool, const N: usize>(
    rows: &[IntRow],
    tile: IntTile,
    sums: &mut [[f32; TILE]],
) {
    let n_groups = check::<FOUR_BITS>(rows, tile);
    let rows: &[IntRow; N] = rows.try_into().expect("a block has its rows");
    let (low_half, low_byte) = (_mm256_set1_epi8(15), _mm256_set1_epi16(255));
    let mut totals = [[_mm256_setzero_ps(); 2]; N];
    for group in 0..n_groups {
        let above = if FOUR_BITS { Q4_ABOVE } else { Q8_ABOVE };
        // SAFETY: `check` saw that everything has `n_groups` groups.
        let mut exact = rows.map(|row| unsafe {
            [_mm256_set1_epi32(row.sums.get_unchecked(group).wrapping_mul(-above)); 2]
        });
        for line in 0..if FOUR_BITS { Q4_LINES } else { Q8_LINES } {
            for half in 0..2 {
                if FOUR_BITS {
                    let both = load_avx2(tile.ints, group * Q4_LINES + line, half);
                    let low = _mm256_and_si256(both, low_half);
                    let high = _mm256_and_si256(_mm256_srli_epi16::<4>(both), low_half);
                    for (exact, row) in exact.iter_mut().zip(rows) {
                        let quads = [0, 1]
                            .map(|i| _mm256_set1_epi32(quad(row, group * QUADS + 2 * line + i)));
                        // eight products of at most 15 and 127 are within sixteen bits
                        let pairs = _mm256_add_epi16(
                            _mm256_maddubs_epi16(low, quads[0]),
                            _mm256_maddubs_epi16(high, quads[1]),
                        );
                        let dots = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
                        exact[half] = _mm256_add_epi32(exact[half], dots);
                    }
                } else {
                    let ints = load_avx2(tile.ints, group * Q8_LINES + line, half);
                    let even = _mm256_and_si256(ints, low_byte);
                    let odd = _mm256_srli_epi16::<8>(ints);
                    for (exact, row) in exact.iter_mut().zip(rows) {
                        let quad = _mm256_set1_epi32(quad(row, group * QUADS + line));
                        let x_even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(quad));
                        let x_odd = _mm256_srai_epi16::<8>(quad);
                        let dots = _mm256_add_epi32(
                            _mm256_madd_epi16(even, x_even),
                            _mm256_madd_epi16(odd, x_odd),
                        );
                        exact[half] = _mm256_add_epi32(exact[half], dots);
                    }
                }
            }
        }
        for half in 0..2 {
            let at = group * 2 * TILE + half * TILE;
            // SAFETY: `check` saw that there are scales for `n_groups` groups, two of 32 bytes to a line.
            let scales =
                unsafe { _mm_loadu_si128(tile.scales.as_ptr().cast::<u8>().add(at).cast()) };
            let scales = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(scales));
            for ((totals, exact), row) in totals.iter_mut().zip(exact).zip(rows) {
                // SAFETY: `check` saw that the row has `n_groups` scales.
                let scale = _mm256_set1_ps(unsafe { *row.scales.get_unchecked(group) });
                let scales = _mm256_mul_ps(_mm256_castsi256_ps(scales), scale);
                let exact = _mm256_cvtepi32_ps(exact[half]);
                totals[half] = _mm256_fmadd_ps(exact, scales, totals[half]);
            }
        }
    }
    for (totals, sums) in totals.iter().zip(sums) {
        for (total, sums) in totals.iter().zip(sums.as_chunks_mut::<8>().0) {
            // SAFETY: an array of eight floats is one unaligned vector.
            unsafe { _mm256_storeu_ps(sums.as_mut_ptr(), *total) };
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_avx2(lines: &[Line], idx: usize, half: usize) -> __m256i {
    // SAFETY: as in `load_avx512`; half a line is aligned to its size too.
    unsafe {
        if half == 0 {
            _mm_prefetch::<_MM_HINT_T0>(lines.as_ptr().wrapping_add(idx + AHEAD).cast());
        }
        let line = lines.as_ptr().add(idx).cast::<u8>();
        _mm256_load_si256(line.add(half * LINE / 2).cast())
    }
}

#[inline(always)]
fn quad(row: &IntRow, idx: usize) -> i32 {
    // SAFETY: `check` saw that the row has as many quads as the loops take.
    unsafe { *row.quads.get_unchecked(idx) }
}

/// Number of groups, once it is sure that the tile and all rows have as many.
#[inline(always)]
fn check<const FOUR_BITS: bool>(rows: &[IntRow], tile: IntTile) -> usize {
    let n_lines = if FOUR_BITS { Q4_LINES } else { Q8_LINES };
    let n_groups = tile.ints.len() / n_lines;
    assert!(n_groups.div_ceil(2) <= tile.scales.len());
    assert!(rows.iter().all(|row| {
        n_groups <= row.sums.len()
            && n_groups <= row.scales.len()
            && n_groups * QUADS <= row.quads.len()
    }));
    n_groups
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub fn quantise_avx512(x: &[f32], quads: &mut [i32], scales: &mut [f32], sums: &mut [i32]) {
    quantise(x, quads, scales, sums);
}

#[target_feature(enable = "avx2")]
pub fn quantise_avx2(x: &[f32], quads: &mut [i32], scales: &mut [f32], sums: &mut [i32]) {
    quantise(x, quads, scales, sums);
}
