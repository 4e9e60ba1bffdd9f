//! How a typed name becomes the names of a table (SPEC §4.5).

use serde::{Deserialize, Serialize};

/// The rule by which a pack's names are looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelRule {
    /// Names as they are written, whatever their case. A name that is not there is a mistake.
    #[default]
    Plain,
    /// Letters and digits of ASCII with underscores between; a genre is looked up word by word.
    V2,
    /// The whole name, whatever its case.
    V3,
}

impl LabelRule {
    /// The form in which two spellings of one artist are the same.
    pub fn artist_key(self, name: &str) -> String {
        match self {
            Self::Plain => name.trim().to_lowercase(),
            Self::V2 => underscored(name),
            Self::V3 => name.to_lowercase(),
        }
    }

    /// The names to look up for a genre: one, or one for each of its words.
    pub fn genre_keys(self, name: &str) -> Vec<String> {
        match self {
            Self::Plain | Self::V3 => vec![self.artist_key(name)],
            Self::V2 => underscored(name).split('_').map(str::to_owned).collect(),
        }
    }

    /// Whether a name that is not in the table is id 0, the unknown one, rather than a mistake.
    pub fn unknown_is_zero(self) -> bool {
        self != Self::Plain
    }
}

/// Lower-case letters and digits, one underscore for whatever stands between them.
///
/// Nothing is spelt in Latin letters first: an accent is an underscore like any other sign.
pub fn underscored(name: &str) -> String {
    let name = name.to_lowercase();
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_rule_keeps_letters_and_digits() {
        assert_eq!(underscored("  Mx. Example & Co!!"), "mx_example_co");
        assert_eq!(underscored("Céline"), "c_line");
        assert_eq!(underscored("__"), "");
        assert_eq!(underscored("\u{212a}elvin"), "kelvin", "lower-cased before anything else");
    }

    #[test]
    fn only_the_older_rule_takes_a_genre_apart() {
        assert_eq!(LabelRule::V2.genre_keys("Hip-Hop"), ["hip", "hop"]);
        assert_eq!(LabelRule::V2.genre_keys(""), [""]);
        assert_eq!(LabelRule::V3.genre_keys("Hip-Hop"), ["hip-hop"]);
        assert_eq!(LabelRule::Plain.genre_keys(" Hip-Hop "), ["hip-hop"]);
    }
}
