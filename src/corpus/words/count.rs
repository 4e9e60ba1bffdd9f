//! How many syllables are in a line, by its letters.

/// English words whose letters mislead.
const ENGLISH: [(&str, usize); 5] =
    [("lonely", 2), ("evening", 2), ("every", 2), ("homeward", 2), ("playing", 2)];
/// Italian words where a weak vowel carries the accent.
const ITALIAN: [&str; 3] = ["io", "mio", "tuo"];

/// Syllables in `line`, counted word by word.
pub fn count_syllables(language: &str, line: &str) -> usize {
    line.split_whitespace()
        .map(|word| match language {
            "it" if ITALIAN.contains(&word.to_lowercase().as_str()) => 2,
            "es" | "it" => open_vowels(&word.to_lowercase()),
            "de" => german(&word.to_lowercase()),
            _ => english(&word.to_lowercase()),
        })
        .sum()
}

/// Groups of vowels, but not an e that is silent.
fn english(word: &str) -> usize {
    if let Some((_, n)) = ENGLISH.iter().find(|(known, _)| *known == word) {
        return *n;
    }
    let is_vowel = |c: char| "aeiouy".contains(c);
    let hisses = ["se", "ze", "che", "she", "ge", "ce"].map(|end| format!("{end}s"));
    let is_plural = word.ends_with("es") && !hisses.iter().any(|end| word.ends_with(end));
    let single = if is_plural { &word[..word.len() - 1] } else { word };
    let last: Vec<char> = single.chars().rev().take(3).collect();
    let is_silent = match last[..] {
        ['e', 'l', before] => is_vowel(before), // mile, but not candle
        ['e', before, _] => !is_vowel(before),
        _ => false,
    };
    let n = word.split(|c| !is_vowel(c)).filter(|run| !run.is_empty()).count();
    n.saturating_sub(usize::from(is_silent)).max(1)
}

/// Groups of vowels, where only the usual pairs are one sound.
fn german(word: &str) -> usize {
    let spelled = word.replace("qu", "q");
    let mut letters = spelled.chars().peekable();
    let mut n = 0;
    while let Some(c) = letters.next() {
        if !"aeiouäöüy".contains(c) {
            continue;
        }
        n += 1;
        let joins = |d: char| {
            matches!(
                (c, d),
                ('a', 'u' | 'i' | 'a')
                    | ('e', 'i' | 'u' | 'e')
                    | ('ä', 'u')
                    | ('i', 'e')
                    | ('o', 'o')
            )
        };
        letters.next_if(|&d| joins(d));
    }
    n.max(1)
}

/// Spanish and Italian: every a, e and o is a syllable, and i and u only away from them or with an accent.
fn open_vowels(word: &str) -> usize {
    let spelled = word.replace("qu", "q").replace("gue", "ge").replace("gui", "gi");
    let letters: Vec<char> = spelled.chars().collect();
    let is_open = |c: char| "aeoáéóíúàèòìù".contains(c);
    let is_close = |c: char| "iuüy".contains(c);
    let n_open = letters.iter().filter(|&&c| is_open(c)).count();
    // i and u that have no open vowel beside them
    let alone = |run: &[char]| run.iter().any(|&c| is_close(c)) && !run.iter().any(|&c| is_open(c));
    let n_close = letters.split(|&c| !is_open(c) && !is_close(c)).filter(|run| alone(run)).count();
    (n_open + n_close).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syllables_are_counted_as_they_are_said() {
        for (language, line, n) in [
            ("en", "the little river comes home", 7),
            ("es", "quiero cantar una melodía", 10),
            ("de", "die Vögel fliegen über das Meer", 9),
            ("it", "il cielo chiaro della sera", 9),
        ] {
            assert_eq!(count_syllables(language, line), n, "{line}");
        }
    }
}
