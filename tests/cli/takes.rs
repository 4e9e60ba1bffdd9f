//! `encore continue` writes takes: whole, reproducible, and joined to the track.

use std::fs;

use encore::takes::{TakeFiles, measure, wav};
use encore::units::{FADE_SECONDS, frames_from_seconds};
use serde_json::Value;

use crate::common::HOP;
use crate::{Desk, TINY_RATE, TRACK_FRAMES, in_repository, text};

#[test]
fn continuing_writes_for_each_take_its_audio_codes_recipe_and_picture() {
    let desk = Desk::new();

    let result = desk.json(
        "continue track.wav --pack tiny --artist ada --seconds 0.5 --takes 2 --seed 7 --out takes",
    );

    let takes = result["takes"].as_array().unwrap();
    assert_eq!(takes.len(), 2);
    assert!(result["first_frame_ms"].as_f64().unwrap() > 0.0);
    assert!(result["realtime_factor"].as_f64().unwrap() > 0.0);
    for (i, said) in takes.iter().enumerate() {
        let file = |what: &str| desk.path(said[what].as_str().unwrap());
        let audio = wav::read(&file("wav")).unwrap();
        let take = TakeFiles::read(&file("codes"), &file("recipe")).unwrap();

        assert_eq!(file("wav"), desk.path(&format!("takes/take-{}.wav", i + 1)));
        assert_eq!(said["seed"], 7 + i as u64);
        assert_eq!(take.recipe.seed, 7 + i as u64);
        assert_eq!((audio.rate_hz, audio.n_channels), (TINY_RATE, 1));
        assert_eq!(take.recipe.prime.unwrap().n_frames, 160, "0.02 s");
        assert_eq!(audio.n_frames(), 160 + 4000, "the prime, then 0.5 s");
        assert_eq!(said["seam_seconds"], 0.02);
        assert_eq!(said["seconds"], 0.52);
        assert_eq!(take.codes[&0].len(), audio.n_frames() / HOP);
        assert_eq!(take.recipe.artist.name, "Ada");
        assert_eq!(take.recipe.genres[0].name, "loops", "the one that suits Ada");
        assert!(fs::read(file("picture")).unwrap().starts_with(b"\x89PNG"));
    }
}

#[test]
fn a_take_begins_with_the_very_end_of_the_track_and_meets_it_without_a_step() {
    let desk = Desk::new();
    desk.json("continue track.wav --pack tiny --artist ada --seconds 0.1 --out takes");

    let track = wav::read(&desk.path("track.wav")).unwrap().samples;
    let take = wav::read(&desk.path("takes/take-1.wav")).unwrap().samples;

    let faded = frames_from_seconds(FADE_SECONDS, TINY_RATE.into());
    assert_eq!(take[..160 - faded], track[TRACK_FRAMES - 160..TRACK_FRAMES - faded]);
    let at_seam = measure::largest_step_in(&take, 160..161);
    assert!(at_seam <= measure::largest_step(&take[200..]), "a step of {at_seam}");
}

#[test]
fn the_same_command_writes_the_same_bytes_and_another_seed_does_not() {
    let desk = Desk::new();
    let line = "continue track.wav --pack tiny --genre noise --seconds 0.2 --takes 2 --seed 7";

    desk.json(&format!("{line} --out a"));
    desk.json(&format!("{line} --out b"));

    for ending in ["wav", "safetensors", "json", "png"] {
        let [first, second] = [1, 2].map(|i| format!("take-{i}.{ending}"));
        assert_eq!(desk.bytes(&format!("a/{first}")), desk.bytes(&format!("b/{first}")));
        assert_eq!(desk.bytes(&format!("a/{second}")), desk.bytes(&format!("b/{second}")));
        assert_ne!(desk.bytes(&format!("a/{first}")), desk.bytes(&format!("a/{second}")));
    }
}

#[test]
fn take_two_is_take_one_of_the_next_seed() {
    let desk = Desk::new();
    let line = "continue track.wav --pack tiny --artist ada --seconds 0.2";

    desk.json(&format!("{line} --takes 2 --seed 7 --out two"));
    desk.json(&format!("{line} --seed 8 --out one"));

    assert_eq!(desk.bytes("two/take-2.wav"), desk.bytes("one/take-1.wav"));
    assert_eq!(desk.bytes("two/take-2.json"), desk.bytes("one/take-1.json"));
}

#[test]
fn only_takes_are_left_in_the_folder() {
    let desk = Desk::new();
    desk.json("continue track.wav --pack tiny --artist ada --seconds 0.1 --out new/takes");

    let mut names: Vec<_> = fs::read_dir(desk.path("new/takes"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();

    assert_eq!(names, ["take-1.json", "take-1.png", "take-1.safetensors", "take-1.wav"]);
}

#[test]
fn without_artist_and_genre_both_are_unknown_and_a_note_says_so() {
    let desk = Desk::new();

    let output = desk.encore("continue track.wav --pack tiny --seconds 0.1 --out takes");

    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).starts_with("note: neither --artist nor --genre"));
    let recipe: Value = serde_json::from_slice(&desk.bytes("takes/take-1.json")).unwrap();
    assert_eq!(recipe["artist"]["id"], 0);
    assert_eq!(recipe["genres"][0]["id"], 0);
}

#[test]
fn the_starter_pack_continues_a_stereo_track_at_another_rate() {
    let desk = Desk::new();
    let track = in_repository("tests/audio/foundry_stereo_48k.wav");
    let pack = in_repository("models/starter");

    let result = desk.json(&format!(
        "continue {track} --pack {pack} --artist FOUNDRY --prime-seconds 0.5 --seconds 0.5 --out takes"
    ));

    let audio = wav::read(&desk.path("takes/take-1.wav")).unwrap();
    let seam_seconds = result["takes"][0]["seam_seconds"].as_f64().unwrap();
    let seam_frame = (seam_seconds * 44_100.0).round() as usize;
    assert_eq!(audio.rate_hz, 44_100);
    assert_eq!(seam_frame % 128, 0, "the prime is whole codes");
    assert_eq!(audio.n_frames() - seam_frame, 22_050, "the continuation is half a second");
    assert!(audio.samples[seam_frame..].iter().any(|x| x.abs() > 0.01), "and it sounds");
    let recipe = text(&desk.bytes("takes/take-1.json"));
    assert!(recipe.contains("Foundry") && recipe.contains("house"));
}

#[test]
fn the_codes_of_a_take_decode_to_its_continuation() {
    let desk = Desk::new();
    desk.json("continue track.wav --pack tiny --artist ada --seconds 0.2 --out takes");
    desk.json("decode takes/take-1.safetensors --pack tiny --level 0 --out back.wav");

    let take = wav::read(&desk.path("takes/take-1.wav")).unwrap().samples;
    let back = wav::read(&desk.path("back.wav")).unwrap().samples;

    let largest = take[160..].iter().zip(&back[160..]).map(|(a, b)| (a - b).abs());
    assert!(largest.fold(0.0, f32::max) < 1e-4);
}

#[test]
fn a_song_longer_than_the_model_knows_is_composed_with_a_note() {
    let desk = Desk::new();
    let line = "continue track.wav --pack tiny --artist ada --seconds 0.1";

    let output = desk.encore(&format!("{line} --total-seconds 60 --out takes"));

    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.starts_with("note: this model knows songs of 0.1 s to 60 s, and 60.00 s"),
        "{said}"
    );
}

#[test]
fn smaller_weights_are_told_by_the_recipe() {
    let desk = Desk::new();
    let track = in_repository("tests/audio/foundry_stereo_48k.wav");
    let pack = in_repository("models/starter");
    let line = format!("continue {track} --pack {pack} --artist foundry --seconds 0.2");

    let backend = |precision: &str| {
        desk.json(&format!("{line} --precision {precision} --out {precision}"));
        let bytes = desk.bytes(&format!("{precision}/take-1.json"));
        let recipe: Value = serde_json::from_slice(&bytes).unwrap();
        recipe["backend"].as_str().unwrap().to_owned()
    };

    assert_eq!(["f32", "q8", "q4"].map(backend), ["cpu-f32", "cpu-q8", "cpu-q4"]);
}
