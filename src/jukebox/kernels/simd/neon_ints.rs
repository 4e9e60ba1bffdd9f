//! The products of `simd::ints` in the instructions of 64-bit ARM processors.
//!
//! A vector is a [`COLUMN`] of a line: four inputs of each of four outputs, so a row's quad is in each of its
//! lanes. The columns of a group come one after the other, each for all rows of a block.

use std::arch::{aarch64::*, asm};

use super::TILE;
use super::blocks::by_blocks;
use super::ints::{IntRow, IntTile, Line, Q4_ABOVE, Q4_LINES, Q8_ABOVE, Q8_LINES, QUAD, QUADS};

/// Bytes of a line that are one vector, its outputs, and how many of them a line has.
const COLUMN: usize = 16;
const LANES: usize = COLUMN / QUAD;
const COLUMNS: usize = TILE / LANES;

/// A group of a row.
#[derive(Clone, Copy)]
struct RowGroup<'a> {
    quads: &'a [i32; QUADS],
    scale: f32,
    sum: i32,
}

impl<'a> RowGroup<'a> {
    fn of(row: &IntRow<'a>, group: usize) -> Self {
        let quads = &row.quads.as_chunks().0[group];
        Self { quads, scale: row.scales[group], sum: row.sums[group] }
    }
}

/// Rows times a tile; `$exact` multiplies one column of a group, `$lines` long, exactly.
macro_rules! product {
    ($name:ident, $features:literal, $lines:expr, $exact:ident) => {
        #[target_feature(enable = $features)]
        pub fn $name(rows: &[IntRow], tile: IntTile, sums: &mut [[f32; TILE]]) {
            #[inline]
            #[target_feature(enable = $features)]
            fn block<const N: usize>(rows: &[IntRow], tile: IntTile, sums: &mut [[f32; TILE]]) {
                let rows: &[IntRow; N] = rows.try_into().expect("a block has its rows");
                let mut totals = [[vdupq_n_f32(0.0); N]; COLUMNS];
                for (group, lines) in tile.ints.as_chunks::<{ $lines }>().0.iter().enumerate() {
                    let rows = rows.each_ref().map(|row| RowGroup::of(row, group));
                    for (column, totals) in totals.iter_mut().enumerate() {
                        let exact = $exact(lines, column, &rows);
                        let scales = scales(tile, group, column);
                        for ((total, exact), row) in totals.iter_mut().zip(exact).zip(rows) {
                            let scales = vmulq_n_f32(scales, row.scale);
                            *total = vfmaq_f32(*total, vcvtq_f32_s32(exact), scales);
                        }
                    }
                }
                for (totals, at) in totals.iter().zip((0..TILE).step_by(LANES)) {
                    for (total, sums) in totals.iter().zip(&mut *sums) {
                        let sums = &mut sums[at..at + LANES];
                        // SAFETY: four floats are one vector.
                        unsafe { vst1q_f32(sums.as_mut_ptr(), *total) };
                    }
                }
            }
            by_blocks!([8, 4, 2], rows, sums, |N| block::<N>(rows, tile, sums));
        }
    };
}

product!(q8_dot, "neon,dotprod", Q8_LINES, exact_q8_dot);
product!(q4_dot, "neon,dotprod", Q4_LINES, exact_q4_dot);
product!(q8_neon, "neon", Q8_LINES, exact_q8_neon);
product!(q4_neon, "neon", Q4_LINES, exact_q4_neon);

#[inline]
#[target_feature(enable = "neon,dotprod")]
fn exact_q8_dot<const N: usize>(
    lines: &[Line; Q8_LINES],
    column: usize,
    rows: &[RowGroup; N],
) -> [int32x4_t; N] {
    let mut exact = [vdupq_n_s32(0); N];
    for half in 0..2 {
        let lines = &lines.as_chunks().0[half];
        let weights = lines.each_ref().map(|line| load_q8(line, column));
        add_dots(&mut exact, weights, rows, half);
    }
    exact
}

#[inline]
#[target_feature(enable = "neon,dotprod")]
fn exact_q4_dot<const N: usize>(
    lines: &[Line; Q4_LINES],
    column: usize,
    rows: &[RowGroup; N],
) -> [int32x4_t; N] {
    let mut exact = rows.map(|row| vdupq_n_s32(-Q4_ABOVE * row.sum));
    for half in 0..2 {
        let [early, late] = &lines.as_chunks().0[half];
        let [[a, b], [c, d]] = [load_q4(early, column), load_q4(late, column)];
        add_dots(&mut exact, [a, b, c, d], rows, half);
    }
    exact
}

/// Adds the products with half a group of rows.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn add_dots<const N: usize>(
    exact: &mut [int32x4_t; N],
    weights: [int8x16_t; QUADS / 2],
    rows: &[RowGroup; N],
    half: usize,
) {
    for (exact, row) in exact.iter_mut().zip(rows) {
        let quads = &row.quads.as_chunks::<{ QUADS / 2 }>().0[half];
        // SAFETY: four quads are one vector.
        let x = vreinterpretq_s8_s32(unsafe { vld1q_s32(quads.as_ptr()) });
        *exact = sdot::<0>(*exact, weights[0], x);
        *exact = sdot::<1>(*exact, weights[1], x);
        *exact = sdot::<2>(*exact, weights[2], x);
        *exact = sdot::<3>(*exact, weights[3], x);
    }
}

/// On top of `sums`, four inputs of each of four outputs times the quad of one of the lanes of `x`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot<const LANE: i32>(mut sums: int32x4_t, weights: int8x16_t, x: int8x16_t) -> int32x4_t {
    // SAFETY: from registers to a register, with what this function is compiled for. (What names this
    // instruction in the library is not stable.)
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {weights:v}.16b, {x:v}.4b[{lane}]",
            sums = inout(vreg) sums,
            weights = in(vreg) weights,
            x = in(vreg) x,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

#[inline]
#[target_feature(enable = "neon")]
fn exact_q8_neon<const N: usize>(
    lines: &[Line; Q8_LINES],
    column: usize,
    rows: &[RowGroup; N],
) -> [int32x4_t; N] {
    let mut exact = [[vdupq_n_s32(0); 2]; N];
    for (idx, lines) in lines.as_chunks::<2>().0.iter().enumerate() {
        let [a, b] = lines.each_ref().map(|line| load_q8(line, column));
        for (exact, row) in exact.iter_mut().zip(rows) {
            let [x, y] = [2 * idx, 2 * idx + 1].map(|idx| every_lane(row.quads[idx]));
            // two products of at most 128 and 127 are within sixteen bits
            let low = vmull_s8(vget_low_s8(a), vget_low_s8(x));
            let low = vmlal_s8(low, vget_low_s8(b), vget_low_s8(y));
            let high = vmlal_high_s8(vmull_high_s8(a, x), b, y);
            *exact = [vpadalq_s16(exact[0], low), vpadalq_s16(exact[1], high)];
        }
    }
    exact.map(|[low, high]| vpaddq_s32(low, high))
}

#[inline]
#[target_feature(enable = "neon")]
fn exact_q4_neon<const N: usize>(
    lines: &[Line; Q4_LINES],
    column: usize,
    rows: &[RowGroup; N],
) -> [int32x4_t; N] {
    // eight products of at most 15 and 127 are within sixteen bits
    let mut pairs = [[vdupq_n_s16(0); 2]; N];
    for (idx, line) in lines.iter().enumerate() {
        let [a, b] = load_q4(line, column);
        for ([low, high], row) in pairs.iter_mut().zip(rows) {
            let [x, y] = [2 * idx, 2 * idx + 1].map(|idx| every_lane(row.quads[idx]));
            *low = vmlal_s8(*low, vget_low_s8(a), vget_low_s8(x));
            *low = vmlal_s8(*low, vget_low_s8(b), vget_low_s8(y));
            *high = vmlal_high_s8(vmlal_high_s8(*high, a, x), b, y);
        }
    }
    std::array::from_fn(|idx| {
        let [low, high] = pairs[idx];
        let exact = vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high));
        vsubq_s32(exact, vdupq_n_s32(Q4_ABOVE * rows[idx].sum))
    })
}

/// Integers of a column, without what was added.
#[inline]
#[target_feature(enable = "neon")]
fn load_q8(line: &Line, column: usize) -> int8x16_t {
    vreinterpretq_s8_u8(veorq_u8(load(line, column), vdupq_n_u8(Q8_ABOVE as u8)))
}

/// Integers of a column's first four inputs, and of the next, with what was added.
#[inline]
#[target_feature(enable = "neon")]
fn load_q4(line: &Line, column: usize) -> [int8x16_t; 2] {
    let both = load(line, column);
    let halves = [vandq_u8(both, vdupq_n_u8(15)), vshrq_n_u8::<4>(both)];
    halves.map(|half| vreinterpretq_s8_u8(half))
}

#[inline]
#[target_feature(enable = "neon")]
fn load(line: &Line, column: usize) -> uint8x16_t {
    let bytes = &line.0.as_chunks::<COLUMN>().0[column];
    // SAFETY: sixteen bytes are one vector.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn every_lane(quad: i32) -> int8x16_t {
    vreinterpretq_s8_s32(vdupq_n_s32(quad))
}

/// Scales of a column's outputs in a group.
#[inline]
#[target_feature(enable = "neon")]
fn scales(tile: IntTile, group: usize, column: usize) -> float32x4_t {
    let bytes = &tile.scales[group / 2].0[group % 2 * 2 * TILE..];
    let bytes = &bytes.as_chunks::<{ 2 * LANES }>().0[column];
    // SAFETY: eight bytes are one vector of halves.
    let halves = unsafe { vld1_u16(bytes.as_ptr().cast()) };
    vreinterpretq_f32_u32(vshll_n_u16::<16>(halves))
}
