//! One level of a song on a device, a stretch of tokens at a time; of several takes of it at once.

use super::prior::DevicePrior;
use super::window::{DeviceWindow, STRETCH};
use crate::jukebox::JukeboxError;
use crate::jukebox::sample::{Dice, SamplerSettings, TokenRng};
use crate::jukebox::song::take::{Take, n_common};
use crate::jukebox::song::{Advance, LevelPrior, LevelState, LevelWriter, Plan, Song, Window};

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
    takes: Vec<Take<TokenRng>>,
    windows: std::vec::IntoIter<Window>,
    writing: Option<Writing<'m>>,
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
        let (takes, windows) = (states.into_iter().map(Take::new).collect(), windows.into_iter());
        Ok(Self { prior, song, settings, takes, windows, writing: None })
    }

    fn open_window(&mut self) -> Result<Advance, JukeboxError> {
        let Some(window) = self.windows.next() else {
            return Ok(Advance::Finished);
        };
        let told = self.song.told(self.prior, window.start)?;
        let device = self.prior.start(&told.condition(self.prior)?)?;
        let n_common = n_common(&self.takes, window.start);
        self.writing = Some(Writing { window, device, n_common });
        Ok(Advance::Opened(window))
    }

    fn finish_window(&mut self) {
        self.writing = None;
        self.takes.iter_mut().for_each(Take::finish_window);
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
