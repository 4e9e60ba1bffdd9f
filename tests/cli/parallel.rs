//! Finer levels in windows that are written at once: as long, as reproducible and as hard to kill as others.

use std::fs;

use encore::engine::EngineError;
use encore::engine::finer::parallel::{self, Joined};
use encore::engine::finer::{Listener, Request};
use encore::jukebox::{LevelState, Prior, Vqvae};
use encore::pack::{Pack, Precision};
use encore::takes::{TakeFiles, Windows, read_levels};
use serde_json::Value;

use crate::finer::{TOLD, desk, kill_once, start};
use crate::singer::{FINER_WINDOW, HOPS};
use crate::text;

#[test]
fn windows_that_are_written_at_once_give_as_long_a_song_and_say_how_their_joints_sound() {
    let desk = desk();
    desk.json(&format!("continue track.wav {TOLD} --seconds 2 --out takes"));
    let line = "upsample takes/take-1.safetensors --pack singer --artist ada";

    let exact = desk.json(&format!("{line} --out exact"));
    let parallel = desk.json(&format!("{line} --windows parallel --out parallel"));
    let said = desk.encore(&format!("{line} --windows parallel --out again"));

    let name = "take-1-level-0.safetensors";
    let codes = |folder: &str| read_levels(&desk.path(&format!("{folder}/{name}"))).unwrap();
    assert_eq!(codes("parallel")[&0].len(), codes("exact")[&0].len());
    assert_ne!(codes("parallel")[&0], codes("exact")[&0]);
    for ending in ["wav", "safetensors", "json", "png"] {
        let bytes = |folder: &str| desk.bytes(&format!("{folder}/take-1-level-0.{ending}"));
        assert!(bytes("parallel") == bytes("again"), "{ending}");
    }

    let seams = &parallel["finer"]["seams"]["0"];
    assert_eq!(parallel["finer"]["windows"], "parallel");
    assert_eq!(seams["joints"]["n_seams"], 7, "eight chains have seven joints: {seams}");
    for name in ["level_step_db", "level_step_db_elsewhere", "flux_z", "highest_flux_z"] {
        for kind in ["joints", "handovers"] {
            assert!(seams[kind][name].is_f64(), "{kind} {name}: {seams}");
        }
    }
    assert_eq!(exact["finer"]["windows"], "exact");
    assert!(exact["finer"]["seams"]["0"]["joints"].is_null());
    assert!(exact["finer"]["seams"]["0"]["handovers"]["n_seams"].as_u64() > Some(100));
    let recipe: Value =
        serde_json::from_slice(&desk.bytes("parallel/take-1-level-0.json")).unwrap();
    assert_eq!(recipe["finer"], parallel["finer"]);
    let said = text(&said.stdout);
    assert!(said.starts_with("level 0: 7 joints, the level steps by "), "{said}");
}

#[test]
fn windows_that_are_written_at_once_go_on_after_the_prime() {
    let desk = desk();
    let line = format!("continue track.wav {TOLD} --seconds 1 --until bottom");

    let result = desk.json(&format!("{line} --windows parallel --out parallel"));
    desk.json(&format!("{line} --out exact"));

    let take = |folder: &str| {
        let path = |ending: &str| desk.path(&format!("{folder}/take-1.{ending}"));
        TakeFiles::read(&path("safetensors"), &path("json")).unwrap()
    };
    let (parallel, exact) = (take("parallel"), take("exact"));
    assert_eq!(parallel.codes[&1], exact.codes[&1], "the coarsest level has but one way");
    assert_eq!(parallel.codes[&0].len(), exact.codes[&0].len());
    assert_eq!(parallel.codes[&0][..128 / HOPS[0]], exact.codes[&0][..128 / HOPS[0]]);
    assert_eq!(parallel.recipe.finer.unwrap().windows, Windows::Parallel);
    assert_eq!(result["takes"][0]["finer"]["seams"]["0"]["joints"]["n_seams"], 7);
}

#[test]
fn a_song_of_one_window_has_no_joint() {
    let desk = desk();
    let codes = [(1, vec![3; FINER_WINDOW / 2])].into();
    encore::takes::write_codes(&desk.path("short.safetensors"), &codes).unwrap();
    let line = "upsample short.safetensors --pack singer --artist ada --windows parallel --out o";

    let result = desk.json(line);

    assert_eq!(result["tokens"], FINER_WINDOW);
    assert!(result["finer"]["seams"]["0"]["joints"].is_null());
}

#[test]
fn windows_that_are_written_at_once_and_killed_end_with_the_same_bytes() {
    let desk = desk();
    desk.json(&format!("continue track.wav {TOLD} --seconds 20 --out takes"));
    let line = "upsample takes/take-1.safetensors --pack singer --artist ada --windows parallel";
    desk.json(&format!("{line} --out whole"));

    let child = start(&desk, &format!("{line} --out cut"));
    kill_once(child, || desk.path("cut/take-1-level-0.progress").exists());
    let output = desk.encore(&format!("{line} --out cut"));

    let said = text(&output.stderr);
    assert!(said.starts_with("note: going on from") && said.contains("of level 0"), "{said}");
    for ending in ["wav", "safetensors", "json", "png"] {
        let name = format!("take-1-level-0.{ending}");
        assert!(
            desk.bytes(&format!("cut/{name}")) == desk.bytes(&format!("whole/{name}")),
            "{name}"
        );
    }
    assert_eq!(fs::read_dir(desk.path("cut")).unwrap().count(), 4, "and nothing else is left");
}

#[test]
fn what_was_kept_of_one_way_is_not_gone_on_with_in_another() {
    let desk = desk();
    desk.json(&format!("continue track.wav {TOLD} --seconds 20 --out takes"));
    let line = "upsample takes/take-1.safetensors --pack singer --artist ada --out o";
    let child = start(&desk, line);
    kill_once(child, || desk.path("o/take-1-level-0.progress").exists());

    let output = desk.encore(&format!("{line} --windows parallel"));

    let said = text(&output.stderr);
    assert!(said.contains("take-1-level-0.progress\" is of another request"), "{said}");
}

#[test]
fn a_way_that_is_none_is_refused() {
    let desk = desk();

    let upsample = desk.refusal("upsample c.safetensors --pack singer --windows sideways --out o");
    let line = format!("continue track.wav {TOLD} --seconds 1 --windows sideways --out o");
    let takes = desk.refusal(&line);

    for said in [upsample, takes] {
        assert!(said.contains("sideways") && said.contains("not exact or parallel"), "{said}");
    }
}

/// Listens until some tokens are written, and keeps what there is to go on from.
#[derive(Default)]
struct Ear {
    stops_at: Option<usize>,
    n_done: usize,
    kept: Vec<LevelState>,
}

impl Listener for Ear {
    fn tokens(&mut self, n_done: usize, _n_total: usize) {
        assert!(!self.stopped(), "it went on after it was stopped");
        self.n_done = n_done;
    }

    fn window(&mut self, _: &LevelState) -> Result<(), EngineError> {
        unreachable!("there is more than one chain")
    }

    fn chains(&mut self, finished: &[LevelState]) -> Result<(), EngineError> {
        self.kept = finished.to_vec();
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.stops_at.is_some_and(|stops_at| stops_at <= self.n_done)
    }
}

#[test]
fn chains_stop_at_a_token_and_go_on_to_the_same_end_however_many_are_written_at_once() {
    let desk = desk();
    let pack = Pack::open(&desk.path("singer")).unwrap();
    let (vqvae, prior): (Vqvae, Prior) =
        (pack.load_vqvae().unwrap(), pack.load_prior_as(0, Precision::F32).unwrap());
    let request = Request {
        upper: (0..300).map(|i| i * i % 16).collect(),
        prime: (0..40).map(|i| i * 5 % 16).collect(),
        artist: 1,
        genres: Vec::new(),
        total_seconds: 1.0,
        seed: 3,
    };
    let write = |saved, n_at_once, ear: &mut Ear| -> Result<Joined, EngineError> {
        parallel::write(&pack, &vqvae, &prior, request.clone(), saved, n_at_once, ear)
    };

    let whole = write(Vec::new(), 8, &mut Ear::default()).unwrap();
    for stops_at in [1, 90, 250, 500] {
        let mut ear = Ear { stops_at: Some(stops_at), ..Ear::default() };
        let stopped = write(Vec::new(), 3, &mut ear);
        let resumed = write(ear.kept, 2, &mut Ear::default()).unwrap();

        assert!(matches!(stopped, Err(EngineError::Stopped)));
        assert_eq!(resumed, whole, "stopped at {stops_at}");
    }
    assert_eq!(whole.codes.len(), 600);
    assert_eq!(whole.codes[..40], request.prime);
    assert_eq!(whole.joints.len(), 6, "21 windows are seven chains of three");
    assert!(whole.joints.is_sorted() && whole.handovers.is_sorted());
}
