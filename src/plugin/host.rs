//! What a host must be told from its main thread, written once for every format.
//!
//! Any thread may find something to tell ([`News`]); it sets a flag and wakes the host, which later calls
//! the adapter on its main thread, which calls [`super::Core::tell`].

use std::sync::atomic::{AtomicBool, Ordering::AcqRel};

use egui_baseview::RepaintNotifier;
use parking_lot::RwLock;

use super::Gestures;

/// The host as its main thread sees it. No lock is held while these are called: hosts call back.
pub trait MainHost {
    /// The user edited parameters: pass the gestures on, or ask for the call that will.
    fn edits(&self, gestures: &Gestures);
    /// The project has unsaved changes.
    fn mark_dirty(&self);
    /// Parameter values are no longer what the host remembers.
    fn values_changed(&self);
    /// The same values read differently now: a pack brought names for artists and genres.
    fn texts_changed(&self);
}

/// Asks the host to call its main thread; safe from every thread but the audio thread.
pub type Waker = Box<dyn Fn() + Send + Sync>;

/// What has happened since the host was last told, and how to get its attention.
///
/// The engine holds this and not the core, so that its last handle to an instance never owns it.
#[derive(Default)]
pub struct News {
    /// The project has unsaved changes.
    pub dirty: AtomicBool,
    /// A state was loaded.
    pub values: AtomicBool,
    /// The engine has a new status.
    pub status: AtomicBool,
    /// Draws the editor again, if there is one.
    pub repaint: RepaintNotifier,
    waker: RwLock<Option<Waker>>,
}

impl News {
    /// Replaces the way to reach the host, and uses the new one for what has waited for it. After
    /// `set_waker(None)` the old one is not running any more.
    pub fn set_waker(&self, waker: Option<Waker>) {
        let old = std::mem::replace(&mut *self.waker.write(), waker);
        drop(old);
        self.wake();
    }

    /// Gets the host's attention.
    pub fn wake(&self) {
        if let Some(waker) = &*self.waker.read_recursive() {
            waker();
        }
    }

    /// Raises `flag` and wakes the host, unless it was up already.
    pub fn raise(&self, flag: &AtomicBool) {
        if !flag.swap(true, AcqRel) {
            self.wake();
        }
    }

    /// Takes a flag down and says whether it was up.
    pub fn lower(&self, flag: &AtomicBool) -> bool {
        flag.swap(false, AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use super::*;

    #[test]
    fn news_from_before_there_was_a_waker_is_not_forgotten() {
        let (news, n_wakes) = (News::default(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&n_wakes);

        news.raise(&news.status);
        news.set_waker(Some(Box::new(move || {
            counted.fetch_add(1, SeqCst);
        })));
        assert_eq!(n_wakes.load(SeqCst), 1);
        news.raise(&news.status); // still waiting to be heard
        assert!(news.lower(&news.status));
        news.raise(&news.status);

        assert_eq!(n_wakes.load(SeqCst), 2);
        news.set_waker(None);
        news.raise(&news.dirty);
        assert_eq!(n_wakes.load(SeqCst), 2);
    }
}
