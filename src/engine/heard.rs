//! What was heard: the last minute of input, each stretch with its place in the song.

use std::{collections::VecDeque, ops::Range};

use crate::link::Waveform;

/// Seconds that are remembered.
pub const REMEMBERED_SECONDS: f64 = 60.0;

/// Peak below which nothing is heard, -100 dB.
const SILENCE: f32 = 1e-5;

/// Peaks per second in the overview.
const PEAKS_PER_SECOND: f64 = 100.0;

/// A run of captured frames that were also neighbours in the song.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// First captured frame.
    at: u64,
    /// Its song position.
    song_frame: i64,
}

/// A bounded memory of stereo frames. Captured frames are numbered from 0.
pub struct Heard {
    frames: VecDeque<[f32; 2]>,
    /// Number of the first frame that is still remembered.
    first: u64,
    spans: VecDeque<Span>,
    peaks: VecDeque<[f32; 2]>,
    /// Number of peaks that are forgotten.
    first_peak: u64,
    growing: ([f32; 2], usize),
    frames_per_peak: usize,
    n_max: usize,
    rate: f64,
}

impl Heard {
    /// Remembers nothing yet, at `rate` Hz.
    pub fn new(rate: f64) -> Self {
        Self {
            frames: VecDeque::new(),
            first: 0,
            spans: VecDeque::new(),
            peaks: VecDeque::new(),
            first_peak: 0,
            growing: (EMPTY_PEAK, 0),
            frames_per_peak: (rate / PEAKS_PER_SECOND).round().max(1.0) as usize,
            n_max: (rate * REMEMBERED_SECONDS) as usize,
            rate,
        }
    }

    /// Number of the next frame.
    pub fn n_heard(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    /// The next frame is at `song_frame`.
    pub fn begin_span(&mut self, song_frame: i64) {
        let at = self.n_heard();
        if self.spans.back().is_some_and(|span| span.at == at) {
            self.spans.pop_back(); // nothing was heard there
        }
        self.spans.push_back(Span { at, song_frame });
    }

    /// Adds frames and forgets the oldest. Frames without a place in the song are not expected.
    pub fn hear(&mut self, frames: &[[f32; 2]]) {
        for [left, right] in frames {
            let mono = 0.5 * (left + right);
            let (peak, n_frames) = &mut self.growing;
            *peak = [peak[0].min(mono), peak[1].max(mono)];
            *n_frames += 1;
            if *n_frames == self.frames_per_peak {
                self.peaks.push_back(*peak);
                self.growing = (EMPTY_PEAK, 0);
            }
        }
        self.frames.extend(frames);
        let n_old = self.frames.len().saturating_sub(self.n_max);
        self.frames.drain(..n_old);
        self.first += n_old as u64;
        while self.spans.get(1).is_some_and(|next| next.at <= self.first) {
            self.spans.pop_front();
        }
        while (self.first_peak + 1) * self.frames_per_peak as u64 <= self.first
            && !self.peaks.is_empty()
        {
            self.peaks.pop_front();
            self.first_peak += 1;
        }
    }

    /// Song position just after the frame that was heard last.
    pub fn end_frame(&self) -> Option<i64> {
        let last = self.spans.back().filter(|span| span.at < self.n_heard());
        let last = last.or_else(|| self.spans.iter().rev().nth(1))?;
        Some(last.song_frame + (self.end_of(last) - last.at) as i64)
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
        let span = self.spans.iter().find(|span| span.at == at)?;
        Some(span.song_frame + (self.end_of(span) - span.at) as i64)
    }

    /// Whether the last `n_frames` are silent.
    pub fn is_quiet(&self, n_frames: usize) -> bool {
        let is_silent = |frame: &[f32; 2]| frame.iter().all(|sample| sample.abs() < SILENCE);
        self.frames.iter().rev().take(n_frames).all(is_silent)
    }

    /// Whether the frame just before song position `song_frame` was heard.
    pub fn reaches(&self, song_frame: i64) -> bool {
        self.newest_before(song_frame).is_some()
    }

    /// Up to `n_frames` of the song just before `song_frame`, as they were heard last, oldest first.
    ///
    /// Where the song was heard in several passes they are joined in the song's order, so a prime may reach
    /// back over the start of a loop into an earlier pass.
    pub fn before(&self, song_frame: i64, n_frames: usize) -> Vec<[f32; 2]> {
        let mut reversed = Vec::with_capacity(n_frames.min(self.frames.len()));
        for passed in self.passes_before(song_frame, n_frames) {
            reversed.extend(self.frames.range(passed).rev());
        }
        reversed.reverse();
        reversed
    }

    /// How many frames [`Self::before`] would find.
    pub fn n_before(&self, song_frame: i64, n_frames: usize) -> usize {
        self.passes_before(song_frame, n_frames).map(|passed| passed.len()).sum()
    }

    /// Where in the memory the `n_frames` before `song_frame` are, the last stretch first.
    fn passes_before(
        &self,
        song_frame: i64,
        n_frames: usize,
    ) -> impl Iterator<Item = Range<usize>> {
        let (mut position, mut n_left) = (song_frame, n_frames);
        std::iter::from_fn(move || {
            let (span, end) = self.newest_before(position).filter(|_| 0 < n_left)?;
            let n_here = n_left.min((end - span.at.max(self.first)) as usize);
            position -= n_here as i64;
            n_left -= n_here;
            let end = (end - self.first) as usize;
            Some(end - n_here..end)
        })
    }

    /// The newest span that holds the frame before `song_frame`, with the number of the frame after it.
    fn newest_before(&self, song_frame: i64) -> Option<(Span, u64)> {
        self.spans.iter().rev().find_map(|span| {
            let offset = u64::try_from(song_frame.checked_sub(span.song_frame)?).ok()?;
            let end = span.at.checked_add(offset)?;
            let is_inside = end > span.at.max(self.first) && end <= self.end_of(span);
            is_inside.then_some((*span, end))
        })
    }

    /// Number of the frame after the last one of `span`.
    fn end_of(&self, span: &Span) -> u64 {
        let next = self.spans.iter().find(|other| other.at > span.at);
        next.map_or(self.n_heard(), |next| next.at)
    }

    /// The remembered audio as peaks at their places in the song; later passes cover earlier ones.
    pub fn overview(&self) -> Waveform {
        let per_peak = self.frames_per_peak as i64;
        let mut placed = Vec::with_capacity(self.peaks.len());
        let mut spans = self.spans.iter().peekable();
        let mut current = None;
        for (i, peak) in self.peaks.iter().enumerate() {
            let at = (self.first_peak + i as u64) * self.frames_per_peak as u64;
            while let Some(span) = spans.next_if(|span| span.at <= at) {
                current = Some(span);
            }
            let Some(span) = current.or(self.spans.front()) else { continue };
            let song_frame = span.song_frame + at as i64 - span.at as i64;
            placed.push((song_frame.div_euclid(per_peak), *peak));
        }
        let start = placed.iter().map(|(column, _)| *column).min().unwrap_or(0);
        let end = placed.iter().map(|(column, _)| *column + 1).max().unwrap_or(0);
        let n_max = (MAX_OVERVIEW_SECONDS * PEAKS_PER_SECOND) as i64;
        let start = start.max(end - n_max); // passes that lie very far apart cannot be shown together
        let mut peaks = vec![[0.0; 2]; (end - start) as usize];
        for (column, peak) in placed {
            if let Ok(i) = usize::try_from(column - start) {
                peaks[i] = peak;
            }
        }
        Waveform {
            start_frame: start * per_peak,
            rate: self.rate,
            frames_per_peak: self.frames_per_peak,
            peaks,
        }
    }
}

const EMPTY_PEAK: [f32; 2] = [0.0, 0.0];

/// Longest stretch of song an overview covers.
const MAX_OVERVIEW_SECONDS: f64 = 900.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(from: i64, n_frames: i64) -> Vec<[f32; 2]> {
        (from..from + n_frames).map(|i| [i as f32; 2]).collect()
    }

    #[test]
    fn a_prime_is_what_was_heard_just_before_the_place() {
        let mut heard = Heard::new(1000.0);
        heard.begin_span(-100);
        heard.hear(&ramp(-100, 600));

        assert_eq!(heard.end_frame(), Some(500));
        assert_eq!(heard.before(500, 3), ramp(497, 3));
        assert_eq!(heard.before(200, 400), ramp(-100, 300));
        assert!(heard.before(501, 3).is_empty());
        assert!(!heard.reaches(-100) && heard.reaches(-99));
        assert!(!heard.is_quiet(3));
    }

    #[test]
    fn passes_of_a_loop_are_joined_in_the_songs_order() {
        let mut heard = Heard::new(1000.0);
        heard.begin_span(0);
        heard.hear(&ramp(0, 100));
        heard.begin_span(50);
        heard.hear(&ramp(1050, 30)); // the second pass sounds different

        assert_eq!(heard.before(80, 40), [ramp(40, 10), ramp(1050, 30)].concat());
        assert_eq!((heard.end_frame(), heard.n_before(80, 500)), (Some(80), 80));
        assert_eq!((heard.span_before(80), heard.span_before(50)), (Some(100), Some(0)));
        assert_eq!((heard.end_of_span(0), heard.end_of_span(100)), (Some(100), Some(80)));
        assert_eq!((heard.newest_span(), heard.end_of_span(7)), (Some(100), None));
    }

    #[test]
    fn only_the_last_minute_is_kept() {
        let mut heard = Heard::new(1000.0);
        heard.begin_span(0);
        for start in (0..100_000).step_by(1000) {
            heard.hear(&ramp(start, 1000));
        }

        assert_eq!(heard.frames.len(), 60_000);
        assert_eq!(heard.before(100_000, 100_000).len(), 60_000);
        assert!(heard.overview().peaks.len() <= 6_001);
        assert_eq!(heard.overview().end_frame(), 100_000);
    }
}
