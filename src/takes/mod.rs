//! Takes as data: codes, the recipe that made them, and the files they become.
//!
//! Nothing here knows a network, a thread or a host. What is written is the same bytes every time, with
//! no dates in it, and appears whole or not at all.
//!
//! A *take* is one continuation of a track. Its *prime* is the end of the track, which it continues; the
//! *seam* is where the prime ends and the continuation begins.

use std::path::Path;

mod canvas;
mod codes;
mod error;
mod file;
mod finer;
pub mod measure;
pub mod picture;
mod recipe;
pub mod seams;
mod spectrogram;
pub mod wav;

pub use codes::{Levels, levels_in, read_codes, read_levels, write_codes};
pub use error::TakeError;
pub use file::write_whole;
pub use finer::{FinerRecipe, LevelSeams, Windows};
pub use recipe::{CodesId, Label, PackId, Prime, Recipe, SamplerRecipe};

/// One continuation: its codes, prime included, and what made them.
#[derive(Debug, Clone, PartialEq)]
pub struct Take {
    /// Codes of [`Recipe::level`], and of those below it down to [`Recipe::finest_level`].
    pub codes: Levels,
    pub recipe: Recipe,
}

impl Take {
    /// Writes the codes and the recipe as two files.
    pub fn write(&self, codes: &Path, recipe: &Path) -> Result<(), TakeError> {
        write_codes(codes, &self.codes)?;
        self.recipe.write(recipe)
    }

    /// Reads what [`Take::write`] wrote.
    pub fn read(codes: &Path, recipe: &Path) -> Result<Self, TakeError> {
        let recipe = Recipe::read(recipe)?;
        let codes = (recipe.finest_level..=recipe.level)
            .map(|level| Ok((level, read_codes(codes, level)?)))
            .collect::<Result<_, TakeError>>()?;
        Ok(Self { codes, recipe })
    }
}
