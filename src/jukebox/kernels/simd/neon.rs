//! The products of floats in the instructions of 64-bit ARM processors.
//!
//! The compiler takes these for granted, so rows' functions need not be compiled again.

use std::arch::{aarch64::*, asm};

use half::{bf16, f16};

use super::blocks::by_blocks;
use super::floats::{ROWS, check};
use super::{Cpu, Products, TILE, ints, neon_ints};

pub const NEON_DOT: Products = Products {
    cpu: Cpu::NeonDot,
    // SAFETY, of all calls in both tables: `Cpu::products` asks the processor for what they are compiled for
    // before it hands a table out.
    q8: |rows, tile, sums| unsafe { neon_ints::q8_dot(rows, tile, sums) },
    q4: |rows, tile, sums| unsafe { neon_ints::q4_dot(rows, tile, sums) },
    ..NEON
};

pub const NEON: Products = Products {
    cpu: Cpu::Neon,
    f32: |rows, tiles, sums| unsafe { f32_neon(rows, tiles, sums) },
    f16: |rows, tiles, sums| unsafe { f16_neon(rows, tiles, sums) },
    bf16: |rows, tiles, sums| unsafe { bf16_neon(rows, tiles, sums) },
    rows: ROWS,
    quantise: ints::quantise,
    q8: |rows, tile, sums| unsafe { neon_ints::q8_neon(rows, tile, sums) },
    q4: |rows, tile, sums| unsafe { neon_ints::q4_neon(rows, tile, sums) },
};

/// Outputs of a vector, and vectors of a tile.
const LANES: usize = 4;
const VECTORS: usize = TILE / LANES;

#[target_feature(enable = "neon")]
fn f32_neon(rows: &[&[f32]], tiles: [&[f32]; 2], sums: &mut [[f32; 2 * TILE]]) {
    product(rows, tiles, sums, |weights| load_f32(weights));
}

#[target_feature(enable = "neon")]
fn f16_neon(rows: &[&[f32]], tiles: [&[f16]; 2], sums: &mut [[f32; 2 * TILE]]) {
    product(rows, tiles, sums, |weights| load_f16(weights));
}

#[target_feature(enable = "neon")]
fn bf16_neon(rows: &[&[f32]], tiles: [&[bf16]; 2], sums: &mut [[f32; 2 * TILE]]) {
    product(rows, tiles, sums, |weights| load_bf16(weights));
}

/// `load` widens the weights of one input.
#[inline]
#[target_feature(enable = "neon")]
fn product<T>(
    rows: &[&[f32]],
    tiles: [&[T]; 2],
    sums: &mut [[f32; 2 * TILE]],
    load: impl Fn(&[T; TILE]) -> [float32x4_t; VECTORS],
) {
    by_blocks!([6, 4, 2], rows, sums, |N| {
        if N <= 2 {
            // so few sums would wait for each other
            block::<N, 2, T>(rows, tiles, sums, 0, &load);
        } else {
            block::<N, 1, T>(rows, [tiles[0]], sums, 0, &load);
            block::<N, 1, T>(rows, [tiles[1]], sums, TILE, &load);
        }
    });
}

/// `N` rows times tiles whose outputs are from `first` on, with all sums in registers.
#[inline]
#[target_feature(enable = "neon")]
fn block<const N: usize, const TILES: usize, T>(
    rows: &[&[f32]],
    tiles: [&[T]; TILES],
    sums: &mut [[f32; 2 * TILE]],
    first: usize,
    load: impl Fn(&[T; TILE]) -> [float32x4_t; VECTORS],
) {
    let n_in = check(rows, tiles);
    let mut held = [[[vdupq_n_f32(0.0); VECTORS]; TILES]; N];
    for (held, sums) in held.iter_mut().zip(&*sums) {
        let sums = sums[first..].as_chunks::<TILE>().0;
        held.iter_mut().zip(sums).for_each(|(held, sums)| *held = load_f32(sums));
    }
    for i in 0..n_in {
        // SAFETY: each tile is `n_in` long, as `check` saw.
        let weights = tiles.map(|tile| load(unsafe { tile.as_chunks().0.get_unchecked(i) }));
        for (held, row) in held.iter_mut().zip(rows) {
            // SAFETY: each row is `n_in` long, as `check` saw.
            let x = unsafe { *row.get_unchecked(i) };
            for (held, weights) in held.as_flattened_mut().iter_mut().zip(weights.as_flattened()) {
                *held = vfmaq_n_f32(*held, *weights, x);
            }
        }
    }
    for (held, sums) in held.iter().zip(sums) {
        let sums = sums[first..].as_chunks_mut::<LANES>().0;
        for (held, sums) in held.as_flattened().iter().zip(sums) {
            // SAFETY: four floats are one vector.
            unsafe { vst1q_f32(sums.as_mut_ptr(), *held) };
        }
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_f32(weights: &[f32; TILE]) -> [float32x4_t; VECTORS] {
    // SAFETY: sixteen floats are four vectors.
    [0, 4, 8, 12].map(|at| unsafe { vld1q_f32(weights.as_ptr().add(at)) })
}

#[inline]
#[target_feature(enable = "neon")]
fn load_f16(weights: &[f16; TILE]) -> [float32x4_t; VECTORS] {
    // SAFETY: `f16` is its bits; sixteen of them are two vectors.
    let halves = [0, 8].map(|at| unsafe { vld1q_u16(weights.as_ptr().cast::<u16>().add(at)) });
    let [[a, b], [c, d]] = halves.map(|half| widen(half));
    [a, b, c, d]
}

#[inline]
#[target_feature(enable = "neon")]
fn load_bf16(weights: &[bf16; TILE]) -> [float32x4_t; VECTORS] {
    // SAFETY: `bf16` is its bits; four of them are one vector.
    let halves =
        [0, 4, 8, 12].map(|at| unsafe { vld1_u16(weights.as_ptr().cast::<u16>().add(at)) });
    halves.map(|half| vreinterpretq_f32_u32(vshll_n_u16::<16>(half)))
}

/// What `vcvt_f32_f16` and `vcvt_high_f32_f16` do, which are younger than our oldest compiler.
#[inline]
#[target_feature(enable = "neon")]
fn widen(halves: uint16x8_t) -> [float32x4_t; 2] {
    let (low, high);
    // SAFETY: from one register to others, with what every processor has.
    unsafe {
        asm!(
            "fcvtl {low:v}.4s, {halves:v}.4h",
            "fcvtl2 {high:v}.4s, {halves:v}.8h",
            low = out(vreg) low,
            high = lateout(vreg) high,
            halves = in(vreg) halves,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    [low, high]
}
