//! Numbers that say how audio sounds: for the command line, the demonstration and the tests.

use std::ops::Range;

use crate::units::{db_from_gain, gain_from_db, seconds_from_frames};

/// Below this a sample counts as silent, in dBFS.
pub const SILENCE_DB: f64 = -60.0;

/// The largest absolute value; 0 for no samples, NaN where there is one.
pub fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak, x| if x.is_nan() { *x } else { x.abs().max(peak) })
}

/// Root of the mean square, in dBFS (a full-scale square wave is 0); silence is negative infinity.
pub fn rms_db(samples: &[f32]) -> f64 {
    let sum: f64 = samples.iter().map(|x| f64::from(*x).powi(2)).sum();
    db_from_gain((sum / samples.len().max(1) as f64).sqrt())
}

/// The largest difference between two samples that follow each other.
pub fn largest_step(samples: &[f32]) -> f32 {
    samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
}

/// The largest step onto any of these frames, the one onto the first of them included.
///
/// Frames beyond the end are left out.
pub fn largest_step_in(samples: &[f32], frames: Range<usize>) -> f32 {
    let end = frames.end.min(samples.len());
    let start = frames.start.saturating_sub(1).min(end);
    largest_step(&samples[start..end])
}

/// The longest run of samples below [`SILENCE_DB`], in seconds.
pub fn longest_silence_seconds(samples: &[f32], rate: f64) -> f64 {
    let threshold = gain_from_db(SILENCE_DB) as f32;
    let (mut n_now, mut n_longest) = (0, 0);
    for x in samples {
        n_now = if x.abs() < threshold { n_now + 1 } else { 0 };
        n_longest = n_longest.max(n_now);
    }
    seconds_from_frames(n_longest, rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_wave_at_half_scale_is_minus_six_decibels() {
        let square: Vec<f32> = (0..100).map(|i| if i % 2 == 0 { 0.5 } else { -0.5 }).collect();

        assert_eq!(peak(&square), 0.5);
        assert!((rms_db(&square) + 6.02).abs() < 0.01);
        assert_eq!(rms_db(&[0.0; 8]), f64::NEG_INFINITY);
    }

    #[test]
    fn a_click_at_the_seam_is_a_step_onto_its_first_frame() {
        let samples = [0.0, 0.0, 0.9, 0.9];

        assert_eq!(largest_step(&samples), 0.9);
        assert_eq!(largest_step_in(&samples, 2..3), 0.9);
        assert_eq!(largest_step_in(&samples, 3..9), 0.0);
        assert_eq!(largest_step_in(&samples, 0..0), 0.0);
    }

    #[test]
    fn the_longest_silence_is_found_and_quiet_music_is_none() {
        let mut samples = vec![0.002; 400];
        samples[10..30].fill(0.0005);
        samples[100..250].fill(0.0);

        assert_eq!(longest_silence_seconds(&samples, 100.0), 1.5);
        assert_eq!(longest_silence_seconds(&[0.002; 100], 100.0), 0.0);
    }

    #[test]
    fn nothing_measures_as_nothing() {
        assert_eq!(peak(&[]), 0.0);
        assert_eq!(largest_step(&[]), 0.0);
        assert!(peak(&[1.0, f32::NAN]).is_nan());
    }
}
