//! Waiting for a take-over: while the song comes nearer, the codes of what is heard and the prior follow it,
//! so that little is left to do when composing begins.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use super::{
    EngineError, Shared,
    ear::AWAITED_TOKENS,
    line::Watched,
    model::Model,
    queue::Job,
    session::{MIN_PRIME_TOKENS, begin},
    take::{prime, request},
};
use crate::{
    jukebox::LevelSampler,
    link::{Armed, Phase},
    units::{frames_from_seconds, seconds_from_frames},
};

/// Between two looks at the song.
const ROUND: Duration = Duration::from_millis(5);
/// Between two words to the editor.
const TOLD_ROUND: Duration = Duration::from_millis(100);
/// While the take-over is farther away than this, other instances come first.
const OTHERS_FIRST_SECONDS: f64 = 2.0;

/// What became of a request that waited.
pub enum Followed<'m> {
    /// Composing is to begin, with what was done ahead.
    Due(Option<Box<Ahead<'m>>>),
    /// Another instance has something to be done in the meantime.
    Later,
}

/// A continuation whose prime is not all there yet.
pub struct Ahead<'m> {
    /// Tokens of the prime.
    pub tokens: Range<i64>,
    /// The first of them whose code is not known.
    pub next: i64,
    pub top: LevelSampler<'m>,
}

/// Waits until the song is where composing begins; at once if nothing is waited for.
///
/// # Errors
/// [`EngineError::Stopped`] when that was asked for, [`EngineError::RateChanged`] when the place is gone.
pub fn follow<'m>(
    shared: &Shared,
    model: &'m Model,
    job: &mut Job,
) -> Result<Followed<'m>, EngineError> {
    let mut ahead = None;
    let mut told: Option<Instant> = None;
    while let Some(target) = job.place.armed.as_ref().map(|waiting| waiting.target) {
        if job.ticket.is_stopped() {
            return Err(EngineError::Stopped);
        }
        match job.seat.watch(&mut job.place) {
            Watched::Gone => return Err(EngineError::RateChanged),
            Watched::Due => {
                job.place.promise();
                break;
            }
            Watched::Moved => {
                job.place.promise();
                (ahead, told) = (None, None);
                continue;
            }
            Watched::Waits => {}
        }
        let rate = job.place.signals.rate();
        let seconds_left = seconds_from_frames(target.n_left.max(0) as usize, rate);
        if told.is_none_or(|told| told.elapsed() > TOLD_ROUND) {
            told = Some(Instant::now());
            let armed = Armed { frame: target.frame, bar: target.bar, seconds_left };
            let ticket = &job.ticket;
            job.seat.publish(|status| {
                if !ticket.is_stopped() {
                    status.phase = Phase::Armed(armed); // else a newer word may be on show
                }
            });
        }
        if ahead.is_none() {
            ahead = start(model, job, target.prime_end, target.n_unplayed)?;
        }
        let has_worked = match &mut ahead {
            Some(ahead) => ahead.go_on(model, job)?,
            None => false,
        };
        let wait = if has_worked { Duration::ZERO } else { ROUND };
        if shared.queue.rest(wait) && OTHERS_FIRST_SECONDS < seconds_left {
            return Ok(Followed::Later);
        }
    }
    Ok(Followed::Due(ahead))
}

/// A continuation from song frame `prime_end` on, with nothing of its prime yet; none while too little was
/// heard for one.
fn start<'m>(
    model: &'m Model,
    job: &Job,
    prime_end: i64,
    n_unplayed: i64,
) -> Result<Option<Box<Ahead<'m>>>, EngineError> {
    let rate = job.place.signals.rate();
    let Some(hearing) = job.seat.hearing().filter(|hearing| hearing.run == job.place.run) else {
        return Ok(None);
    };
    let Some(heard_from) = job.seat.hearing_since(hearing.end, hearing.run) else {
        return Ok(None);
    };
    let mut ear = job.seat.ear.lock();
    let grid = ear.grid(model, rate)?;
    let tokens = prime(model, job, grid.token_from(heard_from), grid.token_at(prime_end));
    let begins_at = grid.start_of(tokens.end);
    let ahead_seconds = ((prime_end + n_unplayed) as f64 - begins_at) / rate;
    let n_tokens = (tokens.end - tokens.start) as usize;
    if hearing.end < prime_end - frames_from_seconds(OTHERS_FIRST_SECONDS, rate) as i64
        || n_tokens < MIN_PRIME_TOKENS
    {
        return Ok(None); // there is time, or nothing to be done
    }
    let request = request(job, ahead_seconds, grid.start_of(tokens.start));
    let top = begin(model, &request, vec![0; n_tokens], Vec::new())?;
    Ok(Some(Box::new(Ahead { next: tokens.start, tokens, top })))
}

impl Ahead<'_> {
    /// A little more: new codes, or reading those that are known. False when there is nothing to do now.
    fn go_on(&mut self, model: &Model, job: &Job) -> Result<bool, EngineError> {
        let mut ear = job.seat.ear.lock();
        let followed = ear.follow(model, &job.seat, AWAITED_TOKENS)?;
        let known = ear.known(job.place.run, self.next..self.tokens.end);
        if !known.is_empty() {
            self.top.correct((self.next - self.tokens.start) as usize, known)?;
            self.next += known.len() as i64;
        }
        drop(ear);
        let n_known = (self.next - self.tokens.start) as usize;
        let is_done = self.top.take_in(n_known)?;
        Ok(followed || !is_done)
    }
}
