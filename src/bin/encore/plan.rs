//! What `encore continue` will ask the engine for, once everything that was typed made sense.

use encore::engine::model::Model;
use encore::engine::session::{LENGTHS_SECONDS, MIN_PRIME_TOKENS, Request};
use encore::jukebox::SamplerSettings;
use encore::pack::Labels;
use encore::takes::Label;
use encore::units::{
    frames_from_seconds, frames_from_tokens, seconds_from_frames, tokens_from_frames,
};

use crate::args::ContinueArgs;
use crate::failure::{Failure, note};

/// The request for the first take; the others differ in their seed.
pub fn request(args: &ContinueArgs, model: &Model, track: &[f32]) -> Result<Request, Failure> {
    if !LENGTHS_SECONDS.contains(&args.seconds) {
        return Err(Failure::BadInput(format!(
            "--seconds {} cannot be composed: lengths from {} to {} s are possible",
            args.seconds,
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
    let (artist, genres) = labels(args, model)?;
    let song = seconds_from_frames(prime.len(), model.rate()) + args.seconds;
    Ok(Request {
        prime,
        length_seconds: args.seconds,
        artist,
        genres,
        sampler: sampler(args, model),
        seed: args.seed,
        total_seconds: Some(total_seconds(args, model, song)?),
    })
}

/// The id with its name, for the recipe.
pub fn artist_label(labels: &Labels, id: u32) -> Label {
    Label { id, name: labels.artist_name(id).unwrap_or("unknown").to_owned() }
}

/// The id with its name, for the recipe.
pub fn genre_label(labels: &Labels, id: u32) -> Label {
    Label { id, name: labels.genre_name(id).unwrap_or("unknown").to_owned() }
}

/// The end of the track, in whole tokens, so that the seam is where the track ends.
fn prime(args: &ContinueArgs, model: &Model, track: &[f32]) -> Result<Vec<f32>, Failure> {
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
                args.input
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
            args.input,
            seconds_from_frames(n_wanted, model.rate()),
            seconds_from_frames(n_needed, model.rate())
        )));
    }
    let n_frames = frames_from_tokens(n_tokens, model.hop());
    Ok(track[track.len() - n_frames..].to_vec())
}

fn labels(args: &ContinueArgs, model: &Model) -> Result<(u32, Vec<u32>), Failure> {
    let n_allowed = model.prior.config().labels.as_ref().map_or(0, |labels| labels.max_genre_words);
    let labels = model.pack.labels_of(model.level());
    let chosen = labels.choose(args.artist.as_deref(), &args.genres, n_allowed)?;
    if args.artist.is_none() && args.genres.is_empty() && n_allowed > 0 {
        note("neither --artist nor --genre was given, so both are unknown to the model");
    }
    chosen.notes.iter().for_each(|sentence| note(sentence));
    Ok((chosen.artist, chosen.genres))
}

/// What was typed over what the pack recommends; a filter that was typed replaces the recommended one.
fn sampler(args: &ContinueArgs, model: &Model) -> SamplerSettings {
    let recommended = &model.pack.manifest().sampling;
    let (top_k, top_p) = match (args.top_k, args.top_p) {
        (None, None) => (recommended.top_k, recommended.top_p),
        typed => typed,
    };
    let temperature = args.temperature.unwrap_or(recommended.temperature);
    SamplerSettings { temperature, top_k, top_p }
}

/// Length of the song, with room for the prime and the continuation.
fn total_seconds(args: &ContinueArgs, model: &Model, needed: f64) -> Result<f64, Failure> {
    let Some(asked) = args.total_seconds else {
        return Ok(model.pack.manifest().sampling.total_seconds.max(needed));
    };
    if asked < needed {
        return Err(Failure::BadInput(format!(
            "--total-seconds {asked} is shorter than the prime and the continuation, {needed:.2} s"
        )));
    }
    if let Some(labels) = &model.prior.config().labels {
        let (least, limit) = (labels.min_duration_seconds, labels.max_duration_seconds);
        if !(least..limit).contains(&asked) {
            return Err(Failure::BadInput(format!(
                "--total-seconds {asked} is not a song that this model knows: at least {least}, below {limit}"
            )));
        }
    }
    Ok(asked)
}

/// With two digits that can be typed back.
fn rounded_down(seconds: f64) -> f64 {
    (seconds * 100.0).floor() / 100.0
}
