//! Which of two libraries spells a character as unidecode 1.1.1 does, and the few that neither does.
//!
//! No spelling is kept here but the handful that both lack. `tests/lyrics` checks every character that
//! Unicode has room for against digests of what unidecode itself gives.

/// Where the spelling of a character comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The crate `unidecode`.
    Text,
    /// The crate `deunicode`.
    Deu,
    /// `deunicode`, in capitals.
    Capitals,
    /// `deunicode`, with a space on either side.
    Spaced,
    /// `deunicode`, in square brackets.
    Boxed,
    /// `deunicode`, in parentheses.
    Round,
    /// The name of a Greek letter of mathematics.
    Greek,
    /// The original spells it "[?]".
    Unknown,
    /// The original has no spelling and leaves it out.
    Nothing,
}

use Source::*;

/// Each source speaks for the characters from this one on. ASCII stands for itself.
#[rustfmt::skip]
const SOURCES: &[(u32, Source)] = &[
    (0x0080, Deu), (0x00bc, Spaced), (0x00bf, Text), (0x02e5, Nothing), (0x02ec, Text),
    (0x02ef, Unknown), (0x02ff, Text), (0x03f4, Unknown), (0x03ff, Nothing), (0x0400, Deu),
    (0x0483, Text), (0x04ff, Nothing), (0x0500, Text), (0x05a2, Deu), (0x05c1, Text), (0x05c5, Deu),
    (0x05c8, Text), (0x05d7, Capitals), (0x05d8, Text), (0x05e5, Capitals), (0x05e7, Text),
    (0x05e9, Capitals), (0x05ea, Text), (0x05f1, Capitals), (0x05f2, Text), (0x05ff, Deu),
    (0x0600, Text), (0x06ff, Nothing), (0x0702, Text), (0x07ff, Nothing), (0x0900, Text),
    (0x09ff, Deu), (0x0a00, Text), (0x0af0, Unknown), (0x0aff, Nothing), (0x0b00, Text),
    (0x0bff, Deu), (0x0c00, Text), (0x0cff, Deu), (0x0d00, Text), (0x0dff, Deu), (0x0e00, Text),
    (0x0eff, Deu), (0x0f1a, Text), (0x0fff, Deu), (0x1022, Text), (0x10ff, Nothing), (0x1100, Text),
    (0x11ff, Nothing), (0x1200, Text), (0x13f5, Unknown), (0x13ff, Deu), (0x1400, Text),
    (0x16ff, Deu), (0x1700, Text), (0x17ff, Deu), (0x1806, Text), (0x18ff, Nothing),
    (0x1d00, Capitals), (0x1d02, Deu), (0x1d03, Capitals), (0x1d08, Deu), (0x1d0a, Capitals),
    (0x1d10, Nothing), (0x1d11, Capitals), (0x1d12, Nothing), (0x1d13, Capitals), (0x1d16, Nothing),
    (0x1d18, Capitals), (0x1d1d, Deu), (0x1d20, Capitals), (0x1d23, Nothing), (0x1d2c, Capitals),
    (0x1d3d, Deu), (0x1d4a, Nothing), (0x1d4b, Deu), (0x1d51, Nothing), (0x1d52, Deu),
    (0x1d53, Nothing), (0x1d56, Deu), (0x1d61, Nothing), (0x1d62, Deu), (0x1d6a, Nothing),
    (0x1d6c, Deu), (0x1d78, Nothing), (0x1d7d, Deu), (0x1d7e, Nothing), (0x1d80, Deu),
    (0x1d8b, Nothing), (0x1d8c, Deu), (0x1d8f, Nothing), (0x1e00, Text), (0x1e9b, Capitals),
    (0x1e9c, Unknown), (0x1e9e, Text), (0x1e9f, Unknown), (0x1ea0, Text), (0x1efa, Unknown),
    (0x1eff, Nothing), (0x1f00, Text), (0x1fff, Deu), (0x204f, Text), (0x2052, Nothing),
    (0x2054, Text), (0x2057, Deu), (0x2058, Text), (0x205f, Deu), (0x2061, Text), (0x2071, Deu),
    (0x208f, Text), (0x2090, Deu), (0x2094, Text), (0x2095, Deu), (0x209d, Text), (0x20b0, Deu),
    (0x20c0, Text), (0x20e5, Deu), (0x20e6, Text), (0x20ff, Deu), (0x2100, Spaced), (0x2102, Deu),
    (0x2103, Text), (0x2105, Spaced), (0x2107, Text), (0x210a, Deu), (0x210f, Text), (0x2110, Deu),
    (0x2117, Text), (0x2119, Deu), (0x211e, Text), (0x2121, Deu), (0x2122, Round), (0x2123, Text),
    (0x2124, Deu), (0x2125, Text), (0x2128, Deu), (0x2129, Text), (0x212a, Deu), (0x2135, Text),
    (0x213b, Deu), (0x213c, Text), (0x2145, Deu), (0x214a, Text), (0x214e, Capitals),
    (0x214f, Text), (0x2150, Spaced), (0x2153, Text), (0x2189, Spaced), (0x218a, Text),
    (0x21ff, Nothing), (0x2200, Text), (0x2212, Deu), (0x2213, Text), (0x2215, Deu), (0x2218, Text),
    (0x2223, Deu), (0x2224, Text), (0x2236, Deu), (0x2237, Text), (0x223c, Deu), (0x223d, Text),
    (0x2264, Deu), (0x2268, Text), (0x22ff, Nothing), (0x2300, Text), (0x2303, Deu), (0x2304, Text),
    (0x2329, Deu), (0x232b, Text), (0x23ff, Nothing), (0x2427, Text), (0x2460, Deu), (0x2596, Text),
    (0x25f4, Nothing), (0x25f8, Unknown), (0x25ff, Text), (0x26ff, Deu), (0x2700, Text),
    (0x2762, Deu), (0x2763, Text), (0x27e6, Deu), (0x27e7, Text), (0x27e8, Deu), (0x27ea, Text),
    (0x27ff, Deu), (0x2802, Text), (0x2900, Nothing), (0x2c60, Deu), (0x2c6d, Nothing),
    (0x2c6e, Deu), (0x2c70, Nothing), (0x2e00, Text), (0x2eff, Deu), (0x2f00, Text), (0x2fff, Deu),
    (0x3035, Text), (0x30ff, Nothing), (0x3100, Text), (0x31ff, Nothing), (0x3200, Text),
    (0x3251, Deu), (0x327c, Text), (0x32b1, Deu), (0x32ff, Nothing), (0x3300, Text), (0x3377, Deu),
    (0x3400, Nothing), (0x4d00, Text), (0x4dff, Nothing), (0x4e00, Text), (0x9fff, Deu),
    (0xa48d, Text), (0xa4ff, Nothing), (0xac00, Text), (0xd7ff, Deu), (0xfa0e, Text), (0xfaff, Deu),
    (0xfb07, Text), (0xfdf0, Nothing), (0xfdfc, Unknown), (0xfdff, Deu), (0xfe00, Text),
    (0x1d400, Deu), (0x1d6a8, Greek), (0x1d6db, Text), (0x1d7ce, Deu), (0x1df00, Text),
    (0x1f100, Deu), (0x1f10b, Text), (0x1f110, Deu), (0x1f12b, Round), (0x1f12d, Text),
    (0x1f130, Boxed), (0x1f14a, Text), (0x1f150, Round), (0x1f16a, Text), (0x1f170, Boxed),
    (0x1f18a, Text),
];

/// Spellings that neither library has, in the order of their characters.
#[rustfmt::skip]
const SPELLINGS: &[(char, &str)] = &[
    ('Є', "Ie"), ('։', ":"), ('\u{5bf}', "-"), ('\u{5c6}', "n"), ('א', "A"), ('\u{5f5}', "v"),
    ('\u{5f6}', "n"), ('\u{5f7}', "q"), ('ᴔ', "Oe"), ('ᴕ', "Ou"), ('ᴟ', "m"), ('ᵚ', "m"), ('ᵝ', "b"),
    ('ᵦ', "b"), ('₴', "UAH"), ('₶', "L"), ('₺', "L"), ('₼', "m"), ('₽', "R"), ('₾', "l"), ('№', "No. "),
    ('℠', "(sm)"), ('ℹ', "i"), ('\u{232a}', "> "), ('⟩', "> "), ('⦄', "} "), ('⩴', "::="), ('し', "shi"),
    ('ち', "chi"), ('っ', "tsu"), ('つ', "tsu"), ('シ', "shi"), ('チ', "chi"), ('ッ', "tsu"), ('ツ', "tsu"),
    ('㍱', "hPa"), ('㎌', "uF"), ('㎍', "ug"), ('㎕', "ul"), ('㎣', "mm^3"), ('㎲', "us"), ('㎶', "uV"),
    ('㎼', "uW"), ('𝛓', "sigma"), ('𝛕', "tai"), ('🄪', "<S>"),
];

/// The Greek letters of mathematics, from U+1D6A8 on: capitals, nabla, then small letters.
pub(super) const GREEK_FIRST: u32 = 0x1d6a8;
pub(super) const NABLA: usize = 25;
pub(super) const GREEK: [&str; NABLA] = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lamda",
    "mu", "nu", "xi", "omicron", "pi", "rho", "theta", "sigma", "tau", "upsilon", "phi", "chi",
    "psi", "omega",
];

/// Blocks of letters that the original spells "[?]" or leaves out, every one of them. Here they are spelt
/// by `deunicode`, so that what is sung in them reaches the model.
///
/// Rare letters of scripts that the original does know stay as it has them.
#[rustfmt::skip]
const UNREAD: &[(u32, u32)] = &[
    (0x0500, 0x052f), // Cyrillic Supplement
    (0x0750, 0x077f), // Arabic Supplement
    (0x07c0, 0x08ff), // N'Ko, Samaritan, Mandaic, Syriac Supplement, Arabic Extended-A and B
    (0x1380, 0x139f), // Ethiopic Supplement
    (0x1700, 0x177f), // Tagalog, Hanunoo, Buhid, Tagbanwa
    (0x18b0, 0x1cff), // Limbu to Vedic Extensions: Balinese, Batak, Sundanese, capital Georgian …
    (0x2c00, 0x2c5f), // Glagolitic
    (0x2c80, 0x2dff), // Coptic, Georgian Supplement, Tifinagh, Ethiopic and Cyrillic Extended
    (0xa4d0, 0xabff), // Lisu to Meetei Mayek: Vai, Bamum, Javanese, Cham, small Cherokee …
    (0xd7b0, 0xd7fb), // Hangul Jamo Extended-B
    (0x10000, 0x1bcff), // Linear B to Duployan
    (0x1df00, 0x1efff), // Latin Extended-G to Arabic mathematics: Adlam, Mende Kikakui, Wancho …
];

impl Source {
    /// Who spells a character that is not ASCII.
    pub(super) fn of(c: char) -> Self {
        let n_before = SOURCES.partition_point(|(first, _)| *first <= c as u32);
        match n_before {
            0 => Text,
            n => SOURCES[n - 1].1,
        }
    }
}

/// A spelling that neither library has.
pub(super) fn own_spelling(c: char) -> Option<&'static str> {
    let at = SPELLINGS.binary_search_by_key(&c, |(known, _)| *known).ok()?;
    Some(SPELLINGS[at].1)
}

/// Whether the original knows nothing of the block that a character is in.
pub(super) fn is_unread(c: char) -> bool {
    UNREAD.iter().any(|(first, last)| (*first..=*last).contains(&(c as u32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order() {
        assert!(SOURCES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(SPELLINGS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(UNREAD.is_sorted_by(|a, b| a.0 <= a.1 && a.1 < b.0));
    }
}
