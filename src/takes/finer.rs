//! How the finer levels of a take were written, for its recipe.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::seams::SeamFigures;

/// How finer levels were written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinerRecipe {
    pub windows: Windows,
    /// What can be heard of it, level by level.
    pub seams: BTreeMap<usize, LevelSeams>,
}

impl FinerRecipe {
    /// Before anything is heard.
    pub fn new(windows: Windows) -> Self {
        Self { windows, seams: BTreeMap::new() }
    }
}

/// In which order the windows of a finer level are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Windows {
    /// One after another, each after half of the one before.
    Exact,
    /// Several at once, joined afterwards.
    Parallel,
}

/// Places of a level's codes at which something else begins, in the audio that they became.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelSeams {
    /// Where windows that were written at once are joined; none where there is no such place.
    pub joints: Option<SeamFigures>,
    /// Where a window goes on from the end of the one before.
    pub handovers: Option<SeamFigures>,
}

#[cfg(test)]
mod tests {
    use super::super::recipe::{Recipe, example};
    use super::*;

    #[test]
    fn a_recipe_says_how_finer_levels_were_written_and_an_older_one_need_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("take.json");
        let heard = SeamFigures {
            n_seams: 7,
            level_step_db: 0.8,
            level_step_db_elsewhere: 0.7,
            flux_z: 0.1,
            highest_flux_z: 2.5,
        };
        let seams = LevelSeams { joints: Some(heard), handovers: None };
        let finer = FinerRecipe { windows: Windows::Parallel, seams: [(0, seams)].into() };
        let recipe = Recipe { finer: Some(finer), ..example() };

        recipe.write(&path).unwrap();

        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"windows\": \"parallel\""), "{text}");
        assert_eq!(Recipe::read(&path).unwrap(), recipe);
        assert!(!serde_json::to_string(&example()).unwrap().contains("finer\""));
    }
}
