//! How well one instance fares, in counts that only grow. Both sides raise them, the audio thread among
//! them; the engine puts them into the status.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts of one link. Every method is realtime-safe.
#[derive(Debug, Default)]
pub struct Health {
    underruns: AtomicU64,
    late: AtomicU64,
    worst_late_us: AtomicU64,
    non_finite: AtomicU64,
}

impl Health {
    /// Audio thread: so often a take that sounded had no next frame yet.
    pub fn count_underruns(&self, n: usize) {
        if n > 0 {
            self.underruns.fetch_add(n as u64, Relaxed);
        }
    }

    /// Audio thread: so many samples came in that are not numbers, or infinite.
    pub fn count_non_finite(&self, n_samples: usize) {
        if n_samples > 0 {
            self.non_finite.fetch_add(n_samples as u64, Relaxed);
        }
    }

    /// Engine: a take came so long after the place where it was to take over.
    pub fn count_late(&self, seconds: f64) {
        self.late.fetch_add(1, Relaxed);
        self.worst_late_us.fetch_max((seconds.max(0.0) * 1e6) as u64, Relaxed);
    }

    /// The counts so far; frames that were lost are counted by the ring.
    pub fn counts(&self, n_lost_frames: u64) -> HealthCounts {
        HealthCounts {
            n_underruns: self.underruns.load(Relaxed),
            n_lost_frames,
            n_late_takes: self.late.load(Relaxed),
            worst_late_ms: self.worst_late_us.load(Relaxed) as f64 / 1e3,
            n_non_finite: self.non_finite.load(Relaxed),
        }
    }
}

/// How often something went wrong for an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HealthCounts {
    /// Takes that ran dry while they sounded.
    pub n_underruns: u64,
    /// Frames of the recording that the engine was too busy to hear.
    pub n_lost_frames: u64,
    /// Takes that came after the place where they were to take over, and by how much at worst.
    pub n_late_takes: u64,
    pub worst_late_ms: f64,
    /// Samples that came in and are not numbers, or infinite.
    pub n_non_finite: u64,
}

impl HealthCounts {
    /// With those of an earlier link, which ended.
    pub fn and(self, earlier: Self) -> Self {
        Self {
            n_underruns: self.n_underruns + earlier.n_underruns,
            n_lost_frames: self.n_lost_frames + earlier.n_lost_frames,
            n_late_takes: self.n_late_takes + earlier.n_late_takes,
            worst_late_ms: self.worst_late_ms.max(earlier.worst_late_ms),
            n_non_finite: self.n_non_finite + earlier.n_non_finite,
        }
    }
}

/// What the engine costs, for all instances of the process together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EngineLoad {
    /// Share of the last second that the engine was at work, 0 to 1.
    pub busy: f64,
    /// Time that it was at work since it was started, in seconds.
    pub busy_seconds: f64,
    /// Memory of the whole process, in bytes.
    pub n_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_an_earlier_link_are_not_forgotten() {
        let (first, second) = (Health::default(), Health::default());
        first.count_late(0.25);
        first.count_underruns(1);
        second.count_late(0.125);
        second.count_non_finite(3);

        let all = second.counts(480).and(first.counts(20));

        let wanted = HealthCounts {
            n_underruns: 1,
            n_lost_frames: 500,
            n_late_takes: 2,
            worst_late_ms: 250.0,
            n_non_finite: 3,
        };
        assert_eq!(all, wanted);
    }
}
