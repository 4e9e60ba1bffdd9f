//! Remembers what passes: frames into the ring, with a mark wherever the song position jumps, wherever the
//! host's beats or tempo are others than was to be expected, and wherever the song begins or ceases to rest.
//!
//! While the song rests, what sounds is captured at the place where it rests; silence there is left out once
//! it lasts as long as a pause in the music may.

use super::clock::Place;
use crate::{
    link::{CaptureWriter, Mark, Motion, Request, Told, Transport},
    units::frames_from_seconds,
};

/// Longest silence that belongs to what is played while the song rests, in seconds.
const PAUSE_SECONDS: f64 = 2.0;

/// Shortest time between two marks about the host's beats and tempo, in seconds.
const TOLD_SECONDS: f64 = 0.01;

/// How far beats, and seconds, may be from what was to be expected, as hosts round them.
const TOLD_ROUNDING: f64 = 1e-3;

/// Writes the input to the engine. Runs on the audio thread.
pub struct Capture {
    writer: CaptureWriter,
    rate: f64,
    /// Song frame that the next captured frame has if nothing jumps, and whether the song rolls there.
    next: Option<(i64, bool)>,
    /// What was told last, and of which captured frame.
    told: Option<(u64, Told)>,
    /// Frames of silence that passed last while the song rested.
    n_silent: usize,
    /// The same on the sidechain, whether or not it rested.
    n_side_silent: usize,
}

impl Capture {
    pub fn new(writer: CaptureWriter, rate: f64) -> Self {
        let (n_silent, n_side_silent) = (usize::MAX, usize::MAX); // nothing was ever heard
        Self { writer, rate, next: None, told: None, n_silent, n_side_silent }
    }

    /// Whether `n_frames` can be captured without losing any.
    pub fn has_room(&self, n_frames: usize) -> bool {
        self.writer.has_room(n_frames)
    }

    /// Captures a block that begins at `place`, where the host tells `transport`.
    ///
    /// Realtime-safe. When the engine is too far behind, frames are lost and counted, and what follows is
    /// marked with its own position.
    pub fn hear(
        &mut self,
        [left, right]: [&[f32]; 2],
        side: Option<[&[f32]; 2]>,
        place: Place,
        transport: &Transport,
    ) {
        if left.is_empty() {
            return;
        }
        let n_pause = frames_from_seconds(PAUSE_SECONDS, self.rate);
        let side = side.filter(|side| self.sidechain_sounds(side, n_pause));
        let mut motion = Motion::Rolls;
        if place.rolling {
            self.n_silent = 0;
        } else {
            motion = Motion::Rests { n_silent: self.n_silent };
            let sounds = [left, right].into_iter().chain(side.into_iter().flatten()).any(has_sound);
            self.n_silent = if sounds { 0 } else { self.n_silent.saturating_add(left.len()) };
            let is_between = self.next.is_some_and(|(_, rolls)| !rolls) && self.n_silent < n_pause;
            if !sounds && !is_between {
                self.next = None;
                return;
            }
        }
        let is_new = self.next != Some((place.frame, place.rolling));
        if is_new {
            let at = self.writer.n_written();
            if !self.writer.mark(Mark::Span { at, song_frame: place.frame, motion }) {
                self.next = None;
                return;
            }
        }
        self.tell(Told::of(transport), is_new);
        let n_written = self.writer.write(left, right, side);
        let is_whole = n_written == left.len();
        let moved = if place.rolling { n_written as i64 } else { 0 };
        self.next = is_whole.then(|| (place.frame.saturating_add(moved), place.rolling));
    }

    /// Passes on that a continuation was asked for; false when the engine is too far behind to hear of it.
    pub fn ask_continue(&mut self, asked: Request) -> bool {
        let at = self.writer.n_written();
        self.writer.mark(Mark::Continue { at, asked })
    }

    /// Passes on that composing is to stop.
    pub fn ask_stop(&mut self) {
        let at = self.writer.n_written();
        self.writer.mark(Mark::Stop { at });
    }

    /// Whether something is connected there: an active bus need not be, but then it is silent.
    fn sidechain_sounds(&mut self, side: &[&[f32]; 2], n_pause: usize) -> bool {
        let is_silent = side.iter().all(|channel| channel.iter().all(|s| s.to_bits() == 0));
        let n_frames = side[0].len();
        self.n_side_silent =
            if is_silent { self.n_side_silent.saturating_add(n_frames) } else { 0 };
        self.n_side_silent < n_pause
    }

    /// Marks what the host tells of the next frame, unless it follows from what it told before.
    fn tell(&mut self, told: Told, is_new: bool) {
        let at = self.writer.n_written();
        let is_news = self.told.is_none_or(|(told_at, before)| {
            let n_frames = at - told_at;
            let is_far = |a: Option<f64>, b: Option<f64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() > TOLD_ROUNDING,
                (a, b) => a.is_some() != b.is_some(),
            };
            let expected = before.after(n_frames, self.rate);
            let differs = is_far(told.beats, expected.beats)
                || is_far(told.seconds, expected.seconds)
                || is_far(told.tempo_bpm, expected.tempo_bpm)
                || told.time_signature != expected.time_signature
                || told.rolls != expected.rolls;
            differs && frames_from_seconds(TOLD_SECONDS, self.rate) as u64 <= n_frames
        });
        if (is_new || is_news) && self.writer.mark(Mark::Told { at, told }) {
            self.told = Some((at, told));
        }
    }
}

/// Whether there is any; numbers that are none count, so that they are seen.
fn has_sound(channel: &[f32]) -> bool {
    channel.iter().any(|sample| *sample != 0.0)
}
