//! The songs of a corpus in codes, made once with a pack's VQ-VAE and kept.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor, safetensors};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::recipe::range;
use crate::corpus::Listing;
use crate::corpus::listing::{LISTING_FILE, SongEntry};
use crate::jukebox::{PriorConfig, Vqvae};
use crate::lyrics::{Vocabulary, clean};
use crate::pack::{LabelRule, Labels, Pack};
use crate::train::TrainError;

/// The name of the artist and genre of id 0.
const UNKNOWN: &str = "unknown";
/// Songs between two times that what was encoded is kept.
const N_KEPT_AT_ONCE: usize = 32;
/// Tokens that are encoded at once.
const SPAN: usize = 8192;

/// A song as training sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct CodedSong {
    pub codes: Vec<u32>,
    /// Codes of the level above; none where nobody asks for them.
    pub upper: Vec<u32>,
    /// Length at the model's rate.
    pub n_frames: usize,
    pub artist: u32,
    pub genre: u32,
    /// All of its lyrics as tokens.
    pub lyrics: Vec<u32>,
}

/// A corpus in codes.
pub struct CodedCorpus {
    pub labels: Labels,
    pub songs: Vec<CodedSong>,
    /// Kept from training, to measure with.
    pub held_out: Vec<CodedSong>,
}

/// The label tables of a corpus: in its order, after the unknown.
pub fn labels_of(listing: &Listing) -> Labels {
    let unknown = || vec![UNKNOWN.to_owned()];
    let (mut artists, mut genres) = (unknown(), unknown());
    let mut genre_of_artist = BTreeMap::from([(UNKNOWN.to_owned(), UNKNOWN.to_owned())]);
    for artist in &listing.artists {
        artists.push(artist.name.clone());
        if !genres.contains(&artist.genre) {
            genres.push(artist.genre.clone());
        }
        genre_of_artist.insert(artist.name.clone(), artist.genre.clone());
    }
    Labels { rule: LabelRule::Plain, artists, genres, genre_of_artist, ..Labels::default() }
}

/// Encodes every song of a corpus, or reads what was encoded before; `told` hears how many of how many songs
/// are done.
///
/// # Errors
/// When a song cannot be read or has another rate than the pack, or the network has no room for the labels.
pub fn encode(
    pack: &Pack,
    config: &PriorConfig,
    corpus_dir: &Path,
    cache_dir: &Path,
    mut told: impl FnMut(usize, usize),
) -> Result<CodedCorpus, TrainError> {
    let listing = Listing::open(corpus_dir)?;
    let labels = labels_of(&listing);
    check(pack, config, &listing, &labels)?;
    let levels = match config.conditioner {
        None => vec![config.level],
        Some(_) => vec![config.level, config.level + 1],
    };
    let n_all = levels.len() * listing.songs.len();
    let mut all = Vec::new();
    for (idx, level) in levels.iter().enumerate() {
        let n_before = idx * listing.songs.len();
        let cache = Cache::open(pack, *level, corpus_dir, cache_dir)?;
        all.push(cache.fill(pack, *level, corpus_dir, &listing, |n| told(n_before + n, n_all))?);
    }
    let vocabulary = vocabulary(config)?;
    let (mut songs, mut held_out) = (Vec::new(), Vec::new());
    for entry in &listing.songs {
        let mut take = |idx: usize| {
            all.get_mut(idx).and_then(|codes| codes.remove(&entry.file)).unwrap_or_default()
        };
        let (codes, upper) = (take(0), take(1));
        if codes.is_empty() {
            continue; // shorter than a token
        }
        let lyrics = match vocabulary {
            None => Vec::new(),
            Some(vocabulary) => {
                let sung = entry.labels(corpus_dir)?.lyrics;
                sung.map_or_else(Vec::new, |sung| clean(&sung.text, vocabulary).tokens())
            }
        };
        let artist = labels.artists.iter().position(|name| *name == entry.artist).unwrap_or(0);
        let genre = labels.genre_of_artist.get(&entry.artist);
        let genre = genre.and_then(|genre| labels.genres.iter().position(|name| name == genre));
        let song = CodedSong {
            n_frames: codes.len() * pack.hop(config.level)?,
            codes,
            upper,
            artist: artist as u32,
            genre: genre.unwrap_or(0) as u32,
            lyrics,
        };
        if entry.held_out { held_out.push(song) } else { songs.push(song) }
    }
    if songs.is_empty() {
        let problem = format!("{corpus_dir:?} has no song to train on");
        return Err(TrainError::TooLittle(problem));
    }
    Ok(CodedCorpus { labels, songs, held_out })
}

fn check(
    pack: &Pack,
    config: &PriorConfig,
    listing: &Listing,
    labels: &Labels,
) -> Result<(), TrainError> {
    let rate = pack.sample_rate();
    if listing.sample_rate != rate {
        let value = format!("{} Hz", listing.sample_rate);
        return Err(range("the rate of the corpus", value, format!("{rate} Hz, as the pack's is")));
    }
    let n_codes = pack.manifest().vqvae.config.l_bins;
    if config.l_bins != n_codes {
        return Err(range("prior.l_bins", config.l_bins, format!("{n_codes}, as the pack has")));
    }
    let Some(tables) = &config.labels else {
        return Ok(());
    };
    let hop = pack.hop(config.level)?;
    if tables.hop != hop || tables.sample_rate != rate {
        let value = format!("{} frames at {} Hz", tables.hop, tables.sample_rate);
        return Err(range("a token in prior.labels", value, format!("{hop} frames at {rate} Hz")));
    }
    for (what, n_bins, n) in [
        ("prior.labels.artist_bins", tables.artist_bins, labels.artists.len()),
        ("prior.labels.genre_bins", tables.genre_bins, labels.genres.len()),
    ] {
        if n_bins < n {
            return Err(range(what, n_bins, format!("{n} or more, for this corpus")));
        }
    }
    Ok(())
}

fn vocabulary(config: &PriorConfig) -> Result<Option<Vocabulary>, TrainError> {
    let Some(lyrics) = &config.lyrics else {
        return Ok(None);
    };
    match Vocabulary::of_size(lyrics.n_vocab) {
        Some(vocabulary) => Ok(Some(vocabulary)),
        None => Err(range("prior.lyrics.n_vocab", lyrics.n_vocab, "79 or 80")),
    }
}

/// What was encoded before, in a file for each VQ-VAE, level and corpus.
struct Cache {
    path: PathBuf,
    codes: HashMap<String, Vec<u32>>,
}

impl Cache {
    fn open(
        pack: &Pack,
        level: usize,
        corpus_dir: &Path,
        cache_dir: &Path,
    ) -> Result<Self, TrainError> {
        fs::create_dir_all(cache_dir).map_err(TrainError::io(cache_dir))?;
        let vqvae = &pack.manifest().vqvae;
        let stated = pack.manifest().files.get(&vqvae.file);
        let listing = corpus_dir.join(LISTING_FILE);
        let listing = fs::read(&listing).map_err(TrainError::io(&listing))?;
        let key = serde_json::json!([vqvae, stated, level]).to_string();
        let key = Sha256::new().chain_update(key).chain_update(listing).finalize();
        let path = cache_dir.join(format!("codes-{}.safetensors", &format!("{key:x}")[..16]));
        let mut codes = HashMap::new();
        if path.exists() {
            for (file, tensor) in safetensors::load(&path, &Device::Cpu)? {
                codes.insert(file, tensor.to_dtype(DType::U32)?.to_vec1()?);
            }
        }
        Ok(Self { path, codes })
    }

    /// Encodes what is not there yet.
    fn fill(
        mut self,
        pack: &Pack,
        level: usize,
        corpus_dir: &Path,
        listing: &Listing,
        mut told: impl FnMut(usize),
    ) -> Result<HashMap<String, Vec<u32>>, TrainError> {
        let is_missing = |song: &&SongEntry| !self.codes.contains_key(&song.file);
        let missing: Vec<_> = listing.songs.iter().filter(is_missing).collect();
        told(listing.songs.len() - missing.len());
        if missing.is_empty() {
            return Ok(self.codes);
        }
        let vqvae = pack.load_vqvae()?;
        for songs in missing.chunks(N_KEPT_AT_ONCE) {
            let one = |song: &&SongEntry| -> Result<_, TrainError> {
                let audio = read_wav(&corpus_dir.join(&song.file), pack.sample_rate())?;
                Ok((song.file.clone(), encode_song(&vqvae, &audio, level)?))
            };
            self.codes.extend(songs.par_iter().map(one).collect::<Result<Vec<_>, _>>()?);
            self.keep()?;
            told(self.codes.len());
        }
        Ok(self.codes)
    }

    fn keep(&self) -> Result<(), TrainError> {
        let tensor = |(file, codes): (&String, &Vec<u32>)| -> Result<_, TrainError> {
            Ok((file.clone(), Tensor::from_slice(codes, codes.len(), &Device::Cpu)?))
        };
        let tensors = self.codes.iter().map(tensor).collect::<Result<HashMap<_, _>, _>>()?;
        let fresh = self.path.with_extension("new");
        safetensors::save(&tensors, &fresh)?;
        fs::rename(&fresh, &self.path).map_err(TrainError::io(&self.path))
    }
}

/// A span at a time, because the network's own numbers are many times those of the audio.
pub fn encode_song(vqvae: &Vqvae, audio: &[f32], level: usize) -> Result<Vec<u32>, TrainError> {
    let n_tokens = audio.len() / vqvae.config().hop(level);
    let mut codes = Vec::with_capacity(n_tokens);
    for start in (0..n_tokens).step_by(SPAN) {
        let span = start..n_tokens.min(start + SPAN);
        codes.extend(vqvae.encode_span(audio, span, level)?);
    }
    Ok(codes)
}

fn read_wav(path: &Path, sample_rate: u32) -> Result<Vec<f32>, TrainError> {
    let unusable = |problem: String| TrainError::Run { path: path.into(), problem };
    let mut wav = hound::WavReader::open(path).map_err(|e| unusable(e.to_string()))?;
    let spec = wav.spec();
    if spec.sample_rate != sample_rate || spec.channels != 1 {
        let (rate, n) = (spec.sample_rate, spec.channels);
        let problem = format!("it has {n} channels at {rate} Hz, but 1 at {sample_rate} is needed");
        return Err(unusable(problem));
    }
    let samples: Result<Vec<f32>, _> = match spec.sample_format {
        hound::SampleFormat::Float => wav.samples::<f32>().collect(),
        hound::SampleFormat::Int => {
            let scale = 1.0 / (1i64 << (spec.bits_per_sample - 1)) as f32;
            wav.samples::<i32>().map(|sample| sample.map(|x| x as f32 * scale)).collect()
        }
    };
    samples.map_err(|e| unusable(e.to_string()))
}
