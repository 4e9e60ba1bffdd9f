//! Taught artists: what lies beside a pack is listed and played, and what does not belong to it is said.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor, safetensors};
use encore::jukebox::{LabelRow, Prior};
use encore::pack::shapes::prior_tensors;
use encore::pack::taught::{Card, TAUGHT_FORMAT_VERSION, TaughtError, folders, write};
use encore::pack::{FileEntry, LabelsError, Pack, PackError, Precision};
use encore::train::Trainee;
use encore::train::run::step_rng;
use encore::train::teach::{Ear, Names, Start, TeachConfig, TeachTrainee};
use serde_json::json;
use tempfile::TempDir;

use crate::common::{seal, tiny_manifest, write_tiny_pack};

const RANK: usize = 2;
const SCALE: f64 = 0.5;
const ARTISTS: &str = "y_emb.artist_emb.emb.weight";

/// The tiny pack in a folder of its own, so that what lies beside it goes with the test.
fn pack_in(dir: &TempDir) -> Pack {
    let folder = dir.path().join("tiny");
    write_tiny_pack(&folder);
    Pack::open(&folder).unwrap()
}

fn card(pack: &Pack, artist: &str, artist_id: u32) -> Card {
    Card {
        format_version: TAUGHT_FORMAT_VERSION,
        artist: artist.into(),
        genre: Some("loops".into()),
        artist_id,
        pack: pack.hash(),
        level: 0,
        rank: RANK,
        scale: SCALE,
        audio_seconds: 600.0,
        n_steps: 7,
        file: FileEntry { sha256: String::new(), bytes: 0 },
    }
}

/// Numbers around zero, different for each name.
fn numbers(name: &str, shape: &[usize], strength: f32) -> Tensor {
    let n: usize = shape.iter().product();
    let start = name.bytes().map(usize::from).sum::<usize>();
    let values = (0..n).map(|i| strength * ((start + i * 37) % 101) as f32 / 50.0 - strength);
    Tensor::from_vec(values.collect::<Vec<f32>>(), shape, &Device::Cpu).unwrap()
}

/// An artist that changes every matrix, by `strength`, and has this row.
fn tensors(pack: &Pack, strength: f32, row: Tensor) -> BTreeMap<String, Tensor> {
    let mut all = BTreeMap::from([("y_emb.artist".to_owned(), row)]);
    for tensor in prior_tensors(pack.prior_config(0).unwrap()) {
        if let Some([n_in, n_out]) = tensor.as_layer_matrix() {
            let [a, b] = ["a", "b"].map(|part| format!("{}.{part}", tensor.name));
            all.insert(a.clone(), numbers(&a, &[n_in, RANK], 0.5));
            all.insert(b.clone(), numbers(&b, &[RANK, n_out], strength));
        }
    }
    all
}

fn stored(pack: &Pack) -> BTreeMap<String, Tensor> {
    let path = pack.dir().join("prior.safetensors");
    safetensors::load(path, &Device::Cpu).unwrap().into_iter().collect()
}

fn logits(prior: &Prior, artist: u32, genre: u32) -> Vec<f32> {
    let config = prior.config();
    let labels = config.labels.as_ref().unwrap();
    let row = LabelRow::clamped(labels, config.n_ctx, 80_000, 0, artist, vec![genre]);
    let codes = Tensor::new(&[[3u32, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]], &Device::Cpu).unwrap();
    let logits = prior.logits(&codes, &prior.condition(&[row]).unwrap()).unwrap();
    logits.flatten_all().unwrap().to_vec1().unwrap()
}

fn all_bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn a_taught_artist_is_listed_after_the_packs_own_and_leaves_the_pack_alone() {
    let dir = tempfile::tempdir().unwrap();
    let pack = pack_in(&dir);
    let (before, hash) = (all_bytes(pack.dir()), pack.hash());
    let taught = tensors(&pack, 0.1, numbers("row", &[16], 0.1));

    let path = write(&pack, &card(&pack, "Mx. Mira", 4), &taught).unwrap();

    let pack = Pack::open(pack.dir()).unwrap();
    assert_eq!(path, dir.path().canonicalize().unwrap().join("tiny.taught/mx_mira.json"));
    assert_eq!(pack.labels().artist_id("mx. mira"), Ok(4), "after the rows of the prior's table");
    assert_eq!(pack.labels().genre_of(4), Some(1));
    assert_eq!(pack.manifest().labels.artists.len(), 3);
    assert_eq!(pack.taught()[0].card.audio_seconds, 600.0);
    assert!(pack.taught_problems().is_empty());
    assert_eq!((all_bytes(pack.dir()), pack.hash()), (before, hash));
}

#[test]
fn an_adapter_of_zeros_plays_what_the_pack_plays() {
    let dir = tempfile::tempdir().unwrap();
    let pack = pack_in(&dir);
    let ada = stored(&pack)[ARTISTS].get(1).unwrap();
    write(&pack, &card(&pack, "Mira", 4), &tensors(&pack, 0.0, ada)).unwrap();
    let pack = Pack::open(pack.dir()).unwrap();

    for precision in [Precision::F32, Precision::Q8] {
        let own = pack.load_prior_as(0, precision).unwrap();
        let taught = pack.for_artist(4).load_prior_as(0, precision).unwrap();

        assert_eq!(own.config(), &pack.manifest().priors[0].config);
        assert_eq!(logits(&taught, 4, 2), logits(&own, 1, 2));
        assert_eq!(logits(&taught, 2, 2), logits(&own, 2, 2));
    }
}

#[test]
fn a_merged_adapter_is_a_pack_whose_weights_were_changed() {
    let dir = tempfile::tempdir().unwrap();
    let pack = pack_in(&dir);
    let row = numbers("row", &[16], 0.3);
    let taught = tensors(&pack, 0.2, row.clone());
    write(&pack, &card(&pack, "Mira", 6), &taught).unwrap();
    let mut changed = stored(&pack);
    for (name, w) in &mut changed {
        if let Some(a) = taught.get(&format!("{name}.a")) {
            let change = (a * SCALE).unwrap().matmul(&taught[&format!("{name}.b")]).unwrap();
            *w = (&*w + change).unwrap();
        }
    }
    let gap = Tensor::zeros((2, 16), candle_core::DType::F32, &Device::Cpu).unwrap();
    let rows = [&changed[ARTISTS], &gap, &row.unsqueeze(0).unwrap()];
    changed.insert(ARTISTS.into(), Tensor::cat(&rows, 0).unwrap());
    let other = dir.path().join("other");
    write_tiny_pack(&other);
    safetensors::save(&changed.into_iter().collect(), other.join("prior.safetensors")).unwrap();
    let mut manifest = tiny_manifest();
    manifest["priors"][0]["config"]["labels"]["artist_bins"] = json!(7);
    seal(&other, manifest);

    let by_hand = Pack::open(&other).unwrap().load_prior(0).unwrap();
    let pack = Pack::open(pack.dir()).unwrap().for_artist(6);
    let want = logits(&by_hand, 6, 1);

    for got in [pack.load_prior(0), pack.load_reference_prior(0)].map(Result::unwrap) {
        assert_eq!(got.config(), by_hand.config());
        let apart =
            logits(&got, 6, 1).iter().zip(&want).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-4, "{apart}");
    }
    let own = Pack::open(pack.dir()).unwrap().load_prior(0).unwrap();
    assert_ne!(logits(&own, 1, 1), logits(&pack.load_prior(0).unwrap(), 1, 1));
    assert!(own.check_labels(&LabelRow { artist: 6, ..LabelRow::default() }).is_err());
}

#[test]
fn foreign_and_damaged_artists_are_left_out_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let pack = pack_in(&dir);
    let taught = tensors(&pack, 0.1, numbers("row", &[16], 0.1));
    let foreign = Card { pack: "0".repeat(64), ..card(&pack, "Foreign", 4) };
    write(&pack, &foreign, &taught).unwrap();
    write(&pack, &card(&pack, "Ada", 5), &taught).unwrap();
    write(&pack, &Card { rank: 3, ..card(&pack, "Misshapen", 6) }, &taught).unwrap();
    let damaged = write(&pack, &card(&pack, "Damaged", 7), &taught).unwrap();
    let path = damaged.with_extension("safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    fs::write(damaged.with_file_name("nonsense.json"), "{}").unwrap();
    write(&pack, &card(&pack, "Sound", 8), &taught).unwrap();

    let pack = Pack::open(pack.dir()).unwrap();

    let names: Vec<_> = pack.taught().iter().map(|taught| taught.card.artist.as_str()).collect();
    assert_eq!(names, ["Sound"]);
    let problems = pack.taught_problems();
    assert_eq!(problems.len(), 5, "{problems:?}");
    let has = |is_it: fn(&TaughtError) -> bool| {
        assert_eq!(problems.iter().filter(|e| is_it(e)).count(), 1)
    };
    has(|e| matches!(e, TaughtError::OtherPack { artist, .. } if artist == "Foreign"));
    has(|e| matches!(e, TaughtError::NameTaken { artist, .. } if artist == "Ada"));
    has(|e| matches!(e, TaughtError::Damaged { problem, .. } if problem.contains("SHA-256")));
    has(|e| matches!(e, TaughtError::Damaged { problem, .. } if problem.contains("expected")));
    has(|e| matches!(e, TaughtError::Card { path, .. } if path.ends_with("nonsense.json")));
}

#[test]
fn files_that_change_after_the_pack_was_opened_are_refused_when_they_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let pack = pack_in(&dir);
    let taught = tensors(&pack, 0.1, numbers("row", &[16], 0.1));
    let path = write(&pack, &card(&pack, "Mira", 4), &taught).unwrap();
    let pack = Pack::open(pack.dir()).unwrap();

    fs::remove_file(path.with_extension("safetensors")).unwrap();

    let refused = pack.for_artist(4).load_prior(0).map(|_| ()).unwrap_err();
    assert!(matches!(refused, PackError::Taught(TaughtError::Io { .. })), "{refused}");
    pack.load_prior(0).unwrap();
}

#[test]
fn artists_keep_their_ids_and_share_a_genre_that_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let pack = pack_in(&dir);
    let mut taught = tensors(&pack, 0.1, numbers("row", &[16], 0.1));
    taught.insert("y_emb.genre".into(), numbers("genre", &[16], 0.2));
    let fresh = |name: &str, id| Card { genre: Some("Drones".into()), ..card(&pack, name, id) };
    for card in [fresh("Zoë", 4), fresh("Bela", 9), card(&pack, "Copied", 9)] {
        write(&pack, &card, &taught).unwrap();
    }

    let pack = Pack::open(pack.dir()).unwrap();

    let labels = pack.labels();
    assert_eq!(
        ["Zoë", "Bela", "Copied"].map(|name| labels.artist_id(name)),
        [Ok(4), Ok(9), Ok(10)]
    );
    assert_eq!(labels.genre_id("drones"), Ok(4));
    assert_eq!([4, 9].map(|id| labels.genre_of(id)), [Some(4); 2]);
    assert_eq!(
        pack.for_artist(10).prior_config(0).unwrap().labels.as_ref().unwrap().artist_bins,
        11
    );
    for id in [4, 9] {
        logits(&pack.for_artist(id).load_prior(0).unwrap(), id, 4);
    }
    let alone = pack.choose(0, Some("Ada"), &["drones".into()], 1).unwrap_err();
    assert!(matches!(alone, LabelsError::TaughtGenre { .. }), "{alone}");
    assert_eq!(pack.choose(0, Some("bela"), &[], 1).unwrap().genres, [4]);
    assert_eq!(folders(&pack)[0], dir.path().canonicalize().unwrap().join("tiny.taught"));
}

/// Sound for the tiny pack, a minute and a half of it.
fn recording() -> Vec<f32> {
    let wave = |i: usize| (i as f32 * 0.11).sin() * (i as f32 * 0.0007).cos() * 0.6;
    (0..720_000).map(wave).collect()
}

#[test]
fn what_was_learnt_is_what_plays() {
    let dir = tempfile::tempdir().unwrap();
    let pack = pack_in(&dir);
    let names = Names::new(&pack, "Mira", Some("drones")).unwrap();
    let mut ear = Ear::new(&pack).unwrap();
    ear.hear(&recording()).unwrap();
    let lesson = ear.lesson().unwrap();
    let start = Start::find(&pack, &names, &lesson).unwrap();
    let config = TeachConfig { n_windows: 4, ..TeachConfig::new(64, 12, 7) };
    let mut trainee = TeachTrainee::new(&pack, &names, &start, &lesson, config).unwrap();
    let before = trainee.held_out_bits().unwrap();
    for step_idx in 0..12 {
        trainee.step(&mut step_rng(7, step_idx)).unwrap();
    }
    trainee.held_out().unwrap();
    trainee.write(&pack, &start).unwrap();

    let pack = Pack::open(pack.dir()).unwrap();
    let chosen = pack.choose(0, Some("mira"), &[], 1).unwrap();
    let prior = pack.for_artist(chosen.artist).load_prior(0).unwrap();
    let (mut bits, mut n_tokens) = (0.0, 0);
    for mut window in lesson.held_out(prior.config()) {
        (window.labels.artist, window.labels.genres) = (chosen.artist, chosen.genres.clone());
        let cond = prior.condition(&[window.labels]).unwrap();
        bits +=
            prior.token_bits(&[window.codes.clone()], &cond).unwrap().music[0].iter().sum::<f64>();
        n_tokens += window.codes.len();
    }

    let (played, learnt) = (bits / n_tokens as f64, trainee.best_bits().unwrap());
    assert!((played - learnt).abs() < 1e-3, "plays at {played} bits, learnt {learnt}");
    assert!(learnt < before, "{learnt} after {before}");
}
