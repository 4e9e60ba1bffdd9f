//! Plays takes at their place in the song: each begins, ends, pauses and resumes with a short fade, so
//! that nothing the transport or the engine does can click.

use super::slot::Slot;
use crate::{
    link::{PlaybackReader, max_chunks},
    units::{FADE_SECONDS, READY_SECONDS, frames_from_seconds},
};

/// Chunks taken from the ring in one block at most.
const MAX_RECEIVED: usize = 64;

/// Chunks handed back in one block at most.
const MAX_RETIRED: usize = 64;

/// How long an older take goes on sounding while a newer one lies ahead.
const PATIENCE_SECONDS: f64 = 30.0;

/// The playing side of one instance. Runs on the audio thread.
pub struct Playback {
    reader: PlaybackReader,
    /// The take that sounds when the song passes it.
    current: Slot,
    /// The take that replaces it as soon as that can be done unheard, or one on its way out.
    other: Slot,
    /// Song frame that is read; lags behind the song while an old place fades out.
    reading: Option<i64>,
    /// 0 when the take is silent, 1 when it has replaced the input.
    gain: f32,
    gain_step: f32,
    fade_frames: i64,
    /// A take that begins later than this in the song is not waited for.
    patience_frames: i64,
    /// So much must be ready before a take sounds, at first and after running dry.
    resume_frames: i64,
    last_frame: f32,
    n_received: u64,
}

impl Playback {
    /// Allocates; not for the audio thread.
    pub fn new(reader: PlaybackReader, rate: f64) -> Self {
        let fade_frames = frames_from_seconds(FADE_SECONDS, rate).max(1);
        Self {
            reader,
            current: Slot::new(max_chunks(rate)),
            other: Slot::new(max_chunks(rate)),
            reading: None,
            gain: 0.0,
            gain_step: 1.0 / fade_frames as f32,
            fade_frames: fade_frames as i64,
            patience_frames: frames_from_seconds(PATIENCE_SECONDS, rate) as i64,
            resume_frames: frames_from_seconds(READY_SECONDS, rate) as i64,
            last_frame: 0.0,
            n_received: 0,
        }
    }

    /// Chunks received since the link was opened.
    pub fn n_received(&self) -> u64 {
        self.n_received
    }

    /// Takes new chunks from the ring and hands spent ones back. `now` is the song frame of the block, and
    /// takes numbered below `lowest_take` are to go.
    pub fn receive(&mut self, now: i64, lowest_take: u64) {
        if self.current.take() != 0 && self.current.take() < lowest_take {
            self.current.doom();
        }
        for _ in 0..MAX_RECEIVED {
            self.make_room();
            let Some(take) = self.reader.next_take() else { break };
            let has_place = take == self.current.take() || take == self.other.take();
            let is_newer = take > self.current.take() && take > self.other.take();
            if is_newer && !self.current.is_empty() && !self.other.is_empty() {
                self.other.doom(); // an even newer one; wait until its slot has been emptied
                break;
            }
            let Some(chunk) = self.reader.pop() else { break };
            let slot = match () {
                _ if take < lowest_take || !(has_place || is_newer) => {
                    let _ = self.reader.retire(chunk); // there is room for every chunk that can exist
                    continue;
                }
                _ if take == self.current.take() || self.current.is_empty() => &mut self.current,
                _ => &mut self.other,
            };
            self.n_received += 1;
            if let Err(chunk) = slot.accept(chunk, now) {
                let _ = self.reader.retire(chunk);
            }
        }
        self.make_room();
    }

    /// Lets a newer take move up once the current one is silent, and empties what is on its way out.
    fn make_room(&mut self) {
        let is_replaced = self.current.is_doomed() || self.other.take() > self.current.take();
        if is_replaced && self.gain == 0.0 && !self.current.is_empty() {
            self.move_up();
        }
        if self.current.is_empty() && !self.other.is_empty() && !self.other.is_doomed() {
            std::mem::swap(&mut self.current, &mut self.other);
        }
        if self.other.is_doomed() && !self.other.is_empty() {
            self.other.retire(&mut self.reader, MAX_RETIRED);
        }
    }

    /// The newer take from here on; the older one goes.
    fn move_up(&mut self) {
        std::mem::swap(&mut self.current, &mut self.other);
        self.other.doom();
    }

    /// Whether a newer take is to sound at song position `frame` or so soon after that the current one must
    /// be faded out by then. One that begins later lets the current one sound until it comes.
    fn is_replaced(&self, frame: Option<i64>) -> bool {
        let comes = frame.is_none_or(|frame| {
            self.other.anchor() <= frame.saturating_add(self.fade_frames + 2) // rounding
                || self.other.anchor().saturating_sub(frame) > self.patience_frames
        });
        self.other.take() > self.current.take() && !self.other.is_doomed() && comes
    }

    /// Whether `n_frames` of `take` from song position `frame` on can be played as they should be.
    pub fn is_ready(&self, take: u64, frame: i64, n_frames: usize) -> bool {
        let mut slots = [&self.current, &self.other].into_iter();
        slots.any(|slot| {
            let n_needed = n_frames as i64 + self.resume_frames;
            slot.take() == take && (slot.is_complete() || slot.n_ready(frame) > n_needed)
        })
    }

    /// The next frame of the take and how far it has replaced the input (0 to 1), with the song at `frame`,
    /// or resting.
    ///
    /// Realtime-safe and branches only on what was prepared.
    pub fn next(&mut self, frame: Option<i64>) -> (f32, f32) {
        let mut is_replaced = self.is_replaced(frame);
        if self.gain == 0.0 {
            self.reading = frame;
            if is_replaced && !self.current.is_empty() {
                self.move_up();
                is_replaced = false;
            }
        }
        let is_in_place = frame.is_some() && frame == self.reading;
        let n_ready = self.reading.map_or(0, |at| self.current.n_ready(at));
        // enough left to fade out over, counting this frame, or the take has not ended and must not start
        let wanted = if self.gain == 0.0 && !self.current.is_complete() {
            self.resume_frames
        } else {
            (self.gain / self.gain_step).ceil() as i64 + 1
        };
        let sounds = is_in_place
            && n_ready > wanted.min(self.fade_frames + self.resume_frames)
            && !self.current.is_doomed()
            && !is_replaced;

        let step = if sounds { self.gain_step } else { -self.gain_step };
        self.gain = (self.gain + step).clamp(0.0, 1.0);
        if let Some(heard) = self.reading.and_then(|at| self.current.frame(at)) {
            self.last_frame = heard; // held if the take ends early, and faded from there
        }
        self.reading = self.reading.map(|at| at.saturating_add(1));
        (self.last_frame, self.gain)
    }
}
