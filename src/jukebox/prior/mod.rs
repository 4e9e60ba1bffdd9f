//! The prior: an autoregressive transformer over one level's codes (SPEC §3, §4).
//!
//! `Prior` holds weights and answers for whole sequences; a [`Decoder`] goes token by token and
//! remembers what the layers need of the past.
//!
//! A *code* is a token of music. A *symbol* is what the transformer reads and writes: the same,
//! unless lyrics stand before the music in the same sequence, whose symbols then come first.

pub mod attention;
mod conditioner;
mod conditioning;
mod decoder;
mod encoder;
mod labels;
pub(crate) mod layer;
mod reference;
pub mod timing;
mod transformer;
mod whole;

use candle_core::Tensor;

pub use self::conditioning::{Conditioning, Teller};
pub use self::decoder::Decoder;
pub use self::encoder::{LyricEncoder, ReadLyrics};
pub use self::labels::LabelRow;
pub use self::whole::TokenBits;

use self::transformer::{Transformer, add_row};
use super::kernels::float_matrix::FloatMatrix;
use super::kernels::with_numbers;
use super::{JukeboxError, PriorConfig, Weights};

/// Weights of a prior.
pub struct Prior {
    config: PriorConfig,
    teller: Teller,
    transformer: Transformer,
    x_emb: Option<Tensor>, // [symbols, w], unless the head is the same table
    head: FloatMatrix,     // w to symbols
    reference_head: Option<Tensor>, // [symbols, w], loaded with the reference layers
}

impl Prior {
    /// Reads `prior.*` and, where the model has them, `y_emb.*`, `prime_*` and
    /// `conditioner_blocks.*` (SPEC §6.1).
    ///
    /// Weights are held once, packed for decoding; each is asked for when it is needed. Beyond what is
    /// kept, this takes memory for one tensor at most.
    pub fn load<'a>(
        config: &PriorConfig,
        weights: impl Into<Weights<'a>>,
    ) -> Result<Self, JukeboxError> {
        Self::read(config, &weights.into(), false)
    }

    /// The same with the layers as plain tensors too, for [`Prior::start_reference`] and
    /// [`Prior::reference_logits`]: twice the memory.
    pub fn load_with_reference<'a>(
        config: &PriorConfig,
        weights: impl Into<Weights<'a>>,
    ) -> Result<Self, JukeboxError> {
        Self::read(config, &weights.into(), true)
    }

    fn read(
        config: &PriorConfig,
        weights: &Weights,
        with_reference: bool,
    ) -> Result<Self, JukeboxError> {
        if let Some(problem) = config.problem() {
            return Err(JukeboxError::Config(problem));
        }
        let prior = weights.pp("prior");
        let (n_symbols, w) = (config.n_symbols(), config.width);
        let table = |name| prior.tensors.get((n_symbols, w), name)?.contiguous();
        let (x_emb, head) = match config.merged_decoder {
            true => (Some(table("x_emb.weight")?), table("x_out.weight")?),
            false => (None, table("x_emb.weight")?),
        };
        Ok(Self {
            config: config.clone(),
            x_emb,
            head: with_numbers(&head, |head| FloatMatrix::from_rows(head, w))?,
            reference_head: with_reference.then_some(head),
            transformer: Transformer::load(config.stack(), &prior, with_reference)?,
            teller: Teller::load(config, weights)?,
        })
    }

    pub fn config(&self) -> &PriorConfig {
        &self.config
    }

    /// Memory of a window while it is written: keys and values of every layer, as far as it looks at them
    /// again, and what each token is told, in bytes.
    pub fn window_bytes(&self) -> usize {
        let n_remembered = 2 * self.transformer.n_slots() * self.transformer.shape().attn_width();
        size_of::<f32>() * (n_remembered + self.config.n_ctx * self.config.width)
    }

    /// What reads the lyrics, where that is a network of its own.
    pub fn lyric_encoder(&self) -> Option<&LyricEncoder> {
        self.teller.encoder.as_ref()
    }

    /// The limit that these labels break, if one is.
    pub fn check_labels(&self, row: &LabelRow) -> Result<(), JukeboxError> {
        self.teller.check_labels(row)
    }

    /// Labels and lyrics as embeddings, one row of the batch each.
    ///
    /// A model without labels looks only at how many rows there are.
    pub fn condition(&self, rows: &[LabelRow]) -> Result<Conditioning, JukeboxError> {
        self.teller.condition(rows, &[])
    }

    /// The same for an upsampler: `upper` are the codes of the level above that belong to each
    /// window, and nothing for a prior of the top level.
    pub fn condition_on(
        &self,
        rows: &[LabelRow],
        upper: &[Vec<u32>],
    ) -> Result<Conditioning, JukeboxError> {
        self.teller.condition(rows, upper)
    }

    /// Codes of the level above that belong to a window; none for a prior of the top level.
    pub fn n_upper(&self) -> Option<usize> {
        self.teller.n_upper()
    }

    /// Names the first token that the codebook does not have.
    pub(crate) fn check_codes(&self, codes: &[u32]) -> Result<(), JukeboxError> {
        check_below("a code", codes, self.config.l_bins)
    }

    /// Names the first symbol that the vocabulary does not have.
    fn check_symbols(&self, symbols: &[u32]) -> Result<(), JukeboxError> {
        check_below("a symbol", symbols, self.config.n_symbols())
    }

    /// Starts to write a window, one row of the batch per row of the conditioning.
    pub fn start(&self, conditioning: Conditioning) -> Result<Decoder<'_>, JukeboxError> {
        let states = conditioning.state_numbers()?;
        let backend = self.transformer.start(conditioning.n_rows(), &states);
        Decoder::new(self, backend, conditioning)
    }

    /// The same as [`Prior::start`] on tensors alone: slower, and what the rest is checked against.
    pub fn start_reference(&self, conditioning: Conditioning) -> Result<Decoder<'_>, JukeboxError> {
        let states = conditioning.state_numbers()?;
        let backend = self.transformer.start_reference(conditioning.n_rows(), &states)?;
        Decoder::new(self, backend, conditioning)
    }

    /// Writes the input of `position` of sequence `row`: the symbol before it, or its labels.
    fn input(
        &self,
        cond: &Conditioning,
        row: usize,
        position: usize,
        symbol_before: u32,
        out: &mut [f32],
    ) -> Result<(), JukeboxError> {
        out.fill(0.0);
        match position {
            0 => cond.add_start(row, out)?,
            _ => self.add_symbol(symbol_before, out)?,
        }
        self.transformer.add_position(position, out)?;
        cond.add_at(row, position, out)
    }

    /// Adds the row of a symbol.
    fn add_symbol(&self, symbol: u32, out: &mut [f32]) -> Result<(), JukeboxError> {
        match &self.x_emb {
            Some(x_emb) => add_row(x_emb, symbol as usize, out)?,
            None => self.head.add_weights_of(symbol as usize, out),
        }
        Ok(())
    }

    /// Logits of the symbols at `n_steps` positions from `first` on, `[b, n_steps, symbols]`, from
    /// what the layers made of them, `[b, n_steps, w]`.
    fn head(
        &self,
        cond: &Conditioning,
        first: usize,
        n_steps: usize,
        h: &mut [f32],
        logits: &mut [f32],
    ) -> Result<(), JukeboxError> {
        if !self.config.merged_decoder {
            for (idx, h) in h.chunks_exact_mut(self.config.width).enumerate() {
                cond.add_at(idx / n_steps, first + idx % n_steps, h)?;
            }
        }
        self.head.multiply(h, logits);
        Ok(())
    }
}

/// What tells its windows about their song.
impl AsRef<Teller> for Prior {
    fn as_ref(&self) -> &Teller {
        &self.teller
    }
}

pub(super) fn check_below(what: &'static str, ids: &[u32], n: usize) -> Result<(), JukeboxError> {
    match ids.iter().find(|id| n <= **id as usize) {
        None => Ok(()),
        Some(id) => Err(JukeboxError::range(what, id, format!("0 to {}", n as i64 - 1))),
    }
}

#[cfg(test)]
pub(crate) mod tests;
