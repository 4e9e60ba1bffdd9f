//! Waiting while the host renders offline: for the engine to hear what passes faster than real time, and for
//! audio that it promised. Never used in real time.

use std::time::{Duration, Instant};

use super::{capture::Capture, playback::Playback};
use crate::link::Signals;

/// Longest wait without anything new arriving; then the render goes on and the user is told.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Longest wait for the engine to listen; then frames are lost, and counted.
const LISTEN_LIMIT: Duration = Duration::from_secs(5);

/// Between two looks at a ring.
const NAP: Duration = Duration::from_millis(1);

/// Waits as long as a promise is being kept, and no more for one that was not.
#[derive(Default)]
pub struct Patience {
    /// Requests up to this one were given up on.
    given_up: u64,
}

impl Patience {
    /// Returns once there is room to capture `n_frames`.
    pub fn wait_for_room(&mut self, capture: &Capture, n_frames: usize) {
        let begun = Instant::now();
        while !capture.has_room(n_frames) && begun.elapsed() < LISTEN_LIMIT {
            std::thread::sleep(NAP);
        }
    }

    /// Returns once the block at song position `frame` can be played as promised, or nothing is promised
    /// for it, or nothing has come for [`LIMIT`].
    pub fn wait_for_take(
        &mut self,
        playback: &mut Playback,
        signals: &Signals,
        frame: i64,
        n_frames: usize,
    ) {
        let mut last_news = Instant::now();
        let mut n_received = playback.n_received();
        while signals.is_pending() && signals.n_asked() > self.given_up {
            let end = frame.saturating_add(n_frames as i64);
            // until the engine has said where the take will be, it may be here
            let promise = signals.promise().unwrap_or(frame..end);
            if end <= promise.start || promise.end <= frame {
                return;
            }
            let first_wanted = frame.max(promise.start);
            if playback.is_ready(signals.n_asked(), first_wanted, (end - first_wanted) as usize) {
                return;
            }
            std::thread::sleep(NAP);
            playback.receive(frame, signals.lowest_take());
            if playback.n_received() != n_received {
                n_received = playback.n_received();
                last_news = Instant::now();
            }
            if last_news.elapsed() > LIMIT {
                self.given_up = signals.n_asked();
                signals.give_up_waiting();
            }
        }
        playback.receive(frame, signals.lowest_take()); // what came with the last word of the engine
    }
}
