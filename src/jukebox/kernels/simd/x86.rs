//! The products of floats in the instructions of x86 processors.

use std::arch::x86_64::*;

use half::{bf16, f16};

use super::blocks::by_blocks;
use super::floats::check;
use super::{Cpu, Products, TILE, x86_ints as ints};
use crate::jukebox::kernels::rows::RowFunctions;

pub static AVX512: Products = Products {
    cpu: Cpu::Avx512,
    // SAFETY, of all calls in both tables: `Cpu::products` asks the processor for what they are compiled for
    // before it hands a table out.
    f32: |rows, tiles, sums| unsafe { f32_avx512(rows, tiles, sums) },
    f16: |rows, tiles, sums| unsafe { f16_avx512(rows, tiles, sums) },
    bf16: |rows, tiles, sums| unsafe { bf16_avx512(rows, tiles, sums) },
    rows: RowFunctions {
        gelu: |x| unsafe { avx512::gelu(x) },
        norm: |x, scale, shift, out| unsafe { avx512::norm(x, scale, shift, out) },
        attend: |q, keys, values, scores, out| unsafe {
            avx512::attend(q, keys, values, scores, out)
        },
        dot: |x, y| unsafe { avx512::dot(x, y) },
        relu: |x, y| unsafe { avx512::relu(x, y) },
        finish: |sums, bias, finish, y| unsafe { avx512::finish(sums, bias, finish, y) },
    },
    quantise: |x, quads, scales, sums| unsafe { ints::quantise_avx512(x, quads, scales, sums) },
    q8: |rows, tile, sums| unsafe { ints::q8_avx512(rows, tile, sums) },
    q4: |rows, tile, sums| unsafe { ints::q4_avx512(rows, tile, sums) },
};

pub static AVX2: Products = Products {
    cpu: Cpu::Avx2,
    f32: |rows, tiles, sums| unsafe { f32_avx2(rows, tiles, sums) },
    f16: |rows, tiles, sums| unsafe { f16_avx2(rows, tiles, sums) },
    bf16: |rows, tiles, sums| unsafe { bf16_avx2(rows, tiles, sums) },
    rows: RowFunctions {
        gelu: |x| unsafe { avx2::gelu(x) },
        norm: |x, scale, shift, out| unsafe { avx2::norm(x, scale, shift, out) },
        attend: |q, keys, values, scores, out| unsafe {
            avx2::attend(q, keys, values, scores, out)
        },
        dot: |x, y| unsafe { avx2::dot(x, y) },
        relu: |x, y| unsafe { avx2::relu(x, y) },
        finish: |sums, bias, finish, y| unsafe { avx2::finish(sums, bias, finish, y) },
    },
    quantise: |x, quads, scales, sums| unsafe { ints::quantise_avx2(x, quads, scales, sums) },
    q8: |rows, tile, sums| unsafe { ints::q8_avx2(rows, tile, sums) },
    q4: |rows, tile, sums| unsafe { ints::q4_avx2(rows, tile, sums) },
};

/// What is compiled once more, with these features.
macro_rules! rows {
    ($name:ident, $features:literal) => {
        mod $name {
            use crate::jukebox::kernels::rows::{Finish, any};

            #[target_feature(enable = $features)]
            pub fn gelu(x: &mut [f32]) {
                any::gelu(x);
            }

            #[target_feature(enable = $features)]
            pub fn norm(x: &[f32], scale: &[f32], shift: &[f32], out: &mut [f32]) {
                any::norm(x, scale, shift, out);
            }

            #[target_feature(enable = $features)]
            pub fn attend(
                q: &[f32],
                keys: &[f32],
                values: &[f32],
                scores: &mut [f32],
                out: &mut [f32],
            ) {
                any::attend(q, keys, values, scores, out);
            }

            #[target_feature(enable = $features)]
            pub fn dot(x: &[f32], y: &[f32]) -> f32 {
                any::dot(x, y)
            }

            #[target_feature(enable = $features)]
            pub fn relu(x: &[f32], y: &mut [f32]) {
                any::relu(x, y);
            }

            #[target_feature(enable = $features)]
            pub fn finish(sums: &[f32], bias: &[f32], finish: Finish, y: &mut [f32]) {
                any::finish(sums, bias, finish, y);
            }
        }
    };
}

rows!(avx512, "avx512f,avx512bw,avx512vl,avx512dq");
rows!(avx2, "avx2");

/// How far ahead of the product the weights are asked for, in bytes.
const AHEAD: usize = 2048;

/// Rows times two tiles, with all sums in registers; `$load` widens sixteen weights.
macro_rules! block_avx512 {
    ($name:ident, $weight:ty, |$at:ident| $load:expr) => {
        #[target_feature(enable = "avx512f")]
        fn $name(rows: &[&[f32]], tiles: [&[$weight]; 2], sums: &mut [[f32; 2 * TILE]]) {
            #[inline]
            #[target_feature(enable = "avx512f")]
            fn block<const N: usize>(
                rows: &[&[f32]],
                tiles: [&[$weight]; 2],
                sums: &mut [[f32; 2 * TILE]],
            ) {
                let n_in = check(rows, tiles);
                let mut held = [[_mm512_setzero_ps(); 2]; N];
                for (held, sums) in held.iter_mut().zip(&*sums) {
                    // SAFETY: `sums` are two unaligned vectors.
                    *held = unsafe {
                        [_mm512_loadu_ps(sums.as_ptr()), _mm512_loadu_ps(sums[TILE..].as_ptr())]
                    };
                }
                for i in 0..n_in {
                    let weights = tiles.map(|tile| {
                        let $at = tile.as_ptr().wrapping_add(i * TILE);
                        prefetch($at);
                        // SAFETY: each tile is `n_in` vectors long, as `check` saw.
                        unsafe { $load }
                    });
                    for (held, row) in held.iter_mut().zip(rows) {
                        // SAFETY: each row is `n_in` long, as `check` saw.
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
            by_blocks!([6, 4, 2], rows, sums, |N| block::<N>(rows, tiles, sums));
        }
    };
}

/// The same, one tile after the other, with eight weights at a time.
macro_rules! block_avx2 {
    ($name:ident, $weight:ty, |$at:ident| $load:expr) => {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn $name(rows: &[&[f32]], tiles: [&[$weight]; 2], sums: &mut [[f32; 2 * TILE]]) {
            #[inline]
            #[target_feature(enable = "avx2,fma,f16c")]
            fn block<const N: usize>(
                rows: &[&[f32]],
                tiles: [&[$weight]; 2],
                sums: &mut [[f32; 2 * TILE]],
            ) {
                let n_in = check(rows, tiles);
                for (half, tile) in tiles.iter().enumerate() {
                    let mut held = [[_mm256_setzero_ps(); 2]; N];
                    for (held, sums) in held.iter_mut().zip(&*sums) {
                        let sums = &sums[half * TILE..(half + 1) * TILE];
                        // SAFETY: `sums` are two unaligned vectors.
                        *held = unsafe {
                            [_mm256_loadu_ps(sums.as_ptr()), _mm256_loadu_ps(sums[8..].as_ptr())]
                        };
                    }
                    for i in 0..n_in {
                        let weights = [0, 8].map(|part| {
                            let $at = tile.as_ptr().wrapping_add(i * TILE + part);
                            prefetch($at);
                            // SAFETY: the tile is `n_in` times two vectors long, as `check` saw.
                            unsafe { $load }
                        });
                        for (held, row) in held.iter_mut().zip(rows) {
                            // SAFETY: each row is `n_in` long, as `check` saw.
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
            by_blocks!([6, 4, 2], rows, sums, |N| block::<N>(rows, tiles, sums));
        }
    };
}

block_avx512!(f32_avx512, f32, |at| _mm512_loadu_ps(at));
block_avx512!(f16_avx512, f16, |at| _mm512_cvtph_ps(_mm256_loadu_si256(at.cast())));
block_avx512!(bf16_avx512, bf16, |at| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(
    _mm512_cvtepu16_epi32(_mm256_loadu_si256(at.cast()))
)));
block_avx2!(f32_avx2, f32, |at| _mm256_loadu_ps(at));
block_avx2!(f16_avx2, f16, |at| _mm256_cvtph_ps(_mm_loadu_si128(at.cast())));
block_avx2!(bf16_avx2, bf16, |at| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(
    _mm256_cvtepu16_epi32(_mm_loadu_si128(at.cast()))
)));

#[inline(always)]
fn prefetch<T>(weights: *const T) {
    let ahead = weights.cast::<i8>().wrapping_add(AHEAD);
    // SAFETY: a prefetch is a hint, and reads nothing even where there is nothing to read.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead) };
}
