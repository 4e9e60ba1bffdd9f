//! Words to sing, put together from a seed: bodies of lines and endings that rhyme.
//!
//! Every word list is our own. A line is a clause and an ending ("the silver moon is dancing" + "over the
//! sea"); endings come in groups that rhyme, and of many candidates the one of about the wanted length is
//! kept. Nothing here is asked of espeak-ng, so lyrics can be written where it is not installed.

mod count;
mod english;
mod german;
mod italian;
mod spanish;

use rand::Rng;
use rand::seq::IndexedRandom;

pub use count::count_syllables;

/// Languages there are words for, as espeak-ng names them.
pub const LANGUAGES: [&str; 4] = ["en", "es", "de", "it"];
/// Lines of a verse, and of a chorus.
pub const STANZA_LINES: usize = 4;
/// Syllables of the shortest bodies.
const SHORTEST_BODY: usize = 2;
/// How many lines are tried for one that has the wanted length.
const N_TRIES: usize = 80;

/// What lines of one language are made of.
struct Tongue {
    /// First parts of lines; `{name}` is any of the words called that.
    bodies: &'static [&'static str],
    words: &'static [(&'static str, &'static [&'static str])],
    /// Last parts of lines; those of one group rhyme.
    endings: &'static [&'static [&'static str]],
}

/// `n_lines` lines of about `syllables_per_line` syllables; languages we have no words for get English.
///
/// Up to four lines are one rhymed stanza. More are verses and choruses of four lines in turn, where the
/// chorus is the same every time.
pub fn lyrics(
    language: &str,
    rng: &mut impl Rng,
    n_lines: usize,
    syllables_per_line: usize,
) -> Vec<String> {
    let tongue = tongue(language);
    let mut stanza = |n| stanza(tongue, language, rng, n, syllables_per_line);
    if n_lines <= STANZA_LINES {
        return stanza(n_lines);
    }
    let hook = stanza(2);
    let chorus: Vec<String> = hook.iter().cycle().take(STANZA_LINES).cloned().collect();
    let mut lines = Vec::with_capacity(n_lines + STANZA_LINES);
    while lines.len() < n_lines {
        lines.extend(stanza(STANZA_LINES));
        lines.extend(chorus.iter().cloned());
    }
    lines.truncate(n_lines);
    lines
}

fn tongue(language: &str) -> &'static Tongue {
    match language {
        "es" => &spanish::TONGUE,
        "de" => &german::TONGUE,
        "it" => &italian::TONGUE,
        _ => &english::TONGUE,
    }
}

/// Lines that rhyme in pairs, neighbours or crosswise.
fn stanza(
    tongue: &Tongue,
    language: &str,
    rng: &mut impl Rng,
    n_lines: usize,
    n_syllables: usize,
) -> Vec<String> {
    let crosswise = rng.random_bool(0.5);
    let mut groups: Vec<&[&str]> = Vec::new();
    let fits = |ending: &&&str| count_syllables(language, ending) + SHORTEST_BODY <= n_syllables;
    let short_enough = |group: &[&str]| group.iter().filter(fits).count() >= 2;
    for _ in 0..n_lines.div_ceil(2).max(2) {
        let fresh = || tongue.endings.iter().copied().filter(|group| !groups.contains(group));
        let short: Vec<&[&str]> = fresh().filter(|group| short_enough(group)).collect();
        let any: Vec<&[&str]> = fresh().collect();
        let group = short.choose(rng).or_else(|| any.choose(rng)).copied();
        groups.extend(group);
    }
    let mut used: Vec<&str> = Vec::new();
    let mut lines: Vec<String> = Vec::with_capacity(n_lines);
    for i in 0..n_lines {
        let pair = if crosswise { 2 * (i / 4) + i % 2 } else { i / 2 };
        let endings: Vec<&str> = match groups.get(pair) {
            Some(group) => group.iter().copied().filter(|ending| !used.contains(ending)).collect(),
            None => Vec::new(),
        };
        let tried = (0..N_TRIES).map(|_| {
            let ending = endings.choose(rng).copied().unwrap_or_default();
            (ending, filled(tongue, rng, ending))
        });
        let off = |line: &str| count_syllables(language, line).abs_diff(n_syllables);
        let Some((ending, line)) = tried.min_by_key(|(_, line)| off(line)) else { break };
        used.push(ending);
        lines.push(capitalised(&line));
    }
    lines
}

/// A body with words in it, and the ending.
fn filled(tongue: &Tongue, rng: &mut impl Rng, ending: &str) -> String {
    let body = tongue.bodies.choose(rng).copied().unwrap_or_default();
    let mut line = String::new();
    for part in body.split_inclusive(' ') {
        let name = part.trim_end().strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let words = name.and_then(|name| tongue.words.iter().find(|(n, _)| *n == name));
        match words.and_then(|(_, words)| words.choose(rng)) {
            Some(word) => line.extend([word, " "]),
            None => line.push_str(part),
        }
    }
    format!("{} {ending}", line.trim_end()).trim().to_owned()
}

fn capitalised(line: &str) -> String {
    let mut letters = line.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn lines_have_about_the_wanted_length_in_every_language() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for language in LANGUAGES {
            for wanted in 6..=12 {
                let lines = lyrics(language, &mut rng, 8, wanted);

                assert_eq!(lines.len(), 8);
                for line in lines {
                    let n = count_syllables(language, &line);
                    assert!(n.abs_diff(wanted) <= 1, "{language} {wanted}: {line:?} has {n}");
                }
            }
        }
    }

    #[test]
    fn the_chorus_comes_back_and_verses_do_not() {
        let lines = lyrics("en", &mut ChaCha8Rng::seed_from_u64(2), 16, 8);

        assert_eq!(lines[4..8], lines[12..16]);
        assert_ne!(lines[..4], lines[8..12]);
    }

    #[test]
    fn a_seed_is_one_song() {
        let song = |seed| lyrics("de", &mut ChaCha8Rng::seed_from_u64(seed), 4, 8);

        assert_eq!(song(5), song(5));
        assert_ne!(song(5), song(6));
    }

    #[test]
    fn every_blank_has_words() {
        for language in LANGUAGES {
            let tongue = tongue(language);
            for body in tongue.bodies {
                for name in body.split(['{', '}']).skip(1).step_by(2) {
                    assert!(tongue.words.iter().any(|(n, _)| *n == name), "{language}: {name}");
                }
            }
            assert!(tongue.endings.iter().all(|group| group.len() >= 2));
        }
    }
}
