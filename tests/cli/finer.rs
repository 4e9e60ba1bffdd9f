//! Finer levels: written under the coarser ones, and whatever stops the work, to the same end.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use encore::takes::{TakeFiles, read_levels, wav};

use crate::singer::{self, FINER_WINDOW, HOPS, Kind};
use crate::{Desk, text};

/// A desk with a pack of two levels in `singer` and words in `words.txt`.
pub fn desk() -> Desk {
    let desk = Desk::new();
    singer::write(&desk.path("singer"), Kind::SingleSequence);
    fs::write(desk.path("words.txt"), "La la\nÇa va").unwrap();
    desk
}

pub const TOLD: &str = "--pack singer --artist ada --lyrics words.txt";

#[test]
fn a_take_can_be_written_down_to_the_bottom() {
    let desk = desk();

    let result = desk.json(&format!(
        "continue track.wav {TOLD} --seconds 0.2 --takes 2 --until bottom --out takes"
    ));

    assert_eq!(result["lyrics_as_read"], "La la\nCa va");
    let take =
        TakeFiles::read(&desk.path("takes/take-2.safetensors"), &desk.path("takes/take-2.json"));
    let take = take.unwrap();
    let audio = wav::read(&desk.path("takes/take-2.wav")).unwrap();
    assert_eq!((take.recipe.level, take.recipe.finest_level), (1, 0));
    assert_eq!(take.recipe.lyrics.as_deref(), Some("La la\nÇa va"));
    assert_eq!(audio.n_frames(), 128 + 1600);
    let n_tokens = |level: usize| take.codes[&level].len() * HOPS[level];
    assert_eq!((n_tokens(0), n_tokens(1)), (audio.n_frames(), audio.n_frames()));
    assert_eq!(result["takes"][0]["seam_seconds"], 0.016);
    let names = fs::read_dir(desk.path("takes")).unwrap();
    assert_eq!(names.count(), 8, "nothing but two takes of four files is left");
}

#[test]
fn the_bottom_begins_with_the_primes_own_codes_and_sounds_of_its_own_codes() {
    let desk = desk();
    desk.json(&format!("continue track.wav {TOLD} --seconds 0.2 --until bottom --out takes"));
    desk.json("decode takes/take-1.safetensors --pack singer --level 0 --out back.wav");
    let track = wav::read(&desk.path("track.wav")).unwrap().samples;
    wav::write(&desk.path("prime.wav"), &track[track.len() - 128..], 8000).unwrap();
    desk.json("encode prime.wav --pack singer --level 0 --out prime.safetensors");

    let codes = read_levels(&desk.path("takes/take-1.safetensors")).unwrap();
    let prime = read_levels(&desk.path("prime.safetensors")).unwrap();
    let take = wav::read(&desk.path("takes/take-1.wav")).unwrap().samples;
    let back = wav::read(&desk.path("back.wav")).unwrap().samples;

    assert_eq!(codes[&0][..128 / HOPS[0]], prime[&0]);
    let differences = take[128..].iter().zip(&back[128..]).map(|(a, b)| (a - b).abs());
    assert!(differences.fold(0.0, f32::max) < 1e-4);
}

#[test]
fn a_take_that_is_shorter_than_a_window_of_the_finer_level_has_its_length_all_the_same() {
    let desk = desk();

    desk.json(&format!(
        "continue track.wav {TOLD} --prime-seconds 0.01 --seconds 0.1 --until bottom --out takes"
    ));

    let audio = wav::read(&desk.path("takes/take-1.wav")).unwrap();
    assert!(audio.n_frames() < 8 * FINER_WINDOW * HOPS[0]);
    assert_eq!(audio.n_frames(), 80 + 800);
}

#[test]
fn a_job_that_is_killed_goes_on_and_ends_with_the_same_bytes() {
    let desk = desk();
    let line = format!("continue track.wav {TOLD} --seconds 20 --takes 2 --until bottom");
    desk.json(&format!("{line} --out whole"));

    for reached in ["\"1\":", "\"0\":"] {
        let child = start(&desk, &format!("{line} --out cut"));
        kill_once(child, || {
            let kept = fs::read_to_string(desk.path("cut/take-1.progress")).unwrap_or_default();
            kept.contains(reached)
        });
        assert!(!desk.path("cut/take-1.wav").exists(), "killed before the end");
    }
    let output = desk.encore(&format!("{line} --out cut"));

    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with("note: going on from \"cut/take-1.progress\": "), "{said}");
    for ending in ["wav", "safetensors", "json", "png"] {
        for take in [1, 2] {
            let name = format!("take-{take}.{ending}");
            assert!(
                desk.bytes(&format!("cut/{name}")) == desk.bytes(&format!("whole/{name}")),
                "{name}"
            );
        }
    }
    assert_eq!(fs::read_dir(desk.path("cut")).unwrap().count(), 8, "and nothing else is left");
}

#[test]
fn what_was_kept_of_another_request_is_not_gone_on_with() {
    let desk = desk();
    let line = format!("continue track.wav {TOLD} --until bottom --out takes");
    let child = start(&desk, &format!("{line} --seconds 20"));
    kill_once(child, || desk.path("takes/take-1.progress").exists());

    let other = desk.encore(&format!("{line} --seconds 0.1"));
    fs::write(desk.path("takes/take-1.progress"), "{").unwrap();
    let broken = desk.encore(&format!("{line} --seconds 0.1"));

    let (other, broken) = (text(&other.stderr), text(&broken.stderr));
    assert!(other.contains("take-1.progress\" is of another request"), "{other}");
    assert!(broken.contains("take-1.progress\" cannot be used"), "{broken}");
}

#[test]
fn codes_that_are_there_are_upsampled_as_their_recipe_says() {
    let desk = desk();
    desk.json(&format!("continue track.wav {TOLD} --seconds 0.2005 --seed 3 --out takes"));

    let output = desk.encore("upsample takes/take-1.safetensors --pack singer --seed 4 --out fine");

    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said, "note: the song is told as \"takes/take-1.json\" says\n");
    let top = read_levels(&desk.path("takes/take-1.safetensors")).unwrap();
    let all = read_levels(&desk.path("fine/take-1-level-0.safetensors")).unwrap();
    let recipe = text(&desk.bytes("fine/take-1-level-0.json"));
    let audio = wav::read(&desk.path("fine/take-1-level-0.wav")).unwrap();
    assert_eq!((all.len(), &all[&1]), (2, &top[&1]));
    assert_eq!(audio.n_frames(), all[&0].len() * HOPS[0]);
    assert!(recipe.contains("Ada") && recipe.contains("\"n_tokens\": 217"), "{recipe}");
    assert_eq!(fs::read_dir(desk.path("fine")).unwrap().count(), 4);
}

#[test]
fn upsampling_that_is_killed_ends_with_the_same_bytes() {
    let desk = desk();
    desk.json(&format!("continue track.wav {TOLD} --seconds 20 --out takes"));
    let line = "upsample takes/take-1.safetensors --pack singer --artist ada";
    desk.json(&format!("{line} --out whole"));

    let child = start(&desk, &format!("{line} --out cut"));
    kill_once(child, || desk.path("cut/take-1-level-0.progress").exists());
    let output = desk.encore(&format!("{line} --out cut"));

    let said = text(&output.stderr);
    assert!(said.starts_with("note: going on from"), "{said}");
    for ending in ["wav", "safetensors", "json", "png"] {
        let name = format!("take-1-level-0.{ending}");
        assert!(
            desk.bytes(&format!("cut/{name}")) == desk.bytes(&format!("whole/{name}")),
            "{name}"
        );
    }
}

#[test]
fn what_cannot_be_upsampled_is_refused_in_one_sentence() {
    let desk = desk();
    encore::takes::write_codes(&desk.path("short.safetensors"), &[(1, vec![3; 9])].into()).unwrap();
    encore::takes::write_codes(&desk.path("fine.safetensors"), &[(0, vec![3; 99])].into()).unwrap();

    let short = desk.refusal("upsample short.safetensors --pack singer --artist ada --out o");
    let fine = desk.refusal("upsample fine.safetensors --pack singer --artist ada --out o");
    let flat = desk.refusal(
        "continue track.wav --pack tiny --artist ada --seconds 0.1 --until bottom --out o",
    );

    assert!(short.contains("0.01 s are too short for level 0"), "{short}");
    assert!(fine.contains("has codes of level 0"), "{fine}");
    assert!(flat.contains("no level below its top"), "{flat}");
}

/// Starts a command that is going to be killed.
pub fn start(desk: &Desk, line: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_encore"));
    command.current_dir(desk.path(".")).args(line.split_whitespace());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills it at once when something has happened, which must be before it ends by itself.
pub fn kill_once(mut child: Child, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing happened for two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it ended before it was killed");
}
