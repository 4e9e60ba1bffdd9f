//! When each word is sung, from how much each moment of the music looks at each character.

use super::Cleaned;

/// A word of the lyrics, as it was written, and when it is sung.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    pub text: String,
    /// Line of the lyrics that it stands in, from 0.
    pub line: usize,
    pub start_seconds: f64,
    pub end_seconds: f64,
    /// Mean share of the model's attention while it is sung, from 0 to 1. At 0 nothing was heard of it,
    /// and its time is between those of its neighbours.
    pub confidence: f32,
}

/// Moments are pooled until they are at least this long: no word is sung in less.
const POOL_SECONDS: f64 = 0.02;

/// Steps that make one moment of [`time_words`]; whoever has many steps may give it their means.
pub fn steps_per_moment(step_seconds: f64) -> usize {
    ((POOL_SECONDS / step_seconds).round() as usize).max(1)
}

/// Times of all words. `weights` is `[t, n]`: for each of the `t` moments of `step_seconds`, how much it
/// looks at each of the `n` symbols of `cleaned`.
///
/// The song is taken to sing its lyrics in order: of all ways to pass through the symbols without going
/// back, the one is believed that the attention speaks for most.
pub fn time_words(
    lyrics: &str,
    cleaned: &Cleaned,
    weights: &[f32],
    step_seconds: f64,
) -> Vec<Word> {
    let n = cleaned.origins.len();
    let mut words = words(lyrics);
    let n_pool = steps_per_moment(step_seconds);
    let moments = pooled(weights, n, n_pool);
    let n_moments = moments.len().checked_div(n).unwrap_or(0);
    let path = path(&moments, n);

    let moment_seconds = n_pool as f64 * step_seconds;
    let total_seconds = weights.len().checked_div(n).unwrap_or(0) as f64 * step_seconds;
    let mut next = 0; // moments, origins and words all go forwards, so this is one walk
    for word in &mut words {
        let origin = |moment: usize| cleaned.origins[path[moment]];
        let at_or_after = |next: usize, byte| {
            (next..n_moments).find(|moment| origin(*moment) >= byte).unwrap_or(n_moments)
        };
        let first = at_or_after(next, word.bytes.start);
        next = at_or_after(first, word.bytes.end);
        if first == next {
            continue;
        }
        let looked: f32 = (first..next).map(|moment| moments[moment * n + path[moment]]).sum();
        word.time = Some(Time {
            start: first as f64 * moment_seconds,
            end: (next as f64 * moment_seconds).min(total_seconds),
            confidence: (looked / (next - first) as f32).clamp(0.0, 1.0),
        });
    }
    with_guesses(words, total_seconds)
}

/// A word and the bytes of the lyrics that it is.
struct Written<'l> {
    text: &'l str,
    line: usize,
    bytes: std::ops::Range<usize>,
    time: Option<Time>,
}

#[derive(Clone, Copy)]
struct Time {
    start: f64,
    end: f64,
    confidence: f32,
}

/// What stands between spaces; where a script writes none, each character.
fn words(lyrics: &str) -> Vec<Written<'_>> {
    let mut words: Vec<Written> = Vec::new();
    let (mut line, mut is_open) = (0, false);
    for (at, c) in lyrics.char_indices() {
        let is_break = c == '\n' || c == '\\'; // a backslash is cleaned into a new line
        line += usize::from(is_break);
        if is_break || c.is_whitespace() {
            is_open = false;
            continue;
        }
        let bytes = at..at + c.len_utf8();
        match words.last_mut().filter(|_| is_open && !stands_alone(c)) {
            Some(word) => word.bytes.end = bytes.end,
            None => words.push(Written { text: "", line, bytes, time: None }),
        }
        is_open = !stands_alone(c);
    }
    for word in &mut words {
        word.text = &lyrics[word.bytes.clone()];
    }
    words
}

/// Kana and ideographs.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30fa}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Means of `n_pool` moments each, `[t, n]`.
fn pooled(weights: &[f32], n: usize, n_pool: usize) -> Vec<f32> {
    if n == 0 {
        return Vec::new();
    }
    let mean = |moments: &[f32]| -> Vec<f32> {
        let n_moments = (moments.len() / n) as f32;
        let sum = |symbol: usize| moments[symbol..].iter().step_by(n).sum::<f32>();
        (0..n).map(|symbol| sum(symbol) / n_moments).collect()
    };
    weights.chunks(n.saturating_mul(n_pool)).flat_map(mean).collect()
}

/// The symbol of each moment on the way that never goes back and gathers the most weight.
fn path(moments: &[f32], n: usize) -> Vec<usize> {
    if n == 0 {
        return Vec::new();
    }
    let n_moments = moments.len() / n;
    // best way to each symbol; whether it is better than any that ends before the symbol
    let mut best = vec![0.0f64; n];
    let mut leads = vec![false; moments.len()];
    for (moment, row) in moments.chunks_exact(n).enumerate() {
        let mut so_far = f64::NEG_INFINITY;
        for (symbol, weight) in row.iter().enumerate() {
            let leads = &mut leads[moment * n + symbol];
            *leads = so_far < best[symbol];
            so_far = so_far.max(best[symbol]);
            best[symbol] = so_far + f64::from(*weight);
        }
    }
    let mut symbol = 0;
    for (i, total) in best.iter().enumerate() {
        if best[symbol] < *total {
            symbol = i;
        }
    }
    let mut path = vec![0; n_moments];
    for moment in (0..n_moments).rev() {
        path[moment] = symbol;
        let row = &leads[moment * n..=moment * n + symbol];
        symbol = row.iter().rposition(|leads| *leads).unwrap_or(0);
    }
    path
}

/// Words that were not heard share the time between those that were.
fn with_guesses(words: Vec<Written>, total_seconds: f64) -> Vec<Word> {
    let mut timed: Vec<Word> = Vec::with_capacity(words.len());
    let mut next_heard = 0;
    for (i, word) in words.iter().enumerate() {
        let before = timed.last().map_or(0.0, |word| word.end_seconds);
        while next_heard < words.len() && (next_heard < i || words[next_heard].time.is_none()) {
            next_heard += 1;
        }
        let time = word.time.unwrap_or_else(|| {
            let next = words.get(next_heard).and_then(|word| word.time);
            let after = next.map_or(total_seconds, |time| time.start);
            let end = before + (after - before).max(0.0) / (next_heard - i) as f64;
            Time { start: before, end, confidence: 0.0 }
        });
        timed.push(Word {
            text: word.text.to_owned(),
            line: word.line,
            start_seconds: time.start,
            end_seconds: time.end,
            confidence: time.confidence,
        });
    }
    timed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lyrics::{Vocabulary, clean};

    /// Words of a song of which each moment looks at one symbol, or at none.
    fn timed(lyrics: &str, looks_at: &[Option<usize>]) -> Vec<(String, usize, f64, f64, f32)> {
        let cleaned = clean(lyrics, Vocabulary::V2);
        let n = cleaned.origins.len();
        let row =
            |at: &Option<usize>| (0..n).map(|i| f32::from(Some(i) == *at)).collect::<Vec<_>>();
        let weights: Vec<f32> = looks_at.iter().flat_map(row).collect();
        let words = time_words(lyrics, &cleaned, &weights, 0.5).into_iter();
        words.map(|w| (w.text, w.line, w.start_seconds, w.end_seconds, w.confidence)).collect()
    }

    #[test]
    fn words_are_sung_while_their_characters_are_looked_at() {
        let words = timed("ab cd\nef", &[Some(0), Some(1), Some(3), Some(4), Some(6), Some(7)]);

        let word = |text: &str, line, start, end| (text.to_string(), line, start, end, 1.0);
        assert_eq!(
            words,
            [word("ab", 0, 0.0, 1.0), word("cd", 0, 1.0, 2.0), word("ef", 1, 2.0, 3.0)]
        );
    }

    #[test]
    fn a_glance_ahead_does_not_move_the_words_between() {
        let words = timed("ab cd ef", &[Some(0), Some(7), Some(1), Some(3), Some(4), Some(6)]);

        let starts: Vec<_> = words.iter().map(|word| word.2).collect();
        assert_eq!(starts, [0.0, 1.5, 2.5]);
    }

    #[test]
    fn words_that_are_not_heard_lie_between_their_neighbours() {
        let words = timed("a b c d", &[Some(0), None, None, Some(6)]);

        assert_eq!(words[1].4, 0.0);
        assert!(words.windows(2).all(|pair| pair[0].3 <= pair[1].2), "{words:?}");
        assert!(words.iter().all(|word| word.2 <= word.3 && word.3 <= 2.0), "{words:?}");
    }

    #[test]
    fn words_keep_their_own_script_and_ideographs_stand_alone() {
        let words = timed("Été 月亮\\x", &[]);

        let texts: Vec<_> = words.iter().map(|word| (word.0.as_str(), word.1)).collect();
        assert_eq!(texts, [("Été", 0), ("月", 0), ("亮", 0), ("x", 1)]);
    }

    #[test]
    fn lyrics_of_which_nothing_is_left_have_words_without_a_time() {
        let words = timed("😀 😀", &[]);

        assert_eq!(words.iter().map(|word| word.4).collect::<Vec<_>>(), [0.0, 0.0]);
    }
}
