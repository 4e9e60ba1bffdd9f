//! What a listener is told while a continuation is composed.

use std::time::Instant;

use super::{
    EngineError,
    model::Model,
    session::{Listener, Request},
};
use crate::{
    jukebox::LevelPrior,
    link::{Progress, Stage},
    units::{frames_from_tokens, seconds_from_frames},
};

/// Tokens between two words about the progress where no audio is handed out.
const COUNTED_TOKENS: usize = 48;

/// What the listener is told, and when everything began.
pub struct Story<'l> {
    pub listener: &'l mut dyn Listener,
    rate: f64,
    n_takes: usize,
    begun: Instant,
    /// When the first audio was handed out and how many frames that were: speed is measured from there.
    first: Option<(Instant, usize)>,
    n_done: usize,
    progress: Progress,
    /// When the present stage began.
    stage_begun: Instant,
}

impl<'l> Story<'l> {
    /// Begins: the first word is that nothing is there yet.
    pub fn new<P: LevelPrior>(
        model: &Model<P>,
        request: &Request,
        listener: &'l mut dyn Listener,
    ) -> Self {
        let seconds_total = request.length_seconds * request.seeds.len() as f64;
        let progress = Progress { seconds_total, ..Progress::default() };
        listener.progress(&progress);
        let begun = Instant::now();
        let (rate, n_takes) = (model.rate(), request.seeds.len());
        Self {
            listener,
            rate,
            n_takes,
            begun,
            first: None,
            n_done: 0,
            progress,
            stage_begun: begun,
        }
    }

    /// Says what is being done, where that is new.
    pub fn at(&mut self, stage: Stage) {
        if self.progress.stage != stage {
            self.count_stage();
            self.progress.stage = stage;
            self.listener.progress(&self.progress);
        }
    }

    /// The stage that ends here took that long.
    fn count_stage(&mut self) {
        let now = Instant::now();
        let begun = std::mem::replace(&mut self.stage_begun, now);
        let taken_ms = now.duration_since(begun).as_secs_f64() * 1e3;
        let stages = &mut self.progress.stages;
        match self.progress.stage {
            Stage::Encoding => stages.encoding_ms += taken_ms,
            Stage::Prefilling => stages.prefilling_ms += taken_ms,
            Stage::Generating => stages.first_piece_ms += taken_ms,
        }
    }

    /// # Errors
    /// [`EngineError::Stopped`] when the listener has had enough.
    pub fn check_stopped(&self) -> Result<(), EngineError> {
        if self.listener.stopped() { Err(EngineError::Stopped) } else { Ok(()) }
    }

    /// Says how far it is where no audio is handed out.
    pub fn count<P: LevelPrior>(&mut self, model: &Model<P>, n_new_tokens: usize) {
        if n_new_tokens.is_multiple_of(COUNTED_TOKENS) {
            let n_frames = frames_from_tokens(n_new_tokens * self.n_takes, model.hop());
            self.progress.seconds_done =
                seconds_from_frames(n_frames, self.rate).min(self.progress.seconds_total);
            self.listener.progress(&self.progress);
        }
    }

    /// Hands out a piece of a take's audio and says how far that is.
    ///
    /// # Errors
    /// When the listener cannot take it.
    pub fn tell(&mut self, take_idx: usize, audio: &[f32]) -> Result<(), EngineError> {
        self.listener.audio(take_idx, audio)?;
        let now = Instant::now();
        if self.first.is_none() {
            self.count_stage();
        }
        self.n_done += audio.len();
        let (first_at, n_first) = *self.first.get_or_insert((now, self.n_done));
        let done = seconds_from_frames(self.n_done, self.rate);
        let since_first = seconds_from_frames(self.n_done - n_first, self.rate);
        let speed = since_first / now.duration_since(first_at).as_secs_f64();
        let left = (self.progress.seconds_total - done).max(0.0);
        self.progress.seconds_done = done;
        self.progress.realtime_factor = done / now.duration_since(self.begun).as_secs_f64();
        self.progress.remaining_seconds = (since_first > 0.0).then(|| left / speed);
        self.listener.progress(&self.progress);
        Ok(())
    }
}
