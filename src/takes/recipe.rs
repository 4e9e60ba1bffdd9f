//! The recipe of a take: everything that is needed to make the same codes again.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::file::write_bytes;
use super::{FinerRecipe, PackedCodes, TakeError};

/// The version of recipes that this Encore reads and writes.
const FORMAT_VERSION: u32 = 1;

/// What made a take. The same recipe with the same prime gives the same codes on the same backend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub format_version: u32,
    pub encore_version: String,
    pub pack: PackId,
    /// What the networks ran on.
    pub backend: String,
    /// What was listened to; none where finer levels were written for codes that were there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prime: Option<Prime>,
    /// What was listened to, as codes of each level that was written: with these, the recipe is enough to make
    /// the same codes without the audio.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prime_codes: BTreeMap<usize, PackedCodes>,
    /// The codes that finer levels were written for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codes: Option<CodesId>,
    pub seed: u64,
    pub artist: Label,
    pub genres: Vec<Label>,
    pub sampler: SamplerRecipe,
    /// The whole lyrics, as they were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lyrics: Option<String>,
    /// The coarsest level of the codes.
    pub level: usize,
    /// The finest level of the codes, which is what sounds.
    pub finest_level: usize,
    /// How the levels below the coarsest were written; recipes of before there was a choice lack it, and were
    /// written exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finer: Option<FinerRecipe>,
    /// Length of what is new.
    pub length_seconds: f64,
    /// Length of the whole song, before it is brought within what the pack takes.
    pub total_seconds: f64,
    /// Where in the whole song the prime begins, as far as the model was told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset_seconds: f64,
}

fn is_zero(seconds: &f64) -> bool {
    *seconds == 0.0
}

/// Which pack; the hash decides, the name is for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackId {
    pub name: String,
    pub sha256: String,
    /// Of the tensors of the taught artist that it played, if it played one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taught: Option<String>,
}

/// What was listened to: mono, at the model's rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prime {
    /// Of its samples as little-endian `f32`.
    pub sha256: String,
    pub n_frames: usize,
    pub sample_rate: u32,
}

/// Codes that were there before: of one level, as little-endian `u32`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodesId {
    pub sha256: String,
    pub n_tokens: usize,
}

/// An artist or genre; the id decides, the name is for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    pub id: u32,
    pub name: String,
}

/// How tokens were chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplerRecipe {
    pub temperature: f64,
    pub top_k: Option<usize>,
    pub top_p: Option<f64>,
}

impl Recipe {
    /// What to write into [`Recipe::format_version`].
    pub const FORMAT_VERSION: u32 = FORMAT_VERSION;

    /// The recipe as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() // its keys are names and its values plain
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// When it is not a recipe, or one from a later Encore; in words.
    pub fn from_json(json: &str) -> Result<Self, String> {
        let recipe: Self = serde_json::from_str(json).map_err(|e| e.to_string())?;
        match recipe.format_version {
            FORMAT_VERSION => Ok(recipe),
            other => Err(format!("format_version is {other}, not {FORMAT_VERSION}")),
        }
    }

    /// Writes the recipe as JSON.
    pub fn write(&self, path: &Path) -> Result<(), TakeError> {
        let not_recipe = |e: serde_json::Error| TakeError::NotRecipe {
            path: path.into(),
            problem: e.to_string(),
        };
        let mut json = serde_json::to_string_pretty(self).map_err(not_recipe)?;
        json.push('\n');
        write_bytes(path, json.as_bytes())
    }

    /// Reads a recipe from JSON.
    pub fn read(path: &Path) -> Result<Self, TakeError> {
        let bytes = std::fs::read(path).map_err(TakeError::read(path))?;
        let not_recipe = |problem: String| TakeError::NotRecipe { path: path.into(), problem };
        let json = str::from_utf8(&bytes).map_err(|e| not_recipe(e.to_string()))?;
        Self::from_json(json).map_err(not_recipe)
    }
}

impl Prime {
    /// Describes what was listened to.
    pub fn of(samples: &[f32], sample_rate: u32) -> Self {
        let sha256 = sha256(samples.iter().map(|sample| sample.to_le_bytes()));
        Self { sha256, n_frames: samples.len(), sample_rate }
    }

    /// Where the continuation begins.
    pub fn seconds(&self) -> f64 {
        crate::units::seconds_from_frames(self.n_frames, self.sample_rate.into())
    }
}

impl CodesId {
    /// Describes codes of one level.
    pub fn of(codes: &[u32]) -> Self {
        let sha256 = sha256(codes.iter().map(|code| code.to_le_bytes()));
        Self { sha256, n_tokens: codes.len() }
    }
}

/// Hexadecimal digits of a hash over numbers.
fn sha256(numbers: impl Iterator<Item = [u8; 4]>) -> String {
    let mut hash = Sha256::new();
    numbers.for_each(|number| hash.update(number));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(super) fn example() -> Recipe {
    Recipe {
        format_version: FORMAT_VERSION,
        encore_version: "0.1.0".into(),
        pack: PackId { name: "Tiny".into(), sha256: "00".repeat(32), taught: None },
        backend: "cpu-f32".into(),
        prime: Some(Prime::of(&[0.0, 0.5], 44_100)),
        prime_codes: BTreeMap::new(),
        codes: None,
        seed: u64::MAX,
        artist: Label { id: 4, name: "Hearthside".into() },
        genres: vec![Label { id: 4, name: "folk".into() }],
        sampler: SamplerRecipe { temperature: 0.95, top_k: None, top_p: Some(0.92) },
        lyrics: Some("La\nla".into()),
        level: 1,
        finest_level: 1,
        finer: None,
        length_seconds: 8.0,
        total_seconds: 40.0,
        offset_seconds: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_comes_back_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("take.json");

        example().write(&path).unwrap();

        assert_eq!(Recipe::read(&path).unwrap(), example());
    }

    #[test]
    fn a_recipe_may_hold_the_prime_and_one_of_before_does_not() {
        let prime_codes = BTreeMap::from([(1, PackedCodes::of(&[1, 2, 1023]))]);
        let shared = Recipe { prime_codes, ..example() };

        let json = serde_json::to_string(&shared).unwrap();
        let before = serde_json::to_string(&example()).unwrap();

        assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), shared);
        assert!(!before.contains("prime_codes"));
        assert_eq!(serde_json::from_str::<Recipe>(&before).unwrap(), example());
    }

    #[test]
    fn a_recipe_from_a_later_encore_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("take.json");
        Recipe { format_version: 2, ..example() }.write(&path).unwrap();

        let error = Recipe::read(&path).unwrap_err().to_string();

        assert!(error.contains("take.json") && error.contains("format_version is 2"), "{error}");
    }

    #[test]
    fn the_prime_is_told_apart_by_every_sample() {
        assert_ne!(Prime::of(&[0.0, 0.5], 44_100), Prime::of(&[0.0, 0.500_000_1], 44_100));
        assert_eq!(Prime::of(&[0.0; 44_100], 44_100).seconds(), 1.0);
    }
}
