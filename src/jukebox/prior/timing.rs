//! Where a window lies in its song, as rows of the timing tables (SPEC §4.1).
//!
//! The models were trained with 32-bit arithmetic, and at the edges of a bin its rounding decides.
//! So every operation here is in `f32` and in the reference's order.

use std::ops::Range;

use super::labels::LabelRow;
use crate::jukebox::LabelConfig;

/// Bin of each timing table, before they are brought within its rows.
#[derive(Debug, PartialEq, Eq)]
pub struct TimingBins {
    pub total: i64,
    /// One per position.
    pub absolute: Vec<i64>,
    /// One per position.
    pub relative: Vec<i64>,
}

/// Bins of the `n_ctx` positions of a window.
pub fn bins(config: &LabelConfig, row: &LabelRow, n_ctx: usize) -> TimingBins {
    let rate = config.sample_rate as f64;
    let (min, max) = (config.min_duration_seconds * rate, config.max_duration_seconds * rate);
    let n_bins = config.t_bins as f32;
    let bin = |v: f32, low: f64, high: f64| -> i64 {
        (n_bins * ((v - low as f32) / (high - low) as f32)).floor() as i64
    };
    let start = row.offset as f32;
    let end = (row.offset + row.sample_length) as f32;
    let total = row.total_length as f32;
    let (first, last) = (start / total, (end / total).clamp(0.0, 1.0));
    let along = |from: f32, to: f32| {
        (0..n_ctx).map(move |i| from + (to - from) * (i as f32 / n_ctx as f32))
    };
    TimingBins {
        total: bin(total, min, max),
        absolute: along(start, end).map(|v| bin(v, 0.0, max)).collect(),
        relative: along(first, last).map(|v| bin(v, 0.0, 1.0)).collect(),
    }
}

/// What the tables have room for, in frames.
pub struct Limits {
    /// Lengths of a whole song.
    pub total: Range<i64>,
    /// Latest end of a window.
    pub end_max: i64,
}

impl Limits {
    pub fn new(config: &LabelConfig) -> Self {
        let rate = config.sample_rate as f64;
        let min = (config.min_duration_seconds * rate).ceil() as i64;
        let max = config.max_duration_seconds * rate;
        Self { total: min..max.ceil() as i64, end_max: max.floor() as i64 }
    }

    /// The nearest length of a song that there is room for.
    pub fn total_within(&self, total_length: i64) -> i64 {
        total_length.clamp(self.total.start, self.total.end - 1)
    }

    /// The nearest place in its song at which there is room for a window.
    pub fn offset_within(&self, window: &LabelRow, offset: i64) -> i64 {
        let last = (window.total_length - 1).min(self.end_max - window.sample_length);
        offset.clamp(0, last.max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(bin, how often)` in a row.
    fn runs(bins: &[i64]) -> Vec<(i64, usize)> {
        bins.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect()
    }

    #[test]
    fn bins_follow_the_references_rounding() {
        let config = LabelConfig {
            genre_bins: 604,
            artist_bins: 7898,
            max_genre_words: 1,
            t_bins: 64,
            min_duration_seconds: 17.84,
            max_duration_seconds: 600.0,
            sample_rate: 44_100,
            hop: 128,
            timing: true,
        };
        let at = |total_length, offset| {
            let sample_length = 786_432;
            let row = LabelRow { total_length, offset, sample_length, ..Default::default() };
            bins(&config, &row, 6144)
        };

        let beyond = at(16_777_219, 5_000_001); // the length has no exact 32-bit number
        assert_eq!(beyond.total, 39);
        assert_eq!(runs(&beyond.absolute), [(12, 2928), (13, 3216)]);
        assert_eq!(runs(&beyond.relative), [(19, 1898), (20, 2048), (21, 2048), (22, 150)]);

        let at_the_end = at(7_938_000, 7_937_990);
        assert_eq!(runs(&at_the_end.absolute), [(19, 2585), (20, 3230), (21, 329)]);
        assert_eq!(runs(&at_the_end.relative), [(63, 5998), (64, 146)]);
    }
}
