//! The encoder and the decoder of one level, as they are trained.
//!
//! The same networks as [`crate::jukebox::vqvae`], which only plays them; names and shapes of the weights are
//! those of SPEC §2.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor, Var};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::jukebox::VqvaeConfig;
use crate::train::ops::{
    ResBlockVars, ResStackShape, down_conv, down_conv_of_data, res_stack, up_conv, wide_conv,
};

/// Weights by name.
pub type Vars = BTreeMap<String, Var>;

/// A convolution's weight and bias.
struct ConvVars {
    weight: Var,
    bias: Var,
}

/// Residual blocks, one after the other.
struct StackVars {
    blocks: Vec<ResBlockVars>,
    shape: ResStackShape,
}

impl StackVars {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        res_stack(x, &self.blocks, &self.shape)
    }
}

/// Audio to code vectors.
pub struct Encoder {
    blocks: Vec<DownBlock>,
}

struct DownBlock {
    stages: Vec<(ConvVars, StackVars)>,
    stride: usize,
    out: ConvVars,
}

/// Code vectors to audio.
pub struct Decoder {
    blocks: Vec<UpBlock>, // coarsest first
    out: ConvVars,
}

struct UpBlock {
    input: ConvVars,
    stages: Vec<(StackVars, ConvVars)>,
    stride: usize,
}

impl Encoder {
    /// Random weights, also put into `vars`.
    pub fn new(config: &VqvaeConfig, level: usize, maker: &mut Maker) -> Result<Self> {
        let width = config.width * config.multipliers[level];
        let mut blocks = Vec::new();
        for b in 0..=level {
            let stem = format!("encoders.{level}.level_blocks.{b}.model");
            let mut stages = Vec::new();
            for i in 0..config.downs_t[b] {
                let c_in = match (i, b) {
                    (0, 0) => 1,
                    (0, _) => config.emb_width,
                    _ => width,
                };
                let k = 2 * config.strides_t[b];
                let down = maker.conv(&format!("{stem}.{i}.0"), [width, c_in, k])?;
                let stack = maker.stack(&format!("{stem}.{i}.1.model"), config, level, false)?;
                stages.push((down, stack));
            }
            let out = format!("{stem}.{}", config.downs_t[b]);
            let out = maker.conv(&out, [config.emb_width, width, 3])?;
            blocks.push(DownBlock { stages, stride: config.strides_t[b], out });
        }
        Ok(Self { blocks })
    }

    /// `[b, f, 1]` to `[b, t, c]`.
    pub fn forward(&self, audio: &Tensor) -> Result<Tensor> {
        let mut h = audio.clone();
        for (b, block) in self.blocks.iter().enumerate() {
            for (i, (down, stack)) in block.stages.iter().enumerate() {
                let conv = if (b, i) == (0, 0) { down_conv_of_data } else { down_conv };
                h = stack.forward(&conv(&h, &down.weight, &down.bias, block.stride)?)?;
            }
            h = wide_conv(&h, &block.out.weight, &block.out.bias, 1)?;
        }
        Ok(h)
    }
}

impl Decoder {
    /// Random weights, also put into `vars`.
    pub fn new(config: &VqvaeConfig, level: usize, maker: &mut Maker) -> Result<Self> {
        let (c, width) = (config.emb_width, config.width * config.multipliers[level]);
        let mut blocks = Vec::new();
        for b in (0..=level).rev() {
            let stem = format!("decoders.{level}.level_blocks.{b}.model");
            let input = maker.conv(&format!("{stem}.0"), [width, c, 3])?;
            let mut stages = Vec::new();
            for i in 0..config.downs_t[b] {
                let c_out = if i + 1 == config.downs_t[b] { c } else { width };
                let stem = format!("{stem}.{}", i + 1);
                let reversed = config.reverse_decoder_dilation;
                let stack = maker.stack(&format!("{stem}.0.model"), config, level, reversed)?;
                let k = 2 * config.strides_t[b];
                stages.push((stack, maker.up_conv(&format!("{stem}.1"), [width, c_out, k])?));
            }
            blocks.push(UpBlock { input, stages, stride: config.strides_t[b] });
        }
        let out = maker.conv(&format!("decoders.{level}.out"), [1, c, 3])?;
        Ok(Self { blocks, out })
    }

    /// `[b, t, c]` to `[b, f]`.
    pub fn forward(&self, vectors: &Tensor) -> Result<Tensor> {
        self.run(vectors, true)
    }

    /// The same, with the last two convolutions apart.
    #[cfg(test)]
    pub fn forward_in_two(&self, vectors: &Tensor) -> Result<Tensor> {
        self.run(vectors, false)
    }

    fn run(&self, vectors: &Tensor, is_joined: bool) -> Result<Tensor> {
        let mut h = vectors.clone();
        let n_blocks = self.blocks.len();
        for (b, block) in self.blocks.iter().enumerate() {
            h = wide_conv(&h, &block.input.weight, &block.input.bias, 1)?;
            for (i, (stack, up)) in block.stages.iter().enumerate() {
                h = stack.forward(&h)?;
                if is_joined && (b + 1, i + 1) == (n_blocks, block.stages.len()) {
                    return up_and_out(&h, up, &self.out, block.stride);
                }
                h = up_conv(&h, &up.weight, &up.bias, block.stride)?;
            }
        }
        wide_conv(&h, &self.out.weight, &self.out.bias, 1)?.squeeze(2)
    }
}

/// The last transposed convolution and the convolution to one channel after it, `[b, t, c_in]` to
/// `[b, t * stride]`.
///
/// Nothing bends between the two, so they are one: each step makes `stride` frames of itself and its two
/// neighbours, and the many channels in between, at the rate of the audio, never are. Only the first and the last
/// frame differ, because the second convolution sees zeros there where the first would have gone on.
fn up_and_out(x: &Tensor, up: &ConvVars, out: &ConvVars, stride: usize) -> Result<Tensor> {
    let (b, t, c_in) = x.dims3()?;
    let (_, c, k) = up.weight.dims3()?;
    let half = stride / 2;
    let taps = out.weight.as_tensor().squeeze(0)?; // [c, 3]
    let both = up.weight.as_tensor().transpose(1, 2)?.contiguous()?.reshape((c_in * k, c))?;
    let both = both.matmul(&taps)?.reshape((c_in, k, 3))?;
    let shifted = |tap: usize| {
        both.narrow(2, tap, 1)?.squeeze(2)?.contiguous()?.pad_with_zeros(
            1,
            2 - tap + stride - half - 1,
            tap + half - 1,
        )
    };
    let whole = ((shifted(0)? + shifted(1)?)? + shifted(2)?)?; // [c_in, 3 * stride]
    let part = |idx: usize| whole.narrow(1, idx * stride, stride)?.contiguous();
    let weight = Tensor::stack(&[part(2)?, part(1)?, part(0)?], 2)?; // [c_in, stride, 3]
    let weight = weight.transpose(0, 1)?.contiguous()?;
    let passed = up.bias.as_tensor().reshape((1, c))?.matmul(&taps)?; // [1, 3]
    let bias = (passed.sum(1)? + out.bias.as_tensor())?;
    let y = wide_conv(x, &weight, &bias.broadcast_as(stride)?.contiguous()?, 1)?;
    let y = y.reshape((b, t * stride))?;
    let beyond = |step: usize, frame: usize, tap: usize| {
        let seen = x.narrow(1, step, 1)?.contiguous()?.reshape((b, c_in))?;
        let weight =
            both.narrow(1, frame, 1)?.narrow(2, tap, 1)?.contiguous()?.reshape((c_in, 1))?;
        seen.matmul(&weight)?.broadcast_add(&passed.narrow(1, tap, 1)?.contiguous()?)
    };
    let n = t * stride;
    let first = beyond(0, half - 1, 0)?.pad_with_zeros(1, 0, n - 1)?;
    let last = beyond(t - 1, stride + half, 2)?.pad_with_zeros(1, n - 1, 0)?;
    y - (first + last)?
}

/// Makes weights, uniform within one over the square root of what a number is the sum of.
pub struct Maker<'a> {
    pub vars: &'a mut Vars,
    pub rng: &'a mut ChaCha8Rng,
    pub device: &'a Device,
}

impl Maker<'_> {
    fn var(&mut self, name: String, shape: &[usize], n_summed: usize) -> Result<Var> {
        let bound = 1.0 / (n_summed as f32).sqrt();
        let n = shape.iter().product();
        let numbers: Vec<f32> = (0..n).map(|_| self.rng.random_range(-bound..bound)).collect();
        let var = Var::from_vec(numbers, shape, self.device)?;
        self.vars.insert(name, var.clone());
        Ok(var)
    }

    /// `[c_out, c_in, k]`.
    fn conv(&mut self, stem: &str, shape: [usize; 3]) -> Result<ConvVars> {
        self.weights(stem, shape, shape[0])
    }

    /// `[c_in, c_out, k]`.
    fn up_conv(&mut self, stem: &str, shape: [usize; 3]) -> Result<ConvVars> {
        self.weights(stem, shape, shape[1])
    }

    fn weights(&mut self, stem: &str, shape: [usize; 3], n_out: usize) -> Result<ConvVars> {
        let n_summed = shape[1] * shape[2]; // of a transposed one too, as PyTorch counts
        let weight = self.var(format!("{stem}.weight"), &shape, n_summed)?;
        Ok(ConvVars { weight, bias: self.var(format!("{stem}.bias"), &[n_out], n_summed)? })
    }

    fn stack(
        &mut self,
        stem: &str,
        config: &VqvaeConfig,
        level: usize,
        reversed: bool,
    ) -> Result<StackVars> {
        let (width, depth) =
            (config.width * config.multipliers[level], config.depth * config.multipliers[level]);
        let hidden = (config.m_conv * width as f64) as usize;
        let dilation = |j: usize| {
            let power = config.dilation_cycle.map_or(j, |cycle| j % cycle.max(1));
            config.dilation_growth_rate.pow(power as u32)
        };
        let mut dilations: Vec<usize> = (0..depth).map(dilation).collect();
        if reversed {
            dilations.reverse();
        }
        let mut blocks = Vec::new();
        for j in 0..depth {
            let wide = self.conv(&format!("{stem}.{j}.model.1"), [hidden, width, 3])?;
            let pointwise = self.conv(&format!("{stem}.{j}.model.3"), [width, hidden, 1])?;
            blocks.push(ResBlockVars {
                wide: wide.weight,
                wide_bias: wide.bias,
                pointwise: pointwise.weight,
                pointwise_bias: pointwise.bias,
            });
        }
        Ok(StackVars { blocks, shape: ResStackShape { width, hidden, dilations, scale: 1.0 } })
    }
}
