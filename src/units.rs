//! Frames, tokens, rates and decibels: the numbers every room agrees on.
//!
//! A *frame* is one instant of audio (all its channels); a *token* is one code of a level and covers
//! that level's `hop` frames at the model's rate. Song positions are frames at the host's rate and may
//! be negative (hosts count in before bar one).

/// Sample rate of the released models, in Hz; a pack may say otherwise.
pub const MODEL_RATE: u32 = 44_100;

/// Fade used wherever generated audio begins, ends or is cut, in seconds.
pub const FADE_SECONDS: f64 = 0.005;

/// Audio that is ready before a take sounds, in seconds, so that it does not run dry at once.
pub const READY_SECONDS: f64 = 0.1;

/// Whole tokens in `n_frames`; a partial token at the end is dropped.
pub fn tokens_from_frames(n_frames: usize, hop: usize) -> usize {
    n_frames / hop
}

/// Frames covered by `n_tokens`.
pub fn frames_from_tokens(n_tokens: usize, hop: usize) -> usize {
    n_tokens * hop
}

/// Seconds that `n_frames` last at `rate`.
pub fn seconds_from_frames(n_frames: usize, rate: f64) -> f64 {
    n_frames as f64 / rate
}

/// The nearest whole number of frames to `seconds`; negative and non-finite times give 0.
pub fn frames_from_seconds(seconds: f64, rate: f64) -> usize {
    (seconds * rate).round().max(0.0) as usize
}

/// Linear gain of a level in decibels.
pub fn gain_from_db(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

/// Level in decibels of a linear gain; silence is negative infinity.
pub fn db_from_gain(gain: f64) -> f64 {
    20.0 * gain.log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_tokens_are_dropped() {
        assert_eq!(tokens_from_frames(1023, 128), 7);
        assert_eq!(frames_from_tokens(7, 128), 896);
    }

    #[test]
    fn decibels_and_gains_are_inverse() {
        for db in [-60.0, -6.0, 0.0, 12.0] {
            assert!((db_from_gain(gain_from_db(db)) - db).abs() < 1e-9);
        }
    }

    #[test]
    fn nonsense_seconds_are_no_frames() {
        assert_eq!(frames_from_seconds(-1.0, 48_000.0), 0);
        assert_eq!(frames_from_seconds(f64::NAN, 48_000.0), 0);
    }
}
