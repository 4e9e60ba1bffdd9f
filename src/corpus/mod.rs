//! Music to train on: composed and rendered from a seed, with its labels; nothing is downloaded.
//!
//! A corpus is a folder: `corpus.json` lists the songs, and each song is a WAV file (mono, 16 bits) with
//! its labels as JSON beside it. [`listing`] reads and writes that, for those who only listen.

pub mod listing;
pub mod voice;
pub mod words;

pub use listing::{CorpusError, Listing, SongLabels};
