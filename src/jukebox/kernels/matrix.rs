//! The matrices of a transformer's layers.
//!
//! Weights are packed once, as floats or as [small integers](super::quantised), and read from memory once
//! for all rows; tiles are shared out to the caller's [crew](crate::jukebox::crew). No result depends on how
//! many rows or threads there are.

use super::dense::{CHUNK_ROWS, Finish, Reading, Sides};
use super::precision::Precision;
use super::quantised::{GROUP, Group, Quantisation, QuantisedTiles};
use super::simd::{self, IntRow, QUADS, TILE};
use super::tiles::Tiles;
use crate::jukebox::crew::Parted;

/// `y = x · w + bias`, ready to be multiplied.
pub struct PackedMatrix {
    sides: Sides,
    tiles: Tiles,
}

/// Rows as integers, for matrices that are held so; used again for every product.
#[derive(Default)]
pub struct Room {
    quads: Vec<i32>,
    scales: Vec<f32>,
    sums: Vec<i32>,
}

impl PackedMatrix {
    pub(super) fn new(n_in: usize, bias: &[f32], tiles: Tiles) -> Self {
        Self { sides: Sides::new(n_in, bias), tiles }
    }

    /// Of weights `[n_in, n_out]`, held as asked for where its inputs allow it.
    pub fn of(weights: &[f32], bias: &[f32], held_as: Precision) -> Self {
        let n_out = bias.len();
        let n_in = weights.len() / n_out;
        let mut tiles = Tiles::new(n_in, n_out, held_as);
        tiles.set_rows(0, n_out, weights);
        if let Some(format) = held_as.quantisation() {
            let mut group = Group::new(format, n_out);
            for (idx, weights) in weights.chunks_exact(GROUP * n_out).enumerate() {
                group.quantise(weights);
                tiles.set_group(idx * GROUP, &group);
            }
        }
        Self::new(n_in, bias, tiles)
    }

    pub fn n_out(&self) -> usize {
        self.sides.n_out
    }

    /// Rows of `n_in` to as many of `n_out`.
    pub fn multiply(&self, x: &[f32], room: &mut Room, y: &mut [f32]) {
        let Sides { n_in, n_out, .. } = self.sides;
        assert_eq!((x.len() / n_in, y.len() % n_out), (y.len() / n_out, 0));
        let reading = Reading { row_stride: n_in, tap_stride: 0, n_taps: 1 };
        match &self.tiles {
            Tiles::F32(tiles) => self.sides.multiply_floats(tiles, x, reading, Finish::Write, y),
            Tiles::F16(tiles) => self.sides.multiply_floats(tiles, x, reading, Finish::Write, y),
            Tiles::BF16(tiles) => self.sides.multiply_floats(tiles, x, reading, Finish::Write, y),
            Tiles::Quantised(tiles) => {
                room.take(x);
                self.multiply_ints(tiles, room, y);
            }
        }
    }

    fn multiply_ints(&self, tiles: &QuantisedTiles, room: &Room, y: &mut [f32]) {
        let product = match tiles.format {
            Quantisation::Q8 => simd::products().q8,
            Quantisation::Q4 => simd::products().q4,
        };
        let Sides { n_in, n_out, .. } = self.sides;
        let (n_rows, y) = (y.len() / n_out, Parted::new(y));
        self.sides.share(tiles.n_bytes(), n_rows, self.sides.n_tiles(), |range| {
            for tile in range {
                let outputs = self.sides.outputs(tile..tile + 1);
                for first in (0..n_rows).step_by(CHUNK_ROWS) {
                    let chunk = first..n_rows.min(first + CHUNK_ROWS);
                    let mut rows = [IntRow::default(); CHUNK_ROWS];
                    let held = rows.iter_mut().zip(chunk.clone());
                    held.for_each(|(to, row)| *to = room.row(row, n_in));
                    let mut sums = [[0.0; TILE]; CHUNK_ROWS];
                    let sums = &mut sums[..chunk.len()];
                    product(&rows[..chunk.len()], tiles.tile(tile), sums);
                    for (row, sums) in chunk.zip(sums) {
                        let at = row * n_out + outputs.start;
                        // SAFETY: only this part writes these outputs.
                        let y = unsafe { y.part(at..at + outputs.len()) };
                        self.sides.finish(sums, outputs.clone(), Finish::Write, y);
                    }
                }
            }
        });
    }
}

impl Room {
    /// Makes integers of rows of whole groups.
    fn take(&mut self, x: &[f32]) {
        let n_groups = x.len() / GROUP;
        self.quads.resize(n_groups * QUADS, 0);
        self.scales.resize(n_groups, 0.0);
        self.sums.resize(n_groups, 0);
        let quantise = simd::products().quantise;
        quantise(x, &mut self.quads, &mut self.scales, &mut self.sums);
    }

    fn row(&self, row: usize, n_in: usize) -> IntRow<'_> {
        let (n_groups, first) = (n_in / GROUP, row * n_in / GROUP);
        IntRow {
            quads: &self.quads[first * QUADS..][..n_groups * QUADS],
            scales: &self.scales[first..][..n_groups],
            sums: &self.sums[first..][..n_groups],
        }
    }
}

#[cfg(test)]
mod tests;
