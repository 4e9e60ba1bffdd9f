//! The names of artists and genres, and how to find one from what somebody typed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A pack's label tables. The position of a name is its id; 0 is the unknown artist or genre.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    #[serde(default)]
    pub artists: Vec<String>,
    #[serde(default)]
    pub genres: Vec<String>,
    /// The genre that suits an artist, by name.
    #[serde(default)]
    pub genre_of_artist: BTreeMap<String, String>,
}

/// A name that the pack does not have, with names that it does have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the pack has no {kind} {name:?}{}", hint(.close))]
pub struct UnknownLabel {
    /// "artist" or "genre".
    pub kind: &'static str,
    /// What was asked for.
    pub name: String,
    /// Names that come close, best first.
    pub close: Vec<String>,
}

/// Names that a suggestion may list.
const MAX_SUGGESTIONS: usize = 3;
/// Similarity (Jaro–Winkler, 0 to 1) from which a name is worth suggesting.
const CLOSE_ENOUGH: f64 = 0.78;

impl Labels {
    /// The id of an artist, whatever the case of its letters.
    pub fn artist_id(&self, name: &str) -> Result<u32, UnknownLabel> {
        id("artist", &self.artists, name)
    }

    /// The id of a genre, whatever the case of its letters.
    pub fn genre_id(&self, name: &str) -> Result<u32, UnknownLabel> {
        id("genre", &self.genres, name)
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

    /// Artists whose name contains `query`, else those that come close to it.
    pub fn find_artists(&self, query: &str) -> Vec<(u32, &str)> {
        find(&self.artists, query)
    }

    /// Genres whose name contains `query`, else those that come close to it.
    pub fn find_genres(&self, query: &str) -> Vec<(u32, &str)> {
        find(&self.genres, query)
    }

    pub(super) fn problem(&self) -> Option<String> {
        self.genre_of_artist.iter().find_map(|(artist, genre)| {
            let unknown = [self.artist_id(artist).err(), self.genre_id(genre).err()];
            let unknown = unknown.into_iter().flatten().next()?;
            Some(format!("genre_of_artist names an unknown {}: {:?}", unknown.kind, unknown.name))
        })
    }
}

fn id(kind: &'static str, names: &[String], wanted: &str) -> Result<u32, UnknownLabel> {
    let key = wanted.trim().to_lowercase();
    match names.iter().position(|name| name.to_lowercase() == key) {
        Some(id) => Ok(id as u32),
        None => {
            let close = find(names, &key).into_iter().take(MAX_SUGGESTIONS);
            let close = close.map(|(_, name)| name.to_owned()).collect();
            Err(UnknownLabel { kind, name: wanted.to_owned(), close })
        }
    }
}

fn find<'a>(names: &'a [String], query: &str) -> Vec<(u32, &'a str)> {
    let query = query.trim().to_lowercase();
    let numbered = || (0u32..).zip(names.iter().map(String::as_str));
    let containing: Vec<_> =
        numbered().filter(|(_, name)| name.to_lowercase().contains(&query)).collect();
    if !containing.is_empty() {
        return containing;
    }
    let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &query);
    let mut close: Vec<_> = numbered()
        .map(|(id, name)| (likeness(name), id, name))
        .filter(|(likeness, ..)| *likeness >= CLOSE_ENOUGH)
        .collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    close.into_iter().map(|(_, id, name)| (id, name)).collect()
}

fn hint(close: &[String]) -> String {
    let quoted: Vec<_> = close.iter().map(|name| format!("{name:?}")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => format!("; did you mean {one}?"),
        [all @ .., last] => format!("; did you mean {} or {last}?", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        let names = |list: &[&str]| list.iter().map(|name| name.to_string()).collect();
        Labels {
            artists: names(&["unknown", "Foundry", "Hearthside", "Björn"]),
            genres: names(&["unknown", "house", "folk"]),
            genre_of_artist: [("Hearthside".to_string(), "folk".to_string())].into(),
        }
    }

    #[test]
    fn names_are_found_whatever_their_case() {
        assert_eq!(labels().artist_id("hearthSIDE"), Ok(2));
        assert_eq!(labels().artist_id(" BJÖRN "), Ok(3));
        assert_eq!(labels().genre_id("House"), Ok(1));
    }

    #[test]
    fn a_typing_error_is_answered_with_the_name_that_was_meant() {
        let unknown = labels().artist_id("Harthside").unwrap_err();

        assert_eq!(unknown.close, ["Hearthside"]);
        let sentence = unknown.to_string();
        assert_eq!(sentence, "the pack has no artist \"Harthside\"; did you mean \"Hearthside\"?");
    }

    #[test]
    fn something_else_entirely_gets_no_suggestion() {
        assert_eq!(labels().genre_id("xyzzy").unwrap_err().close, Vec::<String>::new());
    }

    #[test]
    fn an_artist_brings_its_genre() {
        assert_eq!(labels().genre_of(2), Some(2));
        assert_eq!(labels().genre_of(1), None);
        assert_eq!(labels().genre_of(99), None);
    }

    #[test]
    fn part_of_a_name_finds_it() {
        assert_eq!(labels().find_artists("side"), [(2, "Hearthside")]);
        assert_eq!(labels().find_artists("").len(), 4);
    }
}
