//! Where takes begin: places in songs, what was before them and, in real songs, what came after.

use encore::engine::model::Model;
use encore::engine::session::MIN_PRIME_TOKENS;
use encore::judge::tempo::tempo_bpm;
use encore::units::{frames_from_seconds, frames_from_tokens, tokens_from_frames};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::songs::Song;
use crate::failure::Failure;

/// What is heard before a seam tells the key only if it is more than a chord, whatever the model hears.
const KEY_SECONDS: f64 = 15.0;
/// Takes of one song from elsewhere.
const OF_EACH_UNSEEN: usize = 2;

/// A place in a song that is to be continued.
pub struct Prime {
    pub song: String,
    pub artist_idx: usize,
    pub seed: u64,
    /// Where in the song the seam is, in seconds.
    pub at_seconds: f64,
    /// The recording up to the seam, at least as much of it as the model hears.
    pub before: Vec<f32>,
    /// Frames of it that the model hears: whole tokens at its end.
    pub n_heard: usize,
    /// How the song really goes on, for as long as a take.
    pub after: Option<Vec<f32>>,
    /// As the song is labelled, or as it sounds where it has no labels.
    pub tempo_bpm: Option<f64>,
    /// What is sung where the model hears and writes, for models that read it.
    pub lyrics: Vec<u32>,
}

impl Prime {
    /// What the model hears.
    pub fn heard(&self) -> &[f32] {
        &self.before[self.before.len() - self.n_heard..]
    }

    fn new(
        song: &Song,
        audio: &[f32],
        seam: usize,
        n_after: usize,
        seed: u64,
        model: &Model,
    ) -> Self {
        let n_before = frames_from_seconds(KEY_SECONDS, model.rate()).max(n_heard(model)).min(seam);
        let n_tokens = tokens_from_frames(n_heard(model).min(seam), model.hop());
        let before = audio[seam - n_before..seam].to_vec();
        let labelled = song.labels.as_ref().map(|labels| labels.tempo_bpm);
        let seconds = |n_frames: usize| n_frames as f64 / model.rate();
        let written = seconds(seam.saturating_sub(n_heard(model)))..seconds(seam + n_after);
        Self {
            lyrics: song.sung_in(written, model.prior.config()),
            song: song.path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            artist_idx: song.artist_idx,
            seed,
            at_seconds: seconds(seam),
            n_heard: frames_from_tokens(n_tokens, model.hop()),
            tempo_bpm: labelled.or_else(|| tempo_bpm(&before, model.rate())),
            before,
            after: audio
                .get(seam..seam + n_after)
                .filter(|after| !after.is_empty())
                .map(<[f32]>::to_vec),
        }
    }
}

/// Frames that `encore continue` has the model listen to.
fn n_heard(model: &Model) -> usize {
    let recommended = model.pack.manifest().sampling.prime_seconds;
    frames_from_seconds(recommended.min(model.max_prime_seconds()), model.rate())
}

/// Places in held-out songs, evenly over the artists, each with a seed of its own.
pub fn held_out(
    model: &Model,
    songs: &[Song],
    n_takes: usize,
    seconds: f64,
    seed: u64,
) -> Result<Vec<Prime>, Failure> {
    let before_seconds = KEY_SECONDS.max(n_heard(model) as f64 / model.rate());
    let is_long = |song: &&Song| before_seconds + seconds < song.heard_seconds();
    let songs: Vec<&Song> = songs.iter().filter(is_long).collect();
    if songs.is_empty() {
        return Err(Failure::BadInput(format!(
            "no held-out song is longer than {:.1} s, of which a take of {seconds} s continues the first {before_seconds:.1} s",
            before_seconds + seconds
        )));
    }
    let by_artist = turns(&songs);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut primes = Vec::with_capacity(n_takes);
    for number in 0..n_takes {
        let of_artist = &by_artist[number % by_artist.len()];
        let song = of_artist[number / by_artist.len() % of_artist.len()];
        let audio = song.listen(&model.pack)?;
        let n_after = frames_from_seconds(seconds, model.rate());
        let first = frames_from_seconds(before_seconds, model.rate()).min(audio.len());
        let last = audio.len().saturating_sub(n_after).max(first);
        let seam = rng.random_range(first..=last);
        primes.push(Prime::new(
            song,
            &audio,
            seam,
            n_after,
            seed.wrapping_add(number as u64),
            model,
        ));
    }
    Ok(primes)
}

/// The ends of songs from elsewhere.
pub fn unseen(
    model: &Model,
    songs: &[Song],
    n_takes: usize,
    seed: u64,
) -> Result<Vec<Prime>, Failure> {
    let mut primes = Vec::new();
    for number in 0..n_takes.min(OF_EACH_UNSEEN * songs.len()) {
        let song = &songs[number % songs.len()];
        let audio = song.listen(&model.pack)?;
        let seed = seed.wrapping_add(number as u64);
        let prime = Prime::new(song, &audio, audio.len(), 0, seed, model);
        if prime.n_heard < frames_from_tokens(MIN_PRIME_TOKENS, model.hop()) {
            return Err(Failure::BadInput(format!("{:?} is too short to be continued", song.path)));
        }
        primes.push(prime);
    }
    Ok(primes)
}

/// The songs of each artist who has any.
fn turns<'s>(songs: &[&'s Song]) -> Vec<Vec<&'s Song>> {
    let n_artists = songs.iter().map(|song| song.artist_idx + 1).max().unwrap_or(0);
    let of = |artist| songs.iter().copied().filter(|song| song.artist_idx == artist).collect();
    (0..n_artists).map(of).filter(|of: &Vec<&Song>| !of.is_empty()).collect()
}
