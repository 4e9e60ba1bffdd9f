//! A sound pack loads; everything that can be wrong with one is said, with the file and the value.

#[path = "../common/checkpoints.rs"]
mod checkpoints;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/pickles.rs"]
mod pickles;
mod quantised;
mod refusals;
mod taught;

use std::fs;
use std::path::{Path, PathBuf};

use common::{seal, tiny_manifest, write_tensors, write_tiny_pack};
use encore::pack::shapes::{TensorShape, vqvae_tensors};
use encore::pack::{Manifest, Pack, Precision};
use serde_json::{Value, json};
use tempfile::TempDir;

fn starter() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/starter")
}

/// A tiny pack in a folder that lives as long as the test.
fn tiny() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_tiny_pack(dir.path());
    dir
}

#[test]
fn the_starter_pack_is_whole_and_loads() {
    let pack = Pack::open(&starter()).unwrap();

    pack.verify().unwrap();
    let vqvae = pack.load_vqvae().unwrap();
    let prior = pack.load_prior(1).unwrap();

    assert_eq!(vqvae.levels_present(), [1]);
    assert_eq!(prior.config(), pack.prior_config(1).unwrap());
    assert_eq!((pack.top_level(), pack.hop(1).unwrap(), pack.sample_rate()), (1, 128, 44_100));
    let labels = pack.labels();
    let hearthside = labels.artist_id("hearthside").unwrap();
    assert_eq!(labels.genre_of(hearthside).and_then(|id| labels.genre_name(id)), Some("folk"));
}

#[test]
fn the_starter_packs_files_hold_the_parameters_that_were_counted_and_nothing_else() {
    let pack = Pack::open(&starter()).unwrap();
    let header_bytes = |file: &str| {
        let bytes = fs::read(starter().join(file)).unwrap();
        8 + u64::from_le_bytes(bytes[..8].try_into().unwrap())
    };

    let headers: u64 = pack.manifest().files.keys().map(|file| header_bytes(file)).sum();

    assert_eq!(pack.memory_bytes(Precision::F32), pack.bytes() - headers);
    assert_eq!(pack.memory_bytes(Precision::F32), 4 * pack.parameters());
}

#[test]
fn a_tiny_pack_loads_and_its_networks_run() {
    let dir = tiny();
    let pack = Pack::open(dir.path()).unwrap();

    let vqvae = pack.load_vqvae().unwrap();
    let codes = vqvae.encode(&[0.5; 160], 0).unwrap();
    pack.load_prior(0).unwrap();

    assert_eq!(codes.len(), 160 / common::HOP);
    assert_eq!(vqvae.decode(&codes, 0).unwrap().len(), 160);
}

#[test]
fn half_precision_weights_load() {
    let dir = tiny();
    let path = dir.path().join("vqvae.safetensors");
    let tensors = candle_core::safetensors::load(&path, &candle_core::Device::Cpu).unwrap();
    for dtype in [candle_core::DType::F16, candle_core::DType::BF16] {
        let halves = tensors.iter().map(|(name, x)| (name.clone(), x.to_dtype(dtype).unwrap()));
        let halves: std::collections::HashMap<_, _> = halves.collect();
        candle_core::safetensors::save(&halves, &path).unwrap();
        seal(dir.path(), tiny_manifest());

        Pack::open(dir.path()).unwrap().load_vqvae().unwrap();
    }
}

#[test]
fn the_hash_follows_the_weights_and_the_shapes_but_not_the_name() {
    let dir = tiny();
    let hash_with = |change: &dyn Fn(&mut Value)| {
        let mut manifest = tiny_manifest();
        change(&mut manifest);
        seal(dir.path(), manifest);
        Pack::open(dir.path()).unwrap().hash()
    };
    let plain = hash_with(&|_| {});

    assert_eq!(hash_with(&|manifest| manifest["name"] = json!("Other")), plain);
    assert_ne!(hash_with(&|manifest| manifest["priors"][0]["config"]["heads"] = json!(1)), plain);
    let mut bytes = fs::read(dir.path().join("prior.safetensors")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(dir.path().join("prior.safetensors"), bytes).unwrap();
    assert_ne!(hash_with(&|_| {}), plain);
}

#[test]
fn more_tensors_than_needed_do_no_harm() {
    let dir = tiny();
    let manifest: Manifest = serde_json::from_value(tiny_manifest()).unwrap();
    let mut tensors = vqvae_tensors(&manifest.vqvae.config, &manifest.vqvae.levels_present);
    tensors.insert(3, TensorShape { name: "optimiser.step".into(), shape: vec![5, 5] });
    write_tensors(&dir.path().join("vqvae.safetensors"), &tensors);
    seal(dir.path(), tiny_manifest());

    Pack::open(dir.path()).unwrap().load_vqvae().unwrap();
}

#[test]
fn finer_levels_may_have_label_tables_of_their_own() {
    let dir = tiny();
    let mut manifest = tiny_manifest();
    manifest["labels"]["rule"] = "v3".into();
    manifest["labels"]["more_artists"] = json!({"augusta": 1});
    manifest["finer_labels"] =
        json!({"rule": "v2", "artists": ["unknown", "augusta"], "genres": ["unknown"]});
    seal(dir.path(), manifest);

    let pack = Pack::open(dir.path()).unwrap();

    assert_eq!(pack.labels_of(0), pack.labels(), "the only prior is the coarsest");
    assert_eq!(pack.labels().artist_id("Augusta"), Ok(1));
    assert_eq!(pack.manifest().finer_labels.as_ref().unwrap().artist_id("AUGUSTA!"), Ok(1));
}
