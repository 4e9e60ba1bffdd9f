//! The thread that composes, and listens ahead while it has nothing else to do. It owns the model and the
//! pool of threads that multiply its matrices; a panic in here is a message to the user and nothing more.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use super::{
    EngineError, Shared,
    ear::WORTH_TOKENS,
    health,
    model::{Model, load_first},
    models::Models,
    pool::Pool,
    queue::{Job, Work},
    recall::recall,
    take::{Taken, take},
};
use crate::link::{ModelStatus, Phase, Severity};

/// Works until the queue is closed.
pub fn run(shared: &Shared) {
    let mut pool = Pool::new();
    let mut models: Option<Models> = None;
    let mut recalling = None;
    while let Some(work) = shared.queue.next() {
        let _at_work = shared.meter.at_work();
        shared.tell_queue();
        match work {
            Work::LoadModel => {
                drop(models.take()); // makes room for the next
                shared.seats.lock().iter().for_each(|seat| seat.ear.lock().forget());
                recalling = None;
                models = pool.install(|| load(shared)).map(Models::new);
                shared.queue.recall();
            }
            Work::Compose(mut job) => {
                let begun = Instant::now();
                let done = pool.install(|| {
                    catch_unwind(AssertUnwindSafe(|| compose(shared, models.as_mut(), &mut job)))
                        .unwrap_or_else(|panic| Err(EngineError::Panicked(words(&*panic))))
                });
                match done {
                    Ok(Taken::Later) => shared.queue.push(Work::Compose(job)),
                    done => {
                        let done = done.map(|_| ());
                        health::ended(shared, &job, begun, &done);
                        finish(&mut job, done);
                    }
                }
                shared.queue.recall(); // there may be takes that lost their sound
            }
            Work::Recall => {
                let Some(models) = &models else { continue };
                let decode = || pool.install(|| recall(shared, models.own(), &mut recalling));
                match catch_unwind(AssertUnwindSafe(decode)) {
                    Ok(true) => shared.queue.recall(),
                    Ok(false) => {}
                    Err(panic) => {
                        let problem = EngineError::Panicked(words(&*panic));
                        recalling.take().inspect(|now| now.give_up(&problem));
                        shared.queue.recall();
                    }
                }
            }
            Work::Listen => {
                let listened = models.as_ref().map(|models| {
                    let ahead = || pool.install(|| listen_ahead(shared, models.own()));
                    catch_unwind(AssertUnwindSafe(ahead))
                });
                if let Some(Err(panic)) = listened {
                    shared.log.say(&format!("listening ahead failed ({})", words(&*panic)));
                    shared.seats.lock().iter().for_each(|seat| seat.ear.lock().forget());
                }
            }
        }
    }
}

/// One request, with the model that plays its artist.
fn compose(
    shared: &Shared,
    models: Option<&mut Models>,
    job: &mut Job,
) -> Result<Taken, EngineError> {
    if job.ticket.is_stopped() {
        return Err(EngineError::Stopped);
    }
    let model = models.ok_or_else(|| EngineError::NoPack(Vec::new()))?.of(job)?;
    take(shared, model, job)
}

/// A little for the first instance that has enough to listen to; what cannot be listened to is told when it
/// is asked for.
fn listen_ahead(shared: &Shared, model: &Model) {
    let seats = shared.seats.lock().clone();
    let _ = seats
        .iter()
        .find(|seat| seat.ear.lock().follow(model, seat, WORTH_TOKENS).unwrap_or(false));
}

/// Loads the first pack that can be used and tells every instance how that went.
fn load(shared: &Shared) -> Option<Model> {
    let trying = |name: &str| shared.tell_model(ModelStatus::Loading { name: name.to_owned() });
    let loaded = catch_unwind(AssertUnwindSafe(|| load_first(shared.binary.as_deref(), trying)))
        .unwrap_or_else(|panic| Err(EngineError::Panicked(words(&*panic))));
    match loaded {
        Ok((model, problems)) => {
            shared.tell_model(ModelStatus::Ready(Arc::new(model.summary())));
            let summary = model.summary();
            shared.log.say(&format!("loaded {} from {}", summary.name, summary.folder.display()));
            problems.iter().for_each(|e| shared.log.say(&format!("skipped a model: {e}")));
            let skipped = problems.first().map(|e| format!("another model was skipped: {e}"));
            let untaught = model.pack.taught_problems().first();
            let untaught = untaught.map(|e| format!("a taught artist was left out: {e}"));
            let notes: Vec<_> = skipped.into_iter().chain(untaught).collect();
            if !notes.is_empty() {
                shared.say(Severity::Note, &notes.join("; "));
            }
            Some(model)
        }
        Err(error) => {
            shared.log.say(&format!("no model: {error}"));
            shared.tell_model(ModelStatus::Unavailable { reason: error.to_string() });
            None
        }
    }
}

/// Tells the user how it ended, and whoever waits that it has.
fn finish(job: &mut Job, done: Result<(), EngineError>) {
    let (age, made) = (job.batch.age, std::mem::take(&mut job.batch.made));
    let ended = job.seat.arrange(|shelf| shelf.end(age, &job.batch.planned, made));
    job.place.signals.settle(job.place.id);
    let mut newest = job.seat.ticket.lock();
    let is_newest = newest.as_ref().is_some_and(|ticket| Arc::ptr_eq(ticket, &job.ticket));
    if is_newest {
        *newest = None;
    }
    drop(newest);
    if is_newest {
        job.seat.publish(|status| status.phase = Phase::Idle);
    }
    let done = done.and(ended.map_err(EngineError::from));
    match done {
        Ok(()) | Err(EngineError::Stopped) => {}
        Err(error) => job.seat.say(Severity::Error, error.to_string()),
    }
}

/// What a panic said.
pub fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("for an unknown reason").to_owned()
}
