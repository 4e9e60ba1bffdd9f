//! One generation, from what was heard to what is played.

use std::time::Instant;

use super::{EngineError, model::Model};
use crate::{
    jukebox::{Advance, LabelRow, LevelSampler, LevelState, Plan, SamplerSettings, Song, TokenRng},
    link::{Progress, Stage},
    units::{frames_from_seconds, frames_from_tokens, seconds_from_frames, tokens_from_frames},
};

/// Shortest and longest continuation, in seconds.
pub const LENGTHS_SECONDS: std::ops::RangeInclusive<f64> = 0.1..=3600.0;

/// Fewest tokens of prime that are worth listening to.
pub const MIN_PRIME_TOKENS: usize = 8;

/// Tokens of the prime's end that are decoded too, for a smooth change from the recording.
const LEAD_IN_TOKENS: usize = 3;

/// New tokens before the first audio is decoded; later pieces grow up to [`LAST_PIECE_TOKENS`].
const FIRST_PIECE_TOKENS: usize = 48;
const LAST_PIECE_TOKENS: usize = 192;

/// What is to be composed.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to continue: mono, at the model's rate. Its end is the seam.
    pub prime: Vec<f32>,
    pub length_seconds: f64,
    pub artist: u32,
    pub genres: Vec<u32>,
    pub sampler: SamplerSettings,
    pub seed: u64,
    /// Length of the song as the model is told; the pack's recommendation where none is given.
    pub total_seconds: Option<f64>,
}

/// Who is told, and asked whether to go on.
pub trait Listener {
    /// The last milliseconds of the prime as the model hears them, up to the seam. Comes once, right before
    /// the first piece of [`Self::audio`], which follows it without a step.
    ///
    /// # Errors
    /// As [`Self::audio`].
    fn lead_in(&mut self, frames: &[f32]) -> Result<(), EngineError>;

    /// The next piece of the continuation: mono, at the model's rate, in order and without gaps.
    ///
    /// # Errors
    /// When it cannot be taken; composing ends with that error.
    fn audio(&mut self, frames: &[f32]) -> Result<(), EngineError>;

    fn progress(&mut self, progress: &Progress);

    /// Looked at after every token.
    fn stopped(&self) -> bool;
}

/// The codes of a finished continuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// Prime and continuation.
    pub codes: Vec<u32>,
    pub n_prime_tokens: usize,
}

/// Composes one continuation and hands its audio out while it grows.
///
/// # Errors
/// [`EngineError::Stopped`] when the listener asked for it: an ordinary ending. Anything else says what the
/// request or the model lacks.
pub fn compose(
    model: &Model,
    request: &Request,
    listener: &mut dyn Listener,
) -> Result<Composed, EngineError> {
    let n_frames = check(model, request)?;
    let mut story = Story::new(model, request, listener); // encoding
    let prime = listen(model, &request.prime)?; // [t]
    let n_prime_tokens = prime.len();

    story.at(Stage::Prefilling);
    let n_new = n_frames.div_ceil(model.hop());
    let song = Song { labels: labels(model, request, n_prime_tokens + n_new), ..Song::default() };
    let n_ctx = model.prior.config().n_ctx;
    let plan = Plan::adding(n_prime_tokens, n_new, n_ctx, model.hop_tokens());
    let state = LevelState::new(prime, TokenRng::new(request.seed));
    let mut top = LevelSampler::new(&model.prior, song, plan, request.sampler, state)?;
    let mut pieces = Pieces::new(model, n_prime_tokens, n_frames)?;

    loop {
        story.check_stopped()?;
        match top.advance()? {
            Advance::Opened(_) | Advance::Prefilled { .. } => continue,
            Advance::Token(_) => story.at(Stage::Generating),
            Advance::Finished => break,
        }
        if pieces.is_due(top.codes().len()) {
            pieces.tell(model, top.codes(), &mut story)?;
        }
    }
    while !pieces.is_done() {
        story.check_stopped()?;
        pieces.tell(model, top.codes(), &mut story)?;
    }
    Ok(Composed { codes: top.codes().to_vec(), n_prime_tokens })
}

/// Frames of continuation that were asked for, if the request makes sense.
fn check(model: &Model, request: &Request) -> Result<usize, EngineError> {
    if !LENGTHS_SECONDS.contains(&request.length_seconds) {
        return Err(EngineError::Length(request.length_seconds));
    }
    if let Some(at) = request.prime.iter().position(|sample| !sample.is_finite()) {
        return Err(EngineError::BadPrime { at_seconds: seconds_from_frames(at, model.rate()) });
    }
    let n_needed = frames_from_tokens(MIN_PRIME_TOKENS, model.hop());
    if request.prime.len() < n_needed {
        return Err(EngineError::TooLittleHeard {
            heard_seconds: seconds_from_frames(request.prime.len(), model.rate()),
            needed_seconds: seconds_from_frames(n_needed, model.rate()),
        });
    }
    Ok(frames_from_seconds(request.length_seconds, model.rate()))
}

/// Codes of the last part of `prime` that the model can take in. The last frame of the last token is the
/// last frame of the prime; what does not fill a token is left out at its start.
fn listen(model: &Model, prime: &[f32]) -> Result<Vec<u32>, EngineError> {
    let n_tokens = tokens_from_frames(prime.len(), model.hop()).min(model.max_prime_tokens());
    let n_frames = frames_from_tokens(n_tokens, model.hop());
    Ok(model.vqvae.encode(&prime[prime.len() - n_frames..], model.level())?)
}

/// Labels of the song: artist, genres and a total length with room for everything that is composed.
fn labels(model: &Model, request: &Request, n_tokens: usize) -> LabelRow {
    let config = model.prior.config();
    let Some(labels) = &config.labels else { return LabelRow::default() };
    let recommended = model.pack.manifest().sampling.total_seconds;
    let total = frames_from_seconds(request.total_seconds.unwrap_or(recommended), model.rate());
    let total = total.max(frames_from_tokens(n_tokens, model.hop()) + 1);
    LabelRow::clamped(labels, config.n_ctx, total as i64, 0, request.artist, request.genres.clone())
}

/// Decodes new codes in pieces that equal the decoding of the whole: each waits for the codes that its last
/// frames depend on.
struct Pieces {
    n_prime: usize,
    n_decoded: usize,
    n_total: usize,
    reach: usize,
    piece: usize,
    n_frames_left: usize,
}

impl Pieces {
    fn new(model: &Model, n_prime: usize, n_frames: usize) -> Result<Self, EngineError> {
        Ok(Self {
            n_prime,
            n_decoded: n_prime,
            n_total: n_prime + n_frames.div_ceil(model.hop()),
            reach: model.vqvae.decoder_reach_tokens(model.level())?,
            piece: FIRST_PIECE_TOKENS,
            n_frames_left: n_frames,
        })
    }

    fn is_done(&self) -> bool {
        self.n_decoded >= self.n_total
    }

    /// Whether `n_codes` are enough for the next piece.
    fn is_due(&self, n_codes: usize) -> bool {
        n_codes >= self.n_decoded + self.piece + self.reach
    }

    /// Decodes the next piece and hands it out.
    fn tell(&mut self, model: &Model, codes: &[u32], story: &mut Story) -> Result<(), EngineError> {
        let level = model.level();
        if self.n_decoded == self.n_prime {
            let lead_in = self.n_prime.saturating_sub(LEAD_IN_TOKENS)..self.n_prime;
            story.listener.lead_in(&model.vqvae.decode_span(codes, lead_in, level)?)?;
        }
        let span = self.n_decoded..self.n_total.min(self.n_decoded + self.piece);
        self.n_decoded = span.end;
        self.piece = (2 * self.piece).min(LAST_PIECE_TOKENS);
        let mut audio = model.vqvae.decode_span(codes, span, level)?; // [f]
        audio.truncate(self.n_frames_left);
        self.n_frames_left -= audio.len();
        story.tell(&audio)
    }
}

/// What the listener is told, and when everything began.
struct Story<'l> {
    listener: &'l mut dyn Listener,
    rate: f64,
    begun: Instant,
    /// When the first audio was handed out and how many frames that were: speed is measured from there.
    first: Option<(Instant, usize)>,
    n_done: usize,
    progress: Progress,
}

impl<'l> Story<'l> {
    fn new(model: &Model, request: &Request, listener: &'l mut dyn Listener) -> Self {
        let progress = Progress { seconds_total: request.length_seconds, ..Progress::default() };
        listener.progress(&progress);
        let begun = Instant::now();
        Self { listener, rate: model.rate(), begun, first: None, n_done: 0, progress }
    }

    fn at(&mut self, stage: Stage) {
        if self.progress.stage != stage {
            self.progress.stage = stage;
            self.listener.progress(&self.progress);
        }
    }

    fn check_stopped(&self) -> Result<(), EngineError> {
        if self.listener.stopped() { Err(EngineError::Stopped) } else { Ok(()) }
    }

    /// Hands out a piece of audio and says how far that is.
    fn tell(&mut self, audio: &[f32]) -> Result<(), EngineError> {
        self.listener.audio(audio)?;
        let now = Instant::now();
        self.n_done += audio.len();
        let (first_at, n_first) = *self.first.get_or_insert((now, self.n_done));
        let done = seconds_from_frames(self.n_done, self.rate);
        let since_first = seconds_from_frames(self.n_done - n_first, self.rate);
        let speed = since_first / now.duration_since(first_at).as_secs_f64();
        let left = (self.progress.seconds_total - done).max(0.0);
        self.progress.seconds_done = done;
        self.progress.realtime_factor = done / now.duration_since(self.begun).as_secs_f64();
        self.progress.remaining_seconds = (since_first > 0.0).then(|| left / speed);
        self.listener.progress(&self.progress);
        Ok(())
    }
}
