//! Writing a window token by token.
//!
//! The input of a position is the symbol before it, so after `n` symbols the layers have run `n`
//! positions, and running one more gives the logits of the next symbol.

use super::{Conditioning, Prior};
use crate::jukebox::JukeboxError;
use crate::jukebox::kernels::StepBackend;

/// A batch of windows that are written together.
pub struct Decoder<'m> {
    prior: &'m Prior,
    backend: Box<dyn StepBackend + 'm>,
    conditioning: Conditioning,
    b: usize,
    /// Symbols given so far, per sequence, lyrics before the music included.
    n_given: usize,
    /// Positions that the layers have run: `n_given`, or one more once its logits were asked for.
    n_run: usize,
    last: Vec<u32>,   // [b]
    rows: Vec<f32>,   // [b, w] of one position
    logits: Vec<f32>, // [b, symbols]
}

impl<'m> Decoder<'m> {
    pub(super) fn new(
        prior: &'m Prior,
        backend: Box<dyn StepBackend + 'm>,
        mut conditioning: Conditioning,
    ) -> Result<Self, JukeboxError> {
        let (config, b) = (prior.config(), conditioning.n_rows());
        let expected = [b, config.n_ctx, config.width];
        let is_whole = conditioning.y_cond.dims() == [b, 1, config.width]
            && conditioning.x_cond.dims() == expected
            && conditioning.lyrics.iter().all(|row| row.len() == config.n_lyric_tokens());
        if !is_whole {
            let found = format!("{:?}", conditioning.x_cond.dims());
            let what = "the shape of the conditioning";
            return Err(JukeboxError::range(what, found, format!("{expected:?}")));
        }
        conditioning.y_cond = conditioning.y_cond.contiguous()?;
        conditioning.x_cond = conditioning.x_cond.contiguous()?;
        Ok(Self {
            prior,
            backend,
            conditioning,
            b,
            n_given: 0,
            n_run: 0,
            last: vec![0; b],
            rows: vec![0.0; b * config.width],
            logits: vec![0.0; b * config.n_symbols()],
        })
    }

    /// Sequences that are written together.
    pub fn n_rows(&self) -> usize {
        self.b
    }

    /// Makes `b` sequences of the only one: each goes on by itself, and none is taken in again.
    ///
    /// # Errors
    /// When there are several already.
    pub fn repeat(&mut self, b: usize) -> Result<(), JukeboxError> {
        if self.b != 1 || b == 0 {
            let (what, allowed) = ("the number of sequences to repeat", "exactly 1");
            return Err(JukeboxError::range(what, self.b, allowed));
        }
        self.backend.repeat(b)?;
        self.conditioning.repeat(b);
        self.b = b;
        self.last = self.last.repeat(b);
        self.rows = self.rows.repeat(b);
        self.logits = self.logits.repeat(b);
        Ok(())
    }

    /// An independent copy of everything that was written and remembered: from here both go on by
    /// themselves, and given the same symbols to the same logits, bit by bit.
    ///
    /// # Errors
    /// When the tensor library refuses.
    pub fn fork(&self) -> Result<Self, JukeboxError> {
        Ok(Self {
            prior: self.prior,
            backend: self.backend.fork()?,
            conditioning: self.conditioning.clone(),
            b: self.b,
            n_given: self.n_given,
            n_run: self.n_run,
            last: self.last.clone(),
            rows: self.rows.clone(),
            logits: self.logits.clone(),
        })
    }

    /// Music tokens of each sequence so far.
    pub fn n_tokens(&self) -> usize {
        self.n_given.saturating_sub(self.conditioning.n_before())
    }

    /// Lyrics before the music that were not taken in yet.
    pub fn n_lyrics_left(&self) -> usize {
        self.conditioning.n_before().saturating_sub(self.n_given)
    }

    /// Takes in up to `n_max` of the lyrics before the music. Whatever comes after them takes in
    /// the rest by itself; this is for those who want to stop in between.
    pub fn prefill_lyrics(&mut self, n_max: usize) -> Result<(), JukeboxError> {
        let n_next = n_max.min(self.n_lyrics_left());
        if n_next == 0 {
            return Ok(());
        }
        let next = self.n_given..self.n_given + n_next;
        let lyrics = |row| self.conditioning.lyrics_of(row)[next.clone()].to_vec();
        self.take(&(0..self.b).map(lyrics).collect::<Vec<_>>())
    }

    /// Logits of the next of the lyrics before the music, which is then taken in; none after them.
    pub fn lyric_logits(&mut self) -> Result<Option<&[f32]>, JukeboxError> {
        if self.n_lyrics_left() == 0 {
            return Ok(None);
        }
        self.step()?;
        for (row, last) in self.last.iter_mut().enumerate() {
            *last = self.conditioning.lyrics_of(row)[self.n_given];
        }
        self.n_given += 1;
        Ok(Some(&self.logits))
    }

    /// Appends known codes, as many to each sequence; chunks may be of any size.
    pub fn prefill(&mut self, codes: &[Vec<u32>]) -> Result<(), JukeboxError> {
        codes.iter().try_for_each(|row| self.prior.check_codes(row))?;
        self.prefill_lyrics(usize::MAX)?;
        let first_code = self.prior.config().first_code() as u32;
        let symbol = |code: &u32| first_code + code;
        let symbols: Vec<_> = codes.iter().map(|row| row.iter().map(symbol).collect()).collect();
        self.take(&symbols)
    }

    /// Appends one symbol to each sequence, as [`Decoder::logits`] counts them.
    pub fn push(&mut self, symbols: &[u32]) -> Result<(), JukeboxError> {
        self.prior.check_symbols(symbols)?;
        self.prefill_lyrics(usize::MAX)?;
        if symbols.len() == self.b && self.n_given < self.n_run {
            self.check_room(self.n_given + 1)?;
            self.last.copy_from_slice(symbols);
            self.n_given += 1;
            return Ok(());
        }
        let rows: Vec<Vec<u32>> = symbols.iter().map(|symbol| vec![*symbol]).collect();
        self.take(&rows)
    }

    /// Logits of the next symbol of music, `[b, symbols]`.
    pub fn logits(&mut self) -> Result<&[f32], JukeboxError> {
        self.prefill_lyrics(usize::MAX)?;
        if self.n_run <= self.n_given {
            self.check_room(self.n_given + 1)?;
            self.step()?;
        }
        Ok(&self.logits)
    }

    /// Appends known symbols.
    fn take(&mut self, symbols: &[Vec<u32>]) -> Result<(), JukeboxError> {
        let n_new = symbols.first().map_or(0, Vec::len);
        if symbols.len() != self.b || symbols.iter().any(|row| row.len() != n_new) {
            let lengths: Vec<usize> = symbols.iter().map(Vec::len).collect();
            let allowed = format!("{} rows of one length", self.b);
            return Err(JukeboxError::range("the chunk", format!("{lengths:?} tokens"), allowed));
        }
        self.check_room(self.n_given + n_new)?;
        if n_new == 0 {
            return Ok(());
        }
        let n_steps = self.n_given + n_new - self.n_run;
        if 0 < n_steps {
            let mut rows = vec![0.0; self.b * n_steps * self.prior.config().width];
            self.inputs(&mut rows, n_steps, |row, before| {
                match before.checked_sub(self.n_given) {
                    Some(new_idx) => symbols[row][new_idx],
                    None => self.last[row],
                }
            })?;
            self.backend.run(&mut rows, n_steps, &mut ())?;
            self.n_run += n_steps;
        }
        self.n_given += n_new;
        for (last, row) in self.last.iter_mut().zip(symbols) {
            *last = row[n_new - 1];
        }
        Ok(())
    }

    /// Runs the position whose input is known but which has not been run.
    fn step(&mut self) -> Result<(), JukeboxError> {
        let position = self.n_run;
        let mut rows = std::mem::take(&mut self.rows);
        self.inputs(&mut rows, 1, |row, _| self.last[row])?;
        self.backend.run(&mut rows, 1, &mut ())?;
        self.prior.head(&self.conditioning, position, 1, &mut rows, &mut self.logits)?;
        self.rows = rows;
        self.n_run += 1;
        Ok(())
    }

    /// Inputs of the next `n_steps` positions, `[b, n_steps, w]`; `symbol` takes the row and the
    /// index of a symbol.
    fn inputs(
        &self,
        rows: &mut [f32],
        n_steps: usize,
        symbol: impl Fn(usize, usize) -> u32,
    ) -> Result<(), JukeboxError> {
        for (idx, out) in rows.chunks_exact_mut(self.prior.config().width).enumerate() {
            let (row, position) = (idx / n_steps, self.n_run + idx % n_steps);
            let before = position.checked_sub(1).map_or(0, |before| symbol(row, before));
            self.prior.input(&self.conditioning, row, position, before, out)?;
        }
        Ok(())
    }

    fn check_room(&self, n_given: usize) -> Result<(), JukeboxError> {
        let (n_ctx, n_before) = (self.prior.config().n_ctx, self.conditioning.n_before());
        if n_given <= n_ctx + n_before {
            return Ok(());
        }
        let (n_tokens, allowed) = (n_given - n_before, format!("at most {n_ctx}"));
        Err(JukeboxError::range("the number of tokens in a window", n_tokens, allowed))
    }
}

#[cfg(test)]
mod tests;
