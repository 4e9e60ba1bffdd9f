//! The transformer that reads lyrics for a prior that writes only music (SPEC §4.7).

use candle_core::{Device, Tensor};

use super::transformer::{Transformer, add_row};
use crate::jukebox::JukeboxError;
use crate::jukebox::config::{LyricsConfig, PriorConfig};
use crate::jukebox::kernels::float_matrix::FloatMatrix;
use crate::jukebox::kernels::{Affine, packed_dense, with_numbers};
use crate::jukebox::weights::Weights;

/// Reads a window of lyrics.
pub struct LyricEncoder {
    transformer: Transformer,
    x_emb: Tensor,       // [characters, w_e]
    start_token: Tensor, // [1, w_e]
    proj: FloatMatrix,   // w_e to w
    norm: Affine,
    x_out: FloatMatrix, // w to characters, for the loss alone
    width: usize,
    n_vocab: usize,
}

/// What was read, row by row.
pub struct ReadLyrics {
    /// Output of the transformer, `[b, n, w_e]`.
    pub acts: Tensor,
    /// What the layers of the music look at, `[b, n, w]`.
    pub states: Tensor,
}

impl LyricEncoder {
    /// Reads `prime_prior.*`, `prime_state_proj`, `prime_state_ln` and `prime_x_out`; none where
    /// the model has no encoder of its own.
    pub fn load(config: &PriorConfig, weights: &Weights) -> Result<Option<Self>, JukeboxError> {
        let (Some(shape), Some(lyrics)) = (config.encoder_stack(), &config.lyrics) else {
            return Ok(None);
        };
        let LyricsConfig { n_vocab, .. } = *lyrics;
        let (inner, width) = (shape.width, config.width);
        let (prime, vb) = (weights.pp("prime_prior"), &weights.tensors);
        let x_out = vb.get((n_vocab, width), "prime_x_out.weight")?;
        Ok(Some(Self {
            x_emb: prime.tensors.get((n_vocab, inner), "x_emb.weight")?.contiguous()?,
            start_token: prime.tensors.get((1, inner), "start_token")?.contiguous()?,
            transformer: Transformer::load(shape, &prime, false)?,
            proj: packed_dense(inner, width, vb.pp("prime_state_proj"))?,
            norm: Affine::load(width, vb.pp("prime_state_ln"))?,
            x_out: with_numbers(&x_out, |x_out| FloatMatrix::from_rows(x_out, width))?,
            width,
            n_vocab,
        }))
    }

    /// Reads as many windows as there are rows. State `i` has seen the characters before `i`, so
    /// the last is never seen.
    pub fn read(&self, rows: &[Vec<u32>]) -> Result<ReadLyrics, JukeboxError> {
        let shape = self.transformer.shape();
        let (b, n, inner) = (rows.len(), shape.n_positions, shape.width);
        let mut acts = vec![0.0; b * n * inner]; // [b, n, w_e]
        for (idx, out) in acts.chunks_exact_mut(inner).enumerate() {
            let (row, position) = (idx / n, idx % n);
            match position {
                0 => add_row(&self.start_token, 0, out)?,
                _ => add_row(&self.x_emb, rows[row][position - 1] as usize, out)?,
            }
            self.transformer.add_position(position, out)?;
        }
        self.transformer.start(b, &[]).run(&mut acts, n, &mut ())?;
        let mut projected = vec![0.0; b * n * self.width];
        self.proj.multiply(&acts, &mut projected);
        let mut states = vec![0.0; projected.len()];
        self.norm.normalise(&projected, &mut states);
        Ok(ReadLyrics {
            acts: Tensor::from_vec(acts, (b, n, inner), &Device::Cpu)?,
            states: Tensor::from_vec(states, (b, n, self.width), &Device::Cpu)?,
        })
    }

    /// Logits of each character, `[b, n, characters]`, from the states of those before it.
    pub fn logits(&self, states: &Tensor) -> Result<Tensor, JukeboxError> {
        let (b, n, w) = states.dims3()?;
        if w != self.width {
            let allowed = self.width.to_string();
            return Err(JukeboxError::range("the width of lyric states", w, allowed));
        }
        let mut logits = vec![0.0; b * n * self.n_vocab];
        with_numbers(states, |states| self.x_out.multiply(states, &mut logits))?;
        Ok(Tensor::from_vec(logits, (b, n, self.n_vocab), &Device::Cpu)?)
    }
}
