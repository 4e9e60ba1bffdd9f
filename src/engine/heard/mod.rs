//! What was heard: the last minutes of input and sidechain as the host sent them, each stretch with its place
//! in the song.
//!
//! A [`Heard`] remembers frames of one rate, numbered as they were heard; a [`Memory`] is all that an
//! instance remembers, at every rate there was, while its song rolled and while it rested.

mod blocks;
mod memory;
mod picture;
mod played;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, ops::Range};

use blocks::Blocks;
pub use memory::{Memory, Stored};
use picture::Picture;

use crate::{
    link::{Lane, Told},
    units::frames_from_seconds,
};

/// Peak below which nothing is heard, -100 dB.
const SILENCE: f32 = 1e-5;

/// Peaks per second in the overview.
const PEAKS_PER_SECOND: f64 = 100.0;

/// Most stretches that are remembered; of a song that jumps in every block, only the end is.
const MAX_SPANS: usize = 1 << 16;

const EMPTY_PEAK: [f32; 2] = [0.0, 0.0];

/// A run of captured frames that were also neighbours in the song, or were heard while it rested.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// First captured frame.
    at: u64,
    /// Its song position.
    song_frame: i64,
    /// Frames of silence that passed before it and were left out.
    n_silent: usize,
}

/// A bounded memory of stereo frames. Captured frames are numbered from 0.
pub struct Heard {
    rate: f64,
    /// It is heard while the song rests, so that all of a span is at one place.
    rests: bool,
    n_max: usize,
    /// Number of the first frame that is still remembered, and of the next one.
    first: u64,
    n_heard: u64,
    input: Blocks,
    side: Blocks,
    spans: VecDeque<Span>,
    /// What the host told, by captured frame.
    told: VecDeque<(u64, Told)>,
    /// Columns of the picture that the peaks are in, oldest first.
    peaks: VecDeque<i64>,
    /// Number of peaks that are forgotten.
    first_peak: u64,
    growing: ([f32; 2], usize),
    frames_per_peak: usize,
    picture: Picture,
    /// Frames that held something that is no number, and those there was no memory for.
    n_non_finite: u64,
    n_lost: u64,
}

impl Heard {
    /// Remembers nothing yet, at `rate` Hz, and never more than `n_max` frames.
    pub fn new(rate: f64, n_max: usize, rests: bool) -> Self {
        Self {
            rate,
            rests,
            n_max,
            first: 0,
            n_heard: 0,
            input: Blocks::default(),
            side: Blocks::default(),
            spans: VecDeque::new(),
            told: VecDeque::new(),
            peaks: VecDeque::new(),
            first_peak: 0,
            growing: (EMPTY_PEAK, 0),
            frames_per_peak: (rate / PEAKS_PER_SECOND).round().max(1.0) as usize,
            picture: Picture::default(),
            n_non_finite: 0,
            n_lost: 0,
        }
    }

    /// Number of the next frame.
    pub fn n_heard(&self) -> u64 {
        self.n_heard
    }

    /// Captured frames that are remembered.
    pub fn remembered(&self) -> Range<u64> {
        self.first..self.n_heard
    }

    /// How long that is.
    pub fn seconds(&self) -> f64 {
        (self.n_heard - self.first) as f64 / self.rate
    }

    /// Memory that it takes.
    pub fn n_bytes(&self) -> usize {
        let n_marks = self.spans.len() * size_of::<Span>()
            + self.told.len() * size_of::<(u64, Told)>()
            + self.peaks.len() * size_of::<i64>();
        self.input.n_bytes() + self.side.n_bytes() + self.picture.n_bytes() + n_marks
    }

    /// From now on no more than `n_max` frames.
    pub fn limit(&mut self, n_max: usize) {
        let is_less = n_max < self.n_max;
        self.n_max = n_max;
        self.forget_old();
        if is_less {
            self.input.shrink();
            self.side.shrink();
        }
    }

    /// The next frame is at `song_frame`.
    pub fn begin_span(&mut self, song_frame: i64, n_silent: usize) {
        let at = self.n_heard;
        if self.spans.back().is_some_and(|span| span.at == at) {
            self.spans.pop_back(); // nothing was heard there
        }
        self.spans.push_back(Span { at, song_frame, n_silent });
        if self.spans.len() > MAX_SPANS
            && let Some(second) = self.spans.get(1)
        {
            self.forget_before(second.at);
        }
    }

    /// What the host tells of the next frame.
    pub fn tell(&mut self, told: Told) {
        if self.told.back().is_some_and(|(at, _)| *at == self.n_heard) {
            self.told.pop_back();
        }
        self.told.push_back((self.n_heard, told));
    }

    /// Adds frames and forgets the oldest. Frames without a place in the song are not expected.
    pub fn hear(&mut self, frames: &[[f32; 2]]) {
        if !self.input.put(self.n_heard, frames) {
            self.forget_before(self.first + (self.n_heard - self.first) / 2); // makes room for what comes
            self.n_lost += frames.len() as u64;
        }
        for (at, [left, right]) in (self.n_heard..).zip(frames) {
            let mono = 0.5 * (left + right);
            self.n_non_finite += u64::from(!left.is_finite() || !right.is_finite());
            let (peak, n_frames) = &mut self.growing;
            if mono.is_finite() {
                *peak = [peak[0].min(mono), peak[1].max(mono)];
            }
            *n_frames += 1;
            if *n_frames == self.frames_per_peak {
                let peak = *peak;
                self.growing = (EMPTY_PEAK, 0);
                self.draw(at + 1 - self.frames_per_peak as u64, peak);
            }
        }
        self.n_heard += frames.len() as u64;
        self.forget_old();
    }

    /// What was on the sidechain from captured frame `at` on.
    pub fn hear_side(&mut self, at: u64, frames: &[[f32; 2]]) {
        let n_old = self.first.saturating_sub(at);
        let frames = frames.get(n_old as usize..).unwrap_or_default();
        if !self.side.put(at + n_old, frames) {
            self.n_lost += frames.len() as u64;
        }
    }

    /// Song position just after the frame that was heard last.
    pub fn end_frame(&self) -> Option<i64> {
        let last = (0..self.spans.len()).rev().find(|i| self.spans[*i].at < self.n_heard)?;
        Some(self.song_end(last))
    }

    /// The newest span, by its first captured frame.
    pub fn newest_span(&self) -> Option<u64> {
        self.spans.back().map(|span| span.at)
    }

    /// The newest span that holds the frame just before song position `song_frame`.
    pub fn span_before(&self, song_frame: i64) -> Option<u64> {
        self.newest_before(song_frame).map(|(span, _)| span.at)
    }

    /// Song position just after the last frame of the span that began with captured frame `at`.
    pub fn end_of_span(&self, at: u64) -> Option<i64> {
        let i = self.spans.binary_search_by_key(&at, |span| span.at).ok()?;
        Some(self.song_end(i))
    }

    /// Whether the last `n_frames` are silent.
    pub fn is_quiet(&self, lane: Lane, n_frames: usize) -> bool {
        let start = self.n_heard.saturating_sub(n_frames as u64).max(self.first);
        self.lane(lane).peak(start..self.n_heard) < SILENCE
    }

    /// Whether the frame just before song position `song_frame` was heard.
    pub fn reaches(&self, song_frame: i64) -> bool {
        self.newest_before(song_frame).is_some()
    }

    /// The captured frames `range` as the host sent them; none if some are not remembered.
    pub fn read(&self, lane: Lane, range: Range<u64>) -> Option<Vec<[f32; 2]>> {
        let is_there = self.first <= range.start && range.end <= self.n_heard;
        is_there.then(|| self.lane(lane).read(range))
    }

    /// Up to `n_frames` of the song just before `song_frame`, as they were heard last, oldest first.
    ///
    /// Where the song was heard in several passes they are joined in the song's order, so a prime may reach
    /// back over the start of a loop into an earlier pass.
    pub fn before(&self, lane: Lane, song_frame: i64, n_frames: usize) -> Vec<[f32; 2]> {
        let passes: Vec<_> = self.passes_before(song_frame, n_frames).collect();
        let mut frames = Vec::new();
        for passed in passes.into_iter().rev() {
            self.lane(lane).read_to(passed, &mut frames);
        }
        frames
    }

    /// How many frames [`Self::before`] would find.
    pub fn n_before(&self, song_frame: i64, n_frames: usize) -> usize {
        let n_frames = n_frames.min(usize::MAX / 2);
        self.passes_before(song_frame, n_frames)
            .map(|passed| (passed.end - passed.start) as usize)
            .sum()
    }

    /// The song frames `range`, as they were heard last; what was not heard is silent.
    pub fn window(&self, lane: Lane, range: Range<i64>) -> Vec<[f32; 2]> {
        let mut frames = vec![[0.0; 2]; (range.end - range.start).max(0) as usize];
        let mut end = range.end;
        while range.start < end {
            let got = self.before(lane, end, (end - range.start) as usize);
            let last = (end - range.start) as usize;
            frames[last - got.len()..last].copy_from_slice(&got);
            end -= got.len() as i64;
            let is_earlier = |place: &i64| *place < end;
            let ends = (0..self.spans.len()).map(|i| self.song_end(i)).filter(is_earlier);
            end = ends.max().unwrap_or(range.start);
        }
        frames
    }

    /// Every stretch that is remembered: its captured frames, the song position of the first, and what the
    /// host told of it.
    pub fn stretches(&self) -> impl Iterator<Item = (Range<u64>, i64, Told)> {
        self.spans.iter().enumerate().filter_map(|(i, span)| {
            let start = span.at.max(self.first);
            let told = self.told_at(start).unwrap_or_default();
            let range = start..self.end_of(i);
            (!range.is_empty()).then_some((range, self.place_of(span, start), told))
        })
    }

    /// Song position of captured frame `at` of `span`.
    fn place_of(&self, span: &Span, at: u64) -> i64 {
        let n_moved = if self.rests { 0 } else { (at - span.at) as i64 };
        span.song_frame.saturating_add(n_moved)
    }

    /// What the host told of captured frame `at`.
    pub fn told_at(&self, at: u64) -> Option<Told> {
        let i = self.told.partition_point(|(told_at, _)| *told_at <= at).checked_sub(1)?;
        let (told_at, told) = self.told[i];
        Some(told.after(at - told_at, self.rate))
    }

    fn lane(&self, lane: Lane) -> &Blocks {
        match lane {
            Lane::Input => &self.input,
            Lane::Sidechain => &self.side,
        }
    }

    /// Where in the memory the `n_frames` before `song_frame` are, the last stretch first.
    fn passes_before(&self, song_frame: i64, n_frames: usize) -> impl Iterator<Item = Range<u64>> {
        let (mut position, mut n_left) = (song_frame, n_frames);
        std::iter::from_fn(move || {
            let (span, end) = self.newest_before(position).filter(|_| 0 < n_left)?;
            let n_here = n_left.min((end - span.at.max(self.first)) as usize);
            position -= n_here as i64;
            n_left -= n_here;
            Some(end - n_here as u64..end)
        })
    }

    /// The newest span that holds the frame before `song_frame`, with the number of the frame after it.
    fn newest_before(&self, song_frame: i64) -> Option<(Span, u64)> {
        (0..self.spans.len()).rev().find_map(|i| {
            let span = self.spans[i];
            let offset = u64::try_from(song_frame.checked_sub(span.song_frame)?).ok()?;
            let end = span.at.checked_add(offset)?;
            let is_inside = end > span.at.max(self.first) && end <= self.end_of(i);
            is_inside.then_some((span, end))
        })
    }

    /// Number of the frame after the last one of span `i`.
    fn end_of(&self, i: usize) -> u64 {
        self.spans.get(i + 1).map_or(self.n_heard, |next| next.at)
    }

    /// Song position after the last frame of span `i`.
    fn song_end(&self, i: usize) -> i64 {
        let n_frames = (self.end_of(i) - self.spans[i].at) as i64;
        self.spans[i].song_frame.saturating_add(n_frames)
    }

    /// A peak has come that begins with captured frame `at`.
    fn draw(&mut self, at: u64, peak: [f32; 2]) {
        let after = self.spans.partition_point(|span| span.at <= at);
        let span = after.checked_sub(1).or(Some(0)).and_then(|i| self.spans.get(i));
        let song_frame =
            span.map_or(0, |span| span.song_frame.saturating_add(at as i64 - span.at as i64));
        let column = song_frame.div_euclid(self.frames_per_peak as i64);
        self.picture.show(column, self.first_peak + self.peaks.len() as u64, peak);
        self.peaks.push_back(column);
    }

    fn forget_old(&mut self) {
        self.forget_before(self.n_heard.saturating_sub(self.n_max as u64));
    }

    fn forget_before(&mut self, at: u64) {
        if at <= self.first {
            return;
        }
        self.first = at;
        self.input.forget_before(at);
        self.side.forget_before(at);
        while self.spans.get(1).is_some_and(|next| next.at <= at) {
            self.spans.pop_front();
        }
        while self.told.get(1).is_some_and(|(next, _)| *next <= at) {
            self.told.pop_front();
        }
        while (self.first_peak + 1) * self.frames_per_peak as u64 <= at
            && let Some(column) = self.peaks.pop_front()
        {
            self.picture.forget(column, self.first_peak);
            self.first_peak += 1;
        }
    }

    /// How many frames last so long.
    fn n_frames(&self, seconds: f64) -> usize {
        frames_from_seconds(seconds, self.rate)
    }
}
