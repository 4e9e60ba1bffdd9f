//! Lyrics, from the bytes of a file to the times of their words.

#![no_main]

use std::path::Path;

use encore::lyrics::{Vocabulary, clean, from_bytes, lrc, time_words};
use encore_fuzz::sound;
use libfuzzer_sys::fuzz_target;

/// Moments of music.
const N_MOMENTS: usize = 24;

fuzz_target!(|bytes: &[u8]| {
    let Some(lyrics) = sound(from_bytes(Path::new("words.txt"), bytes.to_vec())) else { return };
    for vocabulary in [Vocabulary::V2, Vocabulary::V3] {
        let cleaned = clean(&lyrics, vocabulary);
        let (n, tokens) = (cleaned.origins.len(), cleaned.tokens());
        assert_eq!((n, n), (cleaned.text.len(), tokens.len()));
        assert!(tokens.iter().all(|token| (1..vocabulary.n_tokens() as u32).contains(token)));
        assert!(cleaned.origins.iter().all(|at| lyrics.is_char_boundary(*at)));
        assert!(cleaned.note().is_none_or(|note| note.len() < 1000));
        if n * N_MOMENTS > 1 << 16 {
            continue;
        }
        // any attention will do, as long as it is not the same everywhere
        let looks = |i: usize| f32::from(bytes[i * 7 % bytes.len()]) / 255.0;
        let weights: Vec<f32> = (0..n * N_MOMENTS).map(looks).collect();
        let words = time_words(&lyrics, &cleaned, &weights, 0.0078);
        let total = N_MOMENTS as f64 * 0.0078 + 1e-9;
        let ordered = |start: f64, end: f64| 0.0 <= start && start <= end && end <= total;
        assert!(words.iter().all(|word| ordered(word.start_seconds, word.end_seconds)));
        lrc(&words);
    }
});
