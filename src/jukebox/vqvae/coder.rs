//! The encoder and the decoder of one level.
//!
//! Level `l` has a pair of its own that runs through the blocks of every finer level too,
//! all at the width and depth of level `l` (SPEC §2).

use candle_nn::VarBuilder;

use super::buffers::Buffers;
use super::conv::{Conv, DownConv, UpConv};
use super::resnet::{ResStack, decoder_dilations, encoder_dilations};
use crate::jukebox::{JukeboxError, VqvaeConfig};

/// Audio to code vectors.
pub struct Encoder {
    blocks: Vec<DownBlock>,
}

/// From the rate of one level to the next coarser one.
struct DownBlock {
    stages: Vec<(DownConv, ResStack)>,
    out: Conv,
}

impl Encoder {
    /// Reads `level_blocks.{b}` below `vb`.
    pub fn load(config: &VqvaeConfig, level: usize, vb: VarBuilder) -> Result<Self, JukeboxError> {
        let (width, hidden) = widths(config, level);
        let dilations = encoder_dilations(config, level)?;
        let mut blocks = Vec::new();
        for b in 0..=level {
            let vb = vb.pp("level_blocks").pp(b).pp("model");
            let mut stages = Vec::new();
            for i in 0..config.downs_t[b] {
                let c_in = match (i, b) {
                    (0, 0) => 1,
                    (0, _) => config.emb_width,
                    _ => width,
                };
                let down = DownConv::load(c_in, width, config.strides_t[b], vb.pp(i).pp(0))?;
                let blocks = vb.pp(i).pp("1.model");
                stages.push((down, ResStack::load(width, hidden, &dilations, 1.0, blocks)?));
            }
            let out = Conv::wide(width, config.emb_width, 1, vb.pp(config.downs_t[b]))?;
            blocks.push(DownBlock { stages, out });
        }
        Ok(Self { blocks })
    }

    /// `[f]` to `[t, c]`.
    pub fn forward(&self, audio: &[f32], buffers: &mut Buffers) -> Vec<f32> {
        let mut h = buffers.take(audio.len()); // [f, 1]
        h.copy_from_slice(audio);
        for block in &self.blocks {
            for (down, stack) in &block.stages {
                h = next(h, buffers, |h, buffers| down.forward(h, buffers)); // [t / stride, width]
                h = stack.forward(h, buffers);
            }
            h = next(h, buffers, |h, buffers| block.out.forward(h, buffers)); // [t, c]
        }
        h
    }
}

/// Code vectors to audio.
pub struct Decoder {
    blocks: Vec<UpBlock>, // coarsest first
    out: Conv,
}

/// From the rate of one level to the next finer one.
struct UpBlock {
    input: Conv,
    stages: Vec<(ResStack, UpConv)>,
}

impl Decoder {
    /// Reads `level_blocks.{b}` and `out` below `vb`.
    pub fn load(config: &VqvaeConfig, level: usize, vb: VarBuilder) -> Result<Self, JukeboxError> {
        let (width, hidden) = widths(config, level);
        let dilations = decoder_dilations(config, level)?;
        let mut blocks = Vec::new();
        for b in (0..=level).rev() {
            let n_stages = config.downs_t[b];
            let vb = vb.pp("level_blocks").pp(b).pp("model");
            let input = Conv::wide(config.emb_width, width, 1, vb.pp(0))?;
            let mut stages = Vec::new();
            for i in 0..n_stages {
                let c_out = if i + 1 == n_stages { config.emb_width } else { width };
                let vb = vb.pp(i + 1);
                let stack = ResStack::load(width, hidden, &dilations, 1.0, vb.pp("0.model"))?;
                stages.push((stack, UpConv::load(width, c_out, config.strides_t[b], vb.pp(1))?));
            }
            blocks.push(UpBlock { input, stages });
        }
        Ok(Self { blocks, out: Conv::wide(config.emb_width, 1, 1, vb.pp("out"))? })
    }

    /// `[t, c]` to `[f]`.
    pub fn forward(&self, vectors: &[f32], buffers: &mut Buffers) -> Vec<f32> {
        let mut h = buffers.take(vectors.len());
        h.copy_from_slice(vectors);
        for block in &self.blocks {
            h = next(h, buffers, |h, buffers| block.input.forward(h, buffers)); // [t, width]
            for (stack, up) in &block.stages {
                h = stack.forward(h, buffers);
                h = next(h, buffers, |h, buffers| up.forward(h, buffers)); // [t * stride, width]
            }
        }
        next(h, buffers, |h, buffers| self.out.forward(h, buffers)) // [f, 1]
    }
}

/// What `layer` makes of `h`, whose memory is free afterwards.
fn next(
    h: Vec<f32>,
    buffers: &mut Buffers,
    layer: impl FnOnce(&[f32], &mut Buffers) -> Vec<f32>,
) -> Vec<f32> {
    let y = layer(&h, buffers);
    buffers.give(h);
    y
}

/// Tokens on either side that the frames of one token depend on.
///
/// Walks the decoder backwards with the first and last step that still matter.
pub fn decoder_reach_tokens(config: &VqvaeConfig, level: usize) -> Result<usize, JukeboxError> {
    let stack_reach: usize = decoder_dilations(config, level)?.iter().sum();
    let stack_reach = stack_reach as i64;
    let (mut first, mut last) = (-1, config.hop(level) as i64); // the hop, widened by `out`
    for b in 0..=level {
        let stride = config.strides_t[b] as i64;
        for _ in 0..config.downs_t[b] {
            // step `i` of a transposed convolution touches frames from `i * stride - stride / 2`
            first = (first + stride / 2 - stride).div_euclid(stride) - stack_reach;
            last = (last + stride / 2).div_euclid(stride) + stack_reach;
        }
        first -= 1; // the input convolution
        last += 1;
    }
    Ok((-first).max(last) as usize)
}

/// Tokens before and after a token that its code depends on.
///
/// Walks the encoder backwards with the first and last step that still matter.
pub fn encoder_reach_tokens(
    config: &VqvaeConfig,
    level: usize,
) -> Result<(usize, usize), JukeboxError> {
    let stack_reach: usize = encoder_dilations(config, level)?.iter().sum();
    let stack_reach = stack_reach as i64;
    let (mut first, mut last) = (0, 0); // the token itself
    for b in (0..=level).rev() {
        let stride = config.strides_t[b] as i64;
        first -= 1; // the output convolution
        last += 1;
        for _ in 0..config.downs_t[b] {
            // step `i` of a strided convolution sees `2 * stride` frames from `i * stride - stride / 2`
            first = (first - stack_reach) * stride - stride / 2;
            last = (last + stack_reach) * stride - stride / 2 + 2 * stride - 1;
        }
    }
    let hop = config.hop(level) as i64;
    Ok(((-first.div_euclid(hop)) as usize, last.div_euclid(hop) as usize))
}

/// Channels of the blocks of `level`, and inside its residual blocks.
fn widths(config: &VqvaeConfig, level: usize) -> (usize, usize) {
    let width = config.width * config.multipliers[level];
    (width, (config.m_conv * width as f64) as usize)
}
