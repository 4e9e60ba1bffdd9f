//! From the model's audio to a sound on the timeline: resampled, cut, counted and drawn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use super::{EngineError, resample::StreamResampler, seat::Seat, session::Listener};
use crate::{
    link::{Anchor, CHUNK_FRAMES, Phase, Progress, Region, Severity, Sound, Waveform},
    units::{FADE_SECONDS, READY_SECONDS, frames_from_seconds},
};

/// Peaks per second in the picture of a take.
const PEAKS_PER_SECOND: f64 = 100.0;

/// Shortest stretch from which a speed is told, in seconds.
const MEASURED_SECONDS: f64 = 0.5;

/// A song that is farther past a take-over than this has gone elsewhere.
const MAX_LATE_SECONDS: f64 = 30.0;

/// Sends one take to one instance while it is composed.
pub struct Stream {
    seat: Arc<Seat>,
    /// Which link of the seat: another sample rate is another link.
    epoch: u64,
    take: u64,
    anchor: Anchor,
    seam_frame: i64,
    /// Song position of the first new frame; rarely whole.
    begins_at: f64,
    /// Nothing before the seam is to be played.
    takes_over: bool,
    /// Resampled frames that are still to be dropped, as they lie before the take.
    n_skip: usize,
    host_rate: f64,
    model_rate: f64,
    stop: Arc<AtomicBool>,
    asked_at: Instant,
    begun: Instant,
    /// When enough was there to sound, and how much that was.
    ready: Option<(Instant, f64)>,
    /// When the last piece was there, and how much there was by then, in seconds.
    done: (Instant, f64),
    resampler: StreamResampler,
    /// Resampled frames that do not fill a chunk yet.
    waiting: Vec<f32>,
    /// What is sent; none before the first chunk, when its length is known.
    sound: Option<Arc<Sound>>,
    n_frames_left: usize,
    n_drawn: usize,
    waveform: Waveform,
}

/// What a [`Stream`] needs to know about the take.
pub struct StreamConfig {
    pub epoch: u64,
    pub take: u64,
    pub anchor: Anchor,
    /// Song position of the first new frame, in host frames; before the seam, and rarely whole.
    pub begins_at: f64,
    /// The input is to pass up to the seam, which lies ahead: not even a fade is to come before.
    pub takes_over: bool,
    pub model_rate: f64,
    pub host_rate: f64,
    pub seam_frame: i64,
    pub length_seconds: f64,
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
        config: StreamConfig,
    ) -> Result<Self, EngineError> {
        let StreamConfig { host_rate, model_rate, seam_frame, .. } = config;
        let frames_per_peak = (host_rate / PEAKS_PER_SECOND).round().max(1.0) as usize;
        Ok(Self {
            seat,
            epoch: config.epoch,
            take: config.take,
            anchor: config.anchor,
            seam_frame,
            begins_at: config.begins_at,
            takes_over: config.takes_over,
            n_skip: 0,
            host_rate,
            model_rate,
            stop,
            asked_at: config.asked_at,
            begun: config.begun,
            ready: None,
            done: (config.begun, 0.0),
            resampler: StreamResampler::new(model_rate, host_rate)?,
            waiting: Vec::new(),
            sound: None,
            n_frames_left: frames_from_seconds(config.length_seconds, host_rate),
            n_drawn: 0,
            waveform: Waveform {
                start_frame: seam_frame,
                rate: host_rate,
                frames_per_peak,
                peaks: Vec::new(),
            },
        })
    }

    /// Sends what is left and says that nothing follows. Also right after an early end: what exists stays.
    ///
    /// # Errors
    /// When the instance has got another link meanwhile.
    pub fn finish(&mut self) -> Result<(), EngineError> {
        let n_before = self.waiting.len();
        self.resampler.finish(&mut self.waiting)?;
        self.take_from(n_before);
        if self.sound.is_none() && self.waiting.is_empty() {
            return Ok(()); // not one frame was made
        }
        while self.waiting.len() > CHUNK_FRAMES {
            self.send(CHUNK_FRAMES, false)?;
        }
        self.send(self.waiting.len(), true)?;
        self.publish(true);
        Ok(())
    }

    /// How many seconds it took until there was sound, and how many times faster than real time it was from
    /// there on, if that was long enough to tell; none where it ended before.
    pub fn pace(&self) -> Option<(f64, Option<f64>)> {
        let (ready_at, n_ready) = self.ready?;
        let (done_at, n_done) = self.done;
        let taken = done_at.saturating_duration_since(ready_at).as_secs_f64();
        let speed = (n_done - n_ready) / taken;
        let is_long = n_done - n_ready > MEASURED_SECONDS && speed.is_finite();
        let first_seconds = ready_at.duration_since(self.begun).as_secs_f64();
        Some((first_seconds, is_long.then_some(speed)))
    }

    /// How many of the lead-in's frames to use and at which song frame these begin: enough to fade over, and
    /// as nearly on a frame as can be, so that the seam keeps its own.
    fn lead_in_at(&self, n_model_max: usize) -> (usize, i64) {
        let ratio = self.host_rate / self.model_rate;
        let at = |n: usize| self.begins_at - n as f64 * ratio;
        let off = |n: usize| (at(n) - at(n).round()).abs();
        let n_min = frames_from_seconds(FADE_SECONDS, self.model_rate).min(n_model_max);
        // of those that are equally near, up to rounding, the longest
        let nearer = |best: usize, n: usize| if off(n) < off(best) - 1e-6 { n } else { best };
        let n_model = (n_min..n_model_max).rev().fold(n_model_max, nearer);
        (n_model, at(n_model).round() as i64)
    }

    /// Draws the frames that arrived in `waiting` from `start` on, and drops what is beyond the take.
    fn take_from(&mut self, start: usize) {
        let n_skipped = (self.waiting.len() - start).min(self.n_skip);
        self.waiting.drain(start..start + n_skipped);
        self.n_skip -= n_skipped;
        let n_new = (self.waiting.len() - start).min(self.n_frames_left);
        self.waiting.truncate(start + n_new);
        self.n_frames_left -= n_new;
        for frame in &self.waiting[start..] {
            if self.n_drawn.is_multiple_of(self.waveform.frames_per_peak) {
                self.waveform.peaks.push([0.0; 2]);
            }
            if let Some([low, high]) = self.waveform.peaks.last_mut() {
                (*low, *high) = (low.min(*frame), high.max(*frame));
            }
            self.n_drawn += 1;
        }
    }

    fn send(&mut self, n_frames: usize, is_last: bool) -> Result<(), EngineError> {
        self.seat.check_link(self.epoch)?;
        let n_in_all = self.waiting.len() + self.n_frames_left;
        let frames = self.waiting.drain(..n_frames).map(|sample| [sample; 2]).collect();
        let is_first = self.sound.is_none();
        let sound = self.sound.get_or_insert_with(|| Arc::new(Sound::with_room(n_in_all)));
        sound.push(frames);
        if is_last {
            sound.finish();
        }
        let n_sent = sound.n_frames();
        if is_first {
            let region = Region {
                take: self.take,
                anchor: self.anchor,
                sound: Arc::clone(sound),
                first: 0,
                n_frames: None,
                gain: 1.0,
                takes_over: self.takes_over,
            };
            self.seat.play(self.epoch, region)?;
        }
        let n_needed = frames_from_seconds(READY_SECONDS + FADE_SECONDS, self.host_rate);
        if self.ready.is_none() && (n_needed < n_sent || is_last) {
            self.ready = Some((Instant::now(), self.done.1));
            self.tell_if_late();
        }
        Ok(())
    }

    /// A take-over that the song has gone past was missed, and the user is to know why.
    fn tell_if_late(&self) {
        let Some(late) = self.seat.seconds_since(self.epoch, self.seam_frame) else { return };
        if self.takes_over && (0.0..MAX_LATE_SECONDS).contains(&late) {
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

    fn publish(&self, is_complete: bool) {
        let waveform = Arc::new(self.waveform.clone());
        let first_frame_ms = self.asked_at.elapsed().as_secs_f64() * 1e3;
        self.seat.publish(|status| {
            if let Some(take) = status.take.as_mut().filter(|take| take.number == self.take) {
                take.waveform = waveform;
                take.is_complete = is_complete;
                take.first_frame_ms.get_or_insert(first_frame_ms);
            }
        });
    }
}

impl Listener for Stream {
    /// The take starts a little before the seam, so that it has faded in there when the song comes by; one
    /// that takes over starts at the seam.
    fn lead_in(&mut self, take_idx: usize, frames: &[f32]) -> Result<(), EngineError> {
        let (n_model, start) = self.lead_in_at(frames.len());
        if self.takes_over || self.anchor == Anchor::OnArrival {
            self.n_skip = (self.seam_frame - start).max(0) as usize; // nothing comes before the seam
        } else {
            self.anchor = Anchor::Song(start);
            self.waveform.start_frame = start;
            self.n_frames_left += (self.seam_frame - start).max(0) as usize;
        }
        self.audio(take_idx, &frames[frames.len() - n_model..])
    }

    fn audio(&mut self, _take_idx: usize, frames: &[f32]) -> Result<(), EngineError> {
        let n_before = self.waiting.len();
        self.resampler.push(frames, &mut self.waiting)?;
        self.take_from(n_before);
        while self.waiting.len() > CHUNK_FRAMES {
            self.send(CHUNK_FRAMES, false)?; // one frame always stays, to be the last
        }
        if self.sound.is_some() {
            self.publish(false);
        }
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) {
        self.done = (Instant::now(), progress.seconds_done);
        let n_ahead = self.seam_frame as f64 - self.begins_at;
        let ahead_seconds = (n_ahead / self.host_rate).max(0.0);
        let progress = Progress {
            seconds_done: (progress.seconds_done - ahead_seconds).max(0.0),
            seconds_total: (progress.seconds_total - ahead_seconds).max(0.0),
            ..*progress
        };
        self.seat.publish(|status| {
            if self.stopped() {
                return; // a newer request may be on show
            }
            status.phase = Phase::Composing(progress);
            if let Some(take) = status.take.as_mut().filter(|take| take.number == self.take) {
                take.realtime_factor = progress.realtime_factor;
                take.stages = progress.stages;
            }
        });
    }

    fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }
}
