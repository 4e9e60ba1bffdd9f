//! Threads that share work out: ours, few, and gone when their crew is dropped.
//!
//! Whoever calls works too. A job is cut into parts that are claimed one by one, by the caller and by
//! helpers that happen to be awake; in the end the caller waits only for parts that a helper has already
//! claimed, so a helper that the system lets wait holds nothing up that it has not begun. Helpers look for
//! work for a moment and then sleep. On a busy machine, where one was interrupted in the middle of a part,
//! the caller works alone for a while.
//!
//! No result depends on who does which part.

mod job;

use std::cell::Cell;
use std::sync::Arc;
use std::thread::JoinHandle;

use self::job::Board;

/// What the system is told of the threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// As any other program.
    Ordinary,
    /// Everybody else comes first: a host with its audio, and its user interface.
    BelowNormal,
}

impl Urgency {
    /// Applies it to the calling thread; where the system does not let us, nothing changes.
    pub fn take_on(self) {
        use thread_priority::{ThreadPriority, set_current_thread_priority};
        if self == Self::BelowNormal
            && let Ok(below) = BELOW_NORMAL.try_into()
        {
            let _ = set_current_thread_priority(ThreadPriority::Crossplatform(below));
        }
    }
}

/// Of 0 to 99, where an ordinary thread has about 50.
const BELOW_NORMAL: u8 = 37;

thread_local! {
    /// Where the calling thread's work is shared out, if anywhere.
    static CURRENT: Cell<Option<*const Crew>> = const { Cell::new(None) };
}

/// Helpers, and the thread that calls [`Crew::install`].
pub struct Crew {
    board: Arc<Board>,
    helpers: Vec<JoinHandle<()>>,
}

impl Crew {
    /// `n_threads` with the caller's. If the system gives us fewer, there are fewer.
    pub fn new(n_threads: usize, urgency: Urgency) -> Self {
        let board = Arc::new(Board::default());
        let helper = |idx| {
            let board = Arc::clone(&board);
            let helper = std::thread::Builder::new().name(format!("encore-crew-{idx}"));
            helper.spawn(move || {
                urgency.take_on();
                board.help();
            })
        };
        let helpers: Vec<_> = (1..n_threads).map_while(|idx| helper(idx).ok()).collect();
        board.introduce(helpers.iter().map(|helper| helper.thread().clone()).collect());
        Self { board, helpers }
    }

    /// As many threads as the machine runs at once.
    pub fn of_machine() -> Self {
        Self::new(n_cores(), Urgency::Ordinary)
    }

    /// Threads with the caller's.
    pub fn n_threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Does `work`, whose parts are shared out to the crew wherever it comes to [`share`].
    pub fn install<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let _before = Before(CURRENT.replace(Some(self)));
        work()
    }
}

/// Puts back what was current, after a panic as well.
struct Before(Option<*const Crew>);

impl Drop for Before {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.board.dismiss();
        for helper in self.helpers.drain(..) {
            let _ = helper.join(); // panics of parts were passed on to the caller
        }
    }
}

/// Threads that the machine runs at once; at least one.
pub fn n_cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// Threads that share the caller's work: 1 outside of a crew.
pub fn n_threads() -> usize {
    current(|crew| crew.map_or(1, Crew::n_threads))
}

/// Calls `part` once with each number below `n_parts`, on any thread of the crew that the caller runs in.
/// What is shared out inside of a part stays on its thread.
///
/// # Panics
/// When a part does, after all of them have ended.
pub fn share(n_parts: usize, part: impl Fn(usize) + Sync) {
    current(|crew| match crew {
        Some(crew) if 1 < n_parts && !crew.helpers.is_empty() => {
            let _before = Before(CURRENT.take());
            crew.board.share(n_parts, &part);
        }
        _ => (0..n_parts).for_each(&part),
    });
}

fn current<R>(then: impl FnOnce(Option<&Crew>) -> R) -> R {
    // SAFETY: the pointer was made from a reference that `install` holds until it takes it back.
    then(CURRENT.get().map(|crew| unsafe { &*crew }))
}

/// Numbers of which several threads write different parts at a time.
pub struct Parted<'a, T> {
    first: *mut T,
    len: usize,
    _borrowed: std::marker::PhantomData<&'a mut [T]>,
}

// SAFETY: `part` hands out exclusive references, and its callers see to it that they do not overlap.
unsafe impl<T: Send> Sync for Parted<'_, T> {}

impl<'a, T> Parted<'a, T> {
    pub fn new(whole: &'a mut [T]) -> Self {
        Self { first: whole.as_mut_ptr(), len: whole.len(), _borrowed: std::marker::PhantomData }
    }

    /// # Safety
    /// No two ranges that are held at the same time overlap.
    #[expect(clippy::mut_from_ref, reason = "that is what it is for")]
    pub unsafe fn part(&self, range: std::ops::Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: it lies within what was borrowed, and nobody else holds it, as the caller promises.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(range.start), range.len()) }
    }
}

#[cfg(test)]
mod tests;
