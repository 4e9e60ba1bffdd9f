//! Takes on their way, wherever they are written.

use super::level::LevelState;
use super::windows::{Plan, Window};
use crate::jukebox::prior::check_below;
use crate::jukebox::{JukeboxError, PriorConfig};

/// One take on its way.
pub(crate) struct Take<D> {
    /// Everything so far.
    pub codes: Vec<u32>,
    pub dice: D,
    /// As it was after its last finished window.
    pub finished: LevelState<D>,
}

impl<D: Clone> Take<D> {
    pub fn new(state: LevelState<D>) -> Self {
        Self { codes: state.codes.clone(), dice: state.dice.clone(), finished: state }
    }

    /// Its window is written.
    pub fn finish_window(&mut self) {
        let new = &self.codes[self.finished.codes.len()..];
        self.finished.codes.extend_from_slice(new);
        self.finished.n_windows += 1;
        self.finished.dice = self.dice.clone();
    }
}

/// Tokens from `start` on that all takes have in common: all that they have, or none.
pub(crate) fn n_common<D>(takes: &[Take<D>], start: usize) -> usize {
    let Some((first, others)) = takes.split_first() else { return 0 };
    let first = &first.codes[start..];
    if others.iter().all(|take| &take.codes[start..] == first) { first.len() } else { 0 }
}

impl Plan {
    /// The windows that are still to come after these states, which must have come equally far.
    ///
    /// # Errors
    /// When there is no state, one is ahead of another, or has a code that the prior has not.
    pub(crate) fn windows_after<D>(
        &self,
        config: &PriorConfig,
        states: &[LevelState<D>],
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
            check_below("a code", &state.codes, config.l_bins)?;
            if state.codes.len() != n_codes || state.n_windows != *n_windows {
                let (what, allowed) = ("the number of saved codes", n_codes.to_string());
                return Err(JukeboxError::range(what, state.codes.len(), allowed));
            }
        }
        windows.drain(..*n_windows);
        Ok(windows)
    }
}
