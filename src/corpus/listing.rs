//! What a corpus on disk says about itself and its songs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Name of the list in the corpus's folder.
pub const LISTING_FILE: &str = "corpus.json";

/// Why a corpus could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A file or folder could not be read or written.
    #[error("{path:?}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    /// A list or label file that is not one.
    #[error("{path:?}: {problem}")]
    Json { path: PathBuf, problem: String },
    /// Something that music is made with is missing or unusable.
    #[error("{0}")]
    Instrument(String),
    /// A setting with no meaning here.
    #[error("{what} is {value}, but it can be {allowed}")]
    Range { what: &'static str, value: String, allowed: String },
}

/// Everything in `corpus.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    pub seed: u64,
    /// Rate of every song, in Hz.
    pub sample_rate: u32,
    /// Every artist, and the genre each plays; the order is that of the label tables.
    pub artists: Vec<Artist>,
    pub songs: Vec<SongEntry>,
    /// Who made what the songs are played with, for the notice of a pack.
    #[serde(default)]
    pub credits: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artist {
    pub name: String,
    pub genre: String,
}

/// One song of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SongEntry {
    /// Name of the WAV file, below the corpus's folder; the labels are in a `.json` of the same stem.
    pub file: String,
    pub artist: String,
    pub seconds: f64,
    /// Kept from training, to measure with.
    #[serde(default)]
    pub held_out: bool,
}

/// What is known of a song.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SongLabels {
    pub title: String,
    pub artist: String,
    pub genre: String,
    pub seed: u64,
    pub tempo_bpm: f64,
    pub beats_per_bar: u32,
    /// Pitch class of the tonic, 0 (C) to 11.
    pub tonic: u32,
    /// Scale or mode, such as `minor`, `hijaz` or `slendro`.
    pub mode: String,
    pub sections: Vec<Section>,
    #[serde(default)]
    pub lyrics: Option<SungLyrics>,
}

/// A part of a song's form; a name that comes back is music that comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub name: String,
    pub start_seconds: f64,
    pub end_seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SungLyrics {
    /// As espeak-ng names it, such as `en`.
    pub language: String,
    pub text: String,
    pub words: Vec<SungWord>,
}

/// A word and when it is sung.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SungWord {
    pub text: String,
    pub start_seconds: f64,
    pub end_seconds: f64,
}

impl Listing {
    /// Reads `corpus.json` in a folder.
    pub fn open(dir: &Path) -> Result<Self, CorpusError> {
        read_json(&dir.join(LISTING_FILE))
    }

    /// Writes `corpus.json` into a folder.
    pub fn write(&self, dir: &Path) -> Result<(), CorpusError> {
        write_json(&dir.join(LISTING_FILE), self)
    }
}

impl SongEntry {
    /// Reads the labels beside the song.
    pub fn labels(&self, dir: &Path) -> Result<SongLabels, CorpusError> {
        read_json(&dir.join(&self.file).with_extension("json"))
    }
}

impl SongLabels {
    /// Writes the labels beside a song's WAV file.
    pub fn write_beside(&self, wav: &Path) -> Result<(), CorpusError> {
        write_json(&wav.with_extension("json"), self)
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, CorpusError> {
    let text =
        std::fs::read(path).map_err(|source| CorpusError::Io { path: path.into(), source })?;
    serde_json::from_slice(&text)
        .map_err(|e| CorpusError::Json { path: path.into(), problem: e.to_string() })
}

fn write_json<T: Serialize>(path: &Path, what: &T) -> Result<(), CorpusError> {
    let text = serde_json::to_vec_pretty(what)
        .map_err(|e| CorpusError::Json { path: path.into(), problem: e.to_string() })?;
    std::fs::write(path, text).map_err(|source| CorpusError::Io { path: path.into(), source })
}
