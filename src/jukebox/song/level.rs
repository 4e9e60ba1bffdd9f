//! One level of a song, a bounded piece of work at a time.

use serde::{Deserialize, Serialize};

use super::told::{Song, Told};
use super::windows::{Plan, Window};
use crate::jukebox::JukeboxError;
use crate::jukebox::prior::{Decoder, Prior};
use crate::jukebox::sample::{Dice, SamplerSettings, TokenRng, choose};

/// Tokens of a prefill that are taken in one call.
const PREFILL_CHUNK: usize = 96;

/// What one call of [`LevelSampler::advance`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// The next window was opened: its labels, lyrics and upper codes were taken in.
    Opened(Window),
    /// Known tokens of the window were taken in.
    Prefilled { n_done: usize, n_total: usize },
    /// A new token was appended to the codes.
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
pub struct LevelSampler<'m, D = TokenRng> {
    prior: &'m Prior,
    song: Song,
    settings: SamplerSettings,
    codes: Vec<u32>,
    dice: D,
    finished: LevelState<D>,
    windows: std::vec::IntoIter<Window>,
    writing: Option<Writing<'m>>,
}

/// The window that is being written.
struct Writing<'m> {
    window: Window,
    told: Told,
    decoder: Decoder<'m>,
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
        settings.check()?;
        prior.check_codes(&state.codes)?;
        let mut windows = plan.windows(prior.config().n_ctx, state.n_prime)?;
        let saved = windows.get(..state.n_windows).ok_or_else(|| {
            let allowed = format!("at most {}, as many as are planned", windows.len());
            JukeboxError::range("the number of finished windows", state.n_windows, allowed)
        })?;
        let n_codes = saved.last().map_or(state.n_prime, |last| last.start + last.n_tokens);
        if state.codes.len() != n_codes {
            let (what, allowed) = ("the number of saved codes", n_codes.to_string());
            return Err(JukeboxError::range(what, state.codes.len(), allowed));
        }
        windows.drain(..state.n_windows);
        for window in &windows {
            song.told(prior, window.start)?;
        }
        let (codes, dice) = (state.codes.clone(), state.dice.clone());
        let windows = windows.into_iter();
        let finished = state;
        Ok(Self { prior, song, settings, codes, dice, finished, windows, writing: None })
    }

    /// A bounded piece of work: opening a window, a chunk of known tokens, or one new token.
    pub fn advance(&mut self) -> Result<Advance, JukeboxError> {
        let Some(Writing { window, decoder, .. }) = &mut self.writing else {
            return self.open_window();
        };
        let n_lyrics = self.prior.config().n_before();
        let n_old = self.codes.len() - window.start;
        let n_total = n_lyrics + n_old;
        if 0 < decoder.n_lyrics_left() {
            decoder.prefill_lyrics(PREFILL_CHUNK)?;
            return Ok(Advance::Prefilled { n_done: n_lyrics - decoder.n_lyrics_left(), n_total });
        }
        if decoder.n_tokens() < n_old {
            let first = window.start + decoder.n_tokens();
            let last = self.codes.len().min(first + PREFILL_CHUNK);
            decoder.prefill(&[self.codes[first..last].to_vec()])?;
            return Ok(Advance::Prefilled { n_done: n_lyrics + last - window.start, n_total });
        }
        let symbol = choose(decoder.logits()?, &self.settings, self.dice.next_uniform())?;
        decoder.push(&[symbol])?;
        let code = self.prior.config().code_of(symbol);
        self.codes.push(code);
        if window.n_tokens <= n_old + 1 {
            self.finish_window();
        }
        Ok(Advance::Token(code))
    }

    /// The prime and everything new so far.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The dice as they are now.
    pub fn dice(&self) -> &D {
        &self.dice
    }

    /// What to save: the level as it was after its last finished window.
    pub fn finished(&self) -> &LevelState<D> {
        &self.finished
    }

    /// The window that is being written, and what it was told.
    pub fn window(&self) -> Option<(Window, &Told)> {
        self.writing.as_ref().map(|writing| (writing.window, &writing.told))
    }

    /// Windows that are still to be opened.
    pub fn n_windows_left(&self) -> usize {
        self.windows.len()
    }

    fn open_window(&mut self) -> Result<Advance, JukeboxError> {
        let Some(window) = self.windows.next() else {
            return Ok(Advance::Finished);
        };
        let told = self.song.told(self.prior, window.start)?;
        let decoder = self.prior.start(told.condition(self.prior)?)?;
        self.writing = Some(Writing { window, told, decoder });
        Ok(Advance::Opened(window))
    }

    fn finish_window(&mut self) {
        self.writing = None;
        let new = &self.codes[self.finished.codes.len()..];
        self.finished.codes.extend_from_slice(new);
        self.finished.n_windows += 1;
        self.finished.dice = self.dice.clone();
    }
}

#[cfg(test)]
mod tests;
