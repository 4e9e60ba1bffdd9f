//! Music in memory, and clips of it at random.

use std::path::{Path, PathBuf};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::corpus::Listing;
use crate::corpus::listing::LISTING_FILE;
use crate::train::TrainError;

/// Of songs that no list keeps from training, every such one is.
const HELD_OUT_EVERY: usize = 10;
/// Below this mean square a clip is taken for silence.
const SILENCE_SQUARE: f32 = 1e-6;
/// Clips that are drawn before one that is silent will do.
const N_DRAWS: usize = 8;

/// Songs to learn from, and songs to measure with, mono and 16 bits.
pub struct Clips {
    songs: Vec<Vec<i16>>,
    held_out: Vec<Vec<i16>>,
    /// Where each song of `songs` ends, in starts of clips that are before it.
    ends: Vec<u64>,
    n_frames: usize,
}

impl Clips {
    /// Reads a corpus, or every WAV file in a folder without a list of its songs; clips will be `n_frames` long.
    pub fn open(dir: &Path, sample_rate: u32, n_frames: usize) -> Result<Self, TrainError> {
        let listed: Vec<(PathBuf, bool)> = if dir.join(LISTING_FILE).exists() {
            let listing = Listing::open(dir)?;
            listing.songs.iter().map(|song| (dir.join(&song.file), song.held_out)).collect()
        } else {
            let files = wav_files(dir)?.into_iter().enumerate();
            files.map(|(idx, file)| (file, idx % HELD_OUT_EVERY == HELD_OUT_EVERY - 1)).collect()
        };
        let read: Vec<(Vec<i16>, bool)> = listed
            .par_iter()
            .map(|(path, held_out)| Ok((mono(path, sample_rate)?, *held_out)))
            .collect::<Result<_, TrainError>>()?;
        let (held_out, songs): (Vec<_>, Vec<_>) = read
            .into_iter()
            .filter(|(song, _)| n_frames <= song.len())
            .partition(|(_, held)| *held);
        let only = |songs: Vec<(Vec<i16>, bool)>| songs.into_iter().map(|(song, _)| song).collect();
        Self::new(only(songs), only(held_out), n_frames).ok_or_else(|| {
            TrainError::TooLittle(format!(
                "{} has no song of {n_frames} frames or more to learn from",
                dir.display()
            ))
        })
    }

    /// Songs of `n_frames` or more; `None` without any to learn from.
    pub fn new(songs: Vec<Vec<i16>>, held_out: Vec<Vec<i16>>, n_frames: usize) -> Option<Self> {
        let starts = songs.iter().map(|song| (song.len() + 1).saturating_sub(n_frames) as u64);
        let ends: Vec<u64> = starts
            .scan(0, |sum, n| {
                *sum += n;
                Some(*sum)
            })
            .collect();
        let any = ends.last().is_some_and(|end| 0 < *end);
        any.then_some(Self { songs, held_out, ends, n_frames })
    }

    /// A clip from anywhere that is not silent.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let mut clip = self.any(rng);
        for _ in 1..N_DRAWS {
            if SILENCE_SQUARE * self.n_frames as f32 <= clip.iter().map(|x| x * x).sum::<f32>() {
                break;
            }
            clip = self.any(rng);
        }
        clip
    }

    fn any(&self, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let at = rng.random_range(0..self.ends.last().copied().unwrap_or(1));
        let song = self.ends.partition_point(|end| *end <= at);
        let before = if song == 0 { 0 } else { self.ends[song - 1] };
        let start = (at - before) as usize;
        self.songs[song][start..start + self.n_frames].iter().map(to_float).collect()
    }

    /// The same clips each time, from all held-out songs in turn; those of `n_frames` or more.
    pub fn held_out(&self, n_clips: usize, n_frames: usize) -> Vec<Vec<f32>> {
        let songs: Vec<_> = self.held_out.iter().filter(|song| n_frames <= song.len()).collect();
        if songs.is_empty() {
            return Vec::new();
        }
        let n_rounds = n_clips.div_ceil(songs.len());
        let clip = |idx: usize| {
            let (song, round) = (songs[idx % songs.len()], idx / songs.len());
            let start = (song.len() - n_frames) * (2 * round + 1) / (2 * n_rounds);
            song[start..start + n_frames].iter().map(to_float).collect()
        };
        (0..n_clips).map(clip).collect()
    }

    /// Seconds to learn from and to measure with.
    pub fn seconds(&self, sample_rate: u32) -> (f64, f64) {
        let sum = |songs: &[Vec<i16>]| songs.iter().map(Vec::len).sum::<usize>() as f64;
        (sum(&self.songs) / f64::from(sample_rate), sum(&self.held_out) / f64::from(sample_rate))
    }
}

fn to_float(x: &i16) -> f32 {
    f32::from(*x) / 32768.0
}

/// WAV files in a folder and the folders in it, in order.
fn wav_files(dir: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).map_err(TrainError::io(&dir))? {
            let entry = entry.map_err(TrainError::io(&dir))?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(TrainError::io(&dir))?);
            if kind.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("wav")) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// All of a WAV file as one channel.
fn mono(path: &Path, sample_rate: u32) -> Result<Vec<i16>, TrainError> {
    let wrong = |problem: String| TrainError::Run { path: path.to_owned(), problem };
    let mut reader = hound::WavReader::open(path).map_err(|e| wrong(e.to_string()))?;
    let spec = reader.spec();
    if spec.sample_rate != sample_rate {
        return Err(wrong(format!(
            "{} Hz, but everything is to be at {sample_rate} Hz; convert it first",
            spec.sample_rate
        )));
    }
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => {
            reader.samples::<f32>().map(|x| x.map(|x| x * 32768.0)).collect::<Result<_, _>>()
        }
        hound::SampleFormat::Int => {
            let scale = 2f32.powi(16 - i32::from(spec.bits_per_sample));
            reader.samples::<i32>().map(|x| x.map(|x| x as f32 * scale)).collect()
        }
    }
    .map_err(|e| wrong(e.to_string()))?;
    let n_channels = usize::from(spec.channels.max(1));
    let mean = |frame: &[f32]| (frame.iter().sum::<f32>() / n_channels as f32).round() as i16;
    Ok(samples.chunks_exact(n_channels).map(mean).collect())
}
