//! From the model's audio to chunks on the timeline: resampled, cut, counted and drawn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use super::{EngineError, resample::StreamResampler, seat::Seat, session::Listener};
use crate::{
    link::{Anchor, CHUNK_FRAMES, Chunk, Phase, Progress, Waveform},
    units::{FADE_SECONDS, frames_from_seconds},
};

/// Peaks per second in the picture of a take.
const PEAKS_PER_SECOND: f64 = 100.0;

/// Sends one take to one instance while it is composed.
pub struct Stream {
    seat: Arc<Seat>,
    /// Which link of the seat: another sample rate is another link.
    epoch: u64,
    take: u64,
    anchor: Anchor,
    seam_frame: i64,
    host_rate: f64,
    model_rate: f64,
    stop: Arc<AtomicBool>,
    asked_at: Instant,
    resampler: StreamResampler,
    /// Resampled frames that do not fill a chunk yet.
    waiting: Vec<f32>,
    n_chunks: usize,
    n_frames_left: usize,
    n_drawn: usize,
    waveform: Waveform,
}

/// What a [`Stream`] needs to know about the take.
pub struct StreamConfig {
    pub epoch: u64,
    pub take: u64,
    pub anchor: Anchor,
    pub model_rate: f64,
    pub host_rate: f64,
    pub seam_frame: i64,
    pub length_seconds: f64,
    pub asked_at: Instant,
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
            host_rate,
            model_rate,
            stop,
            asked_at: config.asked_at,
            resampler: StreamResampler::new(model_rate, host_rate)?,
            waiting: Vec::new(),
            n_chunks: 0,
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
        if self.n_chunks == 0 && self.waiting.is_empty() {
            return Ok(()); // not one frame was made
        }
        while self.waiting.len() > CHUNK_FRAMES {
            self.send(CHUNK_FRAMES, false)?;
        }
        self.send(self.waiting.len(), true)?;
        self.publish(true);
        Ok(())
    }

    /// How many of the lead-in's frames to use and how many host frames those are: enough to fade over, and
    /// as nearly whole as can be, so that the seam keeps its frame.
    fn lead_frames(&self, n_model_max: usize) -> (usize, usize) {
        let ratio = self.host_rate / self.model_rate;
        let off = |n: usize| (n as f64 * ratio - (n as f64 * ratio).round()).abs();
        let n_min = frames_from_seconds(FADE_SECONDS, self.model_rate).min(n_model_max);
        let n_model = (n_min..=n_model_max).rev().min_by(|a, b| off(*a).total_cmp(&off(*b)));
        let n_model = n_model.unwrap_or(0);
        (n_model, (n_model as f64 * ratio).round() as usize)
    }

    /// Draws the frames that arrived in `waiting` from `start` on, and drops what is beyond the take.
    fn take_from(&mut self, start: usize) {
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
        let frames: Box<[f32]> = self.waiting.drain(..n_frames).collect();
        let chunk =
            Chunk { take: self.take, anchor: self.anchor, index: self.n_chunks, frames, is_last };
        self.seat.push_chunk(self.epoch, Box::new(chunk), &self.stop)?;
        self.n_chunks += 1;
        Ok(())
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
    /// The take starts that much before the seam, so that it has faded in there when the song comes by.
    fn lead_in(&mut self, take_idx: usize, frames: &[f32]) -> Result<(), EngineError> {
        let (n_model, n_host) = self.lead_frames(frames.len());
        if self.anchor == Anchor::OnArrival {
            return Ok(()); // nothing comes before
        }
        let start = self.seam_frame - n_host as i64;
        self.anchor = Anchor::Song(start);
        self.waveform.start_frame = start;
        self.n_frames_left += n_host;
        self.audio(take_idx, &frames[frames.len() - n_model..])
    }

    fn audio(&mut self, _take_idx: usize, frames: &[f32]) -> Result<(), EngineError> {
        let n_before = self.waiting.len();
        self.resampler.push(frames, &mut self.waiting)?;
        self.take_from(n_before);
        while self.waiting.len() > CHUNK_FRAMES {
            self.send(CHUNK_FRAMES, false)?; // one frame always stays, to be the last
        }
        if self.n_chunks > 0 {
            self.publish(false);
        }
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) {
        if self.stopped() {
            return; // a newer request may be on show
        }
        let progress = *progress;
        self.seat.publish(|status| {
            status.phase = Phase::Composing(progress);
            if let Some(take) = status.take.as_mut().filter(|take| take.number == self.take) {
                take.realtime_factor = progress.realtime_factor;
            }
        });
    }

    fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }
}
