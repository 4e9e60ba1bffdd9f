//! Somebody's own recordings become an artist that the other commands know.

use std::fs;

use encore::takes::wav;

use crate::{Desk, TINY_RATE, text};

/// Writes a recording of so many seconds into a folder.
fn record(desk: &Desk, file: &str, seconds: f64) {
    let path = desk.path(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let n = (seconds * f64::from(TINY_RATE)) as usize;
    let wave = |i: usize| (i as f32 * 0.11).sin() * (i as f32 * 0.0007).cos() * 0.6;
    wav::write(&path, &(0..n).map(wave).collect::<Vec<_>>(), TINY_RATE).unwrap();
}

fn contents(desk: &Desk, folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(desk.path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_taught_artist_is_listed_and_plays_and_the_pack_stays_as_it_was() {
    let desk = Desk::new();
    record(&desk, "own/a.wav", 40.0);
    record(&desk, "own/b.wav", 21.5);
    let before = contents(&desk, "tiny");

    let output =
        desk.encore("teach tiny --audio own --artist Mira --genre drones --steps 3 --json");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("recordings are little"), "{}", text(&output.stderr));
    let done: serde_json::Value =
        serde_json::from_str(&said[said.find("{\n").unwrap_or(0)..]).unwrap_or_default();
    assert_eq!(done["steps"], 3, "{said}");
    assert!(done["bits_per_token_after"].as_f64() <= done["bits_per_token_before"].as_f64());

    assert_eq!(contents(&desk, "tiny"), before);
    let labels = desk.json("labels tiny --artist mira");
    assert_eq!(labels["artists"][0]["name"], "Mira");
    assert_eq!(labels["artists"][0]["genre"], "drones");
    assert_eq!(labels["artists"][0]["taught"], true);
    let id = labels["artists"][0]["id"].clone();
    assert_eq!(desk.json("info tiny")["taught"][0]["audio_seconds"], 61.5);

    let played = "continue track.wav --pack tiny --seconds 0.2 --artist";
    desk.json(&format!("{played} Mira --out mira"));
    desk.json(&format!("{played} Ada --out ada"));
    let recipe: serde_json::Value =
        serde_json::from_slice(&desk.bytes("mira/take-1.json")).unwrap();
    assert_eq!(recipe["artist"]["id"], id);
    assert_eq!(recipe["genres"][0]["name"], "drones");
    assert_eq!(recipe["pack"]["taught"].as_str().map(str::len), Some(64));
    let scored = desk.json("score track.wav --pack tiny --artist Mira");
    assert!(scored["levels"][0]["bits_per_token"].as_f64().unwrap() > 0.0);
    let beside: Vec<_> = contents(&desk, "tiny.taught").into_iter().map(|(path, _)| path).collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
    let alone = desk.refusal("continue track.wav --pack tiny --seconds 0.2 --genre drones --out x");
    assert!(alone.contains("was taught with \"Mira\""), "{alone}");
}

#[test]
fn what_cannot_be_taught_is_refused_with_what_it_takes() {
    let desk = Desk::new();
    record(&desk, "short/a.wav", 20.0);
    fs::create_dir(desk.path("empty")).unwrap();

    let refusal = |line: &str| desk.refusal(&format!("teach tiny {line}"));

    let little = refusal("--audio short --artist Mira");
    assert!(little.contains("20.0 s of recordings") && little.contains("60 s"), "{little}");
    assert!(refusal("--audio short --artist ada").contains("the pack does not have"));
    assert!(refusal("--audio empty --artist Mira").contains("no WAV files"));
    assert!(refusal("--audio nowhere --artist Mira").contains("cannot be read"));
    assert!(refusal("--audio short --artist Mira --minutes 0").contains("minutes above 0"));
    assert!(!desk.path("tiny.taught").exists());
}
