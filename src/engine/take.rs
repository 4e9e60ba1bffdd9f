//! One request of an instance, from its place in the song to a take that is on its way.

use std::{ops::Range, sync::Arc, time::Instant};

use super::{
    EngineError, Shared,
    follow::{Followed, follow},
    health,
    model::Model,
    queue::Job,
    session::{Request, begin, write},
    story::Story,
    stream::{Stream, StreamConfig},
};
use crate::{
    jukebox::SamplerSettings,
    link::{Anchor, Phase, Progress, Stage, TakeStatus},
    units::{frames_from_seconds, tokens_from_frames},
};

/// How far a request has come.
pub enum Taken {
    Whole,
    /// It waits for its place in the song, and others come first meanwhile.
    Later,
}

/// Composes one take and streams it to its instance. What exists when it ends early is kept.
///
/// # Errors
/// [`EngineError::Stopped`] when that was asked for; anything else says what is missing.
pub fn take(shared: &Shared, model: &Model, job: &mut Job) -> Result<Taken, EngineError> {
    if job.ticket.is_stopped() {
        return Err(EngineError::Stopped);
    }
    let was_armed = job.place.armed.is_some();
    let ahead = match follow(shared, model, job)? {
        Followed::Later => return Ok(Taken::Later),
        Followed::Due(ahead) => ahead,
    };
    let begun = Instant::now();
    let place = &job.place;
    if place.heard.frames.is_empty() {
        return Err(EngineError::NothingHeard);
    }
    announce(model, job);
    health::begun();
    let host_rate = place.signals.rate();
    let prime_end = place.heard.end();
    let mut ear = job.seat.ear.lock();
    let grid = ear.grid(model, host_rate)?;
    let tokens = prime(model, job, grid.token_from(place.heard.start), grid.token_at(prime_end));
    // what the model hears ends with its last whole token, a little before the recording does
    let begins_at =
        grid.start_of(tokens.end) + (place.seam_frame - place.n_unplayed - prime_end) as f64;
    let ahead_seconds = (place.seam_frame as f64 - begins_at) / host_rate;
    let request = request(job, ahead_seconds);
    let config = StreamConfig {
        epoch: place.run.0,
        take: place.id,
        anchor: if place.on_arrival { Anchor::OnArrival } else { Anchor::Song(place.seam_frame) },
        begins_at,
        takes_over: was_armed || 0 < place.n_unplayed,
        model_rate: model.rate(),
        host_rate,
        seam_frame: place.seam_frame,
        length_seconds: place.settings.length_seconds,
        asked_at: if was_armed { begun } else { job.asked_at },
        begun,
    };
    let mut stream = Stream::new(Arc::clone(&job.seat), job.ticket.flag(), config)?;

    let mut story = Story::new(model, &request, &mut stream); // encoding
    let n_prime = (tokens.end - tokens.start).max(0) as usize;
    let mut top = match ahead.filter(|ahead| ahead.tokens == tokens) {
        Some(ahead) => {
            let rest = ahead.next..tokens.end;
            let codes = ear.codes(model, host_rate, place.run, &place.heard, rest)?;
            drop(ear);
            story.at(Stage::Prefilling);
            let mut top = ahead.top;
            top.correct((ahead.next - tokens.start) as usize, &codes)?;
            top
        }
        None => {
            let codes = ear.codes(model, host_rate, place.run, &place.heard, tokens)?;
            drop(ear);
            story.at(Stage::Prefilling);
            begin(model, &request, codes, Vec::new())?
        }
    };
    let composed = write(model, &request, &mut top, n_prime, story);
    let streamed = stream.finish();
    if let Some((first_seconds, speed)) = stream.pace() {
        shared.pace.learn(first_seconds, speed);
    }
    composed.map(|_| Taken::Whole).and_then(|taken| streamed.map(|()| taken))
}

/// Tokens that are continued: as many as are asked for and were heard, and the model listens to.
pub fn prime(model: &Model, job: &Job, heard_from: i64, end: i64) -> Range<i64> {
    let n_frames = frames_from_seconds(job.place.settings.prime_seconds, model.rate());
    let n_tokens = tokens_from_frames(n_frames, model.hop()).min(model.max_prime_tokens());
    (end - n_tokens as i64).max(heard_from).min(end)..end
}

/// What is to be composed, `ahead_seconds` of it before the take is played.
pub fn request(job: &Job, ahead_seconds: f64) -> Request {
    let settings = &job.place.settings;
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
        total_seconds: None,
        lyrics: Vec::new(),
        min_tokens: 0,
    }
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
