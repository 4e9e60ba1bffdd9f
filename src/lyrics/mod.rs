//! Lyrics, from the words of a song to what a model reads: Latin letters, then tokens (SPEC §4.4).
//!
//! Text is spelt in Latin letters as unidecode 1.1.1 does it, a backslash becomes a new line, and what
//! the model has no symbol for is left out. A token is one character; 0 stands for nothing.
//!
//! Knows no model and no thread: which part of the text a window of music sees is the sampler's matter.

mod clean;
mod file;
mod latin;
mod lrc;
mod sources;
mod timing;
mod vocabulary;

pub use clean::{Cleaned, LeftOut, clean};
pub use file::{LyricsError, MAX_BYTES, from_bytes, read};
pub use latin::{latin, unidecoded};
pub use lrc::lrc;
pub use timing::{Word, steps_per_moment, time_words};
pub use vocabulary::Vocabulary;
