//! Codes to audio, piece by piece: the pieces put together equal the decoding of the whole.

use super::EngineError;
use crate::{jukebox::Vqvae, units::tokens_from_frames};

/// Frames of the prime's end that are decoded too, for a smooth change from the recording.
const LEAD_IN_FRAMES: usize = 384;

/// New frames in the first piece of audio; later pieces grow up to [`LAST_PIECE_FRAMES`].
const FIRST_PIECE_FRAMES: usize = 6144;
const LAST_PIECE_FRAMES: usize = 24_576;

/// Hands out the audio of a continuation while its codes grow.
///
/// A piece waits for the codes that its last frames depend on.
pub struct Pieces {
    level: usize,
    hop: usize,
    n_prime: usize,
    n_decoded: usize,
    n_total: usize,
    reach: usize,
    piece: usize,
    n_frames_left: usize,
}

impl Pieces {
    /// `n_frames` of audio after the first `n_prime` tokens of a level.
    ///
    /// # Errors
    /// When the VQ-VAE does not have that level.
    pub fn new(
        vqvae: &Vqvae,
        level: usize,
        n_prime: usize,
        n_frames: usize,
    ) -> Result<Self, EngineError> {
        let hop = vqvae.config().hop(level);
        Ok(Self {
            level,
            hop,
            n_prime,
            n_decoded: n_prime,
            n_total: n_prime + n_frames.div_ceil(hop),
            reach: vqvae.decoder_reach_tokens(level)?,
            piece: tokens_from_frames(FIRST_PIECE_FRAMES, hop).max(1),
            n_frames_left: n_frames,
        })
    }

    /// Whether nothing has been handed out yet.
    pub fn is_first(&self) -> bool {
        self.n_decoded == self.n_prime
    }

    pub fn is_done(&self) -> bool {
        self.n_decoded >= self.n_total
    }

    /// Whether `n_codes` are enough for the next piece.
    pub fn is_due(&self, n_codes: usize) -> bool {
        n_codes >= self.n_decoded + self.piece + self.reach
    }

    /// Whether another piece can be made of `n_codes`, if these are all that will ever be.
    pub fn can_go_on(&self, n_codes: usize) -> bool {
        !self.is_done() && (self.is_due(n_codes) || self.n_total <= n_codes)
    }

    /// Tokens before the first that is handed out.
    pub fn n_prime(&self) -> usize {
        self.n_prime
    }

    /// The end of the prime as the model hears it, up to the seam.
    ///
    /// # Errors
    /// When a code is none of the codebook's.
    pub fn lead_in(&self, vqvae: &Vqvae, codes: &[u32]) -> Result<Vec<f32>, EngineError> {
        let n_tokens = tokens_from_frames(LEAD_IN_FRAMES, self.hop).max(1);
        let lead_in = self.n_prime.saturating_sub(n_tokens)..self.n_prime;
        Ok(vqvae.decode_span(codes, lead_in, self.level)?)
    }

    /// The next piece.
    ///
    /// # Errors
    /// When a code is none of the codebook's.
    pub fn next(&mut self, vqvae: &Vqvae, codes: &[u32]) -> Result<Vec<f32>, EngineError> {
        let span = self.n_decoded..self.n_total.min(self.n_decoded + self.piece);
        self.n_decoded = span.end;
        let largest = tokens_from_frames(LAST_PIECE_FRAMES, self.hop).max(1);
        self.piece = (2 * self.piece).min(largest);
        let mut audio = vqvae.decode_span(codes, span, self.level)?; // [f]
        audio.truncate(self.n_frames_left);
        self.n_frames_left -= audio.len();
        Ok(audio)
    }
}
