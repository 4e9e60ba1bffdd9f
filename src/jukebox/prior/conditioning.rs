//! Everything that a window is told, as the transformer takes it.

use candle_core::{Device, Tensor};

use super::conditioner::Conditioner;
use super::encoder::LyricEncoder;
use super::labels::Embeddings;
use super::transformer::add_row;
use super::{LabelRow, check_below};
use crate::jukebox::{JukeboxError, PriorConfig, Weights};

/// The networks and tables that tell windows about their song: labels, lyrics, and the level above.
///
/// They run once for a window, on the CPU, wherever the layers of the prior run.
pub struct Teller {
    config: PriorConfig,
    embeddings: Embeddings,
    pub(super) encoder: Option<LyricEncoder>,
    conditioner: Option<Conditioner>,
}

/// What a batch of windows is told.
#[derive(Clone)]
pub struct Conditioning {
    /// Takes the place of a symbol before the first: `[b, 1, w]`.
    pub y_cond: Tensor,
    /// Added to every position of the music: `[b, n_ctx, w]`.
    pub x_cond: Tensor,
    /// The lyrics of each row; empty where the model reads none.
    pub lyrics: Vec<Vec<u32>>,
    /// What an encoder of their own made of the lyrics: `[b, n, w]`.
    pub lyric_states: Option<Tensor>,
    /// Symbols of lyrics before the music.
    n_before: usize,
    /// How many sequences each row is for.
    n_each: usize,
}

impl Teller {
    /// Reads `y_emb.*` or the start token and, where the model has them, `prime_*` and
    /// `conditioner_blocks.*`.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub fn load(config: &PriorConfig, weights: &Weights) -> Result<Self, JukeboxError> {
        Ok(Self {
            config: config.clone(),
            embeddings: Embeddings::load(config, weights.tensors.clone())?,
            encoder: LyricEncoder::load(config, weights)?,
            conditioner: Conditioner::load(config, weights.tensors.clone())?,
        })
    }

    pub fn config(&self) -> &PriorConfig {
        &self.config
    }

    /// The limit that these labels break, if one is.
    ///
    /// # Errors
    /// With the limit.
    pub fn check_labels(&self, row: &LabelRow) -> Result<(), JukeboxError> {
        self.config.labels.as_ref().map_or(Ok(()), |labels| row.check(labels))
    }

    /// Labels and lyrics as embeddings, one row of the batch each; a model without labels looks only at
    /// how many rows there are. For an upsampler, `upper` are the codes of the level above that belong
    /// to each window; they are none for a prior of the top level.
    ///
    /// # Errors
    /// When there is no row, or one breaks a limit of the model.
    pub fn condition(
        &self,
        rows: &[LabelRow],
        upper: &[Vec<u32>],
    ) -> Result<Conditioning, JukeboxError> {
        let (b, n_ctx, w) = (rows.len(), self.config.n_ctx, self.config.width);
        if b == 0 {
            return Err(JukeboxError::range("the number of label rows", 0, "at least 1"));
        }
        rows.iter().try_for_each(|row| self.check_lyrics(&row.lyrics))?;
        let n_upper = if self.conditioner.is_some() { b } else { 0 };
        if upper.len() != n_upper {
            let what = "the number of rows of codes of the level above";
            return Err(JukeboxError::range(what, upper.len(), n_upper.to_string()));
        }
        let (mut y_cond, mut x_cond) = (Vec::new(), Vec::new());
        for (idx, row) in rows.iter().enumerate() {
            let (y, x) = self.embeddings.row(row, n_ctx)?;
            y_cond.push(y);
            x_cond.push(match &self.conditioner {
                None => x,
                Some(conditioner) => {
                    let heard = conditioner.rows(&upper[idx])?;
                    (x + Tensor::from_vec(heard, (n_ctx, w), &Device::Cpu)?)?
                }
            });
        }
        let lyrics: Vec<_> = rows.iter().map(|row| row.lyrics.clone()).collect();
        let read = self.encoder.as_ref().map(|encoder| encoder.read(&lyrics)).transpose()?;
        Ok(Conditioning {
            y_cond: Tensor::stack(&y_cond, 0)?.contiguous()?,
            x_cond: Tensor::stack(&x_cond, 0)?.contiguous()?,
            lyrics,
            lyric_states: read.map(|read| read.states),
            n_before: self.config.n_before(),
            n_each: 1,
        })
    }

    /// Codes of the level above that belong to a window; none for a prior of the top level.
    pub fn n_upper(&self) -> Option<usize> {
        self.conditioner.as_ref().map(|conditioner| conditioner.n_upper())
    }

    fn check_lyrics(&self, lyrics: &[u32]) -> Result<(), JukeboxError> {
        let n = self.config.n_lyric_tokens();
        if lyrics.len() != n {
            let what = "the number of lyric tokens in a window";
            return Err(JukeboxError::range(what, lyrics.len(), n.to_string()));
        }
        let n_vocab = self.config.lyrics.as_ref().map_or(0, |lyrics| lyrics.n_vocab);
        check_below("a lyric token", lyrics, n_vocab)
    }
}

impl Conditioning {
    /// Rows of the batch.
    pub fn n_rows(&self) -> usize {
        self.lyrics.len() * self.n_each
    }

    /// The same for `b` sequences in the place of each, without a copy of what they are told.
    pub(super) fn repeat(&mut self, b: usize) {
        self.n_each *= b;
    }

    /// The lyrics of a row.
    pub(super) fn lyrics_of(&self, row: usize) -> &[u32] {
        &self.lyrics[row / self.n_each]
    }

    /// Symbols before the music, the same number in each row.
    pub(super) fn n_before(&self) -> usize {
        self.n_before
    }

    /// Adds what stands in for the symbol before the first.
    pub(super) fn add_start(&self, row: usize, out: &mut [f32]) -> Result<(), JukeboxError> {
        add_row(&self.y_cond, row / self.n_each, out)
    }

    /// Adds what a position is told; lyrics that stand before the music are told nothing.
    pub(super) fn add_at(
        &self,
        row: usize,
        position: usize,
        out: &mut [f32],
    ) -> Result<(), JukeboxError> {
        match position.checked_sub(self.n_before) {
            None => Ok(()),
            Some(idx) => {
                let first = row / self.n_each * self.x_cond.dim(1)?;
                add_row(&self.x_cond, first + idx, out)
            }
        }
    }

    /// `lyric_states` side by side, or nothing.
    pub(super) fn state_numbers(&self) -> Result<Vec<f32>, JukeboxError> {
        match &self.lyric_states {
            None => Ok(Vec::new()),
            Some(states) => Ok(states.flatten_all()?.to_vec1()?),
        }
    }
}
