//! Text in a model's own symbols, with where each came from and what was left out.

use std::collections::HashMap;

use super::{Vocabulary, latin};

/// Lyrics as a model reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// Nothing but symbols of the vocabulary, all of them ASCII.
    pub text: String,
    /// For each symbol of `text`, the byte of the lyrics at which the character that it spells begins.
    pub origins: Vec<usize>,
    /// Characters of which nothing is left, in the order of their first appearance. Those that nobody
    /// sees (marks of accents, spaces of no width, the return before a new line) are not counted.
    pub left_out: Vec<LeftOut>,
    vocabulary: Vocabulary,
}

/// A character that the model does not get to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    pub character: char,
    /// How often it is in the lyrics.
    pub n_times: usize,
}

/// Characters that [`Cleaned::note`] lists before it says "and more".
const MAX_LISTED: usize = 12;

/// Spells lyrics in the symbols of a vocabulary: Latin letters, backslashes as new lines, nothing else.
pub fn clean(lyrics: &str, vocabulary: Vocabulary) -> Cleaned {
    let mut cleaned =
        Cleaned { text: String::new(), origins: vec![], left_out: vec![], vocabulary };
    let mut places = HashMap::new(); // in `left_out`
    for (at, character) in lyrics.char_indices() {
        let n_before = cleaned.text.len();
        for symbol in latin(character).chars() {
            let symbol = if symbol == '\\' { '\n' } else { symbol };
            if vocabulary.token(symbol).is_some() {
                cleaned.text.push(symbol);
                cleaned.origins.push(at);
            }
        }
        if cleaned.text.len() == n_before && !is_unseen(character) {
            let place = *places.entry(character).or_insert(cleaned.left_out.len());
            match cleaned.left_out.get_mut(place) {
                Some(left_out) => left_out.n_times += 1,
                None => cleaned.left_out.push(LeftOut { character, n_times: 1 }),
            }
        }
    }
    cleaned
}

impl Cleaned {
    /// One token per symbol.
    pub fn tokens(&self) -> Vec<u32> {
        self.text.chars().filter_map(|symbol| self.vocabulary.token(symbol)).collect()
    }

    /// What the user should know about characters that were left out, if any were.
    pub fn note(&self) -> Option<String> {
        let listed = self.left_out.iter().take(MAX_LISTED).map(|left_out| match left_out.n_times {
            1 => format!("{:?}", left_out.character),
            n => format!("{:?} ({n} times)", left_out.character),
        });
        let listed: Vec<_> = listed.collect();
        let more = if self.left_out.len() > MAX_LISTED { " and more" } else { "" };
        (!listed.is_empty()).then(|| {
            format!(
                "the model has no symbol for {}{more}: left out of the lyrics",
                listed.join(", ")
            )
        })
    }
}

/// Whether a character has no shape of its own, so that nobody misses it.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{61c}' | '\u{180b}'..='\u{180e}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_model_has_no_symbol_for_is_left_out_and_listed() {
        let cleaned = clean("Rock & Roll & 😀 = 1+1\r\n", Vocabulary::V3);

        assert_eq!(cleaned.text, "Rock  Roll    11\n");
        let left_out: Vec<_> = cleaned.left_out.iter().map(|l| (l.character, l.n_times)).collect();
        assert_eq!(left_out, [('&', 2), ('😀', 1), ('=', 1), ('+', 1)]);
        assert_eq!(
            cleaned.note().unwrap(),
            "the model has no symbol for '&' (2 times), '😀', '=', '+': left out of the lyrics"
        );
    }

    #[test]
    fn accents_written_apart_are_not_missed() {
        let cleaned = clean("e\u{301}te\u{301}\u{200d}", Vocabulary::V2);

        assert_eq!((cleaned.text.as_str(), cleaned.note()), ("ete", None));
    }

    #[test]
    fn every_symbol_knows_the_character_it_spells() {
        let cleaned = clean("aß北\\z", Vocabulary::V2);

        assert_eq!(cleaned.text, "assBei \nz");
        assert_eq!(cleaned.origins, [0, 1, 1, 3, 3, 3, 3, 6, 7]);
        assert_eq!(cleaned.tokens().len(), cleaned.origins.len());
    }
}
