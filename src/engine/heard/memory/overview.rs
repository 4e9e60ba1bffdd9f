//! All that is remembered of the song as one picture.

use super::{
    super::{Heard, PEAKS_PER_SECOND},
    Memory,
};
use crate::link::Waveform;

/// Longest stretch of song an overview covers.
const MAX_OVERVIEW_SECONDS: f64 = 1800.0;

impl Memory {
    /// The remembered song as peaks at their places; later passes cover earlier ones.
    pub fn overview(&self) -> Waveform {
        let (rate, frames_per_peak) = (self.now.song.rate, self.now.song.frames_per_peak);
        let eras = || self.older.iter().chain([&self.now]).map(|era| &era.song);
        let width = frames_per_peak as f64 / rate;
        let share = |heard: &Heard| heard.frames_per_peak as f64 / heard.rate / width;
        let ours = |heard: &Heard, column: i64| match share(heard) {
            1.0 => column,
            share => (column as f64 * share).floor() as i64,
        };
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
}
