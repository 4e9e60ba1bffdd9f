//! Takes as data: codes, the recipe that made them, and the files they become.
//!
//! Nothing here knows a network, a thread or a host. What is written is the same bytes every time, with
//! no dates in it, and appears whole or not at all.
//!
//! A *take* is one continuation of a track. Its *prime* is the end of the track, which it continues; the
//! *seam* is where the prime ends and the continuation begins.

mod canvas;
mod codes;
mod edit;
mod error;
mod file;
mod files;
mod finer;
pub mod measure;
mod packed;
pub mod picture;
pub mod project;
mod recipe;
pub mod seams;
mod spectrogram;
mod step;
mod take;
mod tree;
pub mod wav;

pub use codes::{Levels, levels_in, read_codes, read_levels, write_codes};
pub use edit::{Edit, EditError};
pub use error::TakeError;
pub use file::write_whole;
pub use files::TakeFiles;
pub use finer::{FinerRecipe, LevelSeams, Windows};
pub use packed::PackedCodes;
pub use recipe::{CodesId, Label, PackId, Prime, Recipe, SamplerRecipe};
pub use take::{Branch, GAINS_DB, Music, Place, Take, TakeId, TrimSeconds};
pub use tree::{MAX_TAKES, MAX_UNDO, Tree};
