//! Work in the order it was asked for, for all instances of the process.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::{batch::Batch, line::Place, seat::Seat};

/// The right to be worked on, which its owner may give up.
#[derive(Default)]
pub struct Ticket {
    stop: Arc<AtomicBool>,
}

impl Ticket {
    /// Felt by whoever works on it within a token.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// The flag itself, for the samplers to look at.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }
}

/// One continuation for one instance.
pub struct Job {
    pub seat: Arc<Seat>,
    pub ticket: Arc<Ticket>,
    pub place: Box<Place>,
    pub batch: Batch,
    pub asked_at: Instant,
}

/// What the worker does next.
pub enum Work {
    /// Look for packs and load the first.
    LoadModel,
    Compose(Box<Job>),
    /// Decode takes that are there as codes; only if nobody waits for anything.
    Recall,
    /// Listen to what is heard meanwhile; only if there is nothing else to do.
    Listen,
}

/// A queue that the worker waits on.
#[derive(Default)]
pub struct Queue {
    inner: Mutex<Inner>,
    wake: Condvar,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Work>,
    may_recall: bool,
    may_listen: bool,
    /// Of the two that are done while nobody waits, the last one was recalling.
    has_recalled: bool,
    is_closed: bool,
}

impl Queue {
    pub fn push(&self, work: Work) {
        self.inner.lock().waiting.push_back(work);
        self.wake.notify_one();
    }

    /// There is something to listen to, if there is nothing else to do.
    pub fn nudge(&self) {
        self.inner.lock().may_listen = true;
        self.wake.notify_one();
    }

    /// There may be takes to decode.
    pub fn recall(&self) {
        self.inner.lock().may_recall = true;
        self.wake.notify_one();
    }

    /// The next piece of work; none once the queue is closed.
    pub fn next(&self) -> Option<Work> {
        let mut inner = self.inner.lock();
        loop {
            if inner.is_closed {
                return None;
            }
            if let Some(work) = inner.waiting.pop_front() {
                return Some(work);
            }
            inner.has_recalled = inner.may_recall && !(inner.may_listen && inner.has_recalled);
            if inner.has_recalled {
                inner.may_recall = false;
                return Some(Work::Recall);
            }
            if std::mem::take(&mut inner.may_listen) {
                return Some(Work::Listen);
            }
            self.wake.wait(&mut inner);
        }
    }

    /// Waits a little, less if there is something new; true if something waits that could be done now.
    pub fn rest(&self, longest: Duration) -> bool {
        let is_ready = |work: &Work| match work {
            Work::Compose(job) => job.place.armed.is_none() && !job.ticket.is_stopped(),
            Work::LoadModel | Work::Recall | Work::Listen => true,
        };
        let is_wanted = |inner: &Inner| inner.is_closed || inner.waiting.iter().any(is_ready);
        let mut inner = self.inner.lock();
        if !is_wanted(&inner) {
            self.wake.wait_for(&mut inner, longest);
        }
        is_wanted(&inner)
    }

    /// Drops everything that waits, and lets nobody wait any more.
    pub fn close(&self) {
        let mut inner = self.inner.lock();
        inner.is_closed = true;
        let dropped = std::mem::take(&mut inner.waiting);
        drop(inner);
        self.wake.notify_all();
        drop(dropped); // outside the lock: jobs hold what instances heard
    }

    /// The seats that wait for a composition, first come first.
    pub fn seats(&self) -> Vec<Arc<Seat>> {
        let inner = self.inner.lock();
        let jobs = inner.waiting.iter().filter_map(|work| match work {
            Work::Compose(job) if !job.ticket.is_stopped() => Some(Arc::clone(&job.seat)),
            _ => None,
        });
        jobs.collect()
    }
}
