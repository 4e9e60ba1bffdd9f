//! Ways to run the layers of a prior position by position.
//!
//! A backend sees input rows and gives logits; tokens, labels and windows are the business of
//! `prior::Decoder`. All backends compute the same thing, and each is held to [`reference`].

mod cache;
mod fused;
pub(crate) mod matrix;
mod rows;
mod simd;
mod tensors;

use super::JukeboxError;
use super::prior::Stack;

pub(crate) use self::fused::PackedStack;

/// A stack of layers that remembers what its later positions need of the earlier ones.
///
/// `b` sequences advance together. Positions past the window are refused by the caller.
pub trait StepBackend: Send {
    /// Takes the next `n_steps` positions, `[b, n_steps, w]`.
    fn prefill(&mut self, rows: &[f32], n_steps: usize) -> Result<(), JukeboxError>;

    /// Takes the next position, `[b, w]`, and writes its logits, `[b, bins]`.
    ///
    /// `before_head` is `[b, w]` and is added before the head, where the model wants that.
    fn step(
        &mut self,
        rows: &[f32],
        before_head: Option<&[f32]>,
        logits: &mut [f32],
    ) -> Result<(), JukeboxError>;
}

/// candle's tensors throughout: the one that the others are compared with.
pub(crate) fn reference(
    stack: &Stack,
    b: usize,
) -> Result<Box<dyn StepBackend + '_>, JukeboxError> {
    Ok(Box::new(tensors::TensorBackend::new(stack, b)?))
}

/// Hand-written products on plain slices.
pub(crate) fn fast<'m>(
    stack: &'m Stack,
    packed: &'m PackedStack,
    b: usize,
) -> Box<dyn StepBackend + 'm> {
    Box::new(fused::FusedBackend::new(stack, packed, b))
}
