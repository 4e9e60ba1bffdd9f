//! All that one instance remembers: what was heard at the host's rate of today, and before it changed; while
//! the song rolled, and what was played while it rested.
//!
//! As much as the user wants is remembered of the song, and as much besides of what was played while it
//! rested, so that neither drives the other out; the oldest goes first, whatever its rate.

mod overview;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, ops::Range};

use super::Heard;
use crate::{
    engine::{
        EngineError,
        tokens::{Stretch, TokenGrid},
    },
    link::{CaptureStatus, DEFAULT_MEMORY_SECONDS, Lane, Motion, Told},
    units::frames_from_seconds,
};

/// Most memory that either kind may take at one rate; half an hour of both lanes fits at 96 kHz.
const MAX_BYTES: usize = 3 << 30;

/// Memory of a frame on both lanes.
const FRAME_BYTES: usize = 16;

/// What was heard while the host kept one rate.
pub(super) struct Era {
    number: u64,
    pub song: Heard,
    pub rest: Heard,
    /// What was heard at rest before this frame was before the song rolled last.
    pub rest_from: u64,
}

/// See the module.
pub struct Memory {
    pub(super) now: Era,
    /// Oldest first; none is empty.
    older: VecDeque<Era>,
    is_resting: bool,
    seconds: f64,
    /// Frames lost at the rates before.
    n_lost_before: u64,
}

/// A stretch that is remembered and can be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Sample rate that the host had, in Hz.
    pub rate: f64,
    /// It was heard while the song rested, all of it at one place.
    pub rests: bool,
    /// Numbers of its frames, which grow as they were heard; each rate, and what was heard at rest, has
    /// its own.
    pub frames: Range<u64>,
    /// Song position of the first, in frames at `rate`.
    pub song_frame: i64,
    /// What the host told of the first.
    pub told: Told,
    era: u64,
}

impl Memory {
    /// Remembers nothing yet, at `rate` Hz.
    pub fn new(rate: f64) -> Self {
        Self {
            now: Era::new(1, rate, DEFAULT_MEMORY_SECONDS),
            older: VecDeque::new(),
            is_resting: false,
            seconds: DEFAULT_MEMORY_SECONDS,
            n_lost_before: 0,
        }
    }

    /// The host's rate is another one from now on. `n_lost` frames never came at the old one.
    pub fn change_rate(&mut self, rate: f64, n_lost: u64) {
        let new = Era::new(self.now.number + 1, rate, self.seconds);
        let old = std::mem::replace(&mut self.now, new);
        self.n_lost_before += n_lost + old.song.n_lost + old.rest.n_lost;
        self.older.push_back(old);
        self.is_resting = false;
        self.limit(self.seconds);
    }

    /// Keeps no more than the last `seconds`, and forgets what that leaves no room for.
    pub fn limit(&mut self, seconds: f64) {
        self.seconds = seconds;
        let (mut song_left, mut rest_left) = (seconds, seconds);
        for era in std::iter::once(&mut self.now).chain(self.older.iter_mut().rev()) {
            for (heard, left) in [(&mut era.song, &mut song_left), (&mut era.rest, &mut rest_left)]
            {
                heard.limit(n_max(heard.rate, *left));
                *left = (*left - heard.seconds()).max(0.0);
            }
        }
        self.older
            .retain(|era| !(era.song.remembered().is_empty() && era.rest.remembered().is_empty()));
    }

    /// The next frame is at `song_frame`.
    pub fn begin_span(&mut self, song_frame: i64, motion: Motion) {
        let n_silent = match motion {
            Motion::Rolls => 0,
            Motion::Rests { n_silent } => n_silent,
        };
        self.is_resting = motion != Motion::Rolls;
        if !self.is_resting {
            self.now.rest_from = self.now.rest.n_heard();
        }
        self.growing().begin_span(song_frame, n_silent);
    }

    /// What the host tells of the next frame.
    pub fn tell(&mut self, told: Told) {
        self.growing().tell(told);
    }

    /// Adds frames of the input.
    pub fn hear(&mut self, frames: &[[f32; 2]]) {
        self.growing().hear(frames);
    }

    /// What was on the sidechain meanwhile, from captured frame `at` on.
    pub fn hear_side(&mut self, at: u64, frames: &[[f32; 2]]) {
        self.growing().hear_side(at, frames);
    }

    /// Number of the next frame.
    pub fn next_frame(&mut self) -> u64 {
        self.growing().n_heard()
    }

    /// Whether the song rested when the last frame was heard.
    pub fn is_resting(&self) -> bool {
        self.is_resting
    }

    /// The song as it is heard at the host's rate of today.
    pub fn song(&self) -> &Heard {
        &self.now.song
    }

    /// Frames heard at the host's rate of today, at rest or not.
    pub fn n_heard(&self) -> u64 {
        self.now.song.n_heard() + self.now.rest.n_heard()
    }

    /// Song position just after the frame that was heard last while the song rolled.
    pub fn end_frame(&self) -> Option<i64> {
        let older = || {
            let era = self.older.iter().rev().find(|era| era.song.end_frame().is_some())?;
            Some(self.of_era(era, era.song.end_frame()?))
        };
        self.now.song.end_frame().or_else(older)
    }

    /// Whether the frame just before song position `song_frame` was heard.
    pub fn reaches(&self, song_frame: i64) -> bool {
        self.now.song.reaches(song_frame) || self.era_before(song_frame).is_some()
    }

    /// Up to `n_frames` of the song just before `song_frame`, as they were heard last, oldest first. What
    /// was heard at another rate is brought to this one.
    ///
    /// # Errors
    /// When the resampler fails, which it does not on finite audio.
    pub fn before(
        &self,
        lane: Lane,
        song_frame: i64,
        n_frames: usize,
    ) -> Result<Vec<[f32; 2]>, EngineError> {
        let mut pieces = Vec::new();
        for (place, range) in self.pieces_before(song_frame, n_frames) {
            pieces.push(match place {
                None => self.now.song.before(lane, range.end, (range.end - range.start) as usize),
                Some(era) => self.resampled(era, lane, range)?,
            });
        }
        pieces.reverse();
        Ok(pieces.concat())
    }

    /// How many frames [`Self::before`] would find.
    pub fn n_before(&self, song_frame: i64, n_frames: usize) -> usize {
        let n_frames = n_frames.min(usize::MAX / 4);
        self.pieces_before(song_frame, n_frames).map(|(_, r)| (r.end - r.start) as usize).sum()
    }

    /// Everything that is remembered, oldest first; of each rate first what was heard while the song rolled.
    pub fn stored(&self) -> Vec<Stored> {
        let eras = self.older.iter().chain([&self.now]);
        let both = eras.flat_map(|era| [(era, &era.song, false), (era, &era.rest, true)]);
        both.flat_map(|(era, heard, rests)| {
            heard.stretches().map(move |(frames, song_frame, told)| Stored {
                rate: heard.rate,
                rests,
                frames,
                song_frame,
                told,
                era: era.number,
            })
        })
        .collect()
    }

    /// A stretch as the host sent it, bit by bit; none where it is forgotten by now.
    pub fn read(&self, lane: Lane, stored: &Stored) -> Option<Vec<[f32; 2]>> {
        let mut eras = self.older.iter().chain([&self.now]);
        let era = eras.find(|era| era.number == stored.era)?;
        let heard = if stored.rests { &era.rest } else { &era.song };
        heard.read(lane, stored.frames.clone())
    }

    /// How much is remembered; `n_lost` frames never came.
    pub fn status(&self, n_lost: u64) -> CaptureStatus {
        let mut status = CaptureStatus {
            max_seconds: self
                .seconds
                .min(n_max(self.now.song.rate, self.seconds) as f64 / self.now.song.rate),
            lost_frames: self.n_lost_before + n_lost + self.now.song.n_lost + self.now.rest.n_lost,
            ..CaptureStatus::default()
        };
        for era in self.older.iter().chain([&self.now]) {
            status.seconds += era.song.seconds();
            status.rest_seconds += era.rest.seconds();
            status.bytes += era.song.n_bytes() + era.rest.n_bytes();
            status.non_finite += era.song.n_non_finite + era.rest.n_non_finite;
        }
        status
    }

    fn growing(&mut self) -> &mut Heard {
        if self.is_resting { &mut self.now.rest } else { &mut self.now.song }
    }

    /// What of the song before `song_frame` is remembered where: song frames, the last piece first; none
    /// stands for the rate of today.
    fn pieces_before(
        &self,
        song_frame: i64,
        n_frames: usize,
    ) -> impl Iterator<Item = (Option<&Era>, Range<i64>)> {
        let (mut end, mut n_left) = (song_frame, n_frames);
        std::iter::from_fn(move || {
            let n_now = self.now.song.n_before(end, n_left);
            let (era, n) = match (n_now, self.era_before(end)) {
                (0, Some(era)) => (Some(era), self.n_in(era, end).min(n_left)),
                _ => (None, n_now),
            };
            if n == 0 {
                return None;
            }
            end -= n as i64;
            n_left -= n;
            Some((era, end..end + n as i64))
        })
    }

    /// The newest older era that holds the frame before song position `song_frame`.
    fn era_before(&self, song_frame: i64) -> Option<&Era> {
        self.older.iter().rev().find(|era| era.song.reaches(self.to_era(era, song_frame)))
    }

    /// How many frames before `song_frame` can be made of what `era` holds.
    fn n_in(&self, era: &Era, song_frame: i64) -> usize {
        let end = self.to_era(era, song_frame);
        let first = end - era.song.n_before(end, usize::MAX) as i64;
        let ratio = self.now.song.rate / era.song.rate;
        (song_frame - (first as f64 * ratio).ceil() as i64).max(0) as usize
    }

    /// Song frames `range` at the rate of today, of what `era` holds.
    fn resampled(
        &self,
        era: &Era,
        lane: Lane,
        range: Range<i64>,
    ) -> Result<Vec<[f32; 2]>, EngineError> {
        let mut grid = TokenGrid::new(era.song.rate, self.now.song.rate, 1)?; // its tokens are frames
        let needed = grid.frames_of(range.clone());
        let start = needed.start;
        let heard = era.song.window(lane, needed);
        let mut channel = |c: usize| {
            let frames = heard.iter().map(|frame| frame[c]).collect();
            grid.audio(range.clone(), &Stretch { start, frames })
        };
        let (left, right) = (channel(0)?, channel(1)?);
        Ok(left.into_iter().zip(right).map(|(l, r)| [l, r]).collect())
    }

    fn to_era(&self, era: &Era, song_frame: i64) -> i64 {
        (song_frame as f64 * era.song.rate / self.now.song.rate).round() as i64
    }

    fn of_era(&self, era: &Era, song_frame: i64) -> i64 {
        (song_frame as f64 * self.now.song.rate / era.song.rate).round() as i64
    }
}

impl Era {
    fn new(number: u64, rate: f64, seconds: f64) -> Self {
        let heard = |rests| Heard::new(rate, n_max(rate, seconds), rests);
        Self { number, song: heard(false), rest: heard(true), rest_from: 0 }
    }
}

/// Most frames that are remembered at `rate` Hz.
fn n_max(rate: f64, seconds: f64) -> usize {
    frames_from_seconds(seconds, rate).min(MAX_BYTES / FRAME_BYTES)
}
