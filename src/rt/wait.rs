//! Waiting while the host renders faster than real time: for the engine to hear what passes, and for audio that
//! it promised. Never used in real time.

use std::time::Duration;

use super::{capture::Capture, playback::Playback, time::Time};
use crate::link::Signals;

/// Longest wait without anything new arriving; then the render goes on and the user is told.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Longest wait for the engine to listen; then frames are lost, and counted.
const LISTEN_LIMIT: Duration = Duration::from_secs(5);

/// A wait is told once it is longer than this.
const UNTOLD: Duration = Duration::from_millis(300);

/// Between two looks at a ring.
const NAP: Duration = Duration::from_millis(1);

/// Waits as long as a promise is being kept, and no more for one that was not.
#[derive(Default)]
pub struct Patience {
    /// Requests up to this one were given up on.
    given_up: u64,
    /// The newest request of the host's automation, and the newest take before it.
    expected: (u64, u64),
    /// The last request that somebody waited for without the host's word.
    told: u64,
}

/// A stretch of the song that is about to be played.
#[derive(Debug, Clone, Copy)]
pub struct Block {
    /// Song position of its first frame.
    pub frame: i64,
    pub n_frames: usize,
    /// The host has said that it renders.
    pub is_announced: bool,
}

impl Patience {
    /// Request `id` brings a take that is newer than all that are there. Realtime-safe.
    pub fn expect(&mut self, id: u64, playback: &Playback) {
        self.expected = (id, playback.newest_take());
    }

    /// Returns once there is room to capture `n_frames`.
    pub fn wait_for_room(&mut self, time: &mut dyn Time, capture: &Capture, n_frames: usize) {
        let begun = time.now();
        while !capture.has_room(n_frames) && time.now().saturating_sub(begun) < LISTEN_LIMIT {
            time.nap(NAP);
        }
    }

    /// Returns once the block can be played as promised, or nothing is promised for it, or nothing has come for
    /// [`LIMIT`].
    pub fn wait_for_take(
        &mut self,
        time: &mut dyn Time,
        playback: &mut Playback,
        signals: &Signals,
        block: Block,
    ) {
        let Block { frame, n_frames, is_announced } = block;
        let begun = time.now();
        let mut last_news = begun;
        let mut n_news = playback.n_news();
        while signals.is_pending() && signals.n_asked() > self.given_up {
            let end = frame.saturating_add(n_frames as i64);
            // until the engine has said where the take will be, it may be here
            let promise = signals.promise().unwrap_or(frame..end);
            if end <= promise.start || promise.end <= frame {
                return;
            }
            let first_wanted = frame.max(promise.start);
            let n_wanted = end.min(promise.end).saturating_sub(first_wanted);
            let (expected, older) = self.expected;
            // of others we only know that they are done when they are settled
            if expected == signals.n_asked() && playback.is_ready(older, first_wanted, n_wanted) {
                return;
            }
            time.nap(NAP);
            playback.receive(frame, false);
            let now = time.now();
            if playback.n_news() != n_news {
                (n_news, last_news) = (playback.n_news(), now);
            }
            let is_long = UNTOLD < now.saturating_sub(begun);
            if is_long && !is_announced && self.told != signals.n_asked() {
                self.told = signals.n_asked();
                signals.begin_waiting();
            }
            if now.saturating_sub(last_news) > LIMIT {
                self.given_up = signals.n_asked();
                signals.give_up_waiting();
            }
        }
        playback.receive(frame, false); // what came with the last word of the engine
    }
}
