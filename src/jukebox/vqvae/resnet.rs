//! Stacks of dilated residual blocks, the body of every encoder and decoder.

use candle_core::Result as TensorResult;
use candle_nn::VarBuilder;

use super::buffers::Buffers;
use super::conv::Conv;
use crate::jukebox::kernels::dense::Finish;
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
        for block in &self.blocks {
            block.add_to(&mut x, buffers);
        }
        x
    }
}

/// `x + scale · pointwise(relu(dilated(relu(x))))`, over `[t, c]`; the weights hold the scale.
struct ResBlock {
    dilated: Conv,
    pointwise: Conv,
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
            dilated: Conv::wide(width, hidden, dilation, vb.pp("model.1"))?,
            pointwise: Conv::pointwise(hidden, width, scale, vb.pp("model.3"))?,
            width,
            hidden,
        })
    }

    fn add_to(&self, x: &mut [f32], buffers: &mut Buffers) {
        let n_beyond = self.dilated.reach() * self.width;
        let mut padded = buffers.take(x.len() + 2 * n_beyond); // [t + 2 * dilation, c]
        let (before, rest) = padded.split_at_mut(n_beyond);
        let (middle, after) = rest.split_at_mut(x.len());
        before.fill(0.0);
        middle.iter_mut().zip(&*x).for_each(|(padded, x)| *padded = x.max(0.0));
        after.fill(0.0);
        let mut hidden = buffers.take(x.len() / self.width * self.hidden); // [t, hidden]
        self.dilated.run(&padded, Finish::WriteRelu, &mut hidden);
        self.pointwise.run(&hidden, Finish::Add, x);
        buffers.give(padded);
        buffers.give(hidden);
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
