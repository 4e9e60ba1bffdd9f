//! The takes of one request: what they have in common, and what of them is made already.
//!
//! The first take is composed alone, so that it is heard as early as can be; the others are composed together
//! after it, and other instances have their turn in between.

use std::ops::Range;

use super::{EngineError, model::Model, recipe, session::Request};
use crate::{
    jukebox::LevelPrior,
    link::{Bars, Settings},
    takes::{Branch, Levels, Music, Place, Prime, Recipe, Take, TakeId, TrimSeconds},
};

/// Most takes of one request.
pub const MAX_TAKES: usize = 8;

/// Takes that are composed from the same prime.
#[derive(Default)]
pub struct Batch {
    /// Which tree of the instance they belong to.
    pub age: u64,
    /// All of them, without their codes.
    pub planned: Vec<Take>,
    /// Those that are whole, or as far as they came.
    pub made: Vec<Take>,
    /// What all of them continue, once that is known.
    pub given: Option<Given>,
}

/// What is continued, as the model hears it.
pub struct Given {
    pub codes: Vec<u32>,
    /// What was listened to, for the recipe; none where it was codes from the beginning.
    pub prime: Option<Prime>,
    pub request: Request,
    pub on_arrival: bool,
}

/// Where the takes of a batch go.
pub struct Seam {
    pub place: Place,
    pub parent: Option<Branch>,
    pub length_seconds: f64,
}

impl Batch {
    /// Takes that are about to be composed; the first of them is to sound.
    pub fn plan<P: LevelPrior>(
        &mut self,
        model: &Model<P>,
        request: &Request,
        seam: &Seam,
        ids: Vec<TakeId>,
    ) {
        let batch = ids.first().copied().unwrap_or_default();
        let take = |(i, id): (usize, TakeId)| Take {
            id,
            name: String::new(),
            batch,
            parent: seam.parent,
            place: seam.place,
            music: Music {
                recipe: Recipe {
                    seed: seed(request.seeds[0], i),
                    ..recipe::recipe(model, request)
                },
                level: model.level(),
                codes: Levels::new(),
                n_prime_tokens: 0,
                length_seconds: seam.length_seconds,
            },
            trim: TrimSeconds::whole(seam.length_seconds),
            gain_db: 0.0,
            pinned: false,
            sounds: i == 0,
        };
        self.planned = ids.into_iter().enumerate().map(take).collect();
    }

    /// The takes that are composed next: the first alone, then as many as profit from each other.
    pub fn next(&self, n_at_once: usize) -> Range<usize> {
        let first = self.made.len();
        let n = if first == 0 { 1 } else { n_at_once.max(1) };
        first..self.planned.len().min(first + n)
    }

    pub fn is_made(&self) -> bool {
        self.planned.len() <= self.made.len()
    }

    /// A take has these codes, of which `length_seconds` can be heard.
    pub fn keep(&mut self, take_idx: usize, codes: Vec<u32>, length_seconds: f64) {
        let (Some(take), Some(given)) = (self.planned.get(take_idx), &self.given) else { return };
        let mut take = take.clone();
        let n_prime_tokens = given.codes.len();
        take.music.recipe.prime = given.prime.clone();
        take.music.codes = Levels::from([(take.music.level, codes)]);
        take.music.n_prime_tokens = n_prime_tokens;
        take.music.length_seconds = length_seconds;
        take.trim = TrimSeconds::whole(length_seconds);
        self.made.push(take);
    }
}

/// Seeds of the takes of a request follow one another.
pub fn seed(first: u64, take_idx: usize) -> u64 {
    first.wrapping_add(take_idx as u64)
}

/// How many takes a request is for.
pub fn n_takes(settings: &Settings) -> usize {
    settings.n_takes.clamp(1, MAX_TAKES)
}

/// Where the seam is in beats, and the tempo there, if the host tells.
pub fn in_beats(bars: Option<Bars>, seam_frame: i64) -> (Option<f64>, Option<f64>) {
    let beat = bars.map(|bars| bars.beat_at(seam_frame));
    (beat, bars.map(|bars| bars.tempo_bpm()))
}

/// # Errors
/// [`EngineError::OtherPack`] where these codes are none of this model's.
pub fn check_pack<P>(model: &Model<P>, recipe: &Recipe) -> Result<(), EngineError>
where
    P: LevelPrior,
{
    if model.hash() == recipe.pack.sha256 {
        return Ok(());
    }
    Err(EngineError::OtherPack { wanted: recipe.pack.name.clone() })
}
