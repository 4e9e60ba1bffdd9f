//! Phonemes of a word, cut into the syllables that notes are sung on.

/// What is sung on one note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syllable {
    /// Consonants before the vowel, in espeak-ng's mnemonics.
    pub onset: Vec<String>,
    /// The vowel or diphthong.
    pub vowel: String,
    /// Consonants after it.
    pub coda: Vec<String>,
    /// Whether the word's accent falls here.
    pub stressed: bool,
}

impl Syllable {
    /// As espeak-ng is asked for it, with an accent, so that no vowel is swallowed.
    pub fn spoken(&self) -> String {
        let coda = self.coda.concat();
        // a murmured vowel is too short to rest on, unless it is asked for as a long one
        let long = if self.vowel == "@" && !coda.is_empty() { ":" } else { "" };
        format!("{}'{}{long}{coda}", self.onset.concat(), self.vowel)
    }

    /// Whether the vowel glides from one sound to another.
    pub fn is_diphthong(&self) -> bool {
        self.vowel.chars().filter(|&c| is_vowel_letter(c)).count() > 1
    }
}

/// Cuts phonemes with spaces between, as [`super::espeak::phonemes`] gives them, into syllables.
///
/// A word always has one, even one without a vowel.
pub fn syllables(phonemes: &str) -> Vec<Syllable> {
    let mut done: Vec<Syllable> = Vec::new();
    let mut consonants: Vec<String> = Vec::new();
    for phoneme in phonemes.split_whitespace().filter(|p| !p.starts_with(['_', '('])) {
        let stressed = phoneme.starts_with('\'');
        let plain = plain(phoneme.trim_start_matches(['\'', ',', '%', '=', '!', '|']));
        if plain.is_empty() {
            continue;
        }
        if !is_vowel(&plain) {
            consonants.push(plain);
            continue;
        }
        if stressed {
            close_before(&mut done, &mut consonants);
        }
        let n_coda = if done.is_empty() { 0 } else { coda_len(&consonants) };
        let onset = consonants.split_off(n_coda);
        if let Some(last) = done.last_mut() {
            last.coda.append(&mut consonants);
        }
        done.push(Syllable { onset, vowel: plain, coda: Vec::new(), stressed });
    }
    match done.last_mut() {
        Some(last) => last.coda.append(&mut consonants),
        None => done.push(Syllable {
            onset: consonants,
            vowel: "@".into(),
            coda: Vec::new(),
            stressed: false,
        }),
    }
    done
}

/// Makes a close vowel right before an accented one its glide, as in `cuore`, which is sung on two notes.
fn close_before(done: &mut Vec<Syllable>, consonants: &mut Vec<String>) {
    let touches = consonants.iter().all(|c| c == ";");
    let glide = match done.last() {
        Some(last) if touches && !last.stressed && !last.onset.is_empty() => {
            match last.vowel.as_str() {
                "i" | "I" => "j",
                "u" | "U" => "w",
                _ => return,
            }
        }
        _ => return,
    };
    if let Some(last) = done.pop() {
        *consonants = last.onset;
        consonants.push(glide.into());
    }
}

/// How many of the consonants between two vowels belong to the first: the second takes as many as can begin
/// a syllable, one at least.
fn coda_len(between: &[String]) -> usize {
    let n = between.len();
    let mut n_onset = n.min(1);
    while n_onset < n && can_precede(&between[n - n_onset - 1], &between[n - n_onset]) {
        n_onset += 1;
    }
    n - n_onset
}

/// Whether `first` can stand before `second` at the beginning of a syllable: sounds open up towards a vowel.
fn can_precede(first: &str, second: &str) -> bool {
    let liquid = |p: &str| p.starts_with(['l', 'r', 'R', '*', 'w', 'j', ';']);
    let stop =
        |p: &str| p.starts_with(['p', 't', 'k', 'b', 'd', 'g', 'f', 'v', 'B', 'T', 'D', 'Q']);
    let hiss = |p: &str| p.starts_with(['s', 'S', 'z']);
    let glide = |p: &str| p.starts_with(['w', 'j', ';']);
    let affricate = |p: &str| p.len() > 1 && p.starts_with('t') && p.contains(['s', 'S']);
    let sharp = |p: &str| p.starts_with(['p', 't', 'k']) && !affricate(p);
    (stop(first) && liquid(second) && !affricate(first))
        || (hiss(first) && (sharp(second) || liquid(second)))
        || (glide(second) && !liquid(first))
        // Italian's tapped r comes with a short breath of a vowel
        || (first == "@-" && second.starts_with('*'))
        || (stop(first) && second == "@-")
}

/// Mnemonics without a marker that only has a meaning inside a longer word.
fn plain(phoneme: &str) -> String {
    phoneme.trim_end_matches('#').replace("t#", "t")
}

fn is_vowel(phoneme: &str) -> bool {
    matches!(phoneme, "n-" | "m-" | "l-")
        || (phoneme != "@-" && phoneme.chars().next().is_some_and(is_vowel_letter))
}

fn is_vowel_letter(c: char) -> bool {
    "aeiouyAEIOUVYW03@&8".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(phonemes: &str) -> Vec<String> {
        syllables(phonemes).iter().map(Syllable::spoken).collect()
    }

    #[test]
    fn consonants_open_the_next_syllable_where_they_can() {
        assert_eq!(cut("m 'aU n t I n"), ["m'aUn", "t'In"]);
        assert_eq!(cut("s 'I l v 3"), ["s'Il", "v'3"]);
        assert_eq!(cut("e s t r 'e l a"), ["'e", "str'e", "l'a"]);
        assert_eq!(cut("k U 'O R e"), ["kw'O", "R'e"]);
        assert_eq!(cut("m 'i ; o"), ["m'i", ";'o"]);
    }

    #[test]
    fn a_murmured_vowel_is_long_enough_to_sing() {
        assert_eq!(cut("z 'I N @ n"), ["z'I", "N'@:n"]);
    }

    #[test]
    fn the_accent_is_kept() {
        let stressed: Vec<bool> = syllables("_! b e n 'e").iter().map(|s| s.stressed).collect();

        assert_eq!(stressed, [false, true]);
    }

    #[test]
    fn a_word_without_a_vowel_can_be_sung_too() {
        assert_eq!(cut("s"), ["s'@"]);
    }
}
