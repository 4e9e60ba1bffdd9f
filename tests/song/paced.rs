//! The clock of a host that plays in real time, however fast its blocks follow one another.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use encore::rt::Time;

/// Time that passes with the audio that is played, and while somebody waits.
#[derive(Clone, Default)]
pub struct PacedTime(Arc<AtomicU64>);

impl PacedTime {
    pub fn pass(&self, pause: Duration) {
        self.0.fetch_add(pause.as_nanos() as u64, Relaxed);
    }
}

impl Time for PacedTime {
    fn now(&mut self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }

    fn nap(&mut self, pause: Duration) {
        std::thread::sleep(pause);
        self.pass(pause);
    }
}
