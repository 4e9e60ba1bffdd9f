//! Products of small integers, summed exactly and scaled by groups.
//!
//! Weights have a scale for each [`GROUP`] inputs of an output; rows get one for each group of their own when
//! they are multiplied, with integers from -127 to 127. Sums of products within a group are exact integers,
//! and groups are added up in order with one rounding each, so every processor gives the same bits.
//!
//! Weights are kept above zero, with [`Q8_ABOVE`] or [`Q4_ABOVE`] added; what that adds to a sum depends on
//! the row alone, and is taken off again.

use half::bf16;

use super::TILE;
use crate::jukebox::kernels::quantised::GROUP;

/// Bytes that are loaded at once.
pub const LINE: usize = 64;

/// Four inputs of each output of a tile: byte `4 * o + j` is of output `o` and input `j`. Where integers have
/// four bits, the lower halves are of these inputs and the upper ones of the next four.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Line(pub [u8; LINE]);

/// Lines of the integers of one group of a tile.
pub const Q8_LINES: usize = GROUP * TILE / LINE;
pub const Q4_LINES: usize = Q8_LINES / 2;

/// What is added to integers of weights.
pub const Q8_ABOVE: i32 = 128;
pub const Q4_ABOVE: i32 = 8;

/// Inputs that are multiplied at once.
pub const QUAD: usize = 4;
/// Quads of a group.
pub const QUADS: usize = GROUP / QUAD;

/// Below this nothing is left of a group: its scale could not be inverted.
const SMALLEST: f32 = 1e-30;

/// One tile.
#[derive(Clone, Copy)]
pub struct IntTile<'a> {
    /// `[n_groups][TILE]` of `bf16`, two groups to a line.
    pub scales: &'a [Line],
    /// `[n_groups][Q8_LINES]` or `[n_groups][Q4_LINES]`
    pub ints: &'a [Line],
}

/// One row.
#[derive(Clone, Copy, Default)]
pub struct IntRow<'a> {
    /// `[n_groups][QUADS]`, each four integers of eight bits, the first the lowest.
    pub quads: &'a [i32],
    /// `[n_groups]`
    pub scales: &'a [f32],
    /// `[n_groups]`, the sum of the integers.
    pub sums: &'a [i32],
}

/// Scales of a group, as floats.
#[inline(always)]
pub fn scales_of(tile: IntTile, group: usize) -> [f32; TILE] {
    let bytes = &tile.scales[group / 2].0[group % 2 * 2 * TILE..];
    std::array::from_fn(|o| bf16::from_le_bytes([bytes[2 * o], bytes[2 * o + 1]]).to_f32())
}

/// A row to integers. Numbers that are none make their group's scale none.
#[inline(always)]
pub fn quantise(x: &[f32], quads: &mut [i32], scales: &mut [f32], sums: &mut [i32]) {
    /// The last digit of a number near it counts as 1.
    const ONE_AND_A_HALF: f32 = (3 << 22) as f32;
    let groups = x.as_chunks::<GROUP>().0.iter().zip(quads.as_chunks_mut::<QUADS>().0);
    for (((x, quads), scale), sum) in groups.zip(scales).zip(sums) {
        let mut lanes = [0.0f32; 8];
        let mut poison = [0.0f32; 8];
        for x in x.as_chunks::<8>().0 {
            for lane in 0..8 {
                lanes[lane] = lanes[lane].max(x[lane].abs());
                poison[lane] += x[lane] * 0.0;
            }
        }
        let largest = lanes.iter().copied().fold(0.0, f32::max);
        let factor = if SMALLEST < largest { 127.0 / largest } else { 0.0 };
        *scale = if SMALLEST < largest { largest / 127.0 } else { 0.0 };
        *scale += poison.iter().sum::<f32>();
        let mut total = [0i32; 8];
        let ints: [i32; GROUP] =
            std::array::from_fn(|i| (x[i] * factor + ONE_AND_A_HALF).to_bits() as i8 as i32);
        for ints in ints.as_chunks::<8>().0 {
            (0..8).for_each(|lane| total[lane] += ints[lane]);
        }
        *sum = total.iter().sum();
        for (quad, ints) in quads.iter_mut().zip(ints.as_chunks::<QUAD>().0) {
            *quad = i32::from_le_bytes(ints.map(|int| int as u8));
        }
    }
}

pub fn q8_portable(rows: &[IntRow], tile: IntTile, sums: &mut [[f32; TILE]]) {
    product_portable::<Q8_LINES>(rows, tile, sums, Q8_ABOVE, |line, quad| {
        dot(&line.0, quad, i32::from)
    });
}

pub fn q4_portable(rows: &[IntRow], tile: IntTile, sums: &mut [[f32; TILE]]) {
    // a line has eight inputs: its quads are taken two by two
    product_portable::<Q4_LINES>(rows, tile, sums, Q4_ABOVE, |line, quads| {
        let low = dot(&line.0, &quads[..1], |byte| i32::from(byte & 15));
        let high = dot(&line.0, &quads[1..], |byte| i32::from(byte >> 4));
        std::array::from_fn(|o| low[o] + high[o])
    });
}

/// Four inputs of each output times as many of a row.
#[inline(always)]
fn dot(line: &[u8; LINE], quad: &[i32], weight: impl Fn(u8) -> i32) -> [i32; TILE] {
    let x = quad[0].to_le_bytes().map(|int| i32::from(int as i8));
    std::array::from_fn(|o| (0..QUAD).map(|j| weight(line[QUAD * o + j]) * x[j]).sum())
}

#[inline(always)]
fn product_portable<const LINES: usize>(
    rows: &[IntRow],
    tile: IntTile,
    sums: &mut [[f32; TILE]],
    above: i32,
    dot: impl Fn(&Line, &[i32]) -> [i32; TILE],
) {
    for (row, sums) in rows.iter().zip(sums) {
        *sums = [0.0; TILE];
        let groups = row.quads.as_chunks::<QUADS>().0.iter().zip(tile.ints.as_chunks::<LINES>().0);
        for (group, (quads, lines)) in groups.enumerate() {
            let mut exact = [-above * row.sums[group]; TILE];
            for (quads, line) in quads.chunks_exact(QUADS / LINES).zip(lines) {
                exact.iter_mut().zip(dot(line, quads)).for_each(|(exact, dot)| *exact += dot);
            }
            let scales = scales_of(tile, group);
            for o in 0..TILE {
                let scale = scales[o] * row.scales[group];
                sums[o] = (exact[o] as f32).mul_add(scale, sums[o]);
            }
        }
    }
}
