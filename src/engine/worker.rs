//! The thread that composes. It owns the model and the pool of threads that multiply its matrices; a panic
//! in here is a message to the user and nothing more.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{
    EngineError, Shared,
    model::{Model, load_first},
    pool::Pool,
    queue::{Job, Work},
    resample::to_rate,
    session::{Request, compose},
    stream::{Stream, StreamConfig},
};
use crate::{
    jukebox::SamplerSettings,
    link::{Anchor, ModelStatus, Phase, Progress, Severity, TakeStatus},
    units::frames_from_seconds,
};

/// Works until the queue is closed.
pub fn run(shared: &Shared) {
    let mut pool = Pool::new();
    let mut model = None;
    while let Some(work) = shared.queue.next() {
        shared.tell_queue();
        match work {
            Work::LoadModel => {
                drop(model.take()); // makes room for the next
                model = pool.install(|| load(shared));
            }
            Work::Compose(job) => {
                let done = pool.install(|| {
                    catch_unwind(AssertUnwindSafe(|| take(model.as_ref(), &job)))
                        .unwrap_or_else(|panic| Err(EngineError::Panicked(words(&*panic))))
                });
                finish(&job, done);
            }
        }
    }
}

/// Loads the first pack that can be used and tells every instance how that went.
fn load(shared: &Shared) -> Option<Model> {
    let trying = |name: &str| shared.tell_model(ModelStatus::Loading { name: name.to_owned() });
    let loaded = catch_unwind(AssertUnwindSafe(|| load_first(shared.binary.as_deref(), trying)))
        .unwrap_or_else(|panic| Err(EngineError::Panicked(words(&*panic))));
    match loaded {
        Ok((model, problems)) => {
            shared.tell_model(ModelStatus::Ready(Arc::new(model.summary())));
            if let Some(problem) = problems.first() {
                shared.say(Severity::Note, &format!("another model was skipped: {problem}"));
            }
            Some(model)
        }
        Err(error) => {
            shared.tell_model(ModelStatus::Unavailable { reason: error.to_string() });
            None
        }
    }
}

/// Composes one take and streams it to its instance. What exists when it ends early is kept.
fn take(model: Option<&Model>, job: &Job) -> Result<(), EngineError> {
    if job.ticket.is_stopped() {
        return Err(EngineError::Stopped);
    }
    let model = model.ok_or_else(|| EngineError::NoPack(Vec::new()))?;
    let (place, settings) = (&job.place, &job.place.settings);
    if place.prime.is_empty() {
        return Err(EngineError::NothingHeard);
    }
    let host_rate = place.signals.rate();
    announce(model, job);
    let config = StreamConfig {
        epoch: place.epoch,
        take: place.id,
        anchor: if place.on_arrival { Anchor::OnArrival } else { Anchor::Song(place.seam_frame) },
        model_rate: model.rate(),
        host_rate,
        seam_frame: place.seam_frame,
        length_seconds: settings.length_seconds,
        asked_at: job.asked_at,
    };
    let mut stream = Stream::new(Arc::clone(&job.seat), job.ticket.flag(), config)?;

    let mono: Vec<f32> = place.prime.iter().map(|[l, r]| 0.5 * (l + r)).collect();
    let mut prime = to_rate(&mono, host_rate, model.rate())?;
    let n_wanted = frames_from_seconds(settings.prime_seconds, model.rate());
    prime.drain(..prime.len().saturating_sub(n_wanted));
    let request = Request {
        prime,
        length_seconds: settings.length_seconds,
        artist: settings.artist,
        genres: vec![settings.genre],
        sampler: SamplerSettings {
            temperature: settings.temperature,
            top_k: None,
            top_p: (settings.top_p < 1.0).then_some(settings.top_p),
        },
        seeds: vec![settings.seed],
        total_seconds: None,
        lyrics: Vec::new(),
        min_tokens: 0,
    };

    let composed = compose(model, &request, Vec::new(), &mut stream);
    let streamed = stream.finish();
    composed.map(|_| ()).and(streamed)
}

/// Puts the take that is about to exist before the user.
fn announce(model: &Model, job: &Job) {
    let (place, settings) = (&job.place, &job.place.settings);
    let labels = model.pack.labels();
    let name = |name: Option<&str>, id: u32| match name {
        Some(name) => name.to_owned(),
        None => format!("unknown ({id})"),
    };
    job.seat.publish(|status| {
        status.phase = Phase::Composing(Progress {
            seconds_total: settings.length_seconds,
            ..Progress::default()
        });
        status.notice = None;
        status.take = Some(TakeStatus {
            number: place.id,
            artist: name(labels.artist_name(settings.artist), settings.artist),
            genre: name(labels.genre_name(settings.genre), settings.genre),
            seed: settings.seed,
            seam_frame: place.seam_frame,
            length_seconds: settings.length_seconds,
            ..TakeStatus::default()
        });
    });
}

/// Tells the user how it ended, and whoever waits that it has.
fn finish(job: &Job, done: Result<(), EngineError>) {
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
    match done {
        Ok(()) | Err(EngineError::Stopped) => {}
        Err(error) => job.seat.say(Severity::Error, error.to_string()),
    }
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("for an unknown reason").to_owned()
}
