//! Ways to run the layers of a transformer position by position.
//!
//! A backend takes input rows through the layers; tokens, labels, windows and heads are the
//! business of `prior`. All backends compute the same thing, and each is held to [`reference`].

mod cache;
pub(crate) mod dense;
mod filling;
pub(crate) mod float_matrix;
mod fused;
mod heads;
mod matrix;
mod packed;
mod precision;
mod quantised;
mod rows;
mod simd;
mod tensors;
mod tiles;

use super::JukeboxError;
use super::prior::layer::Layer;
use crate::jukebox::config::StackShape;

pub(crate) use self::cache::Slots;
pub(crate) use self::filling::FillingMatrix;
pub use self::filling::Rows;
pub use self::matrix::PackedMatrix;
pub(crate) use self::packed::{Affine, PackedStack, packed_dense, with_numbers};
pub use self::precision::Precision;
pub use self::quantised::{GROUP, Group, Quantisation};
pub(crate) use self::rows::relu;

/// Name of the processor's instructions that products use; `ENCORE_CPU` asks for others.
pub fn instructions() -> &'static str {
    simd::products().cpu.name()
}

/// A stack of layers that remembers what its later positions need of the earlier ones.
///
/// `b` sequences advance together. Positions past the window are refused by the caller.
pub trait StepBackend: Send {
    /// Takes the next `n_steps` positions, `[b, n_steps, w]`, to what the last layer makes of them.
    fn run(
        &mut self,
        rows: &mut [f32],
        n_steps: usize,
        observer: &mut dyn Observer,
    ) -> Result<(), JukeboxError>;

    /// Makes `b` sequences of the only one, each to go on by itself.
    fn repeat(&mut self, b: usize) -> Result<(), JukeboxError>;

    /// An independent copy, which goes on from the same position to the same numbers.
    fn fork<'a>(&self) -> Result<Box<dyn StepBackend + 'a>, JukeboxError>
    where
        Self: 'a;
}

/// Who looks on while layers run.
pub trait Observer {
    /// Whether this layer's attention weights are wanted. (The reference backend has none to show.)
    fn wants_weights(&self, _layer_idx: usize) -> bool {
        false
    }

    /// What a head of a position gave to each of the slots that it saw.
    fn weights(&mut self, _head: usize, _row: usize, _position: usize, _weights: &[f32]) {}

    /// What a layer made of its positions, `[b, n_steps, w]`.
    fn after_layer(&mut self, _layer_idx: usize, _rows: &[f32]) {}
}

/// Nobody.
impl Observer for () {}

/// States of lyrics that were read elsewhere, `[b, n, w]`; empty where a model has none.
pub(crate) type LyricStates<'a> = &'a [f32];

/// candle's tensors throughout: the one that the others are compared with.
pub(crate) fn reference<'m>(
    shape: &'m StackShape,
    layers: &'m [Layer],
    b: usize,
    states: LyricStates,
) -> Result<Box<dyn StepBackend + 'm>, JukeboxError> {
    Ok(Box::new(tensors::TensorBackend::new(shape, layers, b, states)?))
}

/// Hand-written products on plain slices.
pub(crate) fn fast<'m>(
    packed: &'m PackedStack,
    b: usize,
    states: LyricStates,
) -> Box<dyn StepBackend + 'm> {
    Box::new(fused::FusedBackend::new(packed, b, states))
}
