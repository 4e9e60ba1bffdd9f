//! One level of a song on a device, a stretch of tokens at a time; of several takes of it at once.

use super::prior::DevicePrior;
use super::window::{DeviceWindow, STRETCH};
use crate::jukebox::sample::{Dice, SamplerSettings, TokenRng};
use crate::jukebox::song::{Advance, LevelPrior, LevelState, LevelWriter, Plan, Song, Window};
use crate::jukebox::{JukeboxError, PriorConfig};

/// Known tokens that are taken in before somebody is asked whether to go on.
const PREFILL: usize = 1024;
/// Most takes that are written together: up to there, each costs a card little.
const MAX_TOGETHER: usize = 40;
/// Memory of the device that their windows may take.
const TOGETHER_BYTES: usize = 6 << 30;

/// Writes the codes of one level after those that it starts with, as
/// [`LevelSampler`](crate::jukebox::LevelSampler) does on the CPU: the same dice give the same codes, but
/// for what `choose` says about rounding.
pub struct DeviceLevel<'m> {
    prior: &'m DevicePrior,
    song: Song,
    settings: SamplerSettings,
    takes: Vec<Take>,
    windows: std::vec::IntoIter<Window>,
    writing: Option<Writing<'m>>,
}

/// One take on its way.
struct Take {
    codes: Vec<u32>,
    dice: TokenRng,
    finished: LevelState,
}

/// The window that is being written.
struct Writing<'m> {
    window: Window,
    device: DeviceWindow<'m>,
    /// Tokens of the window that all takes have in common, and that are taken in but once.
    n_common: usize,
}

impl<'m> DeviceLevel<'m> {
    /// Goes on from these states, one for each take and all equally far, to what is planned.
    ///
    /// # Errors
    /// When there is no take, one is ahead of another, or a setting, a code or a window that is still to
    /// come breaks one of the prior's limits.
    pub fn new(
        prior: &'m DevicePrior,
        song: Song,
        plan: Plan,
        settings: SamplerSettings,
        states: Vec<LevelState>,
    ) -> Result<Self, JukeboxError> {
        settings.check()?;
        let windows = plan.windows_after(prior.config(), &states)?;
        for window in &windows {
            song.told(prior, window.start)?;
        }
        let take = |state: LevelState| Take {
            codes: state.codes.clone(),
            dice: state.dice.clone(),
            finished: state,
        };
        let (takes, windows) = (states.into_iter().map(take).collect(), windows.into_iter());
        Ok(Self { prior, song, settings, takes, windows, writing: None })
    }

    fn open_window(&mut self) -> Result<Advance, JukeboxError> {
        let Some(window) = self.windows.next() else {
            return Ok(Advance::Finished);
        };
        let told = self.song.told(self.prior, window.start)?;
        let device = self.prior.start(&told.condition(self.prior)?)?;
        let first = &self.takes[0].codes[window.start..];
        let is_common = self.takes.iter().all(|take| &take.codes[window.start..] == first);
        let n_common = if is_common { first.len() } else { 0 };
        self.writing = Some(Writing { window, device, n_common });
        Ok(Advance::Opened(window))
    }

    fn finish_window(&mut self) {
        self.writing = None;
        for Take { codes, dice, finished } in &mut self.takes {
            let new = &codes[finished.codes.len()..];
            finished.codes.extend_from_slice(new);
            finished.n_windows += 1;
            finished.dice = dice.clone();
        }
    }
}

impl LevelPrior for DevicePrior {
    fn takes_at_once(&self) -> usize {
        (TOGETHER_BYTES / self.window_bytes().max(1)).clamp(1, MAX_TOGETHER)
    }

    fn level<'m>(
        &'m self,
        song: Song,
        plan: Plan,
        settings: SamplerSettings,
        states: Vec<LevelState>,
    ) -> Result<Box<dyn LevelWriter + 'm>, JukeboxError> {
        Ok(Box::new(DeviceLevel::new(self, song, plan, settings, states)?))
    }
}

/// New tokens come a stretch at a time.
impl LevelWriter for DeviceLevel<'_> {
    fn advance(&mut self) -> Result<Advance, JukeboxError> {
        let Some(Writing { window, device, n_common }) = &mut self.writing else {
            return self.open_window();
        };
        let n_lyrics = self.prior.config().n_before();
        let n_old = self.takes[0].codes.len() - window.start;
        if device.n_columns() < self.takes.len() && *n_common <= device.n_tokens() {
            device.prefill_lyrics()?;
            device.repeat(self.takes.len())?;
        }
        if device.n_tokens() < n_old {
            let first = window.start + device.n_tokens();
            let last = (window.start + n_old).min(first + PREFILL);
            let takes = self.takes.iter().take(device.n_columns());
            let codes: Vec<_> = takes.map(|take| take.codes[first..last].to_vec()).collect();
            device.prefill(&codes)?;
            let n_done = n_lyrics + last - window.start;
            return Ok(Advance::Prefilled { n_done, n_total: n_lyrics + n_old });
        }
        let n_new = STRETCH.min(window.n_tokens - n_old);
        let takes = &mut self.takes;
        let symbols =
            device.write(n_new, &self.settings, |column| takes[column].dice.next_uniform())?;
        let config = self.prior.config();
        for (take, symbols) in self.takes.iter_mut().zip(symbols) {
            take.codes.extend(symbols.into_iter().map(|symbol| config.code_of(symbol)));
        }
        if window.n_tokens <= n_old + n_new {
            self.finish_window();
        }
        Ok(Advance::Token(self.takes[0].codes.last().copied().unwrap_or_default()))
    }

    fn codes_of(&self, take_idx: usize) -> &[u32] {
        &self.takes[take_idx].codes
    }

    fn finished_of(&self, take_idx: usize) -> &LevelState {
        &self.takes[take_idx].finished
    }
}

impl Plan {
    /// The windows that are still to come after these states, which must have come equally far.
    ///
    /// # Errors
    /// When there is no state, one is ahead of another, or has a code that the prior has not.
    fn windows_after(
        &self,
        config: &PriorConfig,
        states: &[LevelState],
    ) -> Result<Vec<Window>, JukeboxError> {
        let Some(LevelState { n_prime, n_windows, .. }) = states.first() else {
            return Err(JukeboxError::range("the number of takes", 0, "at least 1"));
        };
        let mut windows = self.windows(config.n_ctx, *n_prime)?;
        let saved = windows.get(..*n_windows).ok_or_else(|| {
            let allowed = format!("at most {}, as many as are planned", windows.len());
            JukeboxError::range("the number of finished windows", n_windows, allowed)
        })?;
        let n_codes = saved.last().map_or(*n_prime, |last| last.start + last.n_tokens);
        for state in states {
            crate::jukebox::prior::check_below("a code", &state.codes, config.l_bins)?;
            if state.codes.len() != n_codes || state.n_windows != *n_windows {
                let (what, allowed) = ("the number of saved codes", n_codes.to_string());
                return Err(JukeboxError::range(what, state.codes.len(), allowed));
            }
        }
        windows.drain(..*n_windows);
        Ok(windows)
    }
}
