//! A take as two files: its codes, and the recipe that made them.

use std::path::Path;

use super::{Levels, Recipe, TakeError, read_codes, write_codes};

/// What is written of one continuation: its codes, prime included, and what made them.
#[derive(Debug, Clone, PartialEq)]
pub struct TakeFiles {
    /// Codes of [`Recipe::level`], and of those below it down to [`Recipe::finest_level`].
    pub codes: Levels,
    pub recipe: Recipe,
}

impl TakeFiles {
    /// Writes the codes and the recipe as two files.
    pub fn write(&self, codes: &Path, recipe: &Path) -> Result<(), TakeError> {
        write_codes(codes, &self.codes)?;
        self.recipe.write(recipe)
    }

    /// Reads what [`TakeFiles::write`] wrote.
    pub fn read(codes: &Path, recipe: &Path) -> Result<Self, TakeError> {
        let recipe = Recipe::read(recipe)?;
        let codes = (recipe.finest_level..=recipe.level)
            .map(|level| Ok((level, read_codes(codes, level)?)))
            .collect::<Result<_, TakeError>>()?;
        Ok(Self { codes, recipe })
    }
}
