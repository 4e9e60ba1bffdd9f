//! The thread that listens: it empties the rings of every instance, passes requests on to the worker, and
//! keeps the picture of what was heard up to date.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use super::{
    EngineError, Shared,
    line::Asked,
    queue::{Job, Ticket, Work},
    seat::Seat,
};
use crate::link::{Lane, ModelStatus, Phase, Severity};

/// Between two rounds while audio flows, and while none does.
const BUSY_ROUND: Duration = Duration::from_millis(5);
const IDLE_ROUND: Duration = Duration::from_millis(40);

/// Between two nudges to listen ahead.
const NUDGE_ROUND: Duration = Duration::from_millis(100);

/// Between two pictures of what was heard.
const PICTURE_ROUND: Duration = Duration::from_millis(50);

/// Listens until the engine goes.
pub fn run(shared: &Shared) {
    let (mut last_picture, mut last_nudge) = (Instant::now(), Instant::now());
    while !shared.quit.load(Relaxed) {
        let seats = shared.seats.lock().clone();
        let mut is_busy = false;
        for seat in &seats {
            let (asked, is_flowing) = seat.listen();
            is_busy |= is_flowing;
            for asked in asked {
                obey(shared, seat, asked);
            }
        }
        if is_busy && last_nudge.elapsed() > NUDGE_ROUND {
            shared.queue.nudge();
            last_nudge = Instant::now();
        }
        if last_picture.elapsed() > PICTURE_ROUND {
            seats.iter().for_each(|seat| seat.draw_heard());
            last_picture = Instant::now();
        }
        drop(seats); // a seat may be the last of its instance
        std::thread::park_timeout(if is_busy { BUSY_ROUND } else { IDLE_ROUND });
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
        _ if place.armed.is_none() && place.heard.frames.is_empty() => Some(match place.run.2 {
            Lane::Input => EngineError::NothingHeard.to_string(),
            Lane::Sidechain => EngineError::SidechainSilent.to_string(),
        }),
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
    let job = Job { seat: Arc::clone(seat), ticket, place, asked_at: Instant::now() };
    shared.queue.push(Work::Compose(Box::new(job)));
    shared.tell_queue();
}
