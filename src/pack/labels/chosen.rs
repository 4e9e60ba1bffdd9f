//! The ids that a model is told for what a user asked for.

use super::{LabelRule, Labels, UnknownLabel};

/// Id of the artist and of the genre that nobody named.
const UNKNOWN: u32 = 0;

/// An artist and genres as a model is told them.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    pub artist: u32,
    /// As many as the model takes, or fewer.
    pub genres: Vec<u32>,
    /// What is not as it was asked for, a sentence each.
    pub notes: Vec<String>,
}

/// Why labels cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LabelsError {
    #[error(transparent)]
    Unknown(#[from] UnknownLabel),

    #[error("{n_genres} genres were given, but this model takes at most {n_allowed}")]
    TooManyGenres { n_genres: usize, n_allowed: usize },

    /// A genre that came with a taught artist.
    #[error("the genre {genre:?} was taught with {artist:?}, and goes with that artist alone")]
    TaughtGenre { genre: String, artist: String },
}

impl Labels {
    /// The ids for names that somebody typed, at most `max_genre_words` genres of them.
    ///
    /// Under the rules of the released models a name that the table lacks is id 0, and genre words
    /// that are too many are dropped, each with a note: that is what the models were trained with, and
    /// a model of a finer level may lack a name that another one has.
    pub fn choose(
        &self,
        artist: Option<&str>,
        genres: &[String],
        max_genre_words: usize,
    ) -> Result<Chosen, LabelsError> {
        let mut notes = Vec::new();
        let artist = match artist {
            None => None,
            Some(name) => Some(self.known(self.artist_id(name), &mut notes)?),
        };
        let mut ids = Vec::new();
        for genre in genres {
            let words = self.rule.genre_keys(genre);
            for word in &words {
                // where a genre is one word, the user reads it as it was typed
                let word = if words.len() == 1 { genre } else { word };
                ids.push(self.known(self.genre_id(word), &mut notes)?);
            }
        }
        if max_genre_words < ids.len() {
            let (n_genres, n_allowed) = (ids.len(), max_genre_words);
            if self.rule == LabelRule::Plain {
                return Err(LabelsError::TooManyGenres { n_genres, n_allowed });
            }
            notes.push(format!(
                "of {n_genres} words of genres, the model takes the first {n_allowed}"
            ));
            ids.truncate(n_allowed);
        }
        if ids.is_empty() && 0 < max_genre_words {
            ids.push(artist.and_then(|id| self.genre_of(id)).unwrap_or(UNKNOWN));
        }
        Ok(Chosen { artist: artist.unwrap_or(UNKNOWN), genres: ids, notes })
    }

    fn known(
        &self,
        found: Result<u32, UnknownLabel>,
        notes: &mut Vec<String>,
    ) -> Result<u32, UnknownLabel> {
        match found {
            Err(unknown) if self.rule.unknown_is_zero() => {
                notes.push(format!("{unknown}: it goes on as unknown"));
                Ok(UNKNOWN)
            }
            found => found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(rule: LabelRule) -> Labels {
        let table = |names: &[&str]| (names.iter().map(|name| name.to_string())).zip(0..).collect();
        Labels::new(rule, table(&["unknown", "ada"]), table(&["unknown", "hip", "hop", "hip hop"]))
    }

    fn genres(rule: LabelRule, names: &[&str], max: usize) -> (Vec<u32>, Vec<String>) {
        let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
        let chosen = tables(rule).choose(Some("Ada"), &names, max).unwrap();
        assert_eq!(chosen.artist, 1);
        (chosen.genres, chosen.notes)
    }

    #[test]
    fn several_genres_are_told_by_each_rule_in_its_way() {
        assert_eq!(genres(LabelRule::V2, &["Hip-Hop"], 5), (vec![1, 2], vec![]));
        assert_eq!(genres(LabelRule::V2, &["hip", "hop"], 5), (vec![1, 2], vec![]));
        assert_eq!(genres(LabelRule::V3, &["Hip Hop"], 1), (vec![3], vec![]));
        assert_eq!(genres(LabelRule::V2, &[], 5), (vec![0], vec![]));
        assert_eq!(genres(LabelRule::V2, &[], 0), (vec![], vec![]));
    }

    #[test]
    fn what_the_tables_lack_is_unknown_and_said_so() {
        let (ids, notes) = genres(LabelRule::V2, &["Trip Hop"], 5);

        assert_eq!(ids, [0, 2]);
        assert!(notes[0].starts_with("the pack has no genre \"trip\""), "{notes:?}");
        assert!(notes[0].ends_with("it goes on as unknown"), "{notes:?}");
    }

    #[test]
    fn genre_words_that_are_too_many_are_dropped_with_a_note() {
        let (ids, notes) = genres(LabelRule::V2, &["hip hop hip hop hip hop"], 5);

        assert_eq!(ids, [1, 2, 1, 2, 1]);
        assert_eq!(notes, ["of 6 words of genres, the model takes the first 5"]);
    }

    #[test]
    fn packs_of_our_own_refuse_names_that_they_do_not_have() {
        let labels = tables(LabelRule::Plain);

        let unknown = labels.choose(Some("Bob"), &[], 1).unwrap_err();
        let many = labels.choose(None, &["hip".into(), "hop".into()], 1).unwrap_err();

        assert!(matches!(unknown, LabelsError::Unknown(_)));
        assert_eq!(many, LabelsError::TooManyGenres { n_genres: 2, n_allowed: 1 });
    }
}
