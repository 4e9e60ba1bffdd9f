//! Finding names from parts and misspellings of them.

use super::Labels;
use crate::pack::brief;

/// A name that the pack does not have, with names that it does have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the pack has no {kind} {name:?}{}", hint(.close))]
pub struct UnknownLabel {
    /// "artist" or "genre".
    pub kind: &'static str,
    /// What was asked for, cut short where it is very long.
    pub name: String,
    /// Names that come close, best first.
    pub close: Vec<String>,
}

/// Names that a suggestion may list, and the longest of them, in bytes.
const MAX_SUGGESTIONS: usize = 3;
const MAX_SUGGESTED: usize = 100;
/// Longest names that are compared letter by letter, which takes the product of their lengths, in bytes.
const MAX_COMPARED: usize = 256;
/// Similarity (Jaro–Winkler, 0 to 1) from which a name is worth suggesting.
const CLOSE_ENOUGH: f64 = 0.78;

impl Labels {
    /// Artists whose name contains `query`, else those that come close to it.
    pub fn find_artists(&self, query: &str) -> Vec<(u32, &str)> {
        self.find(&self.artists, query)
    }

    /// Genres whose name contains `query`, else those that come close to it.
    pub fn find_genres(&self, query: &str) -> Vec<(u32, &str)> {
        self.find(&self.genres, query)
    }

    pub(super) fn unknown(&self, kind: &'static str, names: &[String], name: &str) -> UnknownLabel {
        let close = match name.trim() {
            "" => vec![],
            _ => self.find(names, name),
        };
        let is_readable = |id: u32, name: &str| id != 0 && name.len() <= MAX_SUGGESTED;
        let close = close.into_iter().filter(|(id, name)| is_readable(*id, name));
        let close = close.take(MAX_SUGGESTIONS).map(|(_, name)| name.to_owned()).collect();
        UnknownLabel { kind, name: brief(name), close }
    }

    fn find<'a>(&self, names: &'a [String], query: &str) -> Vec<(u32, &'a str)> {
        let query = self.rule.artist_key(query.trim());
        let named = (0u32..).zip(names).filter(|(_, name)| !name.is_empty());
        let numbered = || named.clone().map(|(id, name)| (id, name.as_str()));
        let containing: Vec<_> =
            numbered().filter(|(_, name)| name.to_lowercase().contains(&query)).collect();
        if !containing.is_empty() {
            return containing;
        }
        if query.len() > MAX_COMPARED {
            return Vec::new();
        }
        let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &query);
        let mut close: Vec<_> = numbered()
            .filter(|(_, name)| name.len() <= MAX_COMPARED)
            .map(|(id, name)| (likeness(name), id, name))
            .filter(|(likeness, ..)| *likeness >= CLOSE_ENOUGH)
            .collect();
        close.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        close.into_iter().map(|(_, id, name)| (id, name)).collect()
    }
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
    use super::super::example as labels;

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
    fn part_of_a_name_finds_it() {
        assert_eq!(labels().find_artists("side"), [(2, "Hearthside")]);
        assert_eq!(labels().find_artists("").len(), 4);
    }
}
