//! Recordings as codes, and which of them are kept from training.

use super::names::prior;
use super::{Genre, LEAST_SECONDS};
use crate::jukebox::{PriorConfig, Vqvae};
use crate::pack::Pack;
use crate::train::TrainError;
use crate::train::prior::Window;
use crate::train::prior::codes::{CodedSong, encode_song};
use crate::units::{frames_from_tokens, seconds_from_frames};

/// Share of the music that is measured on and not learnt from.
const HELD_OUT_SHARE: f64 = 0.1;
/// From so many pieces on, whole ones are kept.
const MANY_PIECES: usize = 8;
/// Windows that are measured, at most.
const MAX_HELD_OUT: usize = 16;

/// Hears recordings one by one.
pub struct Ear<'p> {
    pack: &'p Pack,
    vqvae: Vqvae,
    pieces: Vec<CodedSong>,
}

/// What there is to learn from.
#[derive(Debug, Clone)]
pub struct Lesson {
    pub songs: Vec<CodedSong>,
    /// A song, and the tokens where its measured windows begin.
    held_out: Vec<(CodedSong, Vec<usize>)>,
    /// Of all recordings.
    pub seconds: f64,
    /// Of those, kept from training.
    pub held_out_seconds: f64,
}

impl<'p> Ear<'p> {
    /// # Errors
    /// When the pack's VQ-VAE cannot be read.
    pub fn new(pack: &'p Pack) -> Result<Self, TrainError> {
        Ok(Self { pack, vqvae: pack.load_vqvae()?, pieces: Vec::new() })
    }

    /// Hears a recording: mono, at the pack's rate. Returns its seconds.
    ///
    /// # Errors
    /// When a sample is not a number.
    pub fn hear(&mut self, frames: &[f32]) -> Result<f64, TrainError> {
        let rate = f64::from(self.pack.sample_rate());
        if let Some(at) = frames.iter().position(|sample| !sample.is_finite()) {
            let value = format!("{} at {:.3} s", frames[at], seconds_from_frames(at, rate));
            let what = "a sample of the recording";
            return Err(TrainError::Range { what, value, allowed: "a number".into() });
        }
        let level = self.pack.top_level();
        let codes = encode_song(&self.vqvae, frames, level)?;
        let n_frames = frames_from_tokens(codes.len(), self.pack.hop(level)?);
        let [upper, lyrics] = [Vec::new(), Vec::new()];
        self.pieces.push(CodedSong { codes, upper, n_frames, artist: 0, genre: 0, lyrics });
        Ok(seconds_from_frames(n_frames, rate))
    }

    /// What was heard, divided into what is learnt and what is kept to measure with.
    ///
    /// # Errors
    /// [`TrainError::TooLittle`] with what there is and what it takes.
    pub fn lesson(self) -> Result<Lesson, TrainError> {
        let Self { pack, mut pieces, .. } = self;
        let config = prior(pack)?;
        let rate = f64::from(pack.sample_rate());
        let seconds_of = |n_tokens: usize| -> Result<f64, TrainError> {
            let n_frames = frames_from_tokens(n_tokens, pack.hop(config.level)?);
            Ok(seconds_from_frames(n_frames, rate))
        };
        let n_tokens: usize = pieces.iter().map(|piece| piece.codes.len()).sum();
        let seconds = seconds_of(n_tokens)?;
        if seconds < LEAST_SECONDS {
            let problem = format!(
                "there are {seconds:.1} s of recordings, which is too little: it takes at least {LEAST_SECONDS:.0} s, \
                 and ten minutes teach an artist well"
            );
            return Err(TrainError::TooLittle(problem));
        }
        let longest = pieces.iter().map(|piece| piece.codes.len()).max().unwrap_or(0);
        if longest < config.n_ctx {
            let (longest, window) = (seconds_of(longest)?, seconds_of(config.n_ctx)?);
            let problem = format!(
                "the longest recording has {longest:.1} s, but this pack hears {window:.1} s at a time, and at \
                 least one recording must be as long"
            );
            return Err(TrainError::TooLittle(problem));
        }
        let held_out = hold_out(&mut pieces, config);
        let n_left: usize = pieces.iter().map(|piece| piece.codes.len()).sum();
        let held_out_seconds = seconds_of(n_tokens - n_left)?;
        Ok(Lesson { songs: pieces, held_out, seconds, held_out_seconds })
    }
}

/// Takes a tenth away: whole pieces where there are many, or the end of the longest.
fn hold_out(pieces: &mut Vec<CodedSong>, config: &PriorConfig) -> Vec<(CodedSong, Vec<usize>)> {
    let n_tokens: usize = pieces.iter().map(|piece| piece.codes.len()).sum();
    let wanted = (HELD_OUT_SHARE * n_tokens as f64) as usize;
    let starts = |first: usize, piece: &CodedSong| -> Vec<usize> {
        let last = piece.codes.len().saturating_sub(config.n_ctx).max(first);
        (first..=last).step_by(config.n_ctx).collect()
    };
    let mut kept = Vec::new();
    if MANY_PIECES <= pieces.len() {
        let every = pieces.len() / (pieces.len() / 10).max(1);
        let mut n_kept = 0;
        let mut idx = every / 2;
        while idx < pieces.len() && n_kept < wanted {
            let piece = pieces.remove(idx);
            n_kept += piece.codes.len();
            kept.push((starts(0, &piece), piece));
            idx += every - 1;
        }
    } else if let Some(longest) = pieces.iter_mut().max_by_key(|piece| piece.codes.len()) {
        let whole = longest.clone();
        let n_kept = wanted.min(whole.codes.len() / 4).max(1);
        longest.codes.truncate(whole.codes.len() - n_kept);
        kept.push((starts(longest.codes.len(), &whole), whole));
    }
    let n_starts: usize = kept.iter().map(|(starts, _)| starts.len()).sum();
    let every = n_starts.div_ceil(MAX_HELD_OUT).max(1);
    let thinned = kept
        .into_iter()
        .map(|(starts, piece)| (piece, starts.into_iter().step_by(every).collect::<Vec<_>>()));
    thinned.collect()
}

impl Lesson {
    /// The same with everything told as this artist and genre.
    pub fn told(&self, artist: u32, genre: u32) -> Self {
        let told = |song: &CodedSong| CodedSong { artist, genre, ..song.clone() };
        let held_out = self.held_out.iter().map(|(song, starts)| (told(song), starts.clone()));
        Self { songs: self.songs.iter().map(told).collect(), held_out: held_out.collect(), ..*self }
    }

    /// Windows to measure on, always the same.
    pub fn held_out(&self, config: &PriorConfig) -> Vec<Window> {
        let windows = self.held_out.iter().flat_map(|(song, starts)| {
            starts.iter().map(|start| Window::of(song, config, *start, true))
        });
        windows.collect()
    }

    /// Tokens that are learnt from.
    pub fn n_tokens(&self) -> usize {
        self.songs.iter().map(|song| song.codes.len()).sum()
    }
}

impl Genre {
    /// Its name, where it is said.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Known(_, name) | Self::New(name) => Some(name),
            Self::Nearest => None,
        }
    }
}
