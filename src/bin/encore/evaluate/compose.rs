//! Takes that continue primes, as `encore continue` would write them, several at once.

use encore::engine::finer;
use encore::engine::model::Model;
use encore::engine::pieces::Pieces;
use encore::engine::session::label_row;
use encore::engine::{EngineError, room};
use encore::jukebox::{
    Advance, LevelPrior, LevelState, Plan, SamplerSettings, Song as ToldSong, TokenRng,
};
use encore::pack::Precision;
use encore::units::{frames_from_seconds, seconds_from_frames, tokens_from_frames};

use super::primes::Prime;
use super::songs::Artist;
use crate::failure::Failure;
use crate::progress::SecondsBar;
use crate::take_files::join;

/// A prime with its continuation.
pub struct Take {
    /// What was heard, then the continuation.
    pub audio: Vec<f32>,
    /// The first frame of the continuation.
    pub seam_frame: usize,
    /// The continuation alone, as the decoder made it.
    pub continuation: Vec<f32>,
}

/// How takes are made.
pub struct Job<'a> {
    pub model: &'a Model,
    pub artists: &'a [Artist],
    /// Finer levels to write after the top, coarsest first.
    pub finer: &'a [usize],
    pub precision: Precision,
    pub seconds: f64,
}

impl Job<'_> {
    /// One take for each prime, in their order.
    pub fn compose(&self, primes: &[Prime]) -> Result<Vec<Take>, Failure> {
        let bar = SecondsBar::new("composing", self.seconds * primes.len() as f64);
        let mut codes: Vec<Vec<u32>> = vec![Vec::new(); primes.len()];
        let mut n_done = 0;
        for batch in self.batches(primes) {
            let told = |share: f64| {
                bar.set_seconds(self.seconds * (n_done as f64 + share * batch.len() as f64));
            };
            let written = self.top(&batch.iter().map(|i| &primes[*i]).collect::<Vec<_>>(), told)?;
            n_done += batch.len();
            batch.into_iter().zip(written).for_each(|(i, written)| codes[i] = written);
        }
        drop(bar);
        let mut finest = self.model.level();
        for &level in self.finer {
            codes = self.finer_level(level, primes, codes)?;
            finest = level;
        }
        let takes = primes.iter().zip(&codes);
        takes.map(|(prime, codes)| self.listen(prime, codes, finest)).collect()
    }

    /// Indices of primes that are continued together: told the same, equally long, not too many.
    fn batches(&self, primes: &[Prime]) -> Vec<Vec<usize>> {
        let mut batches: Vec<Vec<usize>> = Vec::new();
        for (i, prime) in primes.iter().enumerate() {
            let joins = |batch: &&mut Vec<usize>| {
                let first = &primes[batch[0]];
                batch.len() < self.model.takes_at_once()
                    && (first.artist_idx, first.n_heard) == (prime.artist_idx, prime.n_heard)
                    && first.lyrics == prime.lyrics
            };
            match batches.iter_mut().find(joins) {
                Some(batch) => batch.push(i),
                None => batches.push(vec![i]),
            }
        }
        batches
    }

    fn total_seconds(&self, prime: &Prime) -> f64 {
        let needed = seconds_from_frames(prime.n_heard, self.model.rate()) + self.seconds;
        self.model.pack.manifest().sampling.total_seconds.max(needed)
    }

    /// Codes of the top level, primes included, of takes that are written together.
    fn top(&self, primes: &[&Prime], told: impl Fn(f64)) -> Result<Vec<Vec<u32>>, Failure> {
        let taught = self.artists[primes[0].artist_idx].model(self.model)?;
        let model = taught.as_ref().unwrap_or(self.model);
        let (config, sampling) = (model.prior.config(), &model.pack.manifest().sampling);
        let total = frames_from_seconds(self.total_seconds(primes[0]), model.rate());
        let Artist { id, genres, .. } = &self.artists[primes[0].artist_idx];
        let labels = label_row(config, total + 1, *id, genres.clone());
        let begin = |prime: &&Prime| {
            let codes = model.vqvae.encode(prime.heard(), model.level())?;
            Ok(LevelState::new(codes, TokenRng::new(prime.seed)))
        };
        let states = primes.iter().map(begin).collect::<Result<Vec<_>, Failure>>()?;
        let n_prime = states[0].codes.len();
        let n_frames = frames_from_seconds(self.seconds, model.rate());
        let n_least = finer::min_frames(&model.pack, self.finer)?.div_ceil(model.hop());
        let n_new = n_frames.div_ceil(model.hop()).max(n_least.saturating_sub(n_prime));
        let plan = Plan::adding(n_prime, n_new, config.n_ctx, model.hop_tokens());
        let sampler = SamplerSettings {
            temperature: sampling.temperature,
            top_k: sampling.top_k,
            top_p: sampling.top_p,
        };
        let lyrics = primes[0].lyrics.clone();
        let song = ToldSong { labels, lyrics, upper: Vec::new() };
        let mut writer = model.prior.level(song, plan, sampler, states)?;
        while writer.advance()? != Advance::Finished {
            told((writer.codes_of(0).len() - n_prime) as f64 / n_new as f64);
        }
        Ok((0..primes.len()).map(|take| writer.codes_of(take).to_vec()).collect())
    }

    /// Codes of a finer level under those of the level above.
    fn finer_level(
        &self,
        level: usize,
        primes: &[Prime],
        upper: Vec<Vec<u32>>,
    ) -> Result<Vec<Vec<u32>>, Failure> {
        let pack = &self.model.pack;
        room::check(pack, level, self.precision)?;
        let prior = pack.load_prior_as(level, self.precision)?;
        let bar = SecondsBar::new("making it finer", self.seconds * primes.len() as f64);
        let mut all = Vec::with_capacity(primes.len());
        for (number, (prime, upper)) in primes.iter().zip(upper).enumerate() {
            let Artist { id, genres, .. } = &self.artists[prime.artist_idx];
            // finer priors know no artist that was taught
            let is_taught = pack.taught().iter().any(|taught| taught.artist_id == *id);
            let (artist, genres) = match is_taught {
                true => (0, vec![0; genres.len()]),
                false => (*id, genres.clone()),
            };
            let request = finer::Request {
                upper,
                prime: self.model.vqvae.encode(prime.heard(), level)?,
                artist,
                genres,
                total_seconds: self.total_seconds(prime),
                seed: prime.seed,
            };
            let mut pen = Pen { bar: &bar, number, seconds: self.seconds };
            all.push(finer::write(pack, &prior, request, None, &mut pen)?);
        }
        Ok(all)
    }

    /// The continuation of a take, and the prime joined to it.
    fn listen(&self, prime: &Prime, codes: &[u32], level: usize) -> Result<Take, Failure> {
        let (vqvae, rate) = (&self.model.vqvae, self.model.rate());
        let hop = vqvae.config().hop(level);
        let n_new = frames_from_seconds(self.seconds, rate);
        let codes = &codes[..codes.len().min((prime.n_heard + n_new).div_ceil(hop))];
        let mut pieces = Pieces::new(vqvae, level, tokens_from_frames(prime.n_heard, hop), n_new)?;
        let lead_in = pieces.lead_in(vqvae, codes)?;
        let mut continuation = Vec::with_capacity(n_new);
        while !pieces.is_done() {
            continuation.extend(pieces.next(vqvae, codes)?);
        }
        let audio = join(prime.heard(), &lead_in, &continuation, rate);
        Ok(Take { audio, seam_frame: prime.n_heard, continuation })
    }
}

/// Moves the bar.
struct Pen<'a> {
    bar: &'a SecondsBar,
    number: usize,
    seconds: f64,
}

impl finer::Listener for Pen<'_> {
    fn tokens(&mut self, n_done: usize, n_total: usize) {
        let share = n_done as f64 / n_total as f64;
        self.bar.set_seconds(self.seconds * (self.number as f64 + share));
    }

    fn window(&mut self, _finished: &LevelState) -> Result<(), EngineError> {
        Ok(())
    }

    fn stopped(&self) -> bool {
        false // Ctrl-C ends the process
    }
}
