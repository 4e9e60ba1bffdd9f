//! Lyrics that nobody sings.

use std::fs;
use std::path::Path;

use encore::lyrics::{LyricsError, MAX_BYTES, Vocabulary, clean, from_bytes, read, time_words};

use crate::limits::{refused, turn, watched};

/// A text of as many bytes as lyrics may have.
fn full_of(part: &str) -> String {
    part.repeat(MAX_BYTES as usize / part.len())
}

#[test]
fn files_that_are_no_lyrics_are_refused() {
    let _turn = turn();
    let name = Path::new("words.txt");
    let too_long = vec![b'a'; MAX_BYTES as usize + 1];
    let parse = |bytes: Vec<u8>| move || from_bytes(name, bytes);
    let says = ["words.txt", "longer than 1048576 bytes"];
    refused!("a byte too many", parse(too_long), LyricsError::TooLong { .. }, &says);
    for (case, bytes, at) in [
        ("another encoding", b"caf\xe9".to_vec(), "byte 3"),
        ("half a letter", b"ab\xf0\x9f\x98".to_vec(), "byte 2"),
        ("a surrogate", b"\xed\xa0\x80".to_vec(), "byte 0"),
        ("an overlong letter", b"x\xc0\x80".to_vec(), "byte 1"),
        ("UTF-16", b"\xff\xfea\0".to_vec(), "byte 0"),
    ] {
        refused!(case, parse(bytes), LyricsError::NotText { .. }, &["words.txt", at]);
    }

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("words.txt");
    fs::File::create(&path).unwrap().set_len(100 << 20).unwrap(); // sparse
    refused!("100 MiB", move || read(&path), LyricsError::TooLong { .. }, &says);
}

#[test]
fn a_whole_file_of_anything_is_spelt_in_time() {
    let _turn = turn();
    let private: String =
        ('\u{f0000}'..'\u{10fffe}').filter(|c| *c < '\u{ffffe}' || *c > '\u{fffff}').collect();
    let cases = [
        ("one combining character", full_of("\u{301}")),
        ("the longest spelling", full_of("\u{fdfa}")),
        ("a letter under many accents", format!("e{}", full_of("\u{301}\u{327}").split_off(4))),
        ("new lines", full_of("\n")),
        ("backslashes", full_of("\\")),
        ("zeros", full_of("\0")),
        ("one word", full_of("a")),
        ("words of a letter", full_of("a ")),
        ("ideographs", full_of("月")),
        ("changes of direction", full_of("\u{202e}a")),
        ("families", full_of("👩\u{200d}👩\u{200d}👧")),
        ("every private character", private),
    ];
    for (case, text) in cases {
        assert!(text.len() <= MAX_BYTES as usize);
        for vocabulary in [Vocabulary::V2, Vocabulary::V3] {
            let text = text.clone();
            watched(case, move || {
                let cleaned = clean(&text, vocabulary);
                assert_eq!(cleaned.tokens().len(), cleaned.origins.len());
                assert!(cleaned.note().is_none_or(|note| note.len() < 1000));
            });
        }
    }
}

#[test]
fn half_a_million_words_are_timed_whether_they_are_heard_or_not() {
    let _turn = turn();
    let silent = full_of("😀 "); // nothing is left of them
    let heard = full_of("a ");
    for (case, text, n_moments) in [("unheard", silent, 0), ("heard once", heard, 1)] {
        let n_words = text.split_whitespace().count();
        let times = watched(case, move || {
            let cleaned = clean(&text, Vocabulary::V2);
            let weights = vec![0.5; cleaned.origins.len() * n_moments];
            time_words(&text, &cleaned, &weights, 0.5).len()
        });

        assert_eq!(times, n_words, "{case}");
    }
}
