//! Music to train on: composed and rendered from a seed, with its labels; nothing is downloaded.
//!
//! A corpus is a folder: `corpus.json` lists the songs, and each song is a WAV file (mono, 16 bits) with
//! its labels as JSON beside it. [`listing`] reads and writes that, for those who only listen.
//!
//! A song is made in three steps, each of which knows only the one before. Its artist ([`artists`]) writes
//! every section of its form ([`form`]) once, from a key, chords and chance ([`scene`]), as notes in beats
//! ([`score`]). [`song`] puts the sections one after another and has every player's [`instruments`] play
//! them. [`room`] and [`master`] mix that like a record.

pub mod artists;
mod band;
pub mod form;
pub mod instruments;
pub mod listing;
mod make;
mod master;
mod room;
pub mod scene;
pub mod score;
mod singing;
pub mod song;
pub mod theory;
mod title;
pub mod voice;
pub mod words;

pub use instruments::SoundFontFile;
pub use listing::{CorpusError, Listing, SongLabels};
pub use make::{MakeConfig, artists, make, render};
