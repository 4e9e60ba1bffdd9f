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
    reach_tokens: usize,
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
                reach_tokens: coder::decoder_reach_tokens(config, level)?,
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
        Ok(self.level(level)?.reach_tokens)
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
        let context = span.start.saturating_sub(net.reach_tokens)
            ..codes.len().min(span.end + net.reach_tokens);
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
pub(crate) mod tests {
    use super::*;
    use crate::jukebox::{Dice, TokenRng};
    use candle_core::DType;
    use candle_nn::VarMap;
    use std::collections::BTreeMap;

    /// Two levels with hops of 4 and 16.
    pub fn tiny() -> VqvaeConfig {
        VqvaeConfig {
            levels: 2,
            downs_t: vec![1, 2],
            strides_t: vec![4, 2],
            emb_width: 6,
            l_bins: 24,
            width: 8,
            depth: 2,
            m_conv: 1.0,
            multipliers: vec![2, 1],
            dilation_growth_rate: 3,
            dilation_cycle: None,
            reverse_decoder_dilation: true,
        }
    }

    /// Random weights, the same every time, strong enough that every layer is felt in the output.
    pub fn random_vqvae(config: &VqvaeConfig) -> Vqvae {
        let map = VarMap::new();
        let levels: Vec<usize> = (0..config.levels).collect();
        let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
        Vqvae::load(config, &levels, vb.clone()).unwrap();
        let mut dice = TokenRng::new(1);
        let vars = map.data().lock().unwrap().clone();
        for (_, var) in vars.into_iter().collect::<BTreeMap<_, _>>() {
            let fan_in = var.elem_count() / var.dim(0).unwrap();
            let spread = 3.0 / (fan_in as f64).sqrt();
            let mut number = |_| ((dice.next_uniform() - 0.5) * spread) as f32;
            let numbers: Vec<f32> = (0..var.elem_count()).map(&mut number).collect();
            var.set(&Tensor::from_vec(numbers, var.shape(), &Device::Cpu).unwrap()).unwrap();
        }
        Vqvae::load(config, &levels, vb).unwrap()
    }

    fn codes(config: &VqvaeConfig, n_tokens: usize) -> Vec<u32> {
        (0..n_tokens).map(|i| (i * i % 23 % config.l_bins) as u32).collect()
    }

    #[test]
    fn a_span_sounds_as_it_does_in_the_whole() {
        for config in [tiny(), VqvaeConfig { dilation_cycle: Some(1), depth: 3, ..tiny() }] {
            let vqvae = random_vqvae(&config);
            for level in 0..2 {
                let codes = codes(&config, 160);
                let hop = config.hop(level);
                let whole = vqvae.decode(&codes, level).unwrap();

                for span in [0..160, 0..1, 70..71, 50..83, 140..160] {
                    let part = vqvae.decode_span(&codes, span.clone(), level).unwrap();

                    let want = &whole[span.start * hop..span.end * hop];
                    assert_eq!(part.len(), want.len());
                    let worst = part.iter().zip(want).map(|(a, b)| (a - b).abs());
                    assert!(worst.fold(0.0, f32::max) <= 1e-5, "level {level}, tokens {span:?}");
                }
            }
        }
    }

    #[test]
    fn the_reach_is_no_longer_than_it_has_to_be() {
        let config = tiny();
        let vqvae = random_vqvae(&config);
        for level in 0..2 {
            let reach = vqvae.decoder_reach_tokens(level).unwrap();
            let mut codes = codes(&config, 2 * reach + 1);
            let hop = config.hop(level);
            let middle = reach * hop..(reach + 1) * hop;
            let before = vqvae.decode(&codes, level).unwrap();

            let n_codes = codes.len();
            codes[0] = (codes[0] + 1) % 24;
            codes[n_codes - 1] = (codes[n_codes - 1] + 1) % 24;
            let after = vqvae.decode(&codes, level).unwrap();

            assert_ne!(before[middle.clone()], after[middle], "level {level}");
        }
    }

    #[test]
    fn a_remainder_of_audio_has_no_code_of_its_own() {
        let vqvae = random_vqvae(&tiny());

        assert_eq!(vqvae.encode(&[0.1; 16 * 5 + 15], 1).unwrap().len(), 5);
        assert!(vqvae.encode(&[0.1; 15], 1).unwrap().is_empty());
    }

    #[test]
    fn a_single_code_has_a_sound() {
        let vqvae = random_vqvae(&tiny());

        assert_eq!([0, 1].map(|level| vqvae.decode(&[5], level).unwrap().len()), [4, 16]);
    }

    #[test]
    fn codes_levels_and_spans_that_do_not_exist_are_named() {
        let vqvae = random_vqvae(&tiny());

        let code = vqvae.decode(&[3, 24], 1).unwrap_err().to_string();
        let level = vqvae.encode(&[0.0; 64], 2).unwrap_err().to_string();
        let span = vqvae.decode_span(&[1, 2], 1..3, 1).unwrap_err().to_string();
        let sound = vqvae.encode(&[f32::NAN; 64], 0).unwrap_err();

        assert_eq!(code, "a code is 24, but this model takes 0 to 23");
        assert_eq!(level, "level is 2, but this model takes levels [0, 1]");
        assert!(span.contains("1..3") && span.contains("0..2"), "{span}");
        assert!(matches!(sound, JukeboxError::NotFinite(_)));
    }
}
