//! Where the networks run: on threads of our own, few, in the background, and joined when the engine goes, so
//! that a host may unload the plugin.

use std::{sync::Arc, thread::JoinHandle};

use parking_lot::Mutex;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::jukebox::crew::{Crew, Urgency, n_cores};

/// More threads would wait for the memory together.
const MAX_THREADS: usize = 8;

/// A thread that composes, with helpers.
pub struct Pool {
    crew: Crew,
    /// Of one thread, where the tensor library finds a pool: its own would never end.
    composer: Option<ThreadPool>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Pool {
    /// One thread fewer than the machine runs at once, to leave one to the host; at least one, and a few at most.
    pub fn new() -> Self {
        let threads = Arc::new(Mutex::new(Vec::new()));
        let joined_later = Arc::clone(&threads);
        let composer = ThreadPoolBuilder::new()
            .num_threads(1)
            .spawn_handler(move |thread| {
                let composer = std::thread::Builder::new().name("encore-composer".into());
                let handle = composer.spawn(|| {
                    Urgency::BelowNormal.take_on();
                    thread.run();
                })?;
                joined_later.lock().push(handle);
                Ok(())
            })
            .build();
        let crew = Crew::new(n_cores().saturating_sub(1).min(MAX_THREADS), Urgency::BelowNormal);
        Self { crew, composer: composer.ok(), threads }
    }

    /// Runs `work` on the composing thread; on the calling thread if the system gave us none.
    pub fn install<R: Send>(&mut self, work: impl FnOnce() -> R + Send) -> R {
        let Self { crew, composer, .. } = self;
        match composer {
            Some(composer) => composer.install(|| crew.install(work)),
            None => crew.install(work),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.composer = None; // asks its thread to end
        for thread in std::mem::take(&mut *self.threads.lock()) {
            let _ = thread.join(); // a panic in there has been reported already
        }
    }
}
