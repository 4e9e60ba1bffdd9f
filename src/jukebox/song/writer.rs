//! What writes a level, wherever its layers run.

use super::level::{Advance, LevelSampler, LevelState};
use super::told::Song;
use super::windows::Plan;
use crate::jukebox::prior::{Prior, Teller};
use crate::jukebox::sample::SamplerSettings;
use crate::jukebox::{JukeboxError, PriorConfig};

/// Most takes that the kernels write together: more would not be done sooner.
const MAX_TOGETHER: usize = 8;
/// Memory that the windows of takes that are written together may take.
const TOGETHER_BYTES: usize = 2 << 30;

/// A prior that writes levels of songs: on the kernels, or on a device.
pub trait LevelPrior: AsRef<Teller> {
    fn config(&self) -> &PriorConfig {
        self.as_ref().config()
    }

    /// Takes that are written together with profit: each needs what its window remembers in memory.
    fn takes_at_once(&self) -> usize;

    /// Itself where its layers run on the kernels, for what only they can do.
    fn on_kernels(&self) -> Option<&Prior> {
        None
    }

    /// Goes on from these states, one for each take and all equally far, to what is planned.
    ///
    /// # Errors
    /// When there is no take, one is ahead of another, or a setting, a code or a window that is still to
    /// come breaks one of the prior's limits.
    fn level<'m>(
        &'m self,
        song: Song,
        plan: Plan,
        settings: SamplerSettings,
        states: Vec<LevelState>,
    ) -> Result<Box<dyn LevelWriter + 'm>, JukeboxError>;
}

/// A level on its way, of one or several takes.
pub trait LevelWriter {
    /// A bounded piece of work: opening a window, a chunk of known tokens, or new tokens of each take, of
    /// which [`Advance::Token`] names the last of the first take.
    ///
    /// # Errors
    /// When the prior's numbers cannot be sampled from, or its device fails.
    fn advance(&mut self) -> Result<Advance, JukeboxError>;

    /// The prime and everything new so far, of any take.
    fn codes_of(&self, take_idx: usize) -> &[u32];

    /// What to save of any take: the level as it was after its last finished window.
    fn finished_of(&self, take_idx: usize) -> &LevelState;
}

impl LevelPrior for Prior {
    fn takes_at_once(&self) -> usize {
        (TOGETHER_BYTES / self.window_bytes().max(1)).clamp(1, MAX_TOGETHER)
    }

    fn on_kernels(&self) -> Option<&Prior> {
        Some(self)
    }

    fn level<'m>(
        &'m self,
        song: Song,
        plan: Plan,
        settings: SamplerSettings,
        states: Vec<LevelState>,
    ) -> Result<Box<dyn LevelWriter + 'm>, JukeboxError> {
        Ok(Box::new(LevelSampler::of_takes(self, song, plan, settings, states)?))
    }
}

impl LevelWriter for LevelSampler<'_> {
    fn advance(&mut self) -> Result<Advance, JukeboxError> {
        LevelSampler::advance(self)
    }

    fn codes_of(&self, take_idx: usize) -> &[u32] {
        LevelSampler::codes_of(self, take_idx)
    }

    fn finished_of(&self, take_idx: usize) -> &LevelState {
        LevelSampler::finished_of(self, take_idx)
    }
}
