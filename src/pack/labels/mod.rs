//! The names of artists and genres, and how to find one from what somebody typed.
//!
//! The released models come with two pairs of tables and a rule of looking names up for each; packs of
//! our own say `plain`. Whatever the rule, id 0 is the unknown artist or genre.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

mod chosen;
pub mod id_file;
mod rule;
mod search;

pub use chosen::{Chosen, LabelsError};
pub use id_file::IdFileError;
pub use rule::{LabelRule, underscored};
pub use search::UnknownLabel;

use id_file::MAX_ID;

/// A pack's label tables. The position of a name is its id; 0 is the unknown artist or genre.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// How names are looked up.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub rule: LabelRule,
    /// Empty where an id has no name.
    #[serde(default)]
    pub artists: Vec<String>,
    #[serde(default)]
    pub genres: Vec<String>,
    /// Further names of the same ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more_artists: BTreeMap<String, u32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more_genres: BTreeMap<String, u32>,
    /// The genre that suits an artist, by name.
    #[serde(default)]
    pub genre_of_artist: BTreeMap<String, String>,
}

impl Labels {
    /// The tables of a released model, from its files of ids.
    pub fn read(rule: LabelRule, artists: &Path, genres: &Path) -> Result<Self, IdFileError> {
        Ok(Self::new(rule, id_file::read(artists)?, id_file::read(genres)?))
    }

    /// Tables of names with their ids, in lower case. Where a name comes again, the last one counts.
    ///
    /// Ids that no table can have are left out.
    pub fn new(rule: LabelRule, artists: Vec<(String, u32)>, genres: Vec<(String, u32)>) -> Self {
        let (artists, more_artists) = by_id(artists);
        let (genres, more_genres) = by_id(genres);
        let genre_of_artist = BTreeMap::new();
        Self { rule, artists, genres, more_artists, more_genres, genre_of_artist }
    }

    /// The id of an artist.
    pub fn artist_id(&self, name: &str) -> Result<u32, UnknownLabel> {
        let key = self.rule.artist_key(name);
        let found = self.id(&self.artists, &self.more_artists, &key);
        found.ok_or_else(|| self.unknown("artist", &self.artists, name))
    }

    /// The id of a genre that is a single name or word.
    pub fn genre_id(&self, name: &str) -> Result<u32, UnknownLabel> {
        let key = self.rule.artist_key(name);
        let found = self.id(&self.genres, &self.more_genres, &key);
        found.ok_or_else(|| self.unknown("genre", &self.genres, name))
    }

    /// The name of an artist, if the table has this id.
    pub fn artist_name(&self, id: u32) -> Option<&str> {
        self.artists.get(id as usize).map(String::as_str)
    }

    /// The name of a genre, if the table has this id.
    pub fn genre_name(&self, id: u32) -> Option<&str> {
        self.genres.get(id as usize).map(String::as_str)
    }

    /// The genre that suits an artist, if the pack says.
    pub fn genre_of(&self, artist_id: u32) -> Option<u32> {
        let genre = self.genre_of_artist.get(self.artist_name(artist_id)?)?;
        self.genre_id(genre).ok()
    }

    pub(super) fn problem(&self) -> Option<String> {
        let tables = [(&self.artists, &self.more_artists), (&self.genres, &self.more_genres)];
        for (names, more) in tables {
            if let Some((name, id)) = more.iter().find(|(_, id)| names.len() <= **id as usize) {
                return Some(format!("{name:?} is another name of {id}, which is no id"));
            }
        }
        // all names at once: to look each of them up in a table would take the square of its length
        let [artists, genres] = tables.map(|(names, more)| self.keys(names, more));
        self.genre_of_artist.iter().find_map(|(artist, genre)| {
            let (kind, name) = match artists.contains(&self.rule.artist_key(artist)) {
                false => ("artist", artist),
                true if genres.contains(&self.rule.artist_key(genre)) => return None,
                true => ("genre", genre),
            };
            Some(format!("genre_of_artist names an unknown {kind}: {name:?}"))
        })
    }

    /// All that `id` finds in a table.
    fn keys(&self, names: &[String], more: &BTreeMap<String, u32>) -> HashSet<String> {
        let named = names.iter().filter(|name| !name.is_empty()).map(|name| name.to_lowercase());
        named.chain(more.keys().cloned()).collect()
    }

    fn id(&self, names: &[String], more: &BTreeMap<String, u32>, key: &str) -> Option<u32> {
        let is_it = |name: &String| !name.is_empty() && name.to_lowercase() == key;
        let position = names.iter().position(is_it);
        position.map(|id| id as u32).or_else(|| more.get(key).copied())
    }
}

/// The first name of each id in its place, and all other names.
fn by_id(names: Vec<(String, u32)>) -> (Vec<String>, BTreeMap<String, u32>) {
    let ids: BTreeMap<&str, u32> = names.iter().map(|(name, id)| (name.as_str(), *id)).collect();
    let n_ids = ids.values().filter(|id| **id <= MAX_ID).max().map_or(0, |id| *id as usize + 1);
    let mut table = vec![String::new(); n_ids];
    let mut more = BTreeMap::new();
    for (name, _) in &names {
        let Some(id) = ids.get(name.as_str()).copied().filter(|id| *id <= MAX_ID) else { continue };
        let place = &mut table[id as usize];
        if place.is_empty() && !name.is_empty() {
            place.clone_from(name);
        } else if place != name || name.is_empty() {
            more.insert(name.clone(), id);
        }
    }
    (table, more)
}

fn is_plain(rule: &LabelRule) -> bool {
    *rule == LabelRule::Plain
}

#[cfg(test)]
fn example() -> Labels {
    let names = |list: &[&str]| list.iter().map(|name| name.to_string()).collect();
    Labels {
        artists: names(&["unknown", "Foundry", "Hearthside", "Björn"]),
        genres: names(&["unknown", "house", "folk"]),
        genre_of_artist: [("Hearthside".to_string(), "folk".to_string())].into(),
        ..Labels::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use example as labels;

    #[test]
    fn names_are_found_whatever_their_case() {
        assert_eq!(labels().artist_id("hearthSIDE"), Ok(2));
        assert_eq!(labels().artist_id(" BJÖRN "), Ok(3));
        assert_eq!(labels().genre_id("House"), Ok(1));
    }

    #[test]
    fn an_artist_brings_its_genre() {
        assert_eq!(labels().genre_of(2), Some(2));
        assert_eq!(labels().genre_of(1), None);
        assert_eq!(labels().genre_of(99), None);
    }

    #[test]
    fn a_table_of_ids_keeps_every_name_and_the_last_of_equals() {
        let names = [("unknown", 0), ("", 0), ("dup", 1), ("two", 2), ("dup", 3), ("deux", 2)];
        let names: Vec<_> = names.map(|(name, id)| (name.to_string(), id)).into();

        let labels = Labels::new(LabelRule::V3, names.clone(), names);

        assert_eq!(labels.artists, ["unknown", "", "two", "dup"]);
        assert_eq!(
            ["dup", "Deux", "TWO", ""].map(|name| labels.artist_id(name)),
            [Ok(3), Ok(2), Ok(2), Ok(0)]
        );
        assert_eq!(labels.problem(), None);
        let json = serde_json::to_string(&labels).unwrap();
        assert_eq!(serde_json::from_str::<Labels>(&json).unwrap(), labels);
    }
}
