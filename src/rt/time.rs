//! The clock on the wall, which tests make up.

use std::time::{Duration, Instant};

/// What time it is, and a way to let some pass.
pub trait Time: Send {
    /// Time since some moment that stays the same. Realtime-safe.
    fn now(&mut self) -> Duration;

    /// Waits; only while something is rendered faster than real time.
    fn nap(&mut self, pause: Duration);
}

/// The time of this machine.
pub struct WallTime(Instant);

impl Default for WallTime {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Time for WallTime {
    fn now(&mut self) -> Duration {
        self.0.elapsed() // read without a system call on the systems that hosts run on
    }

    fn nap(&mut self, pause: Duration) {
        std::thread::sleep(pause);
    }
}
