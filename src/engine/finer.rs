//! The finer levels of a song, each written under the one above it (SPEC §4.2, §5).
//!
//! A level of upsampling hears all codes above it, and goes over the song in windows of its own: one after
//! another, each primed by half of the one before, or [several at once](parallel).

mod joint;
pub mod parallel;

use super::{EngineError, session::label_row};
use crate::{
    jukebox::{
        Advance, LevelPrior, LevelState, Plan, PriorConfig, SamplerSettings, Song, TokenRng,
    },
    pack::{Pack, PackError},
    units::{frames_from_seconds, frames_from_tokens, seconds_from_frames},
};

/// How finer levels choose, as the released scripts do it: the music is decided above.
pub const SAMPLER: SamplerSettings =
    SamplerSettings { temperature: 0.99, top_k: None, top_p: None };

/// Share of a window by which finer windows move on, as in the released scripts.
const HOP_FRACTION: f64 = 0.5;

/// A finer level that is to be written.
#[derive(Debug, Clone)]
pub struct Request {
    /// All codes of the level above.
    pub upper: Vec<u32>,
    /// What there is of this level already: the codes of the prime, or none.
    pub prime: Vec<u32>,
    /// As the level's own tables count them; the finer priors of a pack may have others than the coarsest.
    pub artist: u32,
    pub genres: Vec<u32>,
    /// Length of the whole song, as the model is told.
    pub total_seconds: f64,
    pub seed: u64,
}

/// Who is told, and asked whether to go on.
pub trait Listener {
    /// Tokens of the level that are written, and how many there will be.
    fn tokens(&mut self, n_done: usize, n_total: usize);

    /// Another window is written: from here one can go on later.
    ///
    /// # Errors
    /// When that cannot be kept; writing ends with that error.
    fn window(&mut self, finished: &LevelState) -> Result<(), EngineError>;

    /// The same where several chains of windows are written: some of them are a window further.
    ///
    /// # Errors
    /// As [`Self::window`].
    fn chains(&mut self, _finished: &[LevelState]) -> Result<(), EngineError> {
        Ok(())
    }

    /// Looked at after every token, or every stretch of tokens where a device writes them.
    fn stopped(&self) -> bool;
}

/// The levels below the coarsest, down to `finest`, in the order in which they are written.
///
/// # Errors
/// When the pack lacks the prior of one of them.
pub fn levels(pack: &Pack, finest: usize) -> Result<Vec<usize>, PackError> {
    let levels: Vec<_> = (finest..pack.top_level()).rev().collect();
    levels.iter().try_for_each(|level| pack.prior_config(*level).map(|_| ()))?;
    Ok(levels)
}

/// Shortest song, in frames, that all of these levels can be written for: each needs a whole window.
///
/// # Errors
/// When the pack lacks one of the levels.
pub fn min_frames(pack: &Pack, levels: &[usize]) -> Result<usize, PackError> {
    let mut longest = 0;
    for level in levels {
        let n_ctx = pack.prior_config(*level)?.n_ctx;
        longest = longest.max(frames_from_tokens(n_ctx, pack.hop(*level)?));
    }
    Ok(longest)
}

/// Writes one level, with the prior of that level, and returns its codes, prime included.
///
/// Goes on from `saved`, which [`Listener::window`] got for the same request, to the same end.
///
/// # Errors
/// [`EngineError::TooShort`] when there are not enough codes above for a window; [`EngineError::Stopped`]
/// when the listener asked for it.
pub fn write(
    pack: &Pack,
    prior: &dyn LevelPrior,
    request: Request,
    saved: Option<LevelState>,
    listener: &mut dyn Listener,
) -> Result<Vec<u32>, EngineError> {
    let (prime, seed) = (request.prime.clone(), request.seed);
    let Asked { song, n_total, per_upper } = Asked::of(pack, prior.config(), request)?;
    let plan = plan(n_total, prior.config().n_ctx, per_upper);
    let saved = saved.filter(|saved| saved.codes.starts_with(&prime));
    let state = saved.unwrap_or_else(|| {
        LevelState::new(prime, TokenRng::of_stream(seed, stream(pack, prior.config())))
    });
    let mut writer = prior.level(song, plan, SAMPLER, vec![state])?;
    loop {
        check_stopped(listener)?;
        let n_windows = writer.finished_of(0).n_windows;
        match writer.advance()? {
            Advance::Opened(_) | Advance::Prefilled { .. } => continue,
            Advance::Token(_) => listener.tokens(writer.codes_of(0).len(), n_total),
            Advance::Finished => return Ok(writer.codes_of(0).to_vec()),
        }
        if n_windows < writer.finished_of(0).n_windows {
            listener.window(writer.finished_of(0))?;
        }
    }
}

/// Where in the codes of [`write`] a window goes on from the end of the one before, in tokens, if there were
/// `n_prime` of `n_total` at the beginning.
///
/// # Errors
/// When windows of this prior cannot move.
pub fn handovers(
    pack: &Pack,
    level: usize,
    n_prime: usize,
    n_total: usize,
) -> Result<Vec<usize>, EngineError> {
    let n_ctx = pack.prior_config(level)?.n_ctx;
    let per_upper = pack.hop(level + 1)? / pack.hop(level)?;
    let windows = plan(n_total, n_ctx, per_upper).windows(n_ctx, n_prime)?;
    let ends = windows.iter().map(|window| window.start + window.n_tokens);
    Ok(ends.filter(|end| *end < n_total).collect())
}

/// A request in the terms of the level's prior.
struct Asked {
    song: Song,
    n_total: usize,
    /// Tokens of the level under each code above.
    per_upper: usize,
}

impl Asked {
    fn of(pack: &Pack, config: &PriorConfig, request: Request) -> Result<Self, EngineError> {
        let level = config.level;
        let per_upper = pack.hop(level + 1)? / pack.hop(level)?;
        let n_total = request.upper.len() * per_upper;
        if n_total < config.n_ctx {
            let seconds = |n_tokens| -> Result<f64, PackError> {
                Ok(seconds_from_frames(n_tokens * pack.hop(level)?, rate(pack)))
            };
            return Err(EngineError::TooShort {
                level,
                given_seconds: seconds(n_total)?,
                needed_seconds: seconds(config.n_ctx)?,
            });
        }
        let total = frames_from_seconds(request.total_seconds, rate(pack));
        let labels = label_row(config, total, request.artist, request.genres);
        let song = Song { labels, lyrics: Vec::new(), upper: request.upper };
        Ok(Self { song, n_total, per_upper })
    }
}

fn rate(pack: &Pack) -> f64 {
    f64::from(pack.sample_rate())
}

/// Which of the seed's streams of numbers is a level's.
fn stream(pack: &Pack, config: &PriorConfig) -> u64 {
    (pack.top_level() - config.level) as u64
}

fn plan(n_total: usize, n_ctx: usize, per_upper: usize) -> Plan {
    Plan { n_total, hop_tokens: hop_tokens(n_ctx, per_upper) }
}

fn check_stopped(listener: &dyn Listener) -> Result<(), EngineError> {
    if listener.stopped() { Err(EngineError::Stopped) } else { Ok(()) }
}

/// By how many tokens windows move on: they must begin with a code of the level above.
pub fn hop_tokens(n_ctx: usize, per_upper: usize) -> usize {
    let hop = (HOP_FRACTION * n_ctx as f64) as usize;
    (hop / per_upper * per_upper).clamp(per_upper.min(n_ctx), n_ctx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_move_on_by_half_of_themselves_and_by_whole_codes_above() {
        assert_eq!(hop_tokens(8192, 4), 4096);
        assert_eq!(hop_tokens(36, 4), 16);
        assert_eq!(hop_tokens(4, 4), 4);
    }
}
