//! One level of a song, a bounded piece of work at a time; of several takes of it at once.

use serde::{Deserialize, Serialize};

use super::take::{Take, n_common};
use super::told::{Song, Told};
use super::windows::{Plan, Window};
use crate::jukebox::JukeboxError;
use crate::jukebox::prior::{Decoder, Prior};
use crate::jukebox::sample::{Chooser, Dice, SamplerSettings, TokenRng};

/// Tokens of a prefill that are taken in one call.
pub(super) const PREFILL_CHUNK: usize = 96;

/// What one call of [`LevelSampler::advance`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// The next window was opened: its labels, lyrics and upper codes were taken in.
    Opened(Window),
    /// Known tokens of the window were taken in.
    Prefilled { n_done: usize, n_total: usize },
    /// A new token was appended to the codes of every take; this is the first one's.
    Token(u32),
    /// All tokens are there.
    Finished,
}

/// A level after its last finished window: enough to go on from later with the same result.
///
/// To go on from the middle of a window would not do, because within a window a model of lyrics
/// remembers symbols that its codes no longer show (SPEC §4.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelState<D = TokenRng> {
    /// Everything up to the end of that window.
    pub codes: Vec<u32>,
    /// Tokens that were there before the first window.
    pub n_prime: usize,
    /// Windows that were finished.
    pub n_windows: usize,
    /// The dice as they were then.
    pub dice: D,
}

impl<D> LevelState<D> {
    /// Before the first window.
    pub fn new(prime: Vec<u32>, dice: D) -> Self {
        Self { n_prime: prime.len(), codes: prime, n_windows: 0, dice }
    }
}

/// Writes the codes of one level after those that it starts with.
///
/// Several takes of the same song are written together: one pass over the weights serves all of them,
/// and each becomes what it would have become alone.
pub struct LevelSampler<'m, D = TokenRng> {
    prior: &'m Prior,
    song: Song,
    chooser: Chooser,
    takes: Vec<Take<D>>,
    windows: std::vec::IntoIter<Window>,
    writing: Option<Writing<'m>>,
    symbols: Vec<u32>, // room for one of each take
}

/// The window that is being written.
struct Writing<'m> {
    window: Window,
    told: Told,
    decoder: Decoder<'m>,
    /// Tokens of the window that all takes have in common, and that are taken in but once.
    n_common: usize,
}

impl<'m, D: Dice + Clone> LevelSampler<'m, D> {
    /// Goes on from `state`, which is that of a beginning or was saved, to what is planned.
    ///
    /// # Errors
    /// When a setting, a code or a window that is still to come breaks one of the prior's limits.
    pub fn new(
        prior: &'m Prior,
        song: Song,
        plan: Plan,
        settings: SamplerSettings,
        state: LevelState<D>,
    ) -> Result<Self, JukeboxError> {
        Self::of_takes(prior, song, plan, settings, vec![state])
    }

    /// The same for several takes, which must have come equally far.
    ///
    /// # Errors
    /// As [`Self::new`], and when there is no take or one is ahead of another.
    pub fn of_takes(
        prior: &'m Prior,
        song: Song,
        plan: Plan,
        settings: SamplerSettings,
        states: Vec<LevelState<D>>,
    ) -> Result<Self, JukeboxError> {
        let chooser = Chooser::new(settings)?;
        let windows = plan.windows_after(prior.config(), &states)?;
        for window in &windows {
            song.told(prior, window.start)?;
        }
        let takes: Vec<_> = states.into_iter().map(Take::new).collect();
        let (windows, symbols) = (windows.into_iter(), Vec::with_capacity(takes.len()));
        Ok(Self { prior, song, chooser, takes, windows, writing: None, symbols })
    }

    /// A bounded piece of work: opening a window, a chunk of known tokens, or one new token of each take.
    /// A new token allocates nothing, unless it is the first or the last of its window.
    ///
    /// # Errors
    /// When the model's numbers cannot be sampled from.
    pub fn advance(&mut self) -> Result<Advance, JukeboxError> {
        let Some(Writing { window, decoder, n_common, .. }) = &mut self.writing else {
            return self.open_window();
        };
        let n_lyrics = self.prior.config().n_before();
        let n_old = self.takes[0].codes.len() - window.start;
        let n_total = n_lyrics + n_old;
        if 0 < decoder.n_lyrics_left() {
            decoder.prefill_lyrics(PREFILL_CHUNK)?;
            return Ok(Advance::Prefilled { n_done: n_lyrics - decoder.n_lyrics_left(), n_total });
        }
        if decoder.n_rows() < self.takes.len() && *n_common <= decoder.n_tokens() {
            decoder.repeat(self.takes.len())?;
        }
        if decoder.n_tokens() < n_old {
            let first = window.start + decoder.n_tokens();
            let last = (window.start + n_old).min(first + PREFILL_CHUNK);
            let takes = self.takes.iter().take(decoder.n_rows());
            decoder
                .prefill(&takes.map(|take| take.codes[first..last].to_vec()).collect::<Vec<_>>())?;
            return Ok(Advance::Prefilled { n_done: n_lyrics + last - window.start, n_total });
        }
        let logits = decoder.logits()?.chunks_exact(self.prior.config().n_symbols());
        self.symbols.clear();
        for (take, logits) in self.takes.iter_mut().zip(logits) {
            self.symbols.push(self.chooser.choose(logits, take.dice.next_uniform())?);
        }
        decoder.push(&self.symbols)?;
        for (take, symbol) in self.takes.iter_mut().zip(&self.symbols) {
            take.codes.push(self.prior.config().code_of(*symbol));
        }
        if window.n_tokens <= n_old + 1 {
            self.finish_window();
        }
        Ok(Advance::Token(self.takes[0].codes[self.takes[0].codes.len() - 1]))
    }

    /// Takes in some more of the first `n_codes` tokens, which are known, before the rest of the prime is;
    /// true once there is nothing left to do.
    ///
    /// # Errors
    /// As [`Self::advance`].
    pub fn take_in(&mut self, n_codes: usize) -> Result<bool, JukeboxError> {
        let Some(Writing { window, decoder, .. }) = &mut self.writing else {
            return Ok(self.open_window()? == Advance::Finished);
        };
        if 0 < decoder.n_lyrics_left() {
            decoder.prefill_lyrics(PREFILL_CHUNK)?;
            return Ok(false);
        }
        let first = window.start + decoder.n_tokens();
        let last = n_codes.min(self.takes[0].finished.codes.len()).min(first + PREFILL_CHUNK);
        if last <= first {
            return Ok(true);
        }
        let takes = self.takes.iter().take(decoder.n_rows());
        decoder.prefill(&takes.map(|take| take.codes[first..last].to_vec()).collect::<Vec<_>>())?;
        Ok(false)
    }

    /// Puts `codes` in the place of those from token `first` on of the prime, in every take: the end of a
    /// prime need not be known while its beginning is taken in.
    ///
    /// # Errors
    /// When one of these was taken in already, or is none of the prime.
    pub fn correct(&mut self, first: usize, codes: &[u32]) -> Result<(), JukeboxError> {
        self.prior.check_codes(codes)?;
        let n_taken = self.writing.as_ref().map_or(0, |w| w.window.start + w.decoder.n_tokens());
        let (end, n_prime) = (first + codes.len(), self.takes[0].finished.codes.len());
        if first < n_taken || n_prime < end {
            let (what, allowed) = ("the codes to correct", format!("within {n_taken}..{n_prime}"));
            return Err(JukeboxError::range(what, format!("{first}..{end}"), allowed));
        }
        for take in &mut self.takes {
            take.codes[first..end].copy_from_slice(codes);
            take.finished.codes[first..end].copy_from_slice(codes);
        }
        Ok(())
    }

    /// The prime and everything new so far, of the first take.
    pub fn codes(&self) -> &[u32] {
        self.codes_of(0)
    }

    /// The prime and everything new so far, of any take.
    pub fn codes_of(&self, take_idx: usize) -> &[u32] {
        &self.takes[take_idx].codes
    }

    /// What to save of the first take: the level as it was after its last finished window.
    pub fn finished(&self) -> &LevelState<D> {
        self.finished_of(0)
    }

    /// The same of any take.
    pub fn finished_of(&self, take_idx: usize) -> &LevelState<D> {
        &self.takes[take_idx].finished
    }

    /// The window that is being written, and what it was told.
    pub fn window(&self) -> Option<(Window, &Told)> {
        self.writing.as_ref().map(|writing| (writing.window, &writing.told))
    }

    fn open_window(&mut self) -> Result<Advance, JukeboxError> {
        let Some(window) = self.windows.next() else {
            return Ok(Advance::Finished);
        };
        let told = self.song.told(self.prior, window.start)?;
        let decoder = self.prior.start(told.condition(self.prior)?)?;
        let n_common = n_common(&self.takes, window.start);
        for Take { codes, .. } in &mut self.takes {
            codes.reserve(window.start + window.n_tokens - codes.len());
        }
        self.writing = Some(Writing { window, told, decoder, n_common });
        Ok(Advance::Opened(window))
    }

    fn finish_window(&mut self) {
        self.writing = None;
        self.takes.iter_mut().for_each(Take::finish_window);
    }
}

#[cfg(test)]
mod tests;
