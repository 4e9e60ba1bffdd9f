//! Threads for the tensor library: our own, few, and joined when the engine goes, so that a host may unload
//! the plugin. The library's global pool is never touched.

use std::{sync::Arc, thread::JoinHandle};

use parking_lot::Mutex;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// A rayon pool that is joined when dropped.
pub struct Pool {
    pool: Option<ThreadPool>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Pool {
    /// One thread fewer than the machine has, to leave one to the host; at least one.
    pub fn new() -> Self {
        let n_cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let threads = Arc::new(Mutex::new(Vec::new()));
        let joined_later = Arc::clone(&threads);
        let pool = ThreadPoolBuilder::new()
            .num_threads(n_cores.saturating_sub(1).max(1))
            .spawn_handler(move |thread| {
                let name = format!("encore-math-{}", thread.index());
                let handle = std::thread::Builder::new().name(name).spawn(|| thread.run())?;
                joined_later.lock().push(handle);
                Ok(())
            })
            .build();
        Self { pool: pool.ok(), threads }
    }

    /// Runs `work` inside the pool; on the calling thread if the system gave us no threads.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.pool = None; // asks the threads to end
        for thread in std::mem::take(&mut *self.threads.lock()) {
            let _ = thread.join(); // a panic in there has been reported already
        }
    }
}
