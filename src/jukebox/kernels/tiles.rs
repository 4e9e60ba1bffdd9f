//! The weights of a matrix as the products read them: each once, in tiles of [`TILE`] outputs.

use std::ops::Range;

use super::quantised::{GROUP, Group, Quantisation, QuantisedTiles};
use super::simd::{self, TILE};

/// Inputs of a quantised tile that are made floats at once, for many rows: two tiles fit the first cache.
pub const PIECE: usize = 4 * GROUP;

/// Room for as many inputs of two tiles.
pub type Floats = [[f32; PIECE * TILE]; 2];

/// A new way to hold weights is a new variant here, with its products in `simd`.
pub enum Tiles {
    F32 { n_in: usize, tiles: Vec<f32> }, // [n_out / TILE][n_in][TILE]
    Quantised(QuantisedTiles),
}

impl Tiles {
    /// Weights of 0. Only whole groups of inputs can be quantised; others are held as floats.
    pub fn new(n_in: usize, n_out: usize, held_as: Option<Quantisation>) -> Self {
        match held_as.filter(|_| n_in.is_multiple_of(GROUP)) {
            None => Self::F32 { n_in, tiles: vec![0.0; n_out.div_ceil(TILE) * n_in * TILE] },
            Some(format) => Self::Quantised(QuantisedTiles::new(format, n_in, n_out)),
        }
    }

    /// `at` gives the weight from an input to an output.
    pub fn from_fn(n_in: usize, n_out: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let mut tiles = vec![0.0; n_out.div_ceil(TILE) * n_in * TILE];
        for (idx, tile) in tiles.chunks_exact_mut(n_in * TILE).enumerate() {
            for (i, weights) in tile.chunks_exact_mut(TILE).enumerate() {
                for (o, weight) in (idx * TILE..n_out).zip(weights) {
                    *weight = at(i, o);
                }
            }
        }
        Self::F32 { n_in, tiles }
    }

    /// How the weights are held, unless as floats.
    pub fn format(&self) -> Option<Quantisation> {
        match self {
            Self::F32 { .. } => None,
            Self::Quantised(tiles) => Some(tiles.format),
        }
    }

    pub fn n_bytes(&self) -> usize {
        match self {
            Self::F32 { tiles, .. } => size_of_val(tiles.as_slice()),
            Self::Quantised(tiles) => tiles.n_bytes(),
        }
    }

    /// Takes rows of `[n_in, n_out]` from input `first` on, where floats are held.
    pub fn set_rows(&mut self, first: usize, n_out: usize, weights: &[f32]) {
        let Self::F32 { n_in, tiles } = self else { return };
        for (idx, tile) in tiles.chunks_exact_mut(*n_in * TILE).enumerate() {
            let outputs = idx * TILE..n_out.min((idx + 1) * TILE);
            let rows = tile[first * TILE..].chunks_exact_mut(TILE);
            for (to, from) in rows.zip(weights.chunks_exact(n_out)) {
                to[..outputs.len()].copy_from_slice(&from[outputs.clone()]);
            }
        }
    }

    /// Takes a group that begins at input `first`, where its format is held.
    pub fn set_group(&mut self, first: usize, group: &Group) {
        if let Self::Quantised(tiles) = self {
            tiles.set_group(first / GROUP, group);
        }
    }

    /// One row, `[n_in]`, times one tile.
    pub fn product(&self, x: &[f32], tile: usize) -> [f32; TILE] {
        match self {
            Self::F32 { n_in, tiles } => {
                simd::best()(x, &tiles[tile * n_in * TILE..][..n_in * TILE])
            }
            Self::Quantised(tiles) => simd::best_quantised(tiles.format)(x, tiles.tile(tile)),
        }
    }

    /// Inputs that [`Tiles::floats`] can be asked for at once, of `n` side by side.
    pub fn piece(&self, n: usize) -> usize {
        match self {
            Self::F32 { .. } => n,
            Self::Quantised(_) => PIECE.min(n),
        }
    }

    /// Some inputs of one tile, `[inputs][TILE]`: as they are held, or made floats in `room`.
    pub fn floats<'a>(
        &'a self,
        tile: usize,
        inputs: Range<usize>,
        room: &'a mut [f32; PIECE * TILE],
    ) -> &'a [f32] {
        match self {
            Self::F32 { n_in, tiles } => {
                &tiles[tile * n_in * TILE..][inputs.start * TILE..inputs.end * TILE]
            }
            Self::Quantised(tiles) => {
                let floats = &mut room[..inputs.len() * TILE];
                let dequantise = simd::best_dequantise(tiles.format);
                dequantise(tiles.blocks(tile, inputs), floats);
                floats
            }
        }
    }

    /// Adds the weights that lead to one output, `[n_in]`.
    pub fn add_weights_of(&self, output: usize, to: &mut [f32]) {
        match self {
            Self::F32 { n_in, tiles } => {
                let tile = &tiles[output / TILE * n_in * TILE..][..n_in * TILE];
                let weights = tile[output % TILE..].iter().step_by(TILE);
                to.iter_mut().zip(weights).for_each(|(to, weight)| *to += weight);
            }
            Self::Quantised(tiles) => {
                let weights = to.iter_mut().enumerate();
                weights.for_each(|(i, to)| *to += tiles.weight(i, output));
            }
        }
    }
}
