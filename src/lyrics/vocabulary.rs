//! The symbols that lyrics are written in.

/// Which symbols a model knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vocabulary {
    /// 80 tokens, with a plus sign.
    V2,
    /// 79 tokens.
    V3,
}

const V2: &str =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:;!?-+'\"()[] \t\n";
const V3: &str =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:;!?-'\"()[] \t\n";

impl Vocabulary {
    /// The vocabulary of a model with this many lyric tokens, if there is one.
    pub fn of_size(n_tokens: usize) -> Option<Self> {
        [Self::V2, Self::V3].into_iter().find(|vocabulary| vocabulary.n_tokens() == n_tokens)
    }

    /// Tokens, counting 0, which stands for nothing.
    pub fn n_tokens(self) -> usize {
        1 + self.symbols().len()
    }

    /// The token of a symbol, if the model knows it.
    pub fn token(self, symbol: char) -> Option<u32> {
        let index = self.symbols().find(symbol)?; // all of them are ASCII
        Some(1 + index as u32)
    }

    /// The symbol of a token; none for 0, and none beyond the vocabulary.
    pub fn symbol(self, token: u32) -> Option<char> {
        let index = (token as usize).checked_sub(1)?;
        self.symbols().as_bytes().get(index).map(|byte| char::from(*byte))
    }

    fn symbols(self) -> &'static str {
        match self {
            Self::V2 => V2,
            Self::V3 => V3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_and_tokens_go_back_and_forth() {
        for vocabulary in [Vocabulary::V2, Vocabulary::V3] {
            for token in 1..vocabulary.n_tokens() as u32 {
                let symbol = vocabulary.symbol(token).unwrap();
                assert_eq!(vocabulary.token(symbol), Some(token));
            }
            assert_eq!(vocabulary.symbol(0), None);
            assert_eq!(vocabulary.symbol(vocabulary.n_tokens() as u32), None);
            assert_eq!(Vocabulary::of_size(vocabulary.n_tokens()), Some(vocabulary));
        }
    }

    #[test]
    fn only_the_older_vocabulary_has_a_plus() {
        assert_eq!([Vocabulary::V2, Vocabulary::V3].map(|v| v.token('+')), [Some(70), None]);
        assert_eq!([Vocabulary::V2, Vocabulary::V3].map(|v| v.token('\n')), [Some(79), Some(78)]);
    }
}
