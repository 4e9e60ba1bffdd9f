//! Sends takes to one instance while they are composed, and tells it how they come along.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use super::{
    EngineError,
    seat::Seat,
    session::Listener,
    sounding::{Placing, Sounding},
};
use crate::{
    link::{Phase, Progress, Severity},
    takes::TakeId,
    units::{FADE_SECONDS, READY_SECONDS, frames_from_seconds},
};

/// Shortest stretch from which a speed is told, in seconds.
const MEASURED_SECONDS: f64 = 0.5;

/// A song that is farther past a take-over than this has gone elsewhere.
const MAX_LATE_SECONDS: f64 = 30.0;

/// Takes of one request that are composed together.
pub struct Stream {
    seat: Arc<Seat>,
    config: StreamConfig,
    takes: Vec<(TakeId, Sounding)>,
    stop: Arc<AtomicBool>,
    /// When enough was there to sound, and how much that was.
    ready: Option<(Instant, f64)>,
    /// When the last piece was there, and how much there was by then, in seconds.
    done: (Instant, f64),
    progress: Progress,
}

/// What a [`Stream`] needs to know about its takes.
pub struct StreamConfig {
    /// Which link of the seat: another sample rate is another link.
    pub epoch: u64,
    /// Which tree of the seat the takes belong to.
    pub age: u64,
    pub placing: Placing,
    /// There is no timeline: the first take sounds as soon as it is there.
    pub on_arrival: bool,
    /// The song is on its way to the seam.
    pub is_awaited: bool,
    pub model_rate: f64,
    pub asked_at: Instant,
    /// When the work began.
    pub begun: Instant,
}

impl Stream {
    /// # Errors
    /// When the host's rate cannot be resampled to.
    pub fn new(
        seat: Arc<Seat>,
        stop: Arc<AtomicBool>,
        takes: impl Iterator<Item = TakeId>,
        config: StreamConfig,
    ) -> Result<Self, EngineError> {
        let sounding = |id| Ok((id, Sounding::new(config.placing, config.model_rate)?));
        Ok(Self {
            seat,
            takes: takes.map(sounding).collect::<Result<_, EngineError>>()?,
            stop,
            ready: None,
            done: (config.begun, 0.0),
            progress: Progress::default(),
            config,
        })
    }

    /// Sends what is left and says that nothing follows. Also right after an early end: what exists stays.
    ///
    /// # Errors
    /// When the resampler fails, which it does not on finite audio.
    pub fn finish(&mut self) -> Result<(), EngineError> {
        for take_idx in 0..self.takes.len() {
            let sounding = &mut self.takes[take_idx].1;
            if 0.0 < sounding.seconds() {
                sounding.finish()?;
                self.tell(take_idx);
            }
        }
        Ok(())
    }

    /// How much of a take can be heard, from the seam on, in seconds.
    pub fn seconds(&self, take_idx: usize) -> f64 {
        self.takes[take_idx].1.seconds()
    }

    /// How loud a take is: root of the mean square.
    pub fn rms(&self, take_idx: usize) -> f64 {
        self.takes[take_idx].1.rms()
    }

    /// How many seconds it took until there was sound, and how many times faster than real time it was from
    /// there on, if that was long enough to tell; none where it ended before.
    pub fn pace(&self) -> Option<(f64, Option<f64>)> {
        let (ready_at, n_ready) = self.ready?;
        let (done_at, n_done) = self.done;
        let taken = done_at.saturating_duration_since(ready_at).as_secs_f64();
        let speed = (n_done - n_ready) / taken;
        let is_long = n_done - n_ready > MEASURED_SECONDS && speed.is_finite();
        let first_seconds = ready_at.duration_since(self.config.begun).as_secs_f64();
        Some((first_seconds, is_long.then_some(speed)))
    }

    /// The link must still be the one that the takes are made for.
    fn check_link(&self) -> Result<(), EngineError> {
        match self.seat.epoch() {
            Some(epoch) if epoch == self.config.epoch => Ok(()),
            Some(_) => Err(EngineError::RateChanged),
            None => Err(EngineError::Stopped),
        }
    }

    fn note_ready(&mut self) {
        let rate = self.config.placing.rate;
        let n_needed = frames_from_seconds(READY_SECONDS + FADE_SECONDS, rate);
        if self.ready.is_none() && n_needed < self.takes[0].1.sound().n_frames() {
            self.ready = Some((Instant::now(), self.done.1));
            self.seat.arrange(|_| ()); // it covers older ones from here
            self.tell_if_late();
        }
    }

    /// A take-over that the song has gone past was missed, and the user is to know why.
    fn tell_if_late(&self) {
        let Placing { takes_over, seam_frame, .. } = self.config.placing;
        let Some(late) = self.seat.seconds_since(self.config.epoch, seam_frame) else { return };
        if takes_over && self.config.is_awaited && (0.0..MAX_LATE_SECONDS).contains(&late) {
            self.seat.count_late(late);
            self.seat.say(
                Severity::Note,
                format!(
                    "the take came {late:.1} s after the place where it was to take over, because the \
                     computer was busy; until then the input passed, and the take sounds at its right \
                     place"
                ),
            );
        }
    }

    /// Shows how far a take is.
    fn tell(&self, take_idx: usize) {
        let (id, sounding) = &self.takes[take_idx];
        let first_ms = self.config.asked_at.elapsed().as_secs_f64() * 1e3;
        let is_heard = 0 < sounding.sound().n_frames();
        let Progress { realtime_factor, stages, .. } = self.progress;
        self.seat.with_shelf(|shelf| {
            shelf.draw(self.config.age, *id, sounding.waveform().clone());
            shelf.time(*id, is_heard.then_some(first_ms), realtime_factor, stages);
        });
    }
}

impl Listener for Stream {
    fn lead_in(&mut self, take_idx: usize, frames: &[f32]) -> Result<(), EngineError> {
        let (id, sounding) = &mut self.takes[take_idx];
        sounding.lead_in(frames)?;
        let StreamConfig { age, on_arrival, .. } = self.config;
        self.seat.arrange(|shelf| shelf.place(age, *id, sounding, on_arrival));
        Ok(())
    }

    fn audio(&mut self, take_idx: usize, frames: &[f32]) -> Result<(), EngineError> {
        self.check_link()?;
        self.takes[take_idx].1.audio(frames)?;
        self.note_ready();
        self.tell(take_idx);
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) {
        self.done = (Instant::now(), progress.seconds_done);
        let ahead_seconds = self.config.placing.ahead_seconds().max(0.0) * self.takes.len() as f64;
        self.progress = Progress {
            seconds_done: (progress.seconds_done - ahead_seconds).max(0.0),
            seconds_total: (progress.seconds_total - ahead_seconds).max(0.0),
            ..*progress
        };
        let Progress { realtime_factor, stages, .. } = self.progress;
        self.seat.with_shelf(|shelf| {
            for (id, _) in &self.takes {
                shelf.time(*id, None, realtime_factor, stages);
            }
        });
        self.seat.publish(|status| {
            if !self.stopped() {
                status.phase = Phase::Composing(self.progress); // else a newer request may be on show
            }
        });
    }

    fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }
}
