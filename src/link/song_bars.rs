//! The song's bars as the audio thread sees them, for others to read without making it wait.

use std::sync::atomic::{
    AtomicI64, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

use super::Bars;

/// Tries of a reader that always finds the writer at work; then it knows nothing, until it asks again.
const MAX_TRIES: usize = 64;

/// Numbers that belong together, written by one thread. The count is odd while they are being written, so a
/// reader that sees the same even count before and after has seen numbers of one block.
#[derive(Debug, Default)]
pub struct SongBars {
    count: AtomicU64,
    first_line_bits: AtomicU64,
    /// 0 where nothing is known.
    bar_frames_bits: AtomicU64,
    beat_frames_bits: AtomicU64,
    /// Empty where there is no loop.
    loop_start: AtomicI64,
    loop_end: AtomicI64,
}

impl SongBars {
    /// The one writing thread. Never waits.
    pub fn set(&self, bars: Option<Bars>) {
        let count = self.count.load(Relaxed);
        self.count.store(count.wrapping_add(1), Relaxed);
        fence(Release);
        let (line, frames) = bars.map_or((0.0, 0.0), |bars| (bars.first_line, bars.bar_frames));
        let (start, end) = bars.and_then(|bars| bars.loop_frames).unwrap_or_default();
        self.first_line_bits.store(f64::to_bits(line), Relaxed);
        self.bar_frames_bits.store(f64::to_bits(frames), Relaxed);
        let beat_frames = bars.map_or(0.0, |bars| bars.beat_frames);
        self.beat_frames_bits.store(f64::to_bits(beat_frames), Relaxed);
        self.loop_start.store(start, Relaxed);
        self.loop_end.store(end, Relaxed);
        self.count.store(count.wrapping_add(2), Release);
    }

    /// Any thread: what was written last, at `rate` Hz.
    pub fn get(&self, rate: f64) -> Option<Bars> {
        for _ in 0..MAX_TRIES {
            let before = self.count.load(Acquire);
            let first_line = f64::from_bits(self.first_line_bits.load(Relaxed));
            let bar_frames = f64::from_bits(self.bar_frames_bits.load(Relaxed));
            let beat_frames = f64::from_bits(self.beat_frames_bits.load(Relaxed));
            let looped = (self.loop_start.load(Relaxed), self.loop_end.load(Relaxed));
            fence(Acquire);
            if before.is_multiple_of(2) && before == self.count.load(Relaxed) {
                let loop_frames = Some(looped).filter(|(start, end)| start < end);
                let bars = Bars { first_line, bar_frames, beat_frames, loop_frames, rate };
                return (bar_frames > 0.0).then_some(bars);
            }
            std::hint::spin_loop();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_never_mixed_up_between_blocks() {
        let shared = SongBars::default();
        let bars = |i: i64| Bars {
            first_line: i as f64,
            bar_frames: 1.0 + i as f64,
            beat_frames: 2.0 + i as f64,
            loop_frames: Some((i, i + 1)),
            rate: 48_000.0,
        };
        assert_eq!(shared.get(48_000.0), None);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (0..200_000).for_each(|i| shared.set(Some(bars(i)))));
            while !writer.is_finished() {
                let Some(seen) = shared.get(48_000.0) else { continue };
                assert_eq!(seen, bars(seen.first_line as i64));
            }
        });
        assert_eq!(shared.get(48_000.0), Some(bars(199_999)));
        shared.set(None);
        assert_eq!(shared.get(48_000.0), None);
    }
}
