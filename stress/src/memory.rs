//! What the system says about this process: its memory and its threads.

use std::fs;

/// Size from which a block of memory goes back to the system by itself.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: i32 = 128 << 10;

/// Large blocks go back to the system at once. Left to itself, the C library keeps tens of megabytes of freed
/// memory for each thread there ever was, and nothing could be told from what the system sees.
pub fn give_back_at_once() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the system's own call, before any other thread runs
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE_BYTES);
    }
}

/// Bytes of this process in memory, after whatever can be given back was.
pub fn resident_bytes() -> Option<u64> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the system's own call, which takes its own locks
    unsafe {
        libc::malloc_trim(0);
    }
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Names of this process's threads, in order.
pub fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    let mut names: Vec<_> = names.map(|name| name.trim().to_owned()).collect();
    names.sort();
    names
}

/// How memory grows with the work that was done.
#[derive(Default)]
pub struct Growth {
    /// Thousands of mutations, and bytes.
    samples: Vec<(f64, f64)>,
}

impl Growth {
    pub fn sample(&mut self, n_mutations: u64, bytes: f64) {
        self.samples.push((n_mutations as f64 / 1e3, bytes));
    }

    /// Bytes per 1000 mutations by least squares, without the first quarter, in which caches fill; none of
    /// too few samples.
    pub fn slope(&self) -> Option<f64> {
        let warm = &self.samples[self.samples.len() / 4..];
        if warm.len() < 3 {
            return None;
        }
        let n = warm.len() as f64;
        let mean_x = warm.iter().map(|(x, _)| x).sum::<f64>() / n;
        let mean_y = warm.iter().map(|(_, y)| y).sum::<f64>() / n;
        let spread = warm.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>();
        let shared = warm.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>();
        (spread > 0.0).then_some(shared / spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_without_the_warming_up() {
        let mut growth = Growth::default();
        growth.sample(0, -1e9);
        growth.sample(1000, -1e6);
        for k in 2..8 {
            growth.sample(k * 1000, 5e6 + 250.0 * k as f64);
        }

        assert!((growth.slope().unwrap() - 250.0).abs() < 1e-3);
        assert_eq!(Growth::default().slope(), None);
    }
}
