//! Stacks of dilated residual blocks, the body of every encoder and decoder.

use std::ops::Range;

use candle_core::Result as TensorResult;
use candle_nn::VarBuilder;

use super::buffers::Buffers;
use super::conv::taps;
use crate::jukebox::crew::{self, Parted};
use crate::jukebox::kernels::dense::Finish;
use crate::jukebox::kernels::float_matrix::FloatMatrix;
use crate::jukebox::kernels::relu;
use crate::jukebox::{JukeboxError, VqvaeConfig};

/// Widest dilation a configuration may ask for, in steps.
const MAX_DILATION: usize = 1 << 20;

/// Residual blocks, one after the other, each with its own dilation.
pub struct ResStack {
    blocks: Vec<ResBlock>,
}

impl ResStack {
    /// Reads `{j}` below `vb` for the dilation of each block; `scale` is that of their branches.
    pub fn load(
        width: usize,
        hidden: usize,
        dilations: &[usize],
        scale: f64,
        vb: VarBuilder,
    ) -> TensorResult<Self> {
        let blocks = dilations
            .iter()
            .enumerate()
            .map(|(j, dilation)| ResBlock::load(width, hidden, *dilation, scale, vb.pp(j)))
            .collect::<TensorResult<_>>()?;
        Ok(Self { blocks })
    }

    /// Keeps the shape `[t, c]`.
    pub fn forward(&self, mut x: Vec<f32>, buffers: &mut Buffers) -> Vec<f32> {
        let mut y = buffers.take(x.len());
        for block in &self.blocks {
            block.run(&x, &mut y, buffers);
            std::mem::swap(&mut x, &mut y);
        }
        buffers.give(y);
        x
    }
}

/// Steps that go through a block together: they and its weights stay in the nearest caches.
const CHUNK_STEPS: usize = 24;
/// Weights beyond these bytes would be read again for each chunk.
const MAX_CHUNKED_BYTES: usize = 1 << 19;
/// Parts for each thread of the crew.
const PARTS_PER_THREAD: usize = 4;

/// `x + scale · pointwise(relu(dilated(relu(x))))`, over `[t, c]`; the weights hold the scale.
struct ResBlock {
    dilated: FloatMatrix,   // [3 * width, hidden]
    pointwise: FloatMatrix, // [hidden, width]
    dilation: usize,
    width: usize,
    hidden: usize,
}

impl ResBlock {
    /// Reads `model.1` and `model.3`: the checkpoint counts the activations as 0 and 2.
    fn load(
        width: usize,
        hidden: usize,
        dilation: usize,
        scale: f64,
        vb: VarBuilder,
    ) -> TensorResult<Self> {
        Ok(Self {
            dilated: taps(width, hidden, 3, 1.0, vb.pp("model.1"))?,
            pointwise: taps(hidden, width, 1, scale, vb.pp("model.3"))?,
            dilation,
            width,
            hidden,
        })
    }

    /// Chunk by chunk: what a chunk sees is put side by side once, and nothing in between is written to
    /// memory.
    fn run(&self, x: &[f32], y: &mut [f32], buffers: &mut Buffers) {
        let n_steps = x.len() / self.width;
        let is_large = MAX_CHUNKED_BYTES < size_of::<f32>() * 3 * self.width * self.hidden;
        let n_chunk = if is_large { n_steps } else { CHUNK_STEPS };
        let n_chunks = n_steps.div_ceil(n_chunk.max(1));
        let n_parts = n_chunks.min(PARTS_PER_THREAD * crew::n_threads());
        let n_seen = n_chunk * 3 * self.width;
        let n_room = n_seen + n_chunk * self.hidden;
        let mut room = buffers.take(n_parts * n_room);
        let (y, parted) = (Parted::new(y), Parted::new(&mut room));
        crew::share(n_parts, |part| {
            // SAFETY: every part has its own room.
            let room = unsafe { parted.part(part * n_room..(part + 1) * n_room) };
            let (seen, hidden) = room.split_at_mut(n_seen);
            for chunk in part * n_chunks / n_parts..(part + 1) * n_chunks / n_parts {
                let steps = chunk * n_chunk..n_steps.min((chunk + 1) * n_chunk);
                let seen = &mut seen[..steps.len() * 3 * self.width];
                let hidden = &mut hidden[..steps.len() * self.hidden];
                self.look(x, steps.clone(), seen);
                self.dilated.multiply_rows(seen, self.dilated.reading(), Finish::WriteRelu, hidden);
                let within = steps.start * self.width..steps.end * self.width;
                // SAFETY: only this part writes these steps.
                let y = unsafe { y.part(within.clone()) };
                y.copy_from_slice(&x[within]);
                self.pointwise.multiply_rows(hidden, self.pointwise.reading(), Finish::Add, y);
            }
        });
        buffers.give(room);
    }

    /// What steps see, `[n, 3, width]`: nothing negative, and nothing beyond the edges.
    fn look(&self, x: &[f32], steps: Range<usize>, seen: &mut [f32]) {
        let n_steps = x.len() / self.width;
        let seen = seen.chunks_exact_mut(self.width).enumerate();
        for (idx, seen) in seen {
            let (step, tap) = (steps.start + idx / 3, idx % 3);
            let at = (step + tap * self.dilation).checked_sub(self.dilation);
            match at.filter(|at| *at < n_steps) {
                Some(at) => relu(&x[at * self.width..(at + 1) * self.width], seen),
                None => seen.fill(0.0),
            }
        }
    }
}

/// Dilation of each block of an encoder of `level`, in stored order.
pub fn encoder_dilations(config: &VqvaeConfig, level: usize) -> Result<Vec<usize>, JukeboxError> {
    (0..config.depth * config.multipliers[level])
        .map(|j| dilation(config.dilation_growth_rate, config.dilation_cycle, j))
        .collect()
}

/// Dilation of each block of a decoder of `level`, in stored order.
pub fn decoder_dilations(config: &VqvaeConfig, level: usize) -> Result<Vec<usize>, JukeboxError> {
    let mut dilations = encoder_dilations(config, level)?;
    if config.reverse_decoder_dilation {
        dilations.reverse();
    }
    Ok(dilations)
}

/// Dilation of block `block_idx`: it grows from block to block, and after a cycle starts again.
pub fn dilation(
    growth_rate: usize,
    cycle: Option<usize>,
    block_idx: usize,
) -> Result<usize, JukeboxError> {
    let exponent = match cycle {
        Some(cycle) => block_idx % cycle.max(1),
        None => block_idx,
    };
    u32::try_from(exponent)
        .ok()
        .and_then(|exponent| growth_rate.checked_pow(exponent))
        .filter(|dilation| *dilation <= MAX_DILATION)
        .ok_or_else(|| {
            JukeboxError::Config(format!(
                "block {block_idx} would be dilated by {growth_rate} to the power of {exponent}, \
                 more than {MAX_DILATION} steps"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jukebox::vqvae::tests::tiny;

    #[test]
    fn dilations_grow_turn_around_in_decoders_and_start_again_after_a_cycle() {
        let config = VqvaeConfig { depth: 3, multipliers: vec![2, 1], ..tiny() };
        let cycled = VqvaeConfig { dilation_cycle: Some(2), ..config.clone() };

        assert_eq!(encoder_dilations(&config, 1).unwrap(), [1, 3, 9]);
        assert_eq!(decoder_dilations(&config, 1).unwrap(), [9, 3, 1]);
        assert_eq!(encoder_dilations(&cycled, 0).unwrap(), [1, 3, 1, 3, 1, 3]);
        assert_eq!(decoder_dilations(&cycled, 0).unwrap(), [3, 1, 3, 1, 3, 1]);
    }

    #[test]
    fn a_dilation_beyond_reason_is_an_error() {
        let config = VqvaeConfig { depth: 40, ..tiny() };

        let error = encoder_dilations(&config, 0).unwrap_err();

        assert!(error.to_string().contains("more than 1048576 steps"), "{error}");
    }
}
