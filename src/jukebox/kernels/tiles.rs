//! The weights of a matrix as the products read them: each once, in tiles of [`TILE`] outputs.

use half::{bf16, f16};

use super::precision::Precision;
use super::quantised::{GROUP, Group, QuantisedTiles};
use super::simd::{FloatProduct, Products, TILE};

/// A new way to hold weights is a new variant here, with its products in `simd`.
pub enum Tiles {
    F32(FloatTiles<f32>),
    F16(FloatTiles<f16>),
    BF16(FloatTiles<bf16>),
    Quantised(QuantisedTiles),
}

/// Weights that are floats of some kind.
pub struct FloatTiles<T> {
    n_in: usize,
    tiles: Vec<T>, // [n_out / TILE][n_in][TILE]
}

/// What [`FloatTiles`] are made of.
pub trait Float: Copy + Send + Sync {
    const ZERO: Self;
    fn of(x: f32) -> Self;
    fn wide(self) -> f32;
    fn product(products: &Products) -> FloatProduct<Self>;
}

macro_rules! float {
    ($float:ty, $product:ident, $zero:expr, $of:expr, $wide:expr) => {
        impl Float for $float {
            const ZERO: Self = $zero;

            fn of(x: f32) -> Self {
                $of(x)
            }

            fn wide(self) -> f32 {
                $wide(self)
            }

            fn product(products: &Products) -> FloatProduct<Self> {
                products.$product
            }
        }
    };
}

float!(f32, f32, 0.0, std::convert::identity, std::convert::identity);
float!(f16, f16, f16::ZERO, f16::from_f32, f16::to_f32);
float!(bf16, bf16, bf16::ZERO, bf16::from_f32, bf16::to_f32);

impl<T: Float> FloatTiles<T> {
    fn new(n_in: usize, n_out: usize) -> Self {
        Self { n_in, tiles: vec![T::ZERO; n_out.div_ceil(TILE) * n_in * TILE] }
    }

    /// `at` gives the weight from an input to an output.
    pub fn from_fn(n_in: usize, n_out: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let mut floats = Self::new(n_in, n_out);
        for (idx, tile) in floats.tiles.chunks_exact_mut(n_in * TILE).enumerate() {
            for (i, weights) in tile.chunks_exact_mut(TILE).enumerate() {
                for (o, weight) in (idx * TILE..n_out).zip(weights) {
                    *weight = T::of(at(i, o));
                }
            }
        }
        floats
    }

    pub fn n_bytes(&self) -> usize {
        size_of_val(self.tiles.as_slice())
    }

    /// Some inputs of one tile, `[inputs][TILE]`.
    pub fn tile(&self, idx: usize, inputs: std::ops::Range<usize>) -> &[T] {
        &self.tiles[idx * self.n_in * TILE..][inputs.start * TILE..inputs.end * TILE]
    }

    /// Takes rows of `[n_in, n_out]` from input `first` on.
    fn set_rows(&mut self, first: usize, n_out: usize, weights: &[f32]) {
        for (idx, tile) in self.tiles.chunks_exact_mut(self.n_in * TILE).enumerate() {
            let outputs = idx * TILE..n_out.min((idx + 1) * TILE);
            let rows = tile[first * TILE..].chunks_exact_mut(TILE);
            for (to, from) in rows.zip(weights.chunks_exact(n_out)) {
                to.iter_mut().zip(&from[outputs.clone()]).for_each(|(to, from)| *to = T::of(*from));
            }
        }
    }

    /// Adds the weights that lead to one output, `[n_in]`.
    pub fn add_weights_of(&self, output: usize, to: &mut [f32]) {
        let tile = &self.tiles[output / TILE * self.n_in * TILE..][..self.n_in * TILE];
        let weights = tile[output % TILE..].iter().step_by(TILE);
        to.iter_mut().zip(weights).for_each(|(to, weight)| *to += weight.wide());
    }
}

impl Tiles {
    /// Weights of 0; of floats, where integers would not have whole groups.
    pub fn new(n_in: usize, n_out: usize, held_as: Precision) -> Self {
        match held_as.quantisation().filter(|_| n_in.is_multiple_of(GROUP)) {
            Some(format) => Self::Quantised(QuantisedTiles::new(format, n_in, n_out)),
            None => match held_as {
                Precision::F16 => Self::F16(FloatTiles::new(n_in, n_out)),
                Precision::BF16 => Self::BF16(FloatTiles::new(n_in, n_out)),
                _ => Self::F32(FloatTiles::new(n_in, n_out)),
            },
        }
    }

    /// Takes rows of `[n_in, n_out]` from input `first` on, where floats are held.
    pub fn set_rows(&mut self, first: usize, n_out: usize, weights: &[f32]) {
        match self {
            Self::F32(floats) => floats.set_rows(first, n_out, weights),
            Self::F16(floats) => floats.set_rows(first, n_out, weights),
            Self::BF16(floats) => floats.set_rows(first, n_out, weights),
            Self::Quantised(_) => {}
        }
    }

    /// Takes a group that begins at input `first`, where its format is held.
    pub fn set_group(&mut self, first: usize, group: &Group) {
        if let Self::Quantised(tiles) = self {
            tiles.set_group(first / GROUP, group);
        }
    }
}
