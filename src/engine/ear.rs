//! The codes of what one instance heard. They are kept up to date while it plays, so that a continuation
//! has only the last ones to compute; all of them are what they would be if nothing had been kept.

use std::ops::Range;

use super::{
    EngineError,
    model::Model,
    seat::Seat,
    session::check_sound,
    tokens::{Stretch, TokenGrid},
};
use crate::link::Lane;

/// New tokens for which it is worth listening while nobody waits for them, and while somebody does: each
/// piece costs what its codes depend on besides.
pub const WORTH_TOKENS: i64 = 96;
pub const AWAITED_TOKENS: i64 = 32;

/// Most tokens that are listened to in one go.
const PIECE_TOKENS: i64 = 192;

/// Which stretch of sound codes belong to: the link, the run of frames without a jump in the song, and which
/// of the things that are heard.
pub type Run = (u64, u64, Lane);

/// What was heard and written down so far.
#[derive(Default)]
pub struct Ear {
    run: Option<Run>,
    /// For which rate of the host, and its tokens.
    grid: Option<(f64, TokenGrid)>,
    /// The token of the first code.
    first: i64,
    codes: Vec<u32>,
}

impl Ear {
    /// Forgets everything, as when the model is another one.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// The tokens of songs at `host_rate`.
    ///
    /// # Errors
    /// When the rate is not one that audio has.
    pub fn grid(&mut self, model: &Model, host_rate: f64) -> Result<&mut TokenGrid, EngineError> {
        if self.grid.as_ref().is_some_and(|(rate, _)| *rate != host_rate) {
            self.forget();
        }
        let grid = match self.grid.take() {
            Some((_, grid)) => grid,
            None => TokenGrid::new(host_rate, model.rate(), model.hop())?,
        };
        Ok(&mut self.grid.insert((host_rate, grid)).1)
    }

    /// Codes of `tokens`, of which the last may end where `heard` does. What `heard` holds before them is
    /// what they depend on; codes of the same run that are known need not be computed again.
    ///
    /// # Errors
    /// [`EngineError::BadPrime`] when a sample is no sound.
    pub fn codes(
        &mut self,
        model: &Model,
        host_rate: f64,
        run: Run,
        heard: &Stretch,
        tokens: Range<i64>,
    ) -> Result<Vec<u32>, EngineError> {
        check_sound(&heard.frames, host_rate)?;
        let last_final = self.last_final(model, host_rate, heard.end())?;
        let mut codes = self.known(run, tokens.start..tokens.end.min(last_final)).to_vec();
        let rest = tokens.start + codes.len() as i64..tokens.end;
        codes.extend(self.encode(model, host_rate, heard, rest)?);
        Ok(codes)
    }

    /// The token after the last one whose code does not change when more is heard than up to `end`.
    ///
    /// # Errors
    /// As [`Self::grid`].
    pub fn last_final(
        &mut self,
        model: &Model,
        host_rate: f64,
        end: i64,
    ) -> Result<i64, EngineError> {
        let (_, after) = model.vqvae.encoder_reach_tokens(model.level())?;
        Ok(self.grid(model, host_rate)?.first_open(end) - after as i64)
    }

    /// Listens to a little more of what `seat` hears, if there are `n_worth` tokens of it; true if there were.
    ///
    /// # Errors
    /// As [`Self::codes`].
    pub fn follow(
        &mut self,
        model: &Model,
        seat: &Seat,
        n_worth: i64,
    ) -> Result<bool, EngineError> {
        let Some(hearing) = seat.hearing() else { return Ok(false) };
        let (rate, end) = (hearing.rate, hearing.end);
        let last = self.last_final(model, rate, end)?;
        let n_kept = model.max_prime_tokens() as i64;
        let mut next = self.first + self.codes.len() as i64;
        if self.run != Some(hearing.run) || next < last - n_kept {
            let Some(start) = seat.hearing_since(end, hearing.run) else { return Ok(false) };
            next = self.grid(model, rate)?.token_from(start).max(last - n_kept);
            (self.run, self.first) = (Some(hearing.run), next);
            self.codes.clear();
        }
        if last - next < n_worth || hearing.is_quiet {
            return Ok(false);
        }
        let tokens = next..last.min(next + PIECE_TOKENS);
        let needed = self.needed(model, rate, tokens.clone())?;
        let needed = needed.start..needed.end.min(end);
        let Some(heard) = seat.heard(hearing.run, needed) else { return Ok(false) };
        let codes = self.encode(model, rate, &heard, tokens)?;
        self.codes.extend(codes);
        let n_old = (self.codes.len() as i64 - n_kept - PIECE_TOKENS).max(0);
        self.codes.drain(..n_old as usize);
        self.first += n_old;
        Ok(true)
    }

    /// Those codes of `tokens` that are known, from the first one on.
    pub fn known(&self, run: Run, tokens: Range<i64>) -> &[u32] {
        let end = (self.first + self.codes.len() as i64).min(tokens.end);
        let is_known = self.run == Some(run) && self.first <= tokens.start && tokens.start < end;
        if !is_known {
            return &[];
        }
        let offset = |token: i64| (token - self.first) as usize;
        self.codes.get(offset(tokens.start)..offset(end)).unwrap_or_default()
    }

    /// Song frames that the codes of `tokens` are made of.
    ///
    /// # Errors
    /// As [`Self::grid`].
    pub fn needed(
        &mut self,
        model: &Model,
        host_rate: f64,
        tokens: Range<i64>,
    ) -> Result<Range<i64>, EngineError> {
        let (before, after) = model.vqvae.encoder_reach_tokens(model.level())?;
        let tokens = tokens.start - before as i64..tokens.end + after as i64;
        Ok(self.grid(model, host_rate)?.frames_of(tokens))
    }

    /// Codes of `tokens`; the audio ends with the last token that `heard` holds whole.
    fn encode(
        &mut self,
        model: &Model,
        host_rate: f64,
        heard: &Stretch,
        tokens: Range<i64>,
    ) -> Result<Vec<u32>, EngineError> {
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        let (before, after) = model.vqvae.encoder_reach_tokens(model.level())?;
        let grid = self.grid(model, host_rate)?;
        let end = grid.token_at(heard.end()).min(tokens.end + after as i64);
        let audio = grid.audio(tokens.start - before as i64..end, heard)?;
        let n_tokens = (tokens.end - tokens.start) as usize;
        Ok(model.vqvae.encode_span(&audio, before..before + n_tokens, model.level())?)
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use super::*;
    use crate::{
        link::{self, AudioEnds, Mark, Motion},
        pack::Pack,
    };

    const RATE: f64 = 48_000.0;

    fn model() -> Model {
        let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/starter");
        Model::load(Pack::open(&starter).unwrap()).unwrap()
    }

    /// A seat that hears from song frame -777 on.
    fn seat() -> (Seat, AudioEnds) {
        let seat = Seat::new(Box::new(|| ()), Arc::default());
        let (mut audio, engine) = link::open(RATE);
        seat.attach(engine);
        let span = Mark::Span { at: 0, song_frame: -777, motion: Motion::Rolls };
        assert!(audio.capture.mark(span));
        (seat, audio)
    }

    /// A tenth of a second more is heard.
    fn hear(seat: &Seat, audio: &mut AudioEnds, loudness: f32) {
        let at = audio.capture.n_written();
        let sample = |i: u64| (i as f32 * 0.031).sin() * (i as f32 * 0.00013).cos() * loudness;
        let block: Vec<f32> = (at..at + 4_800).map(sample).collect();
        assert_eq!(audio.capture.write(&block, &block, None), block.len());
        seat.listen();
    }

    #[test]
    fn codes_that_were_computed_ahead_are_those_of_the_whole() {
        let (model, (seat, mut audio), mut ear) = (model(), seat(), Ear::default());
        for _ in 0..34 {
            hear(&seat, &mut audio, 0.5);
            while ear.follow(&model, &seat, WORTH_TOKENS).unwrap() {}
        }
        let hearing = seat.hearing().unwrap();

        for end in [hearing.end, hearing.end - 10_001] {
            let last = ear.grid(&model, RATE).unwrap().token_at(end);
            let tokens = last - 800..last;
            let heard = seat.heard(hearing.run, end - 150_000..end).unwrap();
            assert!(ear.known(hearing.run, tokens.clone()).len() > 500);

            let ahead = ear.codes(&model, RATE, hearing.run, &heard, tokens.clone()).unwrap();

            let mut deaf = Ear::default();
            let whole = deaf.codes(&model, RATE, hearing.run, &heard, tokens).unwrap();
            assert_eq!(ahead, whole);
        }
    }

    #[test]
    fn silence_is_not_listened_to_until_it_ends() {
        let (model, (seat, mut audio), mut ear) = (model(), seat(), Ear::default());

        (0..20).for_each(|_| hear(&seat, &mut audio, 0.0));
        assert!(!ear.follow(&model, &seat, WORTH_TOKENS).unwrap());
        hear(&seat, &mut audio, 0.5);

        assert!(ear.follow(&model, &seat, WORTH_TOKENS).unwrap());
    }

    #[test]
    fn a_sample_that_is_no_number_is_named_with_its_place() {
        let (model, mut ear) = (model(), Ear::default());
        let mut heard = Stretch { start: 0, frames: vec![0.1; 48_000] };
        heard.frames[24_000] = f32::NAN;

        let refused = ear.codes(&model, RATE, (1, 0, Lane::Input), &heard, 0..100).unwrap_err();

        assert!(refused.to_string().contains("0.500 s in"), "{refused}");
    }
}
