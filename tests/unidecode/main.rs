//! Text is spelt as unidecode 1.1.1 spells it, every character that Unicode has room for.
//!
//! `pages.txt` holds digests of what it makes of each 256 characters; `make.py` writes it.

use std::collections::BTreeMap;

use encore::lyrics::{Vocabulary, clean, latin, unidecoded};
use sha2::{Digest, Sha256};

const PAGES: &str = include_str!("pages.txt");

/// What is left of a spelling in the larger vocabulary.
fn cleaned(c: char) -> String {
    let symbols = unidecoded(c).replace('\\', "\n");
    symbols.chars().filter(|symbol| Vocabulary::V2.token(*symbol).is_some()).collect()
}

#[test]
fn all_characters_are_spelt_as_unidecode_spells_them() {
    let lines = PAGES.lines().map(|line| line.split_once(' ').unwrap());
    let want: BTreeMap<u32, &str> =
        lines.map(|(page, digest)| (u32::from_str_radix(page, 16).unwrap(), digest)).collect();

    let mut different = Vec::new();
    for page in 0..=char::MAX as u32 >> 8 {
        let characters = (page << 8..(page + 1) << 8).map(char::from_u32);
        let spellings: Vec<_> = characters.map(|c| c.map(cleaned).unwrap_or_default()).collect();
        let got = match spellings.iter().all(String::is_empty) {
            true => String::new(),
            false => {
                let digest = Sha256::digest(spellings.join("\0"));
                digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
            }
        };
        if got != *want.get(&page).unwrap_or(&"") {
            different.push(format!("{page:03x}"));
        }
    }

    assert_eq!(want.len(), 188);
    assert_eq!(different, Vec::<String>::new());
}

/// The one difference that is meant: text in a script of which unidecode knows no letter is read too,
/// where the original would see nothing or a row of "[?]".
#[test]
fn only_scripts_that_unidecode_does_not_know_are_spelt_otherwise() {
    let mut n_otherwise = 0;
    for c in '\0'..=char::MAX {
        if latin(c) != unidecoded(c) {
            let known = cleaned(c);
            assert!(known.is_empty() || known.trim() == "[?]", "{c:?} is {known:?}");
            n_otherwise += 1;
        }
    }

    assert_eq!(n_otherwise, 17_255);
}

#[test]
fn the_original_answers_letters_that_it_does_not_know_with_a_question_mark() {
    assert_eq!(clean("ɂ", Vocabulary::V2).text, "[?]");
}
