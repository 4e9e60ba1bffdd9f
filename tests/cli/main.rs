//! The command line does its jobs, and answers every mistake with one sentence and exit code 2.

mod again;
mod bench;
#[path = "../common/checkpoints.rs"]
mod checkpoints;
#[path = "../common/mod.rs"]
mod common;
mod convert;
mod device;
mod evaluate;
mod finer;
mod full_disk;
mod parallel;
#[path = "../common/pickles.rs"]
mod pickles;
mod refusals;
mod singer;
mod takes;
mod teach;
mod train;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{HOP, write_tiny_pack};
use encore::takes::{levels_in, read_codes, wav};
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
        self.command(line).output().unwrap()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_encore"));
        command.current_dir(self.0.path()).env_remove("ENCORE_PACKS");
        command.args(line.split_whitespace());
        command
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
        ("upsample", "--until"),
        ("score", "--level"),
        ("align", "--lyrics"),
        ("bench", "--shape"),
    ] {
        let output = desk.encore(&format!("{command} --help"));

        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains(option), "{command}");
    }
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
