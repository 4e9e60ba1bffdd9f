//! What has been counted so far, by every thread.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

/// Counts of a run.
#[derive(Default)]
pub struct Tally {
    pub mutations: AtomicU64,
    pub blocks: AtomicU64,
    /// Continuations that the plugin took up.
    pub asked: AtomicU64,
    /// Calls that failed, and panics.
    pub crashes: AtomicU64,
    /// Samples that are no numbers although what came in was.
    pub non_finite: AtomicU64,
    /// Samples that a bypass changed.
    pub changed_by_bypass: AtomicU64,
    /// Allocations and releases while a block was processed.
    pub allocations: AtomicU64,
    /// Threads found at a lull that were not there before.
    pub leaked_threads: AtomicU64,
}

impl Tally {
    pub fn mutated(&self, n: usize) {
        self.mutations.fetch_add(n as u64, Relaxed);
    }

    pub fn n_mutations(&self) -> u64 {
        self.mutations.load(Relaxed)
    }

    /// A call failed that must not, or something panicked.
    pub fn crashed(&self) {
        self.crashes.fetch_add(1, Relaxed);
    }

    /// Whether everything that was promised held.
    pub fn is_clean(&self) -> bool {
        let broken = [
            &self.crashes,
            &self.non_finite,
            &self.changed_by_bypass,
            &self.allocations,
            &self.leaked_threads,
        ];
        broken.iter().all(|n| n.load(Relaxed) == 0)
    }
}

static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
    static N_CALLS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, which counts.
pub struct Counting;

impl Counting {
    fn called() {
        if IS_WATCHED.get() {
            N_CALLS.set(N_CALLS.get() + 1);
        }
    }
}

// SAFETY: the system's allocator does the work
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Counting::called();
        LIVE_BYTES.fetch_add(layout.size() as i64, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        Counting::called();
        LIVE_BYTES.fetch_sub(layout.size() as i64, Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, n_bytes: usize) -> *mut u8 {
        Counting::called();
        LIVE_BYTES.fetch_add(n_bytes as i64 - layout.size() as i64, Relaxed);
        unsafe { System.realloc(memory, layout, n_bytes) }
    }
}

/// Runs `work` and says how often it asked for memory or gave it back.
pub fn watched<R>(work: impl FnOnce() -> R) -> (R, u64) {
    N_CALLS.set(0);
    IS_WATCHED.set(true);
    let done = work();
    IS_WATCHED.set(false);
    (done, N_CALLS.get())
}

/// Bytes that this program holds on its heap.
pub fn live_bytes() -> i64 {
    LIVE_BYTES.load(Relaxed)
}

/// Times of callbacks, in nanoseconds.
#[derive(Default)]
pub struct Times(Vec<u32>);

impl Times {
    /// With room for so many, so that measuring costs nothing.
    pub fn with_room(n: usize) -> Self {
        Self(Vec::with_capacity(n))
    }

    pub fn push(&mut self, taken: std::time::Duration) {
        self.0.push(u32::try_from(taken.as_nanos()).unwrap_or(u32::MAX));
    }

    pub fn extend(&mut self, other: Times) {
        self.0.extend(other.0);
    }

    /// The time that this share of the callbacks does not exceed, in microseconds.
    pub fn quantile_us(&mut self, share: f64) -> f64 {
        self.0.sort_unstable();
        let at = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(at.clamp(1, self.0.len().max(1)) - 1).map_or(0.0, |ns| f64::from(*ns) / 1e3)
    }

    /// Median, 99 %, 99.99 % and the longest, in microseconds.
    pub fn spread_us(&mut self) -> [f64; 4] {
        [0.5, 0.99, 0.9999, 1.0].map(|share| self.quantile_us(share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_times() {
        let mut times = Times::default();
        (1..=1000).rev().for_each(|us| times.push(std::time::Duration::from_micros(us)));

        assert_eq!(times.spread_us(), [500.0, 990.0, 1000.0, 1000.0]);
        assert_eq!(Times::default().quantile_us(0.5), 0.0);
    }
}
