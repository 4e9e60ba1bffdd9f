//! How fast this machine composes, as it was measured, and how long before a take-over it must begin.

use parking_lot::Mutex;

/// Before anything was measured: slow enough for a busy machine.
const UNMEASURED: Measured = Measured { first_seconds: 0.6, speed: 2.5 };

/// How much longer than measured the next time may take.
const MARGIN: f64 = 1.5;
/// And that much more, in seconds: the engine looks every few milliseconds, and hosts work in blocks.
const SLACK_SECONDS: f64 = 0.1;

/// Shortest and longest lead, in seconds, and its steps in a second: small differences between two
/// measurements are not to make another take of the same song.
const LEADS: (f64, f64) = (0.3, 4.0);
const LEAD_STEPS_PER_SECOND: f64 = 10.0;

#[derive(Debug, Clone, Copy)]
struct Measured {
    /// From the beginning of the work to the first sound, in seconds.
    first_seconds: f64,
    /// Times real time from there on.
    speed: f64,
}

/// The measurements of this process.
#[derive(Debug, Default)]
pub struct Pace {
    measured: Mutex<Option<Measured>>,
}

impl Pace {
    /// Takes in how a continuation went: the time to the first sound, and how many times faster than real
    /// time it was from there on, if that was told. Slower ones count at once, faster ones by and by.
    pub fn learn(&self, first_seconds: f64, speed: Option<f64>) {
        let mut measured = self.measured.lock();
        let speed = speed.unwrap_or_else(|| measured.unwrap_or(UNMEASURED).speed);
        if !(first_seconds > 0.0 && speed > 0.0) {
            return;
        }
        let old = measured.unwrap_or(Measured { first_seconds, speed });
        *measured = Some(Measured {
            first_seconds: first_seconds.max(0.5 * (old.first_seconds + first_seconds)),
            speed: speed.min(0.5 * (old.speed + speed)),
        });
    }

    /// How long before a take-over to begin, so that it is met: while the time passes that this takes, audio
    /// must be made that is never played.
    pub fn lead_seconds(&self) -> f64 {
        let Measured { first_seconds, speed } = self.measured.lock().unwrap_or(UNMEASURED);
        let share_left = (1.0 - MARGIN / speed).max(0.1);
        let lead = (MARGIN * first_seconds + SLACK_SECONDS) / share_left;
        ((lead * LEAD_STEPS_PER_SECOND).ceil() / LEAD_STEPS_PER_SECOND).clamp(LEADS.0, LEADS.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_machine_begins_earlier_and_a_fast_one_is_believed_by_and_by() {
        let pace = Pace::default();
        assert!(pace.lead_seconds() > 1.0);

        pace.learn(0.1, Some(10.0));
        assert_eq!(pace.lead_seconds(), 0.3);
        pace.learn(0.8, Some(2.0));
        let slow = pace.lead_seconds();
        assert!(slow > 2.0);
        pace.learn(0.1, None);
        pace.learn(0.1, Some(10.0));
        assert!(pace.lead_seconds() < slow && pace.lead_seconds() > 0.3);
        pace.learn(f64::NAN, Some(0.0));
        assert!(pace.lead_seconds().is_finite());
        pace.learn(9.0, Some(0.5));
        assert_eq!(pace.lead_seconds(), 4.0);
    }
}
