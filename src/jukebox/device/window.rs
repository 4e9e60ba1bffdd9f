//! Writing a window on a device, a stretch of tokens at a time.

use candle_core::{Result as TensorResult, Tensor};

use super::cache::Cache;
use super::prior::DevicePrior;
use crate::jukebox::JukeboxError;
use crate::jukebox::prior::{Conditioning, check_below};
use crate::jukebox::sample::SamplerSettings;

/// Tokens that are worth writing before any is read: reading costs as much as a kernel or two, and a
/// stop is noticed as late.
pub const STRETCH: usize = 32;

/// Known positions that run at once, if their blocks allow it.
const CHUNK: usize = 512;

/// A batch of windows that are written together on a device.
pub struct DeviceWindow<'m> {
    prior: &'m DevicePrior,
    known: Known,
    lyrics: Vec<Vec<u32>>, // before the music, of each column
    caches: Vec<Cache>,
    n_given: usize, // symbols of each column so far, lyrics before the music included
    last: Option<Tensor>, // [b], the symbol before the next
}

/// What columns are told.
pub struct Known {
    /// Columns.
    pub b: usize,
    /// Takes the place of a symbol before the first, `[b or 1, 1, w]`.
    pub y_cond: Tensor,
    x_cond: Tensor, // [b or 1, n_ctx, w]
    n_before: usize,
}

impl Known {
    /// What positions are told, `[b or 1, t, w]`: all of them music, or all of them lyrics before it, which
    /// are told nothing.
    pub fn told(&self, first: usize, n_steps: usize) -> TensorResult<Option<Tensor>> {
        let first = first.checked_sub(self.n_before);
        first.map(|first| self.x_cond.narrow(1, first, n_steps)).transpose()
    }
}

impl<'m> DeviceWindow<'m> {
    pub(super) fn new(
        prior: &'m DevicePrior,
        conditioning: &Conditioning,
    ) -> Result<Self, JukeboxError> {
        let (config, b) = (prior.config(), conditioning.n_rows());
        let expected = [b, config.n_ctx, config.width];
        let is_whole = conditioning.x_cond.dims() == expected
            && conditioning.y_cond.dims() == [b, 1, config.width]
            && conditioning.lyrics.iter().all(|row| row.len() == config.n_lyric_tokens());
        if !is_whole {
            let found = format!("{:?}", conditioning.x_cond.dims());
            let what = "the shape of the conditioning";
            return Err(JukeboxError::range(what, found, format!("{expected:?}")));
        }
        let (exact, n_before) = (prior.exact(), config.n_before());
        let before = |row: &Vec<u32>| row[..n_before].to_vec();
        Ok(Self {
            known: Known {
                b,
                y_cond: exact.put(&conditioning.y_cond)?,
                x_cond: exact.put(&conditioning.x_cond)?,
                n_before,
            },
            lyrics: conditioning.lyrics.iter().map(before).collect(),
            caches: prior.caches(b, conditioning.lyric_states.as_ref())?,
            n_given: 0,
            last: None,
            prior,
        })
    }

    /// Columns that are written together.
    pub fn n_columns(&self) -> usize {
        self.known.b
    }

    /// Music tokens of each column so far.
    pub fn n_tokens(&self) -> usize {
        self.n_given.saturating_sub(self.known.n_before)
    }

    /// Makes `b` columns of the only one: each goes on by itself, and none is taken in again.
    ///
    /// # Errors
    /// When there are several already, or the device has no room.
    pub fn repeat(&mut self, b: usize) -> Result<(), JukeboxError> {
        if self.known.b != 1 || b == 0 {
            let (what, allowed) = ("the number of sequences to repeat", "exactly 1");
            return Err(JukeboxError::range(what, self.known.b, allowed));
        }
        self.caches.iter_mut().try_for_each(|cache| cache.repeat(b))?;
        self.last = self.last.as_ref().map(|last| last.repeat(b)).transpose()?;
        self.lyrics = (0..b).flat_map(|_| self.lyrics.clone()).collect();
        self.known.b = b;
        Ok(())
    }

    /// Appends known codes, as many to each column.
    ///
    /// # Errors
    /// When a code is none, columns differ in number or length, or the window is full.
    pub fn prefill(&mut self, codes: &[Vec<u32>]) -> Result<(), JukeboxError> {
        let config = self.prior.config();
        codes.iter().try_for_each(|row| check_below("a code", row, config.l_bins))?;
        let n_new = codes.first().map_or(0, Vec::len);
        if codes.len() != self.known.b || codes.iter().any(|row| row.len() != n_new) {
            let lengths: Vec<usize> = codes.iter().map(Vec::len).collect();
            let allowed = format!("{} rows of one length", self.known.b);
            return Err(JukeboxError::range("the chunk", format!("{lengths:?} tokens"), allowed));
        }
        self.prefill_lyrics()?;
        self.check_room(n_new)?;
        let symbol = |code: &u32| config.first_code() as u32 + code;
        let symbols: Vec<_> = codes.iter().map(|row| row.iter().map(symbol).collect()).collect();
        self.take(&symbols)
    }

    /// Takes in the lyrics before the music, where there are any and they were not yet taken in; whatever
    /// comes after them does it by itself.
    ///
    /// # Errors
    /// When the device fails.
    pub fn prefill_lyrics(&mut self) -> Result<(), JukeboxError> {
        if self.n_given < self.known.n_before {
            let lyrics = std::mem::take(&mut self.lyrics);
            self.take(&lyrics)?;
        }
        Ok(())
    }

    /// Writes `n` tokens of each column, by uniform numbers that `dice` gives for a column, and returns their
    /// symbols, `[b][n]`. Nothing is read in between, so this is the place to stop at: [`STRETCH`] is a
    /// good `n`.
    ///
    /// # Errors
    /// When a setting is out of range, the window has no room, or the logits are no numbers.
    pub fn write(
        &mut self,
        n: usize,
        settings: &SamplerSettings,
        mut dice: impl FnMut(usize) -> f64,
    ) -> Result<Vec<Vec<u32>>, JukeboxError> {
        settings.check()?;
        self.prefill_lyrics()?;
        self.check_room(n)?;
        if n == 0 {
            return Ok(vec![Vec::new(); self.known.b]);
        }
        let numbers = (0..n * self.known.b).map(|idx| dice(idx % self.known.b)).collect();
        let chooser = self.prior.chooser();
        let dice = chooser.dice(numbers, n, self.prior.device())?; // [n, b, 1]
        let (mut tokens, mut health) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for i in 0..n {
            let logits = self.step()?;
            let chosen = chooser.choose(&logits, settings, &dice.get(i)?)?;
            self.last = Some(chosen.tokens.clone());
            tokens.push(chosen.tokens);
            health.push(chosen.health);
        }
        let is_sound = Tensor::stack(&health, 0)?.sum_all()?.to_scalar::<f32>()? == 0.0;
        if !is_sound {
            return Err(JukeboxError::NotFinite("logits"));
        }
        Ok(Tensor::stack(&tokens, 1)?.to_vec2()?)
    }

    /// Logits of the next symbol of each column, `[b * symbols]`, which is then the given one.
    ///
    /// # Errors
    /// When a symbol is none, there are not as many as columns, or the window is full.
    pub fn logits_before(&mut self, symbols: &[u32]) -> Result<Vec<f32>, JukeboxError> {
        check_below("a symbol", symbols, self.prior.config().n_symbols())?;
        if symbols.len() != self.known.b {
            let allowed = self.known.b.to_string();
            return Err(JukeboxError::range("the number of symbols", symbols.len(), allowed));
        }
        self.prefill_lyrics()?;
        self.check_room(1)?;
        let logits = self.step()?;
        self.last = Some(Tensor::from_slice(symbols, symbols.len(), self.prior.device())?);
        Ok(logits.flatten_all()?.to_vec1()?)
    }

    /// Runs the next position, whose symbol is to be chosen by these logits, `[b, symbols]`.
    fn step(&mut self) -> TensorResult<Tensor> {
        let position = self.n_given;
        let x = self.prior.inputs(&self.known, position, 1, self.last.as_ref())?;
        let h = self.prior.run(&x, &self.caches, position, 1)?;
        self.n_given += 1;
        self.prior.logits(&self.known, position, &h)
    }

    /// Runs the positions of known symbols, `[b][n]`, all of them lyrics or all of them music.
    fn take(&mut self, symbols: &[Vec<u32>]) -> Result<(), JukeboxError> {
        let n_new = symbols.first().map_or(0, Vec::len);
        let mut n_done = 0;
        while n_done < n_new {
            let first = self.n_given;
            let n_steps = chunk_len(first, n_new - n_done, self.prior.block_len());
            let part = |row: &Vec<u32>| {
                let row = row[n_done..n_done + n_steps].to_vec();
                Tensor::from_vec(row, n_steps, self.prior.device())
            };
            let rows = symbols.iter().map(part).collect::<TensorResult<Vec<_>>>()?;
            let rows = Tensor::stack(&rows, 0)?; // [b, t]
            let known = rows.narrow(1, 0, n_steps - 1)?;
            let before = match &self.last {
                Some(last) => Some(Tensor::cat(&[last.unsqueeze(1)?, known], 1)?), // [b, t]
                None => Some(known).filter(|_| 1 < n_steps),                       // [b, t - 1]
            };
            let before = before.map(|before| before.contiguous()?.flatten_all()).transpose()?;
            let x = self.prior.inputs(&self.known, first, n_steps, before.as_ref())?;
            self.prior.run(&x, &self.caches, first, n_steps)?;
            self.last = Some(rows.narrow(1, n_steps - 1, 1)?.squeeze(1)?.contiguous()?);
            self.n_given += n_steps;
            n_done += n_steps;
        }
        Ok(())
    }

    fn check_room(&self, n_new: usize) -> Result<(), JukeboxError> {
        let (n_tokens, n_ctx) = (self.n_tokens() + n_new, self.prior.config().n_ctx);
        if n_tokens <= n_ctx {
            return Ok(());
        }
        let what = "the number of tokens in a window";
        Err(JukeboxError::range(what, n_tokens, format!("at most {n_ctx}")))
    }
}

/// Positions from `first` on that run at once, of `n_left`: up to the end of a block where that is not far,
/// because whole blocks are kept with fewer kernels.
fn chunk_len(first: usize, n_left: usize, block_len: usize) -> usize {
    let end = (first + CHUNK.max(block_len)) / block_len * block_len;
    n_left.min(end - first)
}
