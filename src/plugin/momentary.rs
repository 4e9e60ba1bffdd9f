//! A trigger parameter: something happens when its value rises past one half, and it falls back by itself.
//!
//! Hosts resend a held automation value with every block, send ramps as many points, and echo what the
//! editor told them. So values that arrive shortly after a high one belong to it and do nothing.

/// High values closer than this to the last high one belong to it, in seconds of audio.
const REPEAT_SECONDS: f64 = 0.5;

/// Value above which a trigger fires.
const THRESHOLD: f64 = 0.5;

/// One trigger's memory, kept by the audio thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Momentary {
    /// Clock frame of the last high value.
    last_high: Option<u64>,
}

impl Momentary {
    /// Whether `value`, arriving at frame `now` of a clock that counts processed frames, fires.
    pub fn fires(&mut self, value: f64, now: u64, rate: f64) -> bool {
        if value <= THRESHOLD {
            return false;
        }
        let n_repeat = (REPEAT_SECONDS * rate) as u64;
        let is_repeat = self.last_high.is_some_and(|last| now.saturating_sub(last) < n_repeat);
        self.last_high = Some(now);
        !is_repeat
    }

    /// The act was done elsewhere: a high value that follows is its echo.
    pub fn expect_echo(&mut self, now: u64) {
        self.last_high = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_value_fires_once_however_often_it_is_sent() {
        let mut trigger = Momentary::default();

        let n_fired = (0..2000).filter(|block| trigger.fires(1.0, block * 512, 48_000.0)).count();

        assert_eq!(n_fired, 1);
    }

    #[test]
    fn a_second_press_fires_once_half_a_second_has_passed() {
        let mut trigger = Momentary::default();

        assert!(!trigger.fires(0.5, 0, 48_000.0));
        assert!(trigger.fires(0.6, 10, 48_000.0));
        assert!(!trigger.fires(1.0, 10 + 23_999, 48_000.0));
        assert!(!trigger.fires(0.0, 30_000, 48_000.0));
        assert!(trigger.fires(1.0, 10 + 23_999 + 24_000, 48_000.0));
    }

    #[test]
    fn an_echo_of_the_editor_does_nothing() {
        let mut trigger = Momentary::default();

        trigger.expect_echo(0);

        assert!(!trigger.fires(1.0, 512, 48_000.0));
    }
}
