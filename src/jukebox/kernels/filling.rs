//! A matrix taken in a few rows at a time, so that loading needs little more than what it keeps.

use super::matrix::PackedMatrix;
use super::precision::Precision;
use super::quantised::{GROUP, Group};
use super::tiles::Tiles;

/// The next rows of weights `[n_in, n_out]`.
pub enum Rows<'r> {
    /// [`GROUP`] of them, or as many as are left.
    Plain(&'r [f32]),
    Quantised(&'r Group),
}

/// A matrix that is not yet whole.
pub struct FillingMatrix {
    n_in: usize,
    bias: Vec<f32>,
    tiles: Tiles,
    n_done: usize,
    group: Option<Group>, // for what is quantised here
    plain: Vec<f32>,      // for what is held otherwise than it comes
}

impl FillingMatrix {
    /// Held as floats where integers would not have whole groups.
    pub fn new(n_in: usize, bias: Vec<f32>, held_as: Precision) -> Self {
        let tiles = Tiles::new(n_in, bias.len(), held_as);
        let group = match &tiles {
            Tiles::Quantised(tiles) => Some(Group::new(tiles.format, bias.len())),
            _ => None,
        };
        Self { n_in, bias, tiles, n_done: 0, group, plain: Vec::new() }
    }

    /// Takes the next rows.
    pub fn push(&mut self, rows: Rows) {
        match rows {
            Rows::Plain(weights) => self.push_plain(weights),
            Rows::Quantised(group)
                if self.group.as_ref().is_some_and(|held| held.format == group.format) =>
            {
                self.tiles.set_group(self.n_done, group);
                self.n_done += GROUP;
            }
            Rows::Quantised(group) => {
                let mut plain = std::mem::take(&mut self.plain);
                plain.resize(GROUP * self.bias.len(), 0.0);
                group.dequantise(&mut plain);
                self.push_plain(&plain);
                self.plain = plain;
            }
        }
    }

    fn push_plain(&mut self, weights: &[f32]) {
        match &mut self.group {
            None => self.tiles.set_rows(self.n_done, self.bias.len(), weights),
            Some(group) => {
                group.quantise(weights);
                self.tiles.set_group(self.n_done, group);
            }
        }
        self.n_done += weights.len() / self.bias.len();
    }

    /// The matrix, if all of its rows came.
    pub fn finish(self) -> Option<PackedMatrix> {
        let Self { n_in, bias, tiles, n_done, .. } = self;
        (n_done == n_in).then(|| PackedMatrix::new(n_in, &bias, tiles))
    }
}
