//! Waiting for the end of a thread that somebody else began and does not always wait for.
//!
//! The window's library goes without its thread where that ends just as the window is closed. A host that ends
//! meanwhile would take away what the thread still uses.

use std::{
    cell::RefCell,
    sync::mpsc::{Receiver, Sender, channel},
    time::Duration,
};

/// Longest wait; a thread that hangs must not hang the host.
const PATIENCE: Duration = Duration::from_secs(2);

thread_local! {
    /// Dropped by the thread itself when everything else that it did is done.
    static KEPT: RefCell<Vec<Sender<()>>> = const { RefCell::new(Vec::new()) };
}

/// What the thread holds until its end.
pub struct Pledge(Option<Sender<()>>);

/// Who waits for it, when dropped.
pub struct Awaited(Receiver<()>);

/// Both sides; the wait is also over when the pledge is dropped without a thread that keeps it.
pub fn farewell() -> (Pledge, Awaited) {
    let (sender, receiver) = channel();
    (Pledge(Some(sender)), Awaited(receiver))
}

impl Pledge {
    /// The thread that calls this is the one whose end is awaited.
    pub fn keep(&mut self) {
        if let Some(sender) = self.0.take() {
            KEPT.with_borrow_mut(|kept| kept.push(sender));
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let _ = self.0.recv_timeout(PATIENCE); // nothing is ever sent: it ends with the sender
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::channel,
    };

    use super::*;

    #[test]
    fn a_thread_is_waited_for_until_all_that_it_did_is_done() {
        let (mut pledge, awaited) = farewell();
        let (go, gone) = channel::<()>();
        let is_done = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&is_done);
        let thread = std::thread::spawn(move || {
            pledge.keep();
            drop(pledge);
            let _ = gone.recv();
            done.store(true, SeqCst);
        });

        drop(go);
        drop(awaited);

        assert!(is_done.load(SeqCst));
        thread.join().unwrap();
    }

    #[test]
    fn a_pledge_that_no_thread_keeps_is_not_waited_for() {
        let (pledge, awaited) = farewell();
        drop(pledge);
        drop(awaited);
    }
}
