//! The thread that listens: it empties the rings of every instance, passes requests on to the worker, and
//! keeps the picture of what was heard up to date.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use super::{
    EngineError, Shared,
    batch::Batch,
    faults::{self, Fault},
    health::Watch,
    line::{Asked, Source},
    queue::{Job, Ticket, Work},
    seat::Seat,
    worker::words,
};
use crate::link::{Lane, ModelStatus, Phase, Severity};

/// Between two rounds while audio flows, and while none does.
const BUSY_ROUND: Duration = Duration::from_millis(5);
const IDLE_ROUND: Duration = Duration::from_millis(40);

/// Between two nudges to listen ahead.
const NUDGE_ROUND: Duration = Duration::from_millis(100);

/// Between two pictures of what was heard.
const PICTURE_ROUND: Duration = Duration::from_millis(50);

/// Listens until the engine goes. A panic costs one round, and is told.
pub fn run(shared: &Shared) {
    shared.log.say(&format!("engine {} starts", env!("CARGO_PKG_VERSION")));
    let mut rounds = Rounds::new();
    while !shared.quit.load(Relaxed) {
        let pause = catch_unwind(AssertUnwindSafe(|| rounds.next(shared)));
        let pause = pause.unwrap_or_else(|panic| {
            let problem = EngineError::Panicked(words(&*panic)).to_string();
            shared.log.say(&problem);
            shared.say(Severity::Error, &problem);
            IDLE_ROUND
        });
        std::thread::park_timeout(pause);
    }
}

/// What is done only now and then.
struct Rounds {
    last_picture: Instant,
    last_nudge: Instant,
    watch: Watch,
}

impl Rounds {
    fn new() -> Self {
        Self { last_picture: Instant::now(), last_nudge: Instant::now(), watch: Watch::new() }
    }

    /// Listens to everyone once; how long to rest then.
    fn next(&mut self, shared: &Shared) -> Duration {
        faults::panic_if_due(Fault::KeeperPanics);
        let seats = shared.seats.lock().clone();
        let mut is_busy = false;
        for seat in &seats {
            let (asked, is_flowing) = seat.listen();
            is_busy |= is_flowing;
            for asked in asked {
                obey(shared, seat, asked);
            }
        }
        if is_busy && self.last_nudge.elapsed() > NUDGE_ROUND {
            shared.queue.nudge();
            self.last_nudge = Instant::now();
        }
        if self.last_picture.elapsed() > PICTURE_ROUND {
            for seat in &seats {
                seat.draw_heard();
                seat.hear_host();
            }
            self.last_picture = Instant::now();
        }
        self.watch.look(shared);
        if is_busy { BUSY_ROUND } else { IDLE_ROUND }
    }
}

/// Starts or stops a composition. A new request takes the place of an older one of the same instance.
pub fn obey(shared: &Shared, seat: &Arc<Seat>, asked: Asked) {
    let mut newest = seat.ticket.lock();
    if let Some(old) = newest.take() {
        old.stop();
    }
    let place = match asked {
        Asked::Stop => {
            drop(newest);
            seat.publish(|status| status.phase = Phase::Idle);
            return;
        }
        Asked::Continue(place) => place,
    };
    let refusal = match &seat.status().model {
        ModelStatus::Unavailable { reason } => Some(reason.clone()),
        _ if matches!(place.source, Source::Heard)
            && place.armed.is_none()
            && place.heard.frames.is_empty() =>
        {
            Some(match place.run.2 {
                Lane::Input => EngineError::NothingHeard.to_string(),
                Lane::Sidechain => EngineError::SidechainSilent.to_string(),
            })
        }
        _ => None,
    };
    if let Some(text) = refusal {
        drop(newest);
        place.signals.settle(place.id);
        seat.say(Severity::Error, text);
        return;
    }
    place.promise();
    let ticket = Arc::new(Ticket::default());
    *newest = Some(Arc::clone(&ticket));
    drop(newest);
    let (batch, asked_at) = (Batch::default(), Instant::now());
    let job = Job { seat: Arc::clone(seat), ticket, place, batch, asked_at };
    shared.queue.push(Work::Compose(Box::new(job)));
    shared.tell_queue();
}
