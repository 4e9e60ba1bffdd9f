//! Encoders and decoders against the textbook's convolutions, one after another as in SPEC §2.

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use encore::jukebox::{Vqvae, VqvaeConfig};

use crate::{Chance, difference, random_weights};

const N_SHAPES: u64 = 16;
/// Share of the largest number by which sums in another order may differ.
const TOLERANCE: f32 = 1e-4;

fn random_config(chance: &mut Chance) -> VqvaeConfig {
    let levels = chance.size(1, 3);
    let per_level = |chance: &mut Chance, choices: &[usize]| -> Vec<usize> {
        (0..levels).map(|_| chance.one_of(choices)).collect()
    };
    VqvaeConfig {
        levels,
        downs_t: per_level(chance, &[1, 1, 2, 3]),
        strides_t: per_level(chance, &[2, 2, 2, 4, 6]),
        emb_width: chance.size(1, 19),
        l_bins: chance.size(2, 70),
        width: chance.size(2, 18),
        depth: chance.size(1, 3),
        m_conv: chance.one_of(&[0.5, 1.0, 1.5, 2.0]),
        multipliers: per_level(chance, &[1, 2, 3]),
        dilation_growth_rate: chance.size(1, 3),
        dilation_cycle: chance.one_of(&[None, Some(1), Some(2), Some(4)]),
        reverse_decoder_dilation: chance.truth(),
    }
}

#[test]
fn levels_of_any_shape_are_the_convolutions_of_the_textbook() {
    for seed in 0..N_SHAPES {
        let mut chance = Chance::new(seed);
        let config = random_config(&mut chance);
        let levels: Vec<usize> = (0..config.levels).collect();
        let weights =
            random_weights(&mut chance, |vb| drop(Vqvae::load(&config, &levels, vb).unwrap()));
        let vqvae = Vqvae::load(&config, &levels, weights.clone()).unwrap();
        for level in levels {
            let plain = Plain { config: &config, level, vb: weights.clone() };
            let hop = config.hop(level);
            let n_tokens = chance.size(1, (800 / hop).max(2));
            let n_frames = n_tokens * hop + chance.size(0, hop - 1);
            let audio = chance.numbers(&[2, 1, n_frames]);

            let got = vqvae.encoder_output(&audio, level).unwrap();
            let off = difference(&got, &plain.encode(&audio).unwrap());
            assert!(off < TOLERANCE, "{off} in the encoder {level} of {config:?}, seed {seed}");
            assert_eq!(got.dim(2).unwrap(), n_tokens);

            let codes = chance.ids(n_tokens, config.l_bins);
            let got = vqvae.decode(&codes, level).unwrap();
            let got = Tensor::from_vec(got, (1, 1, n_tokens * hop), &Device::Cpu).unwrap();
            let off = difference(&got, &plain.decode(&codes).unwrap());
            assert!(off < TOLERANCE, "{off} in the decoder {level} of {config:?}, seed {seed}");
        }
    }
}

/// A level in tensors, `[b, c, t]`.
struct Plain<'a> {
    config: &'a VqvaeConfig,
    level: usize,
    vb: VarBuilder<'static>,
}

impl Plain<'_> {
    fn encode(&self, audio: &Tensor) -> Result<Tensor> {
        let mut h = audio.clone();
        for b in 0..=self.level {
            let (n_downs, stride) = (self.config.downs_t[b], self.config.strides_t[b]);
            let at = format!("encoders.{}.level_blocks.{b}.model", self.level);
            for i in 0..n_downs {
                h = self.conv(&h, &format!("{at}.{i}.0"), stride / 2, stride, 1)?;
                h = self.residuals(h, &format!("{at}.{i}.1.model"), false)?;
            }
            h = self.conv(&h, &format!("{at}.{n_downs}"), 1, 1, 1)?;
        }
        Ok(h)
    }

    fn decode(&self, codes: &[u32]) -> Result<Tensor> {
        let at = format!("bottleneck.level_blocks.{}.k", self.level);
        let book = self.vb.get((self.config.l_bins, self.config.emb_width), &at)?;
        let codes = Tensor::from_slice(codes, codes.len(), &Device::Cpu)?;
        let mut h = book.index_select(&codes, 0)?.t()?.unsqueeze(0)?.contiguous()?;
        for b in (0..=self.level).rev() {
            let stride = self.config.strides_t[b];
            let at = format!("decoders.{}.level_blocks.{b}.model", self.level);
            h = self.conv(&h, &format!("{at}.0"), 1, 1, 1)?;
            for i in 1..=self.config.downs_t[b] {
                h = self.residuals(h, &format!("{at}.{i}.0.model"), true)?;
                let (weight, bias) = self.weights(&format!("{at}.{i}.1"))?;
                h = h.conv_transpose1d(&weight, stride / 2, 0, stride, 1, 1)?;
                h = h.broadcast_add(&bias)?;
            }
        }
        self.conv(&h, &format!("decoders.{}.out", self.level), 1, 1, 1)
    }

    fn residuals(&self, mut x: Tensor, at: &str, is_decoder: bool) -> Result<Tensor> {
        let n = self.config.depth * self.config.multipliers[self.level];
        for stored in 0..n {
            let is_reversed = is_decoder && self.config.reverse_decoder_dilation;
            let i = if is_reversed { n - 1 - stored } else { stored };
            let exponent = self.config.dilation_cycle.map_or(i, |cycle| i % cycle);
            let dilation = self.config.dilation_growth_rate.pow(exponent as u32);
            let at = format!("{at}.{stored}.model");
            let h = self.conv(&x.relu()?, &format!("{at}.1"), dilation, 1, dilation)?;
            x = (x + self.conv(&h.relu()?, &format!("{at}.3"), 0, 1, 1)?)?;
        }
        Ok(x)
    }

    fn conv(
        &self,
        x: &Tensor,
        at: &str,
        padding: usize,
        stride: usize,
        dilation: usize,
    ) -> Result<Tensor> {
        let (weight, bias) = self.weights(at)?;
        x.conv1d(&weight, padding, stride, dilation, 1)?.broadcast_add(&bias)
    }

    /// The weight as it is stored, and the bias as `[1, c, 1]`.
    fn weights(&self, at: &str) -> Result<(Tensor, Tensor)> {
        let vb = self.vb.pp(at);
        let weight = vb.get_unchecked("weight")?;
        let bias = vb.get_unchecked("bias")?;
        Ok((weight, bias.reshape((1, (), 1))?))
    }
}
