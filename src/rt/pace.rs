//! How fast the host lets time pass: some export in what they call real time, as fast as they can, and then a
//! take that was promised is to be waited for as in an announced offline render.
//!
//! The measure is a balance: audio that was processed, less [`SPEED`] times what passed on the clock. It ends up
//! above [`FAST_SECONDS`] only if the host is faster than that for a while. At the pace of real time it stays at its
//! floor, and so it does after a stall, however long; a host that catches up on late blocks must first make up for
//! what lies below. Waits of our own do not count as time.

use std::time::Duration;

/// So many times faster than real time is a render.
const SPEED: f64 = 2.0;

/// The balance above which a host renders, in seconds of audio. Buffers come in pairs and in threes, so that
/// so many blocks are added to it.
const FAST_SECONDS: f64 = 0.25;
const FAST_BLOCKS: f64 = 2.0;

/// The balance does not fall below this: what a late host catches up on, at most.
const FLOOR_SECONDS: f64 = -0.75;

/// Nor does it rise more than this above the limit: so soon after the pace is that of real time a host does not
/// render any more.
const MARGIN_SECONDS: f64 = 0.1;

/// The balance falls by this at most for one block of a render that took long, as disks make it.
const HICCUP_SECONDS: f64 = 0.05;

/// Watches how often it is called. Its state is a few numbers.
#[derive(Debug)]
pub struct Pace {
    balance: f64,
    /// When the last block began, and how long we waited in it.
    last: Option<(Duration, Duration)>,
    is_fast: bool,
}

impl Pace {
    pub fn new() -> Self {
        Self { balance: FLOOR_SECONDS, last: None, is_fast: false }
    }

    /// A block of so many seconds begins at `now`; whether the host is rendering.
    pub fn block(&mut self, now: Duration, block_seconds: f64) -> bool {
        let passed = self.last.map_or(Duration::MAX, |(begun, waited)| {
            now.saturating_sub(begun).saturating_sub(waited)
        });
        let limit = FAST_SECONDS + FAST_BLOCKS * block_seconds;
        let mut cost = SPEED * passed.as_secs_f64();
        if self.is_fast {
            cost = cost.min(block_seconds + HICCUP_SECONDS);
        }
        let balance = self.balance + block_seconds - cost;
        self.balance = balance.clamp(FLOOR_SECONDS, limit + MARGIN_SECONDS);
        self.last = Some((now, Duration::ZERO));
        self.is_fast = self.balance > limit;
        self.is_fast
    }

    /// So long of the block was spent waiting for the engine.
    pub fn waited(&mut self, pause: Duration) {
        if let Some((_, waited)) = &mut self.last {
            *waited += pause;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: f64 = 512.0 / 48_000.0;

    /// A host that calls for a block whenever a block's time, times a number, has passed.
    struct Host {
        pace: Pace,
        now: Duration,
    }

    impl Host {
        fn new() -> Self {
            Self { pace: Pace::new(), now: Duration::from_secs(1000) }
        }

        /// Plays so much audio; how much of it was taken for a render, in seconds.
        fn play(&mut self, seconds: f64, block_seconds: f64, times: impl Fn(usize) -> f64) -> f64 {
            let n_blocks = (seconds / block_seconds) as usize;
            let fast = (0..n_blocks).filter(|i| {
                self.now += Duration::from_secs_f64(times(*i) * block_seconds);
                self.pace.block(self.now, block_seconds)
            });
            fast.count() as f64 * block_seconds
        }
    }

    #[test]
    fn an_export_is_found_out_in_a_second_or_two_and_real_time_again_at_once() {
        for (speed, n_unseen) in [(50.0, 1.2), (10.0, 1.5), (4.0, 2.3)] {
            let mut host = Host::new();
            host.play(10.0, BLOCK, |_| 1.0);

            let rendered = host.play(20.0, BLOCK, |_| 1.0 / speed);
            let played = host.play(20.0, BLOCK, |_| 1.0);

            assert!(rendered > 20.0 - n_unseen, "{rendered} s at {speed} times real time");
            assert!(played < 0.15, "{played} s of real time");
        }
    }

    #[test]
    fn a_late_host_that_catches_up_plays() {
        for n_late in [1.0, 10.0, 100.0, 1e6] {
            let mut host = Host::new();
            for _ in 0..20 {
                assert_eq!(host.play(1.0, BLOCK, |_| 1.0), 0.0);
                host.now += Duration::from_secs_f64(n_late * BLOCK);
                let caught_up = host.play((n_late * BLOCK).min(0.9), BLOCK, |_| 0.001);
                assert_eq!(caught_up, 0.0, "{n_late} blocks late");
            }
        }
    }

    #[test]
    fn no_jitter_and_no_block_length_of_a_host_that_plays_is_a_render() {
        for block_seconds in [32.0 / 192_000.0, BLOCK, 8_192.0 / 44_100.0] {
            for at_once in [2, 3, 7] {
                let in_bursts =
                    |i: usize| if i.is_multiple_of(at_once) { at_once as f64 } else { 0.0 };
                let mut host = Host::new();
                assert_eq!(host.play(30.0, block_seconds, in_bursts), 0.0, "{at_once} at once");
                assert_eq!(host.play(30.0, block_seconds, |_| 0.6), 0.0);
            }
        }
    }

    #[test]
    fn a_render_stays_one_while_a_disk_or_the_engine_is_slow() {
        let mut host = Host::new();
        host.play(5.0, BLOCK, |_| 0.05);

        let slow_now_and_then = |i: usize| if i.is_multiple_of(20) { 30.0 } else { 0.02 };
        assert_eq!(host.play(5.0, BLOCK, slow_now_and_then).round(), 5.0);
        for _ in 0..200 {
            host.now += Duration::from_secs(3);
            host.pace.waited(Duration::from_secs(3));
            assert!(host.play(BLOCK, BLOCK, |_| 0.05) > 0.0);
        }
    }

    #[test]
    fn blocks_without_frames_change_nothing() {
        let mut host = Host::new();
        for _ in 0..1000 {
            assert!(!host.pace.block(host.now, 0.0));
        }
    }
}
