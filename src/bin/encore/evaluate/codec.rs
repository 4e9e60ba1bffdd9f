//! Songs through the VQ-VAE: their codes, what is left of their sound, and excerpts of both.

use std::collections::BTreeMap;

use encore::judge::codebook::codebook_use;
use encore::judge::defects::Findings;
use encore::judge::spectrum::spectral_convergence_db;
use encore::judge::stats::mean;
use encore::judge::style;
use encore::jukebox::Vqvae;
use encore::pack::Pack;
use encore::units::frames_from_seconds;
use rayon::prelude::*;

use super::songs::Song;
use crate::failure::Failure;
use crate::progress::SecondsBar;

/// Length of the excerpts that takes are compared with, in seconds.
const EXCERPT_SECONDS: f64 = 10.0;

/// A song as the VQ-VAE knows it.
pub struct Heard {
    pub artist_idx: usize,
    /// By level, for those that were asked for.
    pub codes: BTreeMap<usize, Vec<u32>>,
    /// Of levels that were decoded.
    pub convergence_db: BTreeMap<usize, f64>,
    pub excerpts: Vec<Excerpt>,
}

/// Ten seconds of a real song, as it is and as decoded from the codes of the level that takes have.
pub struct Excerpt {
    pub original: Sound,
    pub decoded: Sound,
}

/// What is known of a sound.
pub struct Sound {
    pub pieces: Vec<Vec<f64>>,
    pub findings: Findings,
}

/// What is wanted of songs.
pub struct Wanted<'a> {
    /// Levels whose codes are wanted.
    pub encoded: &'a [usize],
    /// Those of them that are decoded too.
    pub decoded: &'a [usize],
    /// The level whose sound is compared with the songs', in excerpts.
    pub excerpts_of: Option<usize>,
    /// Excerpts of each artist, in seconds; songs beyond that have none.
    pub excerpt_seconds: f64,
}

impl Sound {
    pub fn new(audio: &[f32], rate: f64) -> Self {
        Self { pieces: style::pieces(audio, rate), findings: Findings::new(audio, rate) }
    }
}

/// Listens to a song; `audio` is all of it that counts.
fn hear(
    vqvae: &Vqvae,
    song: &Song,
    audio: &[f32],
    wanted: &Wanted,
    excerpts_of: Option<usize>,
    rate: f64,
) -> Result<Heard, Failure> {
    let mut heard = Heard {
        artist_idx: song.artist_idx,
        codes: BTreeMap::new(),
        convergence_db: BTreeMap::new(),
        excerpts: Vec::new(),
    };
    for &level in wanted.encoded {
        let codes = vqvae.encode(audio, level)?;
        if wanted.decoded.contains(&level) || excerpts_of == Some(level) {
            let decoded = vqvae.decode(&codes, level)?;
            if wanted.decoded.contains(&level) {
                heard.convergence_db.insert(level, spectral_convergence_db(audio, &decoded));
            }
            if excerpts_of == Some(level) {
                heard.excerpts = excerpts(audio, &decoded, rate);
            }
        }
        heard.codes.insert(level, codes);
    }
    Ok(heard)
}

fn excerpts(audio: &[f32], decoded: &[f32], rate: f64) -> Vec<Excerpt> {
    let n_frames = frames_from_seconds(EXCERPT_SECONDS, rate);
    let pairs: Vec<_> = audio.chunks_exact(n_frames).zip(decoded.chunks_exact(n_frames)).collect();
    let excerpt = |(original, decoded): &(&[f32], &[f32])| Excerpt {
        original: Sound::new(original, rate),
        decoded: Sound::new(decoded, rate),
    };
    pairs.par_iter().map(excerpt).collect()
}

/// Listens to songs, one after another.
pub fn listen(
    pack: &Pack,
    vqvae: &Vqvae,
    songs: &[Song],
    doing: &'static str,
    wanted: &Wanted,
) -> Result<Vec<Heard>, Failure> {
    let bar = SecondsBar::new(doing, songs.iter().map(Song::heard_seconds).sum());
    let (mut seconds, mut seconds_of) = (0.0, BTreeMap::<usize, f64>::new());
    let mut all = Vec::with_capacity(songs.len());
    for song in songs {
        let audio = song.listen(pack)?;
        let of_artist = seconds_of.entry(song.artist_idx).or_default();
        let excerpts_of = wanted.excerpts_of.filter(|_| *of_artist < wanted.excerpt_seconds);
        *of_artist += song.heard_seconds();
        all.push(hear(vqvae, song, &audio, wanted, excerpts_of, pack.sample_rate().into())?);
        seconds += song.heard_seconds();
        bar.set_seconds(seconds);
    }
    Ok(all)
}

/// By level, the mean over songs of how much of their magnitudes is missed, in dB.
pub fn convergence_db(heard: &[Heard]) -> BTreeMap<usize, f64> {
    let mut by_level: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (level, db) in heard.iter().flat_map(|song| &song.convergence_db) {
        by_level.entry(*level).or_default().push(*db);
    }
    by_level.retain(|_, values| {
        values.retain(|db| db.is_finite()); // silence has none
        !values.is_empty()
    });
    by_level.into_iter().map(|(level, values)| (level, mean(&values))).collect()
}

/// By level, the share of the codebook that songs use.
pub fn book_use(heard: &[Heard], n_bins: usize) -> BTreeMap<usize, f64> {
    let mut by_level: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for (level, codes) in heard.iter().flat_map(|song| &song.codes) {
        by_level.entry(*level).or_default().extend(codes);
    }
    by_level.into_iter().map(|(level, codes)| (level, codebook_use(&codes, n_bins))).collect()
}
