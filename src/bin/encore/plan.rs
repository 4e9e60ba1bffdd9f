//! What `encore continue` will ask the engine for, once everything that was typed made sense.

use encore::engine::finer;
use encore::engine::model::Model;
use encore::engine::recipe;
use encore::engine::session::{LENGTHS_SECONDS, MIN_PRIME_TOKENS, Request};
use encore::jukebox::{LevelPrior, SamplerSettings};
use encore::lyrics::Cleaned;
use encore::takes::{FinerRecipe, Prime, Recipe};
use encore::units::{
    frames_from_seconds, frames_from_tokens, seconds_from_frames, tokens_from_frames,
};

use crate::args::song::ContinueArgs;
use crate::failure::Failure;
use crate::place::Place;
use crate::told::Told;

/// The request for the first take; the others have other seeds. `levels` are the finer ones that follow.
pub fn request<P: LevelPrior>(
    args: &ContinueArgs,
    told: &Told,
    lyrics: Option<&Cleaned>,
    levels: &[usize],
    model: &Model<P>,
    track: &[f32],
) -> Result<Request, Failure> {
    if !LENGTHS_SECONDS.contains(&args.seconds()) {
        return Err(Failure::BadInput(format!(
            "--seconds {} cannot be composed: lengths from {} to {} s are possible",
            args.seconds(),
            LENGTHS_SECONDS.start(),
            LENGTHS_SECONDS.end()
        )));
    }
    let prime = prime(args, model, track)?;
    let n_later = args.takes.saturating_sub(1) as u64;
    if args.seed.checked_add(n_later).is_none() {
        return Err(Failure::BadInput(format!(
            "--seed {} is too large for {} takes, each of which has the seed after the last",
            args.seed, args.takes
        )));
    }
    let (artist, genres) = told.labels(&model.pack, model.level())?;
    let song = seconds_from_frames(prime.len(), model.rate()) + args.seconds();
    let min_tokens = finer::min_frames(&model.pack, levels)?.div_ceil(model.hop());
    Ok(Request {
        prime,
        length_seconds: args.seconds(),
        artist,
        genres,
        sampler: sampler(args, model),
        seeds: vec![args.seed],
        total_seconds: Some(told.total_seconds(&model.pack, song)?),
        offset_seconds: 0.0,
        lyrics: lyrics.map(Cleaned::tokens).unwrap_or_default(),
        min_tokens,
    })
}

/// How a take is made, for its file.
pub fn recipe<P: LevelPrior>(
    args: &ContinueArgs,
    place: &Place,
    model: &Model<P>,
    request: &Request,
    seed: u64,
    told: &Told,
    levels: &[usize],
) -> Recipe {
    Recipe {
        backend: place.backend(),
        prime: Some(Prime::of(&request.prime, model.pack.sample_rate())),
        seed,
        lyrics: told.lyrics.clone(),
        finest_level: levels.last().copied().unwrap_or(model.level()),
        finer: (!levels.is_empty()).then(|| FinerRecipe::new(args.windows)),
        ..recipe::recipe(model, request)
    }
}

/// The end of the track, in whole tokens, so that the seam is where the track ends.
fn prime<P: LevelPrior>(
    args: &ContinueArgs,
    model: &Model<P>,
    track: &[f32],
) -> Result<Vec<f32>, Failure> {
    let heard_seconds = seconds_from_frames(track.len(), model.rate());
    let longest_seconds = model.max_prime_seconds();
    let seconds = match args.prime_seconds {
        None => model.pack.manifest().sampling.prime_seconds.min(longest_seconds),
        Some(asked) if asked > longest_seconds => {
            return Err(Failure::BadInput(format!(
                "--prime-seconds {asked} is longer than this model can listen to: at most {}",
                rounded_down(longest_seconds)
            )));
        }
        Some(asked) if asked > heard_seconds => {
            return Err(Failure::BadInput(format!(
                "--prime-seconds {asked} is longer than {:?}, which lasts {heard_seconds:.2} s",
                args.input()
            )));
        }
        Some(asked) => asked,
    };
    let n_wanted = frames_from_seconds(seconds, model.rate()).min(track.len());
    let n_tokens = tokens_from_frames(n_wanted, model.hop());
    if n_tokens < MIN_PRIME_TOKENS {
        let n_needed = frames_from_tokens(MIN_PRIME_TOKENS, model.hop());
        return Err(Failure::BadInput(format!(
            "{:?} gives {:.4} s to listen to, but the model needs at least {:.4} s",
            args.input(),
            seconds_from_frames(n_wanted, model.rate()),
            seconds_from_frames(n_needed, model.rate())
        )));
    }
    let n_frames = frames_from_tokens(n_tokens, model.hop());
    Ok(track[track.len() - n_frames..].to_vec())
}

/// What was typed over what the pack recommends; a filter that was typed replaces the recommended one.
fn sampler<P: LevelPrior>(args: &ContinueArgs, model: &Model<P>) -> SamplerSettings {
    let recommended = &model.pack.manifest().sampling;
    let (top_k, top_p) = match (args.top_k, args.top_p) {
        (None, None) => (recommended.top_k, recommended.top_p),
        typed => typed,
    };
    let temperature = args.temperature.unwrap_or(recommended.temperature);
    SamplerSettings { temperature, top_k, top_p }
}

/// With two digits that can be typed back.
fn rounded_down(seconds: f64) -> f64 {
    (seconds * 100.0).floor() / 100.0
}
