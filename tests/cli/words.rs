//! Lyrics: read in any script, shown as the model reads them, found in the music, and scored.

use std::fs;

use serde_json::Value;

use crate::singer::{self, Kind};
use crate::{Desk, text};

fn desk(kind: Kind) -> Desk {
    let desk = Desk::new();
    singer::write(&desk.path("singer"), kind);
    fs::write(desk.path("words.txt"), "Привет, 世界!\nna na ☃").unwrap();
    desk
}

const TOLD: &str = "--pack singer --artist ada --lyrics words.txt";

#[test]
fn words_in_any_script_are_timed_by_both_kinds_of_models() {
    for kind in [Kind::SingleSequence, Kind::SeparateEncoder] {
        let desk = desk(kind);

        let output = desk.encore(&format!("align track.wav {TOLD} --out words --json"));

        let (said, noted) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{kind:?}: {noted}");
        assert!(noted.starts_with("note: the model has no symbol for '☃'"), "{noted}");
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["lyrics_as_read"], "Privet, Shi Jie !\nna na ");
        let facts: Value = serde_json::from_slice(&desk.bytes("words/track.words.json")).unwrap();
        let words = facts["words"].as_array().unwrap();
        let texts: Vec<_> = words.iter().map(|word| word["text"].as_str().unwrap()).collect();
        assert_eq!(texts, ["Привет,", "世", "界", "!", "na", "na", "☃"]);
        let time = |word: &Value, end: &str| word[end].as_f64().unwrap();
        for pair in words.windows(2) {
            assert!(time(&pair[0], "end_seconds") <= time(&pair[1], "start_seconds") + 1e-9);
        }
        assert!(words.iter().all(|word| time(word, "end_seconds") <= 0.125), "{kind:?}");
        let lrc = text(&desk.bytes("words/track.lrc"));
        assert!(lrc.contains("Привет,") && lrc.lines().count() == 3, "{lrc}");
    }
}

#[test]
fn every_level_is_scored_in_bits_per_token_and_per_second() {
    let desk = desk(Kind::SingleSequence);

    let output = desk.encore(&format!("score track.wav {TOLD} --json"));

    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let levels = said["levels"].as_array().unwrap();
    assert_eq!(levels.len(), 2);
    for level in levels {
        let number = |name: &str| level[name].as_f64().unwrap();
        assert!(number("bits_per_token") > 0.0, "{level}");
        assert_eq!(number("bits_per_token_of_noise"), 4.0);
        let tokens_per_second = number("tokens") / number("seconds");
        let ratio = number("bits_per_second") / number("bits_per_token") / tokens_per_second;
        assert!((ratio - 1.0).abs() < 1e-9, "{level}");
    }
}

#[test]
fn codes_score_as_the_audio_that_they_were_made_of() {
    let desk = desk(Kind::SeparateEncoder);
    desk.json("encode track.wav --pack singer --level 1 --out c.safetensors");
    let bits = |line: &str| {
        let output = desk.encore(&format!("score {line} {TOLD} --level 1 --json"));
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        said["levels"][0]["bits_per_token"].as_f64().unwrap()
    };

    assert_eq!(bits("track.wav"), bits("c.safetensors"));
}

#[test]
fn a_model_that_does_not_sing_says_so() {
    let desk = desk(Kind::SingleSequence);

    let refusal =
        desk.refusal("align track.wav --pack tiny --artist ada --lyrics words.txt --out words");
    let wordless = desk.refusal("align track.wav --pack singer --artist ada --out words");
    let output = desk.encore(
        "continue track.wav --pack tiny --artist ada --lyrics words.txt --seconds 0.1 --out takes",
    );

    assert!(refusal.contains("does not sing"), "{refusal}");
    assert!(wordless.contains("--lyrics"), "{wordless}");
    assert!(text(&output.stderr).contains("the lyrics are left out"));
}

#[test]
fn words_without_end_are_refused_before_anything_is_allocated_for_them() {
    let desk = desk(Kind::SingleSequence);
    fs::write(desk.path("flood.txt"), "la ".repeat(340_000)).unwrap();
    let track = vec![0.1; 20 * 8000];
    encore::takes::wav::write(&desk.path("long.wav"), &track, 8000).unwrap();

    let refusal =
        desk.refusal("align long.wav --pack singer --artist ada --lyrics flood.txt --out words");

    assert!(refusal.contains("1020000 characters of lyrics are too many for 20 s"), "{refusal}");
}
