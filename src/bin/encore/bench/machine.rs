//! The machine: how fast it reads memory, and a load beside the measurement.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Instant;

use encore::jukebox::crew;

/// Much more than any cache holds.
const READ_BYTES: usize = 512 << 20;
const N_READS: usize = 7;
/// Numbers that a thread adds up before the next thread's turn.
const CHUNK: usize = 1 << 17;

/// How fast memory is read. It changes with what other machines on the same hardware do, so it is measured
/// again beside every group of figures.
#[derive(Default)]
pub struct Bandwidth(Vec<f64>);

impl Bandwidth {
    /// Bytes per second that all threads of the crew together read now: the median of several passes.
    pub fn now(&mut self) -> f64 {
        let numbers = vec![1u64; READ_BYTES / size_of::<u64>()];
        let now = median((0..N_READS).map(|_| {
            let begun = Instant::now();
            crew::share(numbers.len() / CHUNK, |part| {
                black_box(numbers[part * CHUNK..(part + 1) * CHUNK].iter().sum::<u64>());
            });
            READ_BYTES as f64 / begun.elapsed().as_secs_f64()
        }));
        self.0.push(now);
        now
    }

    /// The middle one of all measurements.
    pub fn median(&self) -> f64 {
        median(self.0.iter().copied())
    }
}

/// The middle one; of none, not a number.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Threads that do nothing useful, as a busy host has them, until this is dropped.
pub struct Load {
    ends: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    pub fn new(n_threads: usize) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let spin = |_| {
            let ends = Arc::clone(&ends);
            std::thread::spawn(move || {
                let mut x = 1u64;
                while !ends.load(Relaxed) {
                    x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                }
            })
        };
        let threads = (0..n_threads).map(spin).collect();
        Self { ends, threads }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ends.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // it cannot panic
        }
    }
}
