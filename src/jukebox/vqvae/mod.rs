//! The VQ-VAE: audio to codes and back (SPEC §2).
//!
//! A level is a rate at which audio is written down. Each level has its own encoder, codebook and
//! decoder; a pack need not bring all of them.

mod buffers;
mod codebook;
mod coder;
mod conv;
mod resnet;

/// Layers that other networks are made of too.
pub(crate) mod layers {
    pub use super::buffers::Buffers;
    pub use super::conv::{Conv, UpConv};
    pub use super::resnet::{ResStack, dilation};
}

use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use parking_lot::Mutex;

use self::buffers::Buffers;
use self::codebook::Codebook;
use self::coder::{Decoder, Encoder};
use super::{JukeboxError, VqvaeConfig};

/// Longest stretch that is decoded in one go, in frames; beyond it memory would grow without need.
const MAX_DECODE_FRAMES: usize = 1 << 19;

/// Encoders, codebooks and decoders of the levels that were trained.
pub struct Vqvae {
    config: VqvaeConfig,
    levels_present: Vec<usize>,
    levels: Vec<LevelNet>, // in the order of `levels_present`
    buffers: Mutex<Buffers>,
}

struct LevelNet {
    encoder: Encoder,
    decoder: Decoder,
    codebook: Codebook,
    /// Tokens on either side that the frames of a token depend on.
    decoder_reach: usize,
    /// Tokens before and after that the code of a token depends on.
    encoder_reach: (usize, usize),
}

impl Vqvae {
    /// Reads the given levels; keys are named as in SPEC §2.
    pub fn load(
        config: &VqvaeConfig,
        levels_present: &[usize],
        vb: VarBuilder,
    ) -> Result<Self, JukeboxError> {
        if let Some(problem) = config.problem() {
            return Err(JukeboxError::Config(problem));
        }
        if let Some(stride) = config.strides_t.iter().find(|s| !s.is_multiple_of(2)) {
            return Err(JukeboxError::Config(format!("a stride of {stride}; strides are even")));
        }
        let mut levels = Vec::new();
        for &level in levels_present {
            if config.levels <= level {
                return Err(out_of_range("level", level, format!("0 to {}", config.levels - 1)));
            }
            let books = vb.pp("bottleneck.level_blocks").pp(level);
            let vectors = books.get((config.l_bins, config.emb_width), "k")?; // [bins, c]
            levels.push(LevelNet {
                encoder: Encoder::load(config, level, vb.pp("encoders").pp(level))?,
                decoder: Decoder::load(config, level, vb.pp("decoders").pp(level))?,
                codebook: Codebook::new(vectors.flatten_all()?.to_vec1()?, config.emb_width),
                decoder_reach: coder::decoder_reach_tokens(config, level)?,
                encoder_reach: coder::encoder_reach_tokens(config, level)?,
            });
        }
        let levels_present = levels_present.to_vec();
        Ok(Self { config: config.clone(), levels_present, levels, buffers: Mutex::default() })
    }

    pub fn config(&self) -> &VqvaeConfig {
        &self.config
    }

    pub fn levels_present(&self) -> &[usize] {
        &self.levels_present
    }

    /// Tokens on either side that the frames of a token depend on.
    pub fn decoder_reach_tokens(&self, level: usize) -> Result<usize, JukeboxError> {
        Ok(self.level(level)?.decoder_reach)
    }

    /// Tokens before and after that the code of a token depends on.
    pub fn encoder_reach_tokens(&self, level: usize) -> Result<(usize, usize), JukeboxError> {
        Ok(self.level(level)?.encoder_reach)
    }

    /// Code vectors before they are rounded to the codebook: `[b, 1, f]` to `[b, c, t]`.
    pub fn encoder_output(&self, audio: &Tensor, level: usize) -> Result<Tensor, JukeboxError> {
        let net = self.level(level)?;
        let (b, _, n_frames) = audio.dims3()?;
        let n_tokens = n_frames / self.config.hop(level);
        let mut vectors = Vec::new();
        for frames in audio.flatten_all()?.to_vec1::<f32>()?.chunks_exact(n_frames.max(1)) {
            vectors.extend(self.encode_vectors(net, frames, level)); // [t, c]
        }
        let rows = Tensor::from_vec(vectors, (b, n_tokens, self.config.emb_width), &Device::Cpu)?;
        Ok(rows.transpose(1, 2)?.contiguous()?)
    }

    /// Index of the nearest code, the first of equals: `[b, c, t]` to `[b, t]` of `u32`.
    pub fn quantise(&self, vectors: &Tensor, level: usize) -> Result<Tensor, JukeboxError> {
        let (b, _, n_tokens) = vectors.dims3()?;
        let rows = vectors.transpose(1, 2)?.flatten_all()?.to_vec1::<f32>()?; // [b * t, c]
        let codes = self.level(level)?.codebook.nearest(&rows)?;
        Ok(Tensor::from_vec(codes, (b, n_tokens), &Device::Cpu)?.to_dtype(DType::U32)?)
    }

    /// Codes of mono audio; frames beyond the last whole token have none of their own.
    pub fn encode(&self, audio: &[f32], level: usize) -> Result<Vec<u32>, JukeboxError> {
        let net = self.level(level)?;
        net.codebook.nearest(&self.encode_vectors(net, audio, level))
    }

    /// Codes of the tokens `span` as [`Vqvae::encode`] would give them, from no more of the other audio
    /// than these codes depend on.
    ///
    /// # Errors
    /// When the audio has no such tokens.
    pub fn encode_span(
        &self,
        audio: &[f32],
        span: Range<usize>,
        level: usize,
    ) -> Result<Vec<u32>, JukeboxError> {
        let net = self.level(level)?;
        let hop = self.config.hop(level);
        let n_tokens = audio.len() / hop;
        if span.start > span.end || n_tokens < span.end {
            let allowed = format!("ranges within 0..{n_tokens}");
            return Err(out_of_range("the span to encode", format!("{span:?}"), allowed));
        }
        let (before, after) = net.encoder_reach;
        let first = span.start.saturating_sub(before);
        let end = audio.len().min((span.end + after) * hop);
        let vectors = self.encode_vectors(net, &audio[first * hop..end], level); // [t, c]
        let c = self.config.emb_width;
        let (start, end) = ((span.start - first) * c, (span.end - first) * c);
        net.codebook.nearest(vectors.get(start..end).unwrap_or_default())
    }

    fn encode_vectors(&self, net: &LevelNet, audio: &[f32], level: usize) -> Vec<f32> {
        match audio.len() < self.config.hop(level) {
            true => Vec::new(),
            false => net.encoder.forward(audio, &mut self.buffers.lock()),
        }
    }

    /// Mono audio, as many frames as the hop of `level` for each code.
    pub fn decode(&self, codes: &[u32], level: usize) -> Result<Vec<f32>, JukeboxError> {
        let hop = self.config.hop(level.min(self.config.levels - 1));
        let n_at_once = (MAX_DECODE_FRAMES / hop).max(1);
        let mut audio = Vec::with_capacity(codes.len() * hop);
        for start in (0..codes.len()).step_by(n_at_once) {
            let span = start..codes.len().min(start + n_at_once);
            audio.extend(self.decode_span(codes, span, level)?);
        }
        Ok(audio)
    }

    /// The frames of the tokens `span` as [`Vqvae::decode`] would give them, from no more of the
    /// other codes than these frames depend on.
    pub fn decode_span(
        &self,
        codes: &[u32],
        span: Range<usize>,
        level: usize,
    ) -> Result<Vec<f32>, JukeboxError> {
        let net = self.level(level)?;
        if span.start > span.end || codes.len() < span.end {
            let allowed = format!("ranges within 0..{}", codes.len());
            return Err(out_of_range("the span to decode", format!("{span:?}"), allowed));
        }
        if span.is_empty() {
            return Ok(Vec::new());
        }
        let context = span.start.saturating_sub(net.decoder_reach)
            ..codes.len().min(span.end + net.decoder_reach);
        let hop = self.config.hop(level);
        let frames = self.decode_at_once(net, &codes[context.clone()])?;
        Ok(frames[(span.start - context.start) * hop..(span.end - context.start) * hop].to_vec())
    }

    fn decode_at_once(&self, net: &LevelNet, codes: &[u32]) -> Result<Vec<f32>, JukeboxError> {
        if let Some(code) = codes.iter().find(|code| self.config.l_bins <= **code as usize) {
            return Err(out_of_range("a code", code, format!("0 to {}", self.config.l_bins - 1)));
        }
        let vectors = net.codebook.vectors_of(codes);
        Ok(net.decoder.forward(&vectors, &mut self.buffers.lock()))
    }

    fn level(&self, level: usize) -> Result<&LevelNet, JukeboxError> {
        match self.levels_present.iter().position(|present| *present == level) {
            Some(idx) => Ok(&self.levels[idx]),
            None => Err(out_of_range("level", level, format!("levels {:?}", self.levels_present))),
        }
    }
}

fn out_of_range(what: &'static str, value: impl ToString, allowed: String) -> JukeboxError {
    JukeboxError::Range { what, value: value.to_string(), allowed }
}

#[cfg(test)]
pub(crate) mod tests;
