//! The command line does its jobs, and answers every mistake with one sentence and exit code 2.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{HOP, write_tiny_pack};
use encore::takes::{Take, levels_in, measure, read_codes, wav};
use encore::units::{FADE_SECONDS, frames_from_seconds};
use serde_json::Value;
use tempfile::TempDir;

/// Frames of a track for the tiny pack, at its own rate.
const TRACK_FRAMES: usize = 1000;
const TINY_RATE: u32 = 8000;

/// A folder with the tiny pack in `tiny` and a track in `track.wav`; commands run in it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_tiny_pack(&dir.path().join("tiny"));
        let wave = |i: usize| (i as f32 * 0.3).sin() * 0.5;
        let track: Vec<_> = (0..TRACK_FRAMES).map(wave).collect();
        wav::write(&dir.path().join("track.wav"), &track, TINY_RATE).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs `encore`, with arguments separated by spaces.
    fn encore(&self, line: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_encore"));
        command.current_dir(self.0.path()).env_remove("ENCORE_PACKS");
        command.args(line.split_whitespace()).output().unwrap()
    }

    /// The JSON of a command that does its job, says nothing else and draws no bar.
    fn json(&self, line: &str) -> Value {
        let output = self.encore(&format!("{line} --json"));
        let stderr = text(&output.stderr);
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{line}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The one sentence of a command that was given something wrong.
    fn refusal(&self, line: &str) -> String {
        let output = self.encore(line);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {stderr}");
        assert_eq!(text(&output.stdout), "", "{line}");
        assert_eq!(stderr.lines().count(), 1, "{line}: {stderr}");
        assert!(stderr.starts_with("encore: "), "{line}: {stderr}");
        stderr
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn in_repository(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    path.to_str().unwrap().to_owned()
}

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
        let take = Take::read(&file("codes"), &file("recipe")).unwrap();

        assert_eq!(file("wav"), desk.path(&format!("takes/take-{}.wav", i + 1)));
        assert_eq!(said["seed"], 7 + i as u64);
        assert_eq!(take.recipe.seed, 7 + i as u64);
        assert_eq!((audio.rate_hz, audio.n_channels), (TINY_RATE, 1));
        assert_eq!(take.recipe.prime.n_frames, 160, "0.02 s");
        assert_eq!(audio.n_frames(), 160 + 4000, "the prime, then 0.5 s");
        assert_eq!(said["seam_seconds"], 0.02);
        assert_eq!(said["seconds"], 0.52);
        assert_eq!(take.codes.len(), audio.n_frames() / HOP);
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
    let track = in_repository("tests/audio/hearthside_stereo_48k.wav");
    let pack = in_repository("models/starter");

    let result = desk.json(&format!(
        "continue {track} --pack {pack} --artist HEARTHSIDE --prime-seconds 0.5 --seconds 0.5 --out takes"
    ));

    let audio = wav::read(&desk.path("takes/take-1.wav")).unwrap();
    let seam_seconds = result["takes"][0]["seam_seconds"].as_f64().unwrap();
    let seam_frame = (seam_seconds * 44_100.0).round() as usize;
    assert_eq!(audio.rate_hz, 44_100);
    assert_eq!(seam_frame % 128, 0, "the prime is whole codes");
    assert_eq!(audio.n_frames() - seam_frame, 22_050, "the continuation is half a second");
    assert!(audio.samples[seam_frame..].iter().any(|x| x.abs() > 0.01), "and it sounds");
    let recipe = text(&desk.bytes("takes/take-1.json"));
    assert!(recipe.contains("Hearthside") && recipe.contains("folk"));
}

#[test]
fn a_pack_on_the_search_path_can_be_called_by_its_name() {
    let desk = Desk::new();
    fs::create_dir(desk.path("packs")).unwrap();
    fs::rename(desk.path("tiny"), desk.path("packs/mine")).unwrap();

    let output = Command::new(env!("CARGO_BIN_EXE_encore"))
        .env("ENCORE_PACKS", desk.path("packs"))
        .args(["info", "mine"])
        .output()
        .unwrap();

    assert!(text(&output.stdout).starts_with("Tiny\n"), "{}", text(&output.stderr));
}

#[test]
fn encoding_and_decoding_go_from_audio_to_codes_and_back() {
    let desk = Desk::new();

    let encoded = desk.json("encode track.wav --pack tiny --out codes.safetensors");
    let decoded = desk.json("decode codes.safetensors --pack tiny --level 0 --out back.wav");

    let n_tokens = TRACK_FRAMES / HOP;
    assert_eq!((&encoded["tokens"], &encoded["level"]), (&n_tokens.into(), &0.into()));
    assert_eq!(levels_in(&desk.path("codes.safetensors")).unwrap(), [0]);
    assert_eq!(read_codes(&desk.path("codes.safetensors"), 0).unwrap().len(), n_tokens);
    assert_eq!(decoded["tokens"], n_tokens);
    assert_eq!(wav::read(&desk.path("back.wav")).unwrap().n_frames(), n_tokens * HOP);
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
fn info_says_what_is_in_the_starter_pack() {
    let desk = Desk::new();
    let starter = in_repository("models/starter");

    let info = desk.json(&format!("info {starter}"));
    let sheet = text(&desk.encore(&format!("info {starter}")).stdout);

    assert_eq!(info["licence"], "CC0-1.0");
    assert_eq!(info["levels"][0]["frames_per_token"], 128);
    let n_parameters = info["parameters"].as_u64().unwrap();
    assert!((7_900_000..8_100_000).contains(&n_parameters));
    assert_eq!(info["memory_bytes"]["f32"], 4 * n_parameters);
    assert!(sheet.contains("CC0-1.0") && sheet.contains("every hash is right"), "{sheet}");
}

#[test]
fn info_refuses_a_damaged_pack() {
    let desk = Desk::new();
    let mut bytes = desk.bytes("tiny/prior.safetensors");
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(desk.path("tiny/prior.safetensors"), bytes).unwrap();

    let sentence = desk.refusal("info tiny");

    assert!(sentence.contains("prior.safetensors") && sentence.contains("damaged"), "{sentence}");
}

#[test]
fn labels_can_be_searched() {
    let desk = Desk::new();

    let all = desk.json("labels tiny");
    let ada = desk.json("labels tiny --artist AD");

    assert_eq!(all["artists"].as_array().unwrap().len(), 3);
    assert_eq!(all["genres"].as_array().unwrap().len(), 3);
    assert_eq!(ada["artists"][0]["name"], "Ada");
    assert_eq!(ada["artists"][0]["genre"], "loops");
    assert_eq!(ada["genres"].as_array().unwrap().len(), 0);
}

#[test]
fn every_command_explains_itself() {
    let desk = Desk::new();
    for (command, option) in [
        ("", "continue"),
        ("info", "PACK"),
        ("labels", "--genre"),
        ("encode", "--level"),
        ("decode", "--out"),
        ("continue", "--prime-seconds"),
    ] {
        let output = desk.encore(&format!("{command} --help"));

        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains(option), "{command}");
    }
}

#[test]
fn every_bad_number_is_refused_by_name_and_value() {
    let desk = Desk::new();
    for (option, values) in [
        ("--seconds", &["0", "-3", "NaN", "inf", "1e9", "0.05", "4000", "ten"][..]),
        ("--prime-seconds", &["0", "-1", "nan", "0.5", "0.0001"]),
        ("--total-seconds", &["0", "0.2", "60", "NaN"]),
        ("--takes", &["0", "-1", "65", "1000000", "1.5"]),
        ("--seed", &["-1", "x", "99999999999999999999"]),
        ("--temperature", &["0", "-1", "NaN", "1e6"]),
        ("--top-k", &["0", "-2", "few"]),
        ("--top-p", &["0", "1.1", "NaN"]),
    ] {
        for value in values {
            let seconds = if option == "--seconds" { "" } else { "--seconds 0.2" };
            let sentence = desk.refusal(&format!(
                "continue track.wav --pack tiny --artist ada {seconds} {option} {value} --out takes"
            ));

            let named = sentence.contains(option) || sentence.contains("track.wav");
            assert!(named, "{option} {value}: {sentence}");
        }
    }
    assert!(!desk.path("takes").exists(), "nothing was written");
}

#[test]
fn a_prime_longer_than_the_track_or_the_window_says_how_long_it_may_be() {
    let desk = Desk::new();
    let short: Vec<f32> = vec![0.1; 100];
    wav::write(&desk.path("short.wav"), &short, TINY_RATE).unwrap();
    let line = |track: &str, seconds: f64| {
        format!(
            "continue {track} --pack tiny --artist ada --prime-seconds {seconds} --seconds 1 --out takes"
        )
    };

    let window = desk.refusal(&line("track.wav", 0.05));
    let track = desk.refusal(&line("short.wav", 0.03));

    assert!(window.contains("--prime-seconds 0.05") && window.contains("at most 0.03"), "{window}");
    assert!(track.contains("\"short.wav\", which lasts 0.01 s"), "{track}");
}

#[test]
fn unknown_labels_are_answered_with_names_that_come_close() {
    let desk = Desk::new();
    let line = "continue track.wav --pack tiny --seconds 0.2 --out takes";

    let artist = desk.refusal(&format!("{line} --artist Graec"));
    let genre = desk.refusal(&format!("{line} --genre loop"));
    let many = desk.refusal(&format!("{line} --genre loops --genre noise"));

    assert!(artist.contains("no artist \"Graec\"; did you mean \"Grace\"?"), "{artist}");
    assert!(genre.contains("no genre \"loop\"; did you mean \"loops\"?"), "{genre}");
    assert!(many.contains("2 genres") && many.contains("at most 1"), "{many}");
}

#[test]
fn files_that_are_missing_or_something_else_are_named() {
    let desk = Desk::new();
    fs::write(desk.path("song.mp3"), "ID3 not a wave at all").unwrap();
    fs::write(desk.path("cut.wav"), &desk.bytes("track.wav")[..500]).unwrap();
    wav::write(&desk.path("empty.wav"), &[], TINY_RATE).unwrap();
    wav::write(&desk.path("blip.wav"), &[0.5; 7], TINY_RATE).unwrap();
    let rest = "--pack tiny --artist ada --seconds 0.2 --out takes";
    for (line, said) in [
        (format!("continue gone.wav {rest}"), "\"gone.wav\" cannot be read: there is no such file"),
        (format!("continue song.mp3 {rest}"), "\"song.mp3\" is not a WAV file"),
        (format!("continue tiny {rest}"), "\"tiny\""),
        (format!("continue cut.wav {rest}"), "\"cut.wav\" is cut short"),
        (format!("continue empty.wav {rest}"), "\"empty.wav\" has no audio"),
        (format!("continue blip.wav {rest}"), "\"blip.wav\""),
        ("encode blip.wav --pack tiny --out c".into(), "\"blip.wav\" is too short"),
        ("encode track.wav --pack tiny --level 3 --out c".into(), "no VQ-VAE for level 3"),
        ("encode track.wav --pack gone --out c".into(), "\"gone\" is not a model pack"),
        ("encode track.wav --pack tiny --out no/c".into(), "there is no folder \"no\""),
        ("encode track.wav --pack tiny --out tiny".into(), "\"tiny\" is a folder"),
        ("decode track.wav --pack tiny --level 0 --out o".into(), "not a file of codes"),
        ("info song.mp3".into(), "\"song.mp3\" is not a model pack"),
        ("labels gone".into(), "\"gone\" is not a model pack"),
        ("decode gone --pack tiny --level 0 --out o".into(), "\"gone\" cannot be read"),
        (format!("continue track.wav {rest}/track.wav/x").replace("takes/", ""), "\"track.wav/x\""),
        ("compose track.wav".into(), "'compose'"),
        ("continue track.wav --pack tiny --out takes".into(), "--seconds"),
    ] {
        let sentence = desk.refusal(&line);

        assert!(sentence.contains(said), "{line}: {sentence}");
    }
    assert!(!desk.path("takes").exists() && !desk.path("c").exists(), "nothing was written");
}

#[test]
fn codes_that_the_codebook_does_not_have_are_refused() {
    let desk = Desk::new();
    encore::takes::write_codes(&desk.path("codes.safetensors"), 0, &[3, 16]).unwrap();

    let sentence = desk.refusal("decode codes.safetensors --pack tiny --level 0 --out back.wav");

    assert!(sentence.contains("16") && sentence.contains("0 to 15"), "{sentence}");
    assert!(!desk.path("back.wav").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_cannot_be_written_is_a_failure() {
    let desk = Desk::new();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();

    let output = Command::new(env!("CARGO_BIN_EXE_encore"))
        .current_dir(desk.0.path())
        .args(["labels", "tiny"])
        .stdout(full)
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
}
