//! What the engine costs and has done, measured on its own threads and put before every instance.

use std::{
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    time::{Duration, Instant},
};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::{EngineError, Shared, queue::Job};
use crate::link::EngineLoad;

/// Between two measurements.
const ROUND: Duration = Duration::from_secs(1);

/// Steps in which memory is shown, in bytes: less is noise.
const MEMORY_STEP: u64 = 1 << 20;

static N_BEGUN: AtomicU64 = AtomicU64::new(0);
static N_WHOLE: AtomicU64 = AtomicU64::new(0);

/// Requests that all engines of this process worked on, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakesSoFar {
    pub n_begun: u64,
    /// Neither stopped nor failed.
    pub n_whole: u64,
}

/// Requests that were worked on since the process began.
pub fn takes_so_far() -> TakesSoFar {
    TakesSoFar { n_begun: N_BEGUN.load(Relaxed), n_whole: N_WHOLE.load(Relaxed) }
}

/// How long the worker has been at work.
pub struct Meter {
    born: Instant,
    done_us: AtomicU64,
    /// When the present work began, in microseconds after birth; 0 while there is none.
    since_us: AtomicU64,
}

impl Meter {
    pub fn new() -> Self {
        Self { born: Instant::now(), done_us: 0.into(), since_us: 0.into() }
    }

    /// The worker is at work until what is returned goes.
    pub fn at_work(&self) -> AtWork<'_> {
        self.since_us.store(self.now_us(), Release);
        AtWork(self)
    }

    /// Time at work so far.
    pub fn busy(&self) -> Duration {
        let since = self.since_us.load(Acquire);
        let present = if since == 0 { 0 } else { self.now_us().saturating_sub(since) };
        Duration::from_micros(self.done_us.load(Relaxed) + present)
    }

    fn now_us(&self) -> u64 {
        (self.born.elapsed().as_micros() as u64).max(1)
    }
}

/// See [`Meter::at_work`].
pub struct AtWork<'m>(&'m Meter);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let since = self.0.since_us.swap(0, Relaxed);
        self.0.done_us.fetch_add(self.0.now_us().saturating_sub(since), Release);
    }
}

/// Looks once a second how the engine and its instances fare.
pub struct Watch {
    system: System,
    last: Instant,
    busy: Duration,
}

impl Watch {
    pub fn new() -> Self {
        Self { system: System::new(), last: Instant::now(), busy: Duration::ZERO }
    }

    /// Tells every instance, if it is time.
    pub fn look(&mut self, shared: &Shared) {
        let passed = self.last.elapsed();
        if passed < ROUND {
            return;
        }
        self.last = Instant::now();
        let busy = shared.meter.busy();
        let share = busy.saturating_sub(self.busy).as_secs_f64() / passed.as_secs_f64();
        self.busy = busy;
        let load = EngineLoad {
            busy: (100.0 * share).round().min(100.0) / 100.0,
            busy_seconds: busy.as_secs_f64(),
            n_bytes: self.memory() / MEMORY_STEP * MEMORY_STEP,
        };
        for seat in shared.seats.lock().clone() {
            seat.tell_health(load);
        }
    }

    /// Of this process, in bytes; 0 where the system does not say.
    fn memory(&mut self) -> u64 {
        let own = Pid::from_u32(std::process::id());
        let what = ProcessRefreshKind::nothing().with_memory().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, what);
        self.system.process(own).map_or(0, |process| process.memory())
    }
}

/// A request is about to be worked on.
pub fn begun() {
    N_BEGUN.fetch_add(1, Relaxed);
}

/// A request was worked on since `begun`, and how that ended.
pub fn ended(shared: &Shared, job: &Job, begun: Instant, done: &Result<(), EngineError>) {
    let settings = &job.place.settings;
    let (length, taken) = (settings.length_seconds, begun.elapsed().as_secs_f64());
    let how = match done {
        Ok(()) => {
            N_WHOLE.fetch_add(1, Relaxed);
            format!("whole after {taken:.2} s, {:.2} × real time", length / taken.max(1e-9))
        }
        Err(EngineError::Stopped) => format!("stopped after {taken:.2} s"),
        Err(error) => format!("failed after {taken:.2} s: {error}"),
    };
    let (seed, artist) = (settings.seed, settings.artist);
    shared.log.say(&format!("take of {length:.1} s, artist {artist}, seed {seed}: {how}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_at_work_counts() {
        let meter = Meter::new();
        assert_eq!(meter.busy(), Duration::ZERO);

        let work = meter.at_work();
        while meter.busy() < Duration::from_millis(2) {}
        drop(work);

        let busy = meter.busy();
        assert!(busy >= Duration::from_millis(2));
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(meter.busy(), busy);
    }

    #[test]
    fn the_process_has_memory() {
        assert!(Watch::new().memory() > MEMORY_STEP);
    }
}
