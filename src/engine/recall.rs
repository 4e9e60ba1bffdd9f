//! Takes that are there as codes, decoded again: those of a project that was opened, and those whose sound was
//! let go. Done when nothing is composed, a little at a time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    EngineError, Shared, arrange::Loudness, model::Model, pieces::Pieces, seat::Seat,
    session::LENGTHS_SECONDS, shelf::Wanted, sounding::Sounding,
};
use crate::{
    jukebox::LevelPrior,
    link::Severity,
    units::{frames_from_seconds, tokens_from_frames},
};

/// Longest time that a composition waits for this.
const STEP: Duration = Duration::from_millis(60);

/// How much of the prime's end tells how loud it is, in seconds.
const PRIME_SECONDS: f64 = 1.0;

/// A take that is being decoded.
pub struct Recalling {
    seat: Arc<Seat>,
    wanted: Wanted,
    pieces: Pieces,
    level: usize,
    codes: Vec<u32>,
    sounding: Sounding,
}

/// Decodes a little of what some instance wants to hear; whether there is more to do. A take that cannot be
/// decoded is told to its instance and left alone.
pub fn recall(shared: &Shared, model: &Model, current: &mut Option<Recalling>) -> bool {
    let until = Instant::now() + STEP;
    let seats = shared.seats.lock().clone();
    let is_there = |seat: &Arc<Seat>| seats.iter().any(|other| Arc::ptr_eq(other, seat));
    while Instant::now() < until {
        if current.as_ref().is_some_and(|now| !is_there(&now.seat) || !now.is_wanted()) {
            *current = None;
        }
        let Some(now) = current else {
            let Some((seat, wanted)) = seats.iter().find_map(|s| Some((s, s.wanted()?))) else {
                return false;
            };
            let (age, id) = (wanted.age, wanted.id);
            match Recalling::new(model, seat, wanted) {
                Ok(begun) => *current = Some(begun),
                Err(problem) => give_up(seat, age, id, &problem),
            }
            continue;
        };
        match now.go_on(model) {
            Ok(false) => {}
            Ok(true) => *current = None,
            Err(problem) => {
                now.give_up(&problem);
                *current = None;
            }
        }
    }
    true
}

/// How loud the end of a prime is as the model hears it: root of the mean square, 0 where it cannot be told.
pub fn prime_level<P: LevelPrior>(
    model: &Model<P>,
    codes: &[u32],
    n_prime: usize,
    level: usize,
) -> f64 {
    let n_frames = frames_from_seconds(PRIME_SECONDS, model.rate());
    let n_tokens = tokens_from_frames(n_frames, model.vqvae.config().hop(level));
    let end = n_prime.min(codes.len());
    let audio = model.vqvae.decode_span(codes, end.saturating_sub(n_tokens)..end, level);
    let audio = audio.unwrap_or_default();
    let sum: f64 = audio.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (sum / audio.len().max(1) as f64).sqrt()
}

impl Recalling {
    fn new(model: &Model, seat: &Arc<Seat>, mut wanted: Wanted) -> Result<Self, EngineError> {
        let recipe = &wanted.music.recipe;
        let level = recipe.finest_level;
        let codes = wanted.music.codes.remove(&level).unwrap_or_default();
        let hops = |of: usize| model.vqvae.config().hop(of);
        let is_known = [level, wanted.music.level]
            .iter()
            .all(|level| model.vqvae.levels_present().contains(level));
        if !is_known {
            return Err(EngineError::Recipe { why: format!("it has no level {level}") });
        }
        let finer = hops(wanted.music.level) / hops(level).max(1);
        let n_prime = wanted.music.n_prime_tokens.saturating_mul(finer).min(codes.len());
        let seconds = recipe.length_seconds.min(*LENGTHS_SECONDS.end());
        let n_frames = frames_from_seconds(seconds, model.rate());
        Ok(Self {
            seat: Arc::clone(seat),
            pieces: Pieces::new(&model.vqvae, level, n_prime, n_frames)?,
            sounding: Sounding::new(wanted.placing, model.rate())?,
            wanted,
            level,
            codes,
        })
    }

    /// It cannot be decoded.
    pub fn give_up(&self, problem: &EngineError) {
        give_up(&self.seat, self.wanted.age, self.wanted.id, problem);
    }

    fn is_wanted(&self) -> bool {
        let rate = self.sounding.placing().rate;
        self.seat.look_at_shelf(|shelf| {
            shelf.age() == self.wanted.age && shelf.is_wanted(self.wanted.id, rate)
        })
    }

    /// Another piece, just as it was made when the take was composed; true once nothing is left.
    fn go_on(&mut self, model: &Model) -> Result<bool, EngineError> {
        let Wanted { id, age, .. } = self.wanted;
        if !self.pieces.can_go_on(self.codes.len()) {
            self.sounding.finish()?;
            let prime = prime_level(model, &self.codes, self.pieces.n_prime(), self.level);
            let loudness = Loudness { take: self.sounding.rms(), prime };
            self.seat.arrange(|shelf| {
                shelf.place(age, id, &self.sounding, false);
                shelf.draw(age, id, self.sounding.waveform().clone());
                shelf.weigh(age, id, loudness);
            });
            return Ok(true);
        }
        if self.pieces.is_first() {
            self.sounding.lead_in(&self.pieces.lead_in(&model.vqvae, &self.codes)?)?;
            self.seat.arrange(|shelf| shelf.place(age, id, &self.sounding, false));
        }
        self.sounding.audio(&self.pieces.next(&model.vqvae, &self.codes)?)?;
        self.seat.with_shelf(|shelf| shelf.draw(age, id, self.sounding.waveform().clone()));
        Ok(false)
    }
}

fn give_up(seat: &Seat, age: u64, id: u64, problem: &EngineError) {
    seat.arrange(|shelf| shelf.give_up(age, id));
    seat.say(Severity::Error, format!("a take of this project cannot be decoded: {problem}"));
}
