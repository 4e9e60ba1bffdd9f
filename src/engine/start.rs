//! What a request continues, and where its takes begin: what was heard, another take, or the codes of a recipe.

use std::ops::Range;

use super::{
    EngineError,
    batch::{Seam, check_pack, in_beats},
    line::{Place, Source},
    model::Model,
    queue::Job,
    session::Request,
    sounding::Placing,
    take::{prime, request},
};
use crate::{
    jukebox::SamplerSettings,
    link::Severity,
    takes::{self, Branch, Recipe, Take},
    units::{frames_from_seconds, tokens_from_frames},
};

/// How far from a whole token a place may be that counts as on it.
const ON_TOKEN: f64 = 1e-6;

/// Everything about a request that is known before the first code.
pub struct Start {
    pub request: Request,
    pub seam: Seam,
    pub prime: Prime,
    /// There is no timeline.
    pub on_arrival: bool,
    /// The song is on its way to the seam.
    pub is_awaited: bool,
    /// There is but one take of it.
    pub is_single: bool,
}

/// What is continued.
pub enum Prime {
    /// These tokens of the song.
    Heard(Range<i64>),
    Codes(Vec<u32>),
}

impl Start {
    /// # Errors
    /// When there is nothing to continue, or nothing that this model understands.
    pub fn of(model: &Model, job: &Job, was_armed: bool) -> Result<Self, EngineError> {
        match &job.place.source {
            Source::Heard => Self::of_heard(model, job, was_armed),
            Source::Take { take, at_seconds } => Self::of_take(model, job, take, *at_seconds),
            Source::Recipe(recipe) => Self::of_recipe(model, job, recipe),
        }
    }

    fn of_heard(model: &Model, job: &Job, was_armed: bool) -> Result<Self, EngineError> {
        let place = &job.place;
        if place.heard.frames.is_empty() {
            return Err(EngineError::NothingHeard);
        }
        let prime_end = place.heard.end();
        let mut ear = job.seat.ear.lock();
        let grid = ear.grid(model, place.signals.rate())?;
        let heard_from = grid.token_from(place.heard.start);
        let tokens = prime(model, job, heard_from, grid.token_at(prime_end));
        // what the model hears ends with its last whole token, a little before the recording does
        let begins_at =
            grid.start_of(tokens.end) + (place.seam_frame - place.n_unplayed - prime_end) as f64;
        let is_awaited = was_armed || 0 < place.n_unplayed;
        let seam = seam(place, begins_at, is_awaited || place.on_arrival);
        Ok(Self {
            request: request(job, ahead_seconds(&seam), grid.start_of(tokens.start)),
            seam,
            prime: Prime::Heard(tokens),
            on_arrival: place.on_arrival,
            is_awaited,
            is_single: false,
        })
    }

    /// From the last whole token of the other take before the place where it is left.
    fn of_take(
        model: &Model,
        job: &Job,
        take: &Take,
        at_seconds: f64,
    ) -> Result<Self, EngineError> {
        check_pack(model, &take.music.recipe)?;
        let (place, music) = (&job.place, &take.music);
        let rate = place.signals.rate();
        let placing = Placing::of(&take.place, music.length_seconds, rate);
        let token_frames = model.hop() as f64 * rate / model.rate();
        let n_passed = (place.seam_frame as f64 - placing.begins_at) / token_frames + ON_TOKEN;
        let codes = music.codes.get(&model.level()).map_or(&[][..], Vec::as_slice);
        let end = (music.n_prime_tokens + n_passed.max(0.0) as usize).min(codes.len());
        let n_new = end.saturating_sub(music.n_prime_tokens);
        let begins_at = placing.begins_at + n_new as f64 * token_frames;
        let n_frames = frames_from_seconds(place.settings.prime_seconds, model.rate());
        let n_tokens = tokens_from_frames(n_frames, model.hop()).min(model.max_prime_tokens());
        let prime = &codes[end.saturating_sub(n_tokens)..end];
        let prime_start = begins_at - prime.len() as f64 * token_frames;
        let mut seam = seam(place, begins_at, true);
        seam.parent = Some(Branch { take: take.id, at_seconds });
        Ok(Self {
            request: request(job, ahead_seconds(&seam), prime_start),
            seam,
            prime: Prime::Codes(prime.to_vec()),
            on_arrival: false,
            is_awaited: false,
            is_single: false,
        })
    }

    /// The same again: its codes come out the same where the model and what it runs on are the same.
    fn of_recipe(model: &Model, job: &Job, recipe: &Recipe) -> Result<Self, EngineError> {
        let refused = |why: &str| EngineError::Recipe { why: why.to_owned() };
        let Some(prime) = recipe.prime_codes.get(&recipe.level) else {
            return Err(refused("it does not hold the codes that were continued"));
        };
        if recipe.lyrics.is_some() {
            return Err(refused("it has lyrics; `encore continue --recipe` composes it"));
        }
        if recipe.level != model.level() {
            return Err(refused("its codes are of another level than this model's"));
        }
        let taught = model.pack.plays().map(|taught| &taught.card.file.sha256);
        let is_other = model.hash() != recipe.pack.sha256 || taught != recipe.pack.taught.as_ref();
        if is_other || model.backend() != recipe.backend {
            let Recipe { pack, backend, .. } = recipe;
            let (name, own) = (model.pack.name(), model.backend());
            let text = format!(
                "the recipe was made with “{}” on {backend}, and this is {}“{name}” on {own}: the take may be another",
                pack.name,
                if is_other && name == pack.name { "another " } else { "" }
            );
            job.seat.say(Severity::Note, text);
        }
        let mut seam = seam(&job.place, job.place.seam_frame as f64, job.place.on_arrival);
        seam.length_seconds = recipe.length_seconds;
        Ok(Self {
            request: Request {
                length_seconds: recipe.length_seconds,
                artist: recipe.artist.id,
                genres: recipe.genres.iter().map(|genre| genre.id).collect(),
                sampler: SamplerSettings {
                    temperature: recipe.sampler.temperature,
                    top_k: recipe.sampler.top_k,
                    top_p: recipe.sampler.top_p,
                },
                seeds: vec![recipe.seed],
                total_seconds: Some(recipe.total_seconds),
                offset_seconds: recipe.offset_seconds,
                ..request(job, 0.0, 0.0)
            },
            seam,
            prime: Prime::Codes(prime.codes()),
            on_arrival: job.place.on_arrival,
            is_awaited: false,
            is_single: true,
        })
    }
}

fn seam(place: &Place, begins_at: f64, takes_over: bool) -> Seam {
    let (beat, tempo_bpm) = in_beats(place.signals.bars(), place.seam_frame);
    let rate = place.signals.rate();
    let seam_frame = place.seam_frame;
    Seam {
        place: takes::Place { seam_frame, begins_at, rate, takes_over, beat, tempo_bpm },
        parent: None,
        length_seconds: place.settings.length_seconds,
    }
}

fn ahead_seconds(seam: &Seam) -> f64 {
    Placing::of(&seam.place, seam.length_seconds, seam.place.rate).ahead_seconds()
}
