//! One request of an instance, from its place in the song to takes that are on their way.

use std::{ops::Range, sync::Arc, time::Instant};

use super::{
    EngineError, Shared,
    arrange::Loudness,
    batch::{self, Given, Seam},
    follow::{Ahead, Followed, follow},
    health,
    model::Model,
    queue::Job,
    recall::prime_level,
    session::{Composed, Request, begin, write},
    sounding::Placing,
    start::{Prime, Start},
    story::Story,
    stream::{Stream, StreamConfig},
};
use crate::{
    jukebox::{LevelSampler, SamplerSettings},
    link::{Phase, Progress, Stage},
    takes::{self, TakeId},
    units::{frames_from_seconds, tokens_from_frames},
};

/// How far a request has come.
pub enum Taken {
    Whole,
    /// It waits for its place in the song, or has other takes to make; others come first meanwhile.
    Later,
}

/// Composes the next takes of a request and streams them to its instance. What exists when it ends early is
/// kept.
///
/// # Errors
/// [`EngineError::Stopped`] when that was asked for; anything else says what is missing.
pub fn take(shared: &Shared, model: &Model, job: &mut Job) -> Result<Taken, EngineError> {
    if job.ticket.is_stopped() {
        return Err(EngineError::Stopped);
    }
    if job.batch.given.is_some() {
        others(model, job)?;
    } else {
        let was_armed = job.place.armed.is_some();
        match follow(shared, model, job)? {
            Followed::Later => return Ok(Taken::Later),
            Followed::Due(ahead) => first(shared, model, job, was_armed, ahead)?,
        }
        job.place.signals.settle(job.place.id); // what was promised is there
    }
    Ok(if job.batch.is_made() { Taken::Whole } else { Taken::Later })
}

/// Tokens that are continued: as many as are asked for and were heard, and the model listens to.
pub fn prime(model: &Model, job: &Job, heard_from: i64, end: i64) -> Range<i64> {
    let n_frames = frames_from_seconds(job.place.settings.prime_seconds, model.rate());
    let n_tokens = tokens_from_frames(n_frames, model.hop()).min(model.max_prime_tokens());
    (end - n_tokens as i64).max(heard_from).min(end)..end
}

/// What is to be composed, `ahead_seconds` of it before the take is played, after a prime that begins at song
/// frame `prime_start`. Where the song's length is known, the model is told the place in it.
pub fn request(job: &Job, ahead_seconds: f64, prime_start: f64) -> Request {
    let settings = &job.place.settings;
    let is_known = 0.0 < settings.song_seconds;
    let has_place = is_known && !job.place.on_arrival;
    Request {
        prime: Vec::new(), // its codes are given
        length_seconds: settings.length_seconds + ahead_seconds.max(0.0),
        artist: settings.artist,
        genres: vec![settings.genre],
        sampler: SamplerSettings {
            temperature: settings.temperature,
            top_k: None,
            top_p: (settings.top_p < 1.0).then_some(settings.top_p),
        },
        seeds: vec![settings.seed],
        total_seconds: is_known.then_some(settings.song_seconds),
        offset_seconds: match has_place {
            true => (prime_start / job.place.signals.rate()).clamp(0.0, settings.song_seconds),
            false => 0.0,
        },
        lyrics: Vec::new(),
        min_tokens: 0,
    }
}

/// The take that is heard at once.
fn first(
    shared: &Shared,
    model: &Model,
    job: &mut Job,
    was_armed: bool,
    ahead: Option<Box<Ahead>>,
) -> Result<(), EngineError> {
    let begun = Instant::now();
    job.seat.publish(|status| status.notice = None);
    let start = Start::of(model, job, was_armed)?;
    let ids = job.seat.with_shelf(|shelf| {
        job.batch.age = shelf.age();
        shelf.reserve(if start.is_single { 1 } else { batch::n_takes(&job.place.settings) })
    });
    job.batch.plan(model, &start.request, &start.seam, ids);
    announce(job, &start.seam);
    health::begun();
    let asked_at = if was_armed { begun } else { job.asked_at };
    let mut stream = open(model, job, &start, 0..1, asked_at)?;

    let mut story = Story::new(model, &start.request, &mut stream); // encoding
    let (codes, mut top) = listen(model, job, &start, ahead, &mut story)?;
    let composed = write(model, &start.request, &mut top, codes.len(), story);
    let streamed = stream.finish();
    if let Some((first_seconds, speed)) = stream.pace() {
        shared.pace.learn(first_seconds, speed);
    }
    let prime = match &start.prime {
        Prime::Heard(tokens) => {
            let rate = job.place.signals.rate();
            let mut ear = job.seat.ear.lock();
            let audio = ear.grid(model, rate)?.audio(tokens.clone(), &job.place.heard)?;
            Some(takes::Prime::of(&audio, model.pack.sample_rate()))
        }
        Prime::Codes(_) => None,
    };
    let (request, on_arrival) = (start.request.clone(), start.on_arrival);
    job.batch.given = Some(Given { codes, prime, request, on_arrival });
    keep(model, job, 0..1, &start.seam, &stream, &top, &composed);
    composed?;
    streamed
}

/// Takes beside the first, as many as are composed together.
fn others(model: &Model, job: &mut Job) -> Result<(), EngineError> {
    let next = job.batch.next(model.takes_at_once());
    let (Some(given), Some(take)) = (&job.batch.given, job.batch.planned.first()) else {
        return Ok(());
    };
    let first_seed = given.request.seeds.first().copied().unwrap_or_default();
    let seeds = next.clone().map(|take_idx| batch::seed(first_seed, take_idx)).collect();
    let (place, parent) = (take.place, take.parent);
    let start = Start {
        request: Request { seeds, ..given.request.clone() },
        seam: Seam { place, parent, length_seconds: take.music.length_seconds },
        prime: Prime::Codes(given.codes.clone()),
        on_arrival: given.on_arrival,
        is_awaited: false,
        is_single: false,
    };
    let mut stream = open(model, job, &start, next.clone(), Instant::now())?;

    let mut story = Story::new(model, &start.request, &mut stream);
    let (codes, mut top) = listen(model, job, &start, None, &mut story)?;
    let composed = write(model, &start.request, &mut top, codes.len(), story);
    let streamed = stream.finish();
    keep(model, job, next, &start.seam, &stream, &top, &composed);
    composed?;
    streamed
}

/// What carries takes to the instance.
fn open(
    model: &Model,
    job: &Job,
    start: &Start,
    takes: Range<usize>,
    asked_at: Instant,
) -> Result<Stream, EngineError> {
    let (place, length) = (&start.seam.place, start.seam.length_seconds);
    let config = StreamConfig {
        epoch: job.place.run.0,
        age: job.batch.age,
        placing: Placing::of(place, length, place.rate),
        on_arrival: start.on_arrival,
        is_awaited: start.is_awaited,
        model_rate: model.rate(),
        asked_at,
        begun: Instant::now(),
    };
    let ids: Vec<TakeId> = job.batch.planned[takes].iter().map(|take| take.id).collect();
    Stream::new(Arc::clone(&job.seat), job.ticket.flag(), ids.into_iter(), config)
}

/// The codes of what is continued, and the prior before its first new token.
fn listen<'m>(
    model: &'m Model,
    job: &Job,
    start: &Start,
    ahead: Option<Box<Ahead<'m>>>,
    story: &mut Story,
) -> Result<(Vec<u32>, LevelSampler<'m>), EngineError> {
    let tokens = match &start.prime {
        Prime::Heard(tokens) => tokens.clone(),
        Prime::Codes(codes) => {
            story.at(Stage::Prefilling);
            let top = begin(model, &start.request, codes.clone(), Vec::new())?;
            return Ok((codes.clone(), top));
        }
    };
    let (place, rate) = (&job.place, job.place.signals.rate());
    let mut ear = job.seat.ear.lock();
    if let Some(ahead) = ahead.filter(|ahead| ahead.tokens == tokens) {
        let n_known = (ahead.next - tokens.start) as usize;
        let rest = ear.codes(model, rate, place.run, &place.heard, ahead.next..tokens.end)?;
        drop(ear);
        story.at(Stage::Prefilling);
        let mut top = ahead.top;
        top.correct(n_known, &rest)?;
        return Ok((top.codes().to_vec(), top));
    }
    let codes = ear.codes(model, rate, place.run, &place.heard, tokens)?;
    drop(ear);
    story.at(Stage::Prefilling);
    let top = begin(model, &start.request, codes.clone(), Vec::new())?;
    Ok((codes, top))
}

/// What was composed, all of it or as far as it can be heard, belongs to the batch.
fn keep(
    model: &Model,
    job: &mut Job,
    takes: Range<usize>,
    seam: &Seam,
    stream: &Stream,
    top: &LevelSampler,
    composed: &Result<Composed, EngineError>,
) {
    let Some(given) = &job.batch.given else { return };
    let prime = prime_level(model, &given.codes, given.codes.len(), model.level());
    for (i, take_idx) in takes.enumerate().filter(|(i, _)| 0.0 < stream.seconds(*i)) {
        let length = if composed.is_ok() { seam.length_seconds } else { stream.seconds(i) };
        job.batch.keep(take_idx, top.codes_of(i).to_vec(), length);
        let (age, id) = (job.batch.age, job.batch.planned[take_idx].id);
        let loudness = Loudness { take: stream.rms(i), prime };
        job.seat.arrange(|shelf| shelf.weigh(age, id, loudness));
    }
}

/// Puts the takes that are about to exist before the user.
fn announce(job: &Job, seam: &Seam) {
    job.seat.with_shelf(|shelf| shelf.begin(job.batch.age, &job.batch.planned));
    job.seat.publish(|status| {
        status.phase = Phase::Composing(Progress {
            seconds_total: seam.length_seconds,
            ..Progress::default()
        });
    });
}
