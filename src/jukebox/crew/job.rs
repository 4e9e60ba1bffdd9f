//! One job at a time: its parts, who has claimed them, and who sleeps.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
};
use std::thread::Thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What is done with the number of a part.
pub type Part<'a> = dyn Fn(usize) + Sync + 'a;

/// How long a helper looks for more work before it sleeps.
const LOOKS_FOR: Duration = Duration::from_micros(60);
/// Looks between two looks at the clock.
const LOOKS: usize = 64;

/// A helper that keeps the caller waiting for this and as long as a few parts take was interrupted.
const INTERRUPTED: Duration = Duration::from_micros(200);
const INTERRUPTED_PARTS: u32 = 3;
/// Jobs that the caller does alone after that: twice as many each time, and fewer as things go well.
const ALONE: (u32, u32) = (64, 4096);

/// Where the caller puts a job up and helpers find it.
#[derive(Default)]
pub struct Board {
    /// Parts that nobody has claimed. Everything else of a job is read after a claim, which pins it: the
    /// caller puts nothing new up before all parts are done.
    n_left: AtomicUsize,
    n_parts: AtomicUsize,
    n_done: AtomicUsize,
    part: AtomicPtr<&'static Part<'static>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    is_dismissed: AtomicBool,
    n_asleep: AtomicUsize,
    helpers: OnceLock<Vec<Thread>>,
    /// Jobs that the caller does alone, and how many it will be after the next interruption.
    alone: AtomicU32,
    alone_next: AtomicU32,
}

impl Board {
    /// Who is to be woken.
    pub fn introduce(&self, helpers: Vec<Thread>) {
        let _ = self.helpers.set(helpers); // comes once
    }

    /// Every part of a job, once.
    pub fn share(&self, n_parts: usize, part: &Part) {
        let n_alone = self.alone.load(Relaxed);
        if 0 < n_alone {
            self.alone.store(n_alone - 1, Relaxed);
            return (0..n_parts).for_each(part);
        }
        // SAFETY: only lifetimes change; no helper uses it after the last part is done, which is waited for.
        let mut part: &'static Part<'static> = unsafe { std::mem::transmute(part) };
        self.part.store(&mut part, Relaxed);
        self.n_parts.store(n_parts, Relaxed);
        self.n_done.store(0, Relaxed);
        self.n_left.store(n_parts, SeqCst); // before looking whether somebody sleeps
        if 0 < self.n_asleep.load(SeqCst) {
            self.wake();
        }
        let (begun, mut n_own) = (Instant::now(), 0);
        while self.help_once() {
            n_own += 1;
        }
        let per_part = begun.elapsed() / n_own.max(1);
        self.wait(n_parts, INTERRUPTED + INTERRUPTED_PARTS * per_part);
        if let Some(panic) = self.panic.lock().take() {
            resume_unwind(panic);
        }
    }

    /// Until all claimed parts are done; after longer than `patience` the next jobs are done alone.
    fn wait(&self, n_parts: usize, patience: Duration) {
        let begun = Instant::now();
        let mut n_looks = 0;
        while self.n_done.load(Acquire) < n_parts {
            n_looks += 1;
            match n_looks < LOOKS {
                true => std::hint::spin_loop(),
                false => std::thread::yield_now(),
            }
        }
        let next = self.alone_next.load(Relaxed).max(ALONE.0);
        if LOOKS <= n_looks && patience < begun.elapsed() {
            self.alone.store(next, Relaxed);
            self.alone_next.store((2 * next).min(ALONE.1), Relaxed);
        } else if ALONE.0 < next {
            self.alone_next.store(next - 1, Relaxed);
        }
    }

    /// Claims a part and does it, if there is one.
    fn help_once(&self) -> bool {
        let claim = |n_left: usize| n_left.checked_sub(1);
        let Ok(n_left) = self.n_left.fetch_update(AcqRel, Relaxed, claim) else {
            return false;
        };
        let idx = self.n_parts.load(Relaxed) - n_left;
        // SAFETY: the job stays until this part is done, and the claim was made after it was put up.
        let part = unsafe { *self.part.load(Relaxed) };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| part(idx))) {
            *self.panic.lock() = Some(panic);
        }
        self.n_done.fetch_add(1, Release);
        true
    }

    /// A helper's life.
    pub fn help(&self) {
        let mut last_work = Instant::now();
        while !self.is_dismissed.load(Acquire) {
            if self.help_once() {
                while self.help_once() {}
                last_work = Instant::now();
            }
            for _ in 0..LOOKS {
                if 0 < self.n_left.load(Relaxed) {
                    break;
                }
                std::hint::spin_loop();
            }
            if LOOKS_FOR < last_work.elapsed() {
                self.sleep();
                last_work = Instant::now();
            }
        }
    }

    fn sleep(&self) {
        self.n_asleep.fetch_add(1, SeqCst);
        // whoever puts a job up after this look sees a sleeper
        if self.n_left.load(SeqCst) == 0 && !self.is_dismissed.load(SeqCst) {
            std::thread::park();
        }
        self.n_asleep.fetch_sub(1, SeqCst);
    }

    fn wake(&self) {
        self.helpers.get().into_iter().flatten().for_each(Thread::unpark);
    }

    /// Lets the helpers go.
    pub fn dismiss(&self) {
        self.is_dismissed.store(true, SeqCst);
        self.wake();
    }
}
