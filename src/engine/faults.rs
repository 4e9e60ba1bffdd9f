//! Failures on purpose, so that tests can see that a host, its takes and its user come through them. Nothing
//! in Encore calls [`inject`].

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// What is to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// The thread that composes panics in the middle of a take.
    WorkerPanics = 1,
    /// The thread that listens panics.
    KeeperPanics = 2,
    /// There is no memory for a take.
    NoMemory = 3,
}

/// The fault that happens next; 0 is none.
static NEXT: AtomicU8 = AtomicU8::new(0);

/// The next time that `fault` can happen in this process, it does, once.
pub fn inject(fault: Fault) {
    NEXT.store(fault as u8, Relaxed);
}

/// Whether `fault` is to happen now.
pub(super) fn is_due(fault: Fault) -> bool {
    let due = NEXT.load(Relaxed) == fault as u8;
    due && NEXT.compare_exchange(fault as u8, 0, Relaxed, Relaxed).is_ok()
}

/// Panics if `fault` is to happen now.
pub(super) fn panic_if_due(fault: Fault) {
    if is_due(fault) {
        std::panic::resume_unwind(Box::new("on purpose")); // without a word on the terminal
    }
}
