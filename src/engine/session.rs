//! One generation, from what was heard to what is played; several takes of it at once.

pub use super::story::Story;
use super::{
    EngineError,
    faults::{self, Fault},
    model::Model,
    pieces::Pieces,
    room,
};
use crate::{
    jukebox::{
        Advance, LabelRow, LevelPrior, LevelSampler, LevelState, LevelWriter, Plan, PriorConfig,
        SamplerSettings, Song, TokenRng,
    },
    link::{Progress, Stage},
    units::{frames_from_seconds, frames_from_tokens, seconds_from_frames, tokens_from_frames},
};

/// Shortest and longest continuation, in seconds.
pub const LENGTHS_SECONDS: std::ops::RangeInclusive<f64> = 0.1..=3600.0;

/// Fewest tokens of prime that are worth listening to.
pub const MIN_PRIME_TOKENS: usize = 8;

/// Largest sample that is still sound, 120 dB above full scale: the networks' own numbers overflow far above.
const LOUDEST: f32 = 1e6;

/// What is to be composed.
#[derive(Debug, Clone)]
pub struct Request {
    /// What [`compose`] continues: mono, at the model's rate. Its end is the seam.
    pub prime: Vec<f32>,
    pub length_seconds: f64,
    pub artist: u32,
    pub genres: Vec<u32>,
    pub sampler: SamplerSettings,
    /// One take for each, composed together: each becomes what it would have become alone.
    pub seeds: Vec<u64>,
    /// Length of the song as the model is told; the pack's recommendation where none is given.
    pub total_seconds: Option<f64>,
    /// Where in the song the prime begins, as the model is told.
    pub offset_seconds: f64,
    /// The whole lyrics as tokens, for models that read them.
    pub lyrics: Vec<u32>,
    /// Compose at least this many tokens, prime included: finer levels need a song as long as their window.
    pub min_tokens: usize,
}

/// Who is told, and asked whether to go on.
pub trait Listener {
    /// The last milliseconds of the prime as the model hears them, up to the seam. Comes once for a take,
    /// right before the first piece of [`Self::audio`], which follows it without a step.
    ///
    /// # Errors
    /// As [`Self::audio`].
    fn lead_in(&mut self, take_idx: usize, frames: &[f32]) -> Result<(), EngineError>;

    /// The next piece of a take's continuation: mono, at the model's rate, in order and without gaps.
    ///
    /// # Errors
    /// When it cannot be taken; composing ends with that error.
    fn audio(&mut self, take_idx: usize, frames: &[f32]) -> Result<(), EngineError>;

    fn progress(&mut self, progress: &Progress);

    /// Another window of a take is written: from here one can go on later.
    ///
    /// # Errors
    /// As [`Self::audio`].
    fn window(&mut self, _take_idx: usize, _finished: &LevelState) -> Result<(), EngineError> {
        Ok(())
    }

    /// Whether audio is to be made at all; codes alone are enough where finer levels follow.
    fn wants_audio(&self) -> bool {
        true
    }

    /// Looked at after every token, or every stretch of tokens where a device writes them.
    fn stopped(&self) -> bool;
}

/// The codes of finished continuations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// Prime and continuation of each take.
    pub takes: Vec<Vec<u32>>,
    pub n_prime_tokens: usize,
}

/// Composes continuations and hands their audio out while they grow.
///
/// Goes on from `saved`, which [`Listener::window`] got for the same request and model, to the same end.
/// They are of use only together: one state for each take, all of the same number of windows.
///
/// # Errors
/// [`EngineError::Stopped`] when the listener asked for it: an ordinary ending. Anything else says what the
/// request or the model lacks.
pub fn compose<P: LevelPrior>(
    model: &Model<P>,
    request: &Request,
    saved: Vec<LevelState>,
    listener: &mut dyn Listener,
) -> Result<Composed, EngineError> {
    check(model, &request.prime)?;
    let story = Story::new(model, request, listener); // encoding
    let prime = listen(model, &request.prime)?; // [t]
    compose_on(model, request, &prime, saved, story)
}

/// The same from the codes of a prime; [`Request::prime`] is not looked at.
///
/// # Errors
/// As [`compose`].
pub fn compose_codes<P: LevelPrior>(
    model: &Model<P>,
    request: &Request,
    prime: &[u32],
    saved: Vec<LevelState>,
    listener: &mut dyn Listener,
) -> Result<Composed, EngineError> {
    compose_on(model, request, prime, saved, Story::new(model, request, listener))
}

fn compose_on<P: LevelPrior>(
    model: &Model<P>,
    request: &Request,
    prime: &[u32],
    saved: Vec<LevelState>,
    mut story: Story,
) -> Result<Composed, EngineError> {
    story.at(Stage::Prefilling);
    let (song, plan, states) = planned(model, request, prime, saved)?;
    let mut top = model.prior.level(song, plan, request.sampler, states)?;
    write(model, request, top.as_mut(), prime.len(), story)
}

/// A continuation of these codes on the kernels, before its first token. The end of the prime may be
/// [corrected](LevelSampler::correct) while its beginning is taken in.
///
/// # Errors
/// As [`compose`].
pub fn begin<'m>(
    model: &'m Model,
    request: &Request,
    prime: Vec<u32>,
    saved: Vec<LevelState>,
) -> Result<LevelSampler<'m>, EngineError> {
    let (song, plan, states) = planned(model, request, &prime, saved)?;
    Ok(LevelSampler::of_takes(&model.prior, song, plan, request.sampler, states)?)
}

/// What is to be written, and from where.
fn planned<P: LevelPrior>(
    model: &Model<P>,
    request: &Request,
    prime: &[u32],
    saved: Vec<LevelState>,
) -> Result<(Song, Plan, Vec<LevelState>), EngineError> {
    if !LENGTHS_SECONDS.contains(&request.length_seconds) {
        return Err(EngineError::Length(request.length_seconds));
    }
    if prime.len() < MIN_PRIME_TOKENS {
        return Err(too_little(model, frames_from_tokens(prime.len(), model.hop())));
    }
    let n_frames = frames_from_seconds(request.length_seconds, model.rate());
    let n_new = n_new_tokens(model, request, prime.len(), n_frames);
    let song = song(model, request, prime.len() + n_new);
    let n_ctx = model.prior.config().n_ctx;
    let plan = Plan::adding(prime.len(), n_new, n_ctx, model.hop_tokens());
    let states = states(request, prime, saved, n_new)?;
    Ok((song, plan, states))
}

/// Writes what [`begin`] began, and hands its audio out while it grows.
///
/// # Errors
/// As [`compose`].
pub fn write<P: LevelPrior>(
    model: &Model<P>,
    request: &Request,
    top: &mut dyn LevelWriter,
    n_prime_tokens: usize,
    mut story: Story,
) -> Result<Composed, EngineError> {
    let n_frames = frames_from_seconds(request.length_seconds, model.rate());
    let takes = 0..request.seeds.len();
    let pieces = || Pieces::new(&model.vqvae, model.level(), n_prime_tokens, n_frames);
    let mut pieces = takes.clone().map(|_| pieces()).collect::<Result<Vec<_>, _>>()?;
    let wants_audio = story.listener.wants_audio();
    let mut n_windows = top.finished_of(0).n_windows;

    loop {
        story.check_stopped()?;
        match top.advance()? {
            Advance::Opened(_) | Advance::Prefilled { .. } => continue,
            Advance::Token(_) => {
                faults::panic_if_due(Fault::WorkerPanics);
                story.at(Stage::Generating);
            }
            Advance::Finished => break,
        }
        if n_windows < top.finished_of(0).n_windows {
            n_windows = top.finished_of(0).n_windows;
            for take_idx in takes.clone() {
                story.listener.window(take_idx, top.finished_of(take_idx))?;
            }
        }
        if !wants_audio {
            story.count(model, top.codes_of(0).len() - n_prime_tokens);
            continue;
        }
        for (take_idx, pieces) in pieces.iter_mut().enumerate() {
            if pieces.is_due(top.codes_of(0).len()) {
                tell(model, take_idx, pieces, top.codes_of(take_idx), &mut story)?;
            }
        }
    }
    while wants_audio && pieces.iter().any(|pieces| !pieces.is_done()) {
        for (take_idx, pieces) in
            pieces.iter_mut().enumerate().filter(|(_, pieces)| !pieces.is_done())
        {
            story.check_stopped()?;
            tell(model, take_idx, pieces, top.codes_of(take_idx), &mut story)?;
        }
    }
    let takes = takes.map(|take_idx| top.codes_of(take_idx).to_vec()).collect();
    Ok(Composed { takes, n_prime_tokens })
}

/// Where the takes begin: what was saved of all of them, or the prime.
fn states(
    request: &Request,
    prime: &[u32],
    saved: Vec<LevelState>,
    n_new: usize,
) -> Result<Vec<LevelState>, EngineError> {
    let n_windows = saved.first().map_or(0, |state| state.n_windows);
    let fits = |state: &LevelState| state.codes.starts_with(prime) && state.n_windows == n_windows;
    if saved.len() == request.seeds.len() && saved.iter().all(fits) {
        return Ok(saved);
    }
    let begin = |seed: &u64| {
        let mut codes = prime.to_vec();
        room::reserve(&mut codes, n_new)?;
        Ok(LevelState::new(codes, TokenRng::new(*seed)))
    };
    request.seeds.iter().map(begin).collect()
}

/// Decodes the next piece of a take and hands it out.
fn tell<P: LevelPrior>(
    model: &Model<P>,
    take_idx: usize,
    pieces: &mut Pieces,
    codes: &[u32],
    story: &mut Story,
) -> Result<(), EngineError> {
    if pieces.is_first() {
        story.listener.lead_in(take_idx, &pieces.lead_in(&model.vqvae, codes)?)?;
    }
    story.tell(take_idx, &pieces.next(&model.vqvae, codes)?)
}

/// Whether the prime makes sense.
fn check<P: LevelPrior>(model: &Model<P>, prime: &[f32]) -> Result<(), EngineError> {
    check_sound(prime, model.rate())?;
    let n_needed = frames_from_tokens(MIN_PRIME_TOKENS, model.hop());
    if prime.len() < n_needed { Err(too_little(model, prime.len())) } else { Ok(()) }
}

/// # Errors
/// [`EngineError::BadPrime`] at the first sample that is not a number, or beyond [`LOUDEST`].
pub fn check_sound(samples: &[f32], rate: f64) -> Result<(), EngineError> {
    let is_sound = |sample: &f32| sample.abs() <= LOUDEST; // not a number is not
    match samples.iter().position(|sample| !is_sound(sample)) {
        None => Ok(()),
        Some(at) => {
            let at_seconds = seconds_from_frames(at, rate);
            Err(EngineError::BadPrime { at_seconds, value: samples[at] })
        }
    }
}

fn too_little<P: LevelPrior>(model: &Model<P>, n_heard: usize) -> EngineError {
    let n_needed = frames_from_tokens(MIN_PRIME_TOKENS, model.hop());
    EngineError::TooLittleHeard {
        heard_seconds: seconds_from_frames(n_heard, model.rate()),
        needed_seconds: seconds_from_frames(n_needed, model.rate()),
    }
}

/// Codes of the last part of `prime` that the model can take in. The last frame of the last token is the
/// last frame of the prime; what does not fill a token is left out at its start.
fn listen<P: LevelPrior>(model: &Model<P>, prime: &[f32]) -> Result<Vec<u32>, EngineError> {
    let n_tokens = tokens_from_frames(prime.len(), model.hop()).min(model.max_prime_tokens());
    let n_frames = frames_from_tokens(n_tokens, model.hop());
    Ok(model.vqvae.encode(&prime[prime.len() - n_frames..], model.level())?)
}

/// Tokens to compose: as many as were asked for, or as finer levels need.
fn n_new_tokens<P: LevelPrior>(
    model: &Model<P>,
    request: &Request,
    n_prime: usize,
    n_frames: usize,
) -> usize {
    n_frames.div_ceil(model.hop()).max(request.min_tokens.saturating_sub(n_prime))
}

/// What the model is told: artist, genres, lyrics, the place in the song, and a total length with room for
/// everything that is composed.
fn song<P: LevelPrior>(model: &Model<P>, request: &Request, n_tokens: usize) -> Song {
    let recommended = model.pack.manifest().sampling.total_seconds;
    let total = frames_from_seconds(request.total_seconds.unwrap_or(recommended), model.rate());
    let offset = frames_from_seconds(request.offset_seconds, model.rate());
    let n_frames = frames_from_tokens(n_tokens, model.hop()) + 1;
    let total = total.max(offset.saturating_add(n_frames));
    let (artist, genres) = (request.artist, request.genres.clone());
    let config = model.prior.config();
    let mut labels = label_row(config, total, artist, genres);
    if let Some(limits) = &config.labels {
        labels = labels.at(limits, offset as i64);
    }
    Song { labels, lyrics: request.lyrics.clone(), upper: Vec::new() }
}

/// Labels of a song of `total` frames, brought within what the model takes; none where it takes none.
pub fn label_row(config: &PriorConfig, total: usize, artist: u32, genres: Vec<u32>) -> LabelRow {
    config.labels.as_ref().map_or_else(LabelRow::default, |labels| {
        LabelRow::clamped(labels, config.n_ctx, total as i64, 0, artist, genres)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sound_is_refused_with_its_value_and_place() {
        for value in [f32::NAN, f32::NEG_INFINITY, 1e30, -1.1e6] {
            let refused = check_sound(&[0.0, -0.5, value, 0.0], 2.0).unwrap_err().to_string();
            assert!(
                refused.contains("1.000 s in") && refused.contains(&format!("({value:e})")),
                "{refused}"
            );
        }
        assert!(check_sound(&[1.0, -8.0, 1e6], 2.0).is_ok());
    }
}
