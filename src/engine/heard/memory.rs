//! All that one instance remembers: what was heard at the host's rate of today, and before it changed; while
//! the song rolled, and what was played while it rested.
//!
//! As much as the user wants is remembered of the song, and as much besides of what was played while it
//! rested, so that neither drives the other out; the oldest goes first, whatever its rate.

use std::{collections::VecDeque, ops::Range};

use super::{Heard, PEAKS_PER_SECOND};
use crate::{
    engine::{
        EngineError,
        tokens::{Stretch, TokenGrid},
    },
    link::{CaptureStatus, DEFAULT_MEMORY_SECONDS, Lane, Motion, Told, Waveform},
    units::frames_from_seconds,
};

/// Most memory that either kind may take at one rate; half an hour of both lanes fits at 96 kHz.
const MAX_BYTES: usize = 3 << 30;

/// Memory of a frame on both lanes.
const FRAME_BYTES: usize = 16;

/// Longest stretch of song an overview covers.
const MAX_OVERVIEW_SECONDS: f64 = 1800.0;

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
        self.is_resting = motion != Motion::Rolls;
        let after_pause = motion == Motion::Rests { after_pause: true };
        if !self.is_resting {
            self.now.rest_from = self.now.rest.n_heard();
        }
        self.growing().begin_span(song_frame, after_pause);
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
    pub fn next(&mut self) -> u64 {
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
            Some(self.from_era(era, era.song.end_frame()?))
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

    /// The remembered song as peaks at their places; later passes cover earlier ones.
    pub fn overview(&self) -> Waveform {
        let (rate, frames_per_peak) = (self.now.song.rate, self.now.song.frames_per_peak);
        let eras = || self.older.iter().chain([&self.now]).map(|era| &era.song);
        let width = frames_per_peak as f64 / rate;
        let share = |heard: &Heard| heard.frames_per_peak as f64 / heard.rate / width;
        let ours = |heard: &Heard, column: i64| (column as f64 * share(heard)).floor() as i64;
        let ranges = eras().filter_map(|heard| {
            let range = heard.picture.range()?;
            Some((ours(heard, range.start), ours(heard, range.end - 1) + 1))
        });
        let (start, end) = ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0, 0));
        let n_max = (MAX_OVERVIEW_SECONDS * PEAKS_PER_SECOND) as i64;
        let start = start.max(end - n_max); // passes that lie very far apart cannot be shown together
        let mut peaks = vec![[0.0; 2]; (end - start) as usize];
        for heard in eras() {
            let all = heard.picture.range().unwrap_or_default();
            let first = (start as f64 / share(heard)).floor() as i64;
            heard.picture.columns(all.start.max(first)..all.end, |column, peak| {
                let place = usize::try_from(ours(heard, column) - start);
                if let Some(shown) = place.ok().and_then(|i| peaks.get_mut(i)) {
                    *shown = peak;
                }
            });
        }
        Waveform { start_frame: start * frames_per_peak as i64, rate, frames_per_peak, peaks }
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

    fn from_era(&self, era: &Era, song_frame: i64) -> i64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: f64, from: i64, n_frames: i64) -> Vec<[f32; 2]> {
        let tone = |i: i64| (std::f64::consts::TAU * 220.0 * i as f64 / rate).sin() as f32;
        (from..from + n_frames).map(|i| [tone(i), -0.5 * tone(i)]).collect()
    }

    /// Heard two seconds before the song's beginning to two after, at 48 kHz; now it is 44.1 kHz.
    fn changed() -> Memory {
        let mut memory = Memory::new(48_000.0);
        memory.begin_span(-96_000, Motion::Rolls);
        memory.hear(&tone(48_000.0, -96_000, 192_000));
        memory.change_rate(44_100.0, 7);
        memory
    }

    fn assert_close(heard: &[[f32; 2]], wanted: &[[f32; 2]]) {
        assert_eq!(heard.len(), wanted.len());
        let inner = 1_000..heard.len() - 1_000; // where it begins, silence is heard before
        let off =
            |i: usize| (heard[i][0] - wanted[i][0]).abs().max((heard[i][1] - wanted[i][1]).abs());
        let worst = inner.map(off).fold(0.0, f32::max);
        assert!(worst < 4e-3, "{worst} away"); // a frame would be 0.03
    }

    #[test]
    fn what_was_heard_before_the_rate_changed_is_heard_at_its_place() {
        let mut memory = changed();

        assert_eq!(
            (memory.end_frame(), memory.n_before(88_200, usize::MAX)),
            (Some(88_200), 176_400)
        );
        assert!(memory.reaches(-88_000) && !memory.reaches(88_201));
        let before = memory.before(Lane::Input, 0, 44_100).unwrap();
        assert_close(&before, &tone(44_100.0, -44_100, 44_100));

        memory.begin_span(66_150, Motion::Rolls);
        memory.hear(&tone(44_100.0, 66_150, 66_150));
        let joined = memory.before(Lane::Input, 132_300, 132_300).unwrap();
        assert_eq!(joined[66_150..], tone(44_100.0, 66_150, 66_150));
        assert_close(&joined, &tone(44_100.0, 0, 132_300));
    }

    #[test]
    fn at_its_own_rate_it_is_what_the_host_sent() {
        let memory = changed();

        let stored = memory.stored();
        assert_eq!(stored.len(), 1);
        assert_eq!((stored[0].rate, stored[0].song_frame), (48_000.0, -96_000));
        let kept = memory.read(Lane::Input, &stored[0]);
        assert_eq!(kept, Some(tone(48_000.0, -96_000, 192_000)));
        assert_eq!(memory.status(5).lost_frames, 12);
        assert_eq!(memory.status(0).seconds, 4.0);
    }

    #[test]
    fn the_same_stretch_sounds_the_same_whatever_is_read_with_it() {
        let memory = changed();

        let long = memory.before(Lane::Input, 44_100, 60_000).unwrap();
        let short = memory.before(Lane::Input, 30_000, 10_000).unwrap();
        assert_eq!(short, long[60_000 - 24_100..60_000 - 14_100]);
    }

    #[test]
    fn the_oldest_is_forgotten_first_whatever_its_rate() {
        let mut memory = changed();
        memory.limit(5.0);
        memory.begin_span(0, Motion::Rolls);
        memory.hear(&tone(44_100.0, 0, 3 * 44_100));
        memory.limit(5.0);

        let stored = memory.stored();
        assert_eq!(
            stored.iter().map(|s| s.frames.clone()).collect::<Vec<_>>(),
            [96_000..192_000, 0..132_300]
        );
        assert_eq!(memory.status(0).seconds, 5.0);
        memory.hear(&tone(44_100.0, 0, 3 * 44_100));
        memory.limit(5.0);
        assert!(memory.older.is_empty());
    }

    #[test]
    fn the_picture_shows_every_rate_at_its_place_and_half_an_hour_at_once() {
        let memory = changed();
        let shown = memory.overview();
        assert_eq!((shown.rate, shown.frames_per_peak, shown.peaks.len()), (44_100.0, 441, 400));
        assert_eq!((shown.start_frame, shown.end_frame()), (-88_200, 88_200));
        assert!(shown.peaks.iter().all(|peak| peak[1] > 0.2));

        let mut memory = Memory::new(1000.0);
        memory.limit(1800.0);
        memory.begin_span(0, Motion::Rolls);
        memory.hear(&vec![[0.5; 2]; 1_900_000]);
        let shown = memory.overview();
        assert_eq!((shown.start_frame, shown.peaks.len()), (100_000, 180_000));
        assert_eq!(shown.peaks[179_999], [0.0, 0.5]);
    }

    #[test]
    fn what_is_heard_at_rest_does_not_drive_out_the_song() {
        let mut memory = Memory::new(1000.0);
        memory.begin_span(0, Motion::Rolls);
        memory.hear(&vec![[0.5; 2]; 30_000]);
        memory.begin_span(30_000, Motion::Rests { after_pause: false });
        memory.hear(&vec![[0.25; 2]; 500_000]);

        assert_eq!(memory.before(Lane::Input, 30_000, 40_000).unwrap().len(), 30_000);
        let status = memory.status(0);
        assert_eq!((status.seconds, status.rest_seconds), (30.0, DEFAULT_MEMORY_SECONDS));
        assert_eq!((memory.end_frame(), memory.is_resting()), (Some(30_000), true));
    }
}
