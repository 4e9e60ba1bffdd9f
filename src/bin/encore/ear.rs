//! Who listens while takes are composed.

use std::time::Instant;

use encore::engine::EngineError;
use encore::engine::session::Listener;
use encore::jukebox::LevelState;
use encore::link::{Progress as Shown, Stage};
use encore::takes::TakeError;

use crate::progress::SecondsBar;
use crate::resume::{Pace, Progress};
use crate::take_files::Sound;

/// Collects the audio of takes, moves the bar and keeps every window.
pub struct Ear<'a> {
    /// One for each take, like everything of which there are several.
    pub sounds: Vec<Sound>,
    pub progress: Vec<Progress>,
    pub first_at: Option<Instant>,
    /// Why a window could not be kept, which ended the work.
    pub failed: Option<TakeError>,
    level: usize,
    wants_audio: bool,
    bar: &'a SecondsBar,
    seconds_before: f64,
    pace: Pace,
    /// Whether the window that was just written is kept: of all takes or of none.
    keeps: bool,
}

impl<'a> Ear<'a> {
    pub fn new(
        bar: &'a SecondsBar,
        seconds_before: f64,
        progress: Vec<Progress>,
        level: usize,
        wants_audio: bool,
    ) -> Self {
        let sounds = progress.iter().map(|_| Sound::default()).collect();
        Self {
            sounds,
            progress,
            first_at: None,
            failed: None,
            level,
            wants_audio,
            bar,
            seconds_before,
            pace: Pace::default(),
            keeps: false,
        }
    }
}

impl Listener for Ear<'_> {
    fn lead_in(&mut self, take_idx: usize, frames: &[f32]) -> Result<(), EngineError> {
        self.sounds[take_idx].lead_in = frames.to_vec();
        Ok(())
    }

    fn audio(&mut self, take_idx: usize, frames: &[f32]) -> Result<(), EngineError> {
        self.first_at.get_or_insert_with(Instant::now);
        self.sounds[take_idx].audio.extend_from_slice(frames);
        Ok(())
    }

    fn progress(&mut self, progress: &Shown) {
        self.bar.set_message(match progress.stage {
            Stage::Encoding => "listening".into(),
            Stage::Prefilling => "remembering".into(),
            Stage::Generating => "composing".into(),
        });
        self.bar.set_seconds(self.seconds_before + progress.seconds_done);
    }

    fn window(&mut self, take_idx: usize, finished: &LevelState) -> Result<(), EngineError> {
        if take_idx == 0 {
            self.keeps = self.pace.is_due();
        }
        if self.keeps {
            self.failed = self.progress[take_idx].keep(self.level, finished).err();
        }
        if self.failed.is_some() { Err(EngineError::Stopped) } else { Ok(()) }
    }

    fn wants_audio(&self) -> bool {
        self.wants_audio
    }

    fn stopped(&self) -> bool {
        false // Ctrl-C ends the process, and no half file is left
    }
}
