//! Everything that can be wrong with a pack, provoked on a copy.

use std::fs;

use encore::pack::shapes::{TensorShape, vqvae_tensors};
use encore::pack::{Manifest, Pack, PackError};
use serde_json::{Value, json};

use crate::common::{seal, tiny_manifest, write_tensors};
use crate::{starter, tiny};

/// What opening says when one value of the manifest is something else.
fn open_with(pointer: &str, value: Value) -> PackError {
    let dir = tiny();
    let mut manifest = tiny_manifest();
    *manifest.pointer_mut(pointer).unwrap() = value;
    seal(dir.path(), manifest);
    Pack::open(dir.path()).unwrap_err()
}

/// What loading says when the VQ-VAE's file holds other tensors.
fn load_with(change: impl FnOnce(&mut Vec<TensorShape>)) -> PackError {
    let dir = tiny();
    let manifest: Manifest = serde_json::from_value(tiny_manifest()).unwrap();
    let mut tensors = vqvae_tensors(&manifest.vqvae.config, &manifest.vqvae.levels_present);
    change(&mut tensors);
    write_tensors(&dir.path().join("vqvae.safetensors"), &tensors);
    seal(dir.path(), tiny_manifest());
    Pack::open(dir.path()).unwrap().load_vqvae().map(|_| ()).unwrap_err()
}

/// Asserts that the sentence has all of these in it.
fn assert_says(error: &PackError, parts: &[&str]) {
    let sentence = error.to_string();
    for part in parts {
        assert!(sentence.contains(part), "{sentence:?} does not say {part:?}");
    }
}

#[test]
fn a_folder_without_a_manifest_is_not_a_pack() {
    let dir = tempfile::tempdir().unwrap();

    let empty = Pack::open(dir.path()).unwrap_err();
    let gone = Pack::open(&dir.path().join("gone")).unwrap_err();
    let file = Pack::open(&starter().join("vqvae.safetensors")).unwrap_err();

    assert!(matches!(empty, PackError::NotAPack { .. }), "{empty}");
    assert!(matches!(gone, PackError::NotAPack { .. }), "{gone}");
    assert_says(&file, &["vqvae.safetensors", "dilation_growth_rate"]); // weights without a shape
    assert_says(&gone, &["gone", "pack.json", "models/README.md"]);
}

#[test]
fn malformed_json_is_said_with_its_line() {
    let dir = tiny();
    let path = dir.path().join("pack.json");
    let text = fs::read_to_string(&path).unwrap();

    fs::write(&path, text.replacen("\"licence\"", "\"license\"", 1)).unwrap();
    let misnamed = Pack::open(dir.path()).unwrap_err();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    let cut = Pack::open(dir.path()).unwrap_err();

    assert!(matches!(misnamed, PackError::Json { line: 2.., .. }), "{misnamed}");
    assert_says(&misnamed, &["pack.json", "license"]);
    assert!(matches!(cut, PackError::Json { line: 2.., .. }), "{cut}");
}

#[test]
fn another_version_is_said_even_when_its_fields_are_unknown() {
    let dir = tiny();
    fs::write(dir.path().join("pack.json"), r#"{"format_version": 7, "new": true}"#).unwrap();

    let error = Pack::open(dir.path()).unwrap_err();

    assert!(matches!(error, PackError::Version { found: 7, supported: 1, .. }));
    assert_says(&error, &["format_version 7", "version 1"]);
}

#[test]
fn a_file_name_that_leads_out_of_the_folder_is_refused() {
    for name in ["../vqvae.safetensors", "/etc/passwd", "a\\b", "..", "c:x", ""] {
        let error = open_with("/vqvae/file", json!(name));

        assert!(matches!(error, PackError::FileName { .. }), "{name}: {error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let dir = tiny();
    fs::remove_file(dir.path().join("prior.safetensors")).unwrap();

    let error = Pack::open(dir.path()).unwrap_err();

    assert!(matches!(error, PackError::MissingFile { .. }));
    assert_says(&error, &["prior.safetensors", "missing"]);
}

#[test]
fn a_truncated_file_is_said_with_both_sizes_when_opening_and_when_loading() {
    let dir = tiny();
    let pack = Pack::open(dir.path()).unwrap();
    let path = dir.path().join("vqvae.safetensors");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();

    let opening = Pack::open(dir.path()).unwrap_err();
    let loading = pack.load_vqvae().map(|_| ()).unwrap_err();

    assert!(matches!(opening, PackError::Size { .. }));
    assert!(matches!(loading, PackError::Size { .. }));
    assert_says(&opening, &["vqvae.safetensors", &format!("{}", bytes.len())]);
}

#[test]
fn any_changed_byte_is_a_wrong_hash_wherever_it_is() {
    let dir = tiny();
    let path = dir.path().join("vqvae.safetensors");
    let bytes = fs::read(&path).unwrap();
    for at in [0, 7, 8, 40, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, damaged).unwrap();
        let pack = Pack::open(dir.path()).unwrap();

        let verifying = pack.verify().unwrap_err();
        let loading = pack.load_vqvae().map(|_| ()).unwrap_err();

        assert!(matches!(verifying, PackError::Hash { .. }), "byte {at}: {verifying}");
        assert!(matches!(loading, PackError::Hash { .. }), "byte {at}: {loading}");
        assert_says(&loading, &["vqvae.safetensors", "damaged"]);
    }
}

#[test]
fn a_file_that_never_was_safetensors_is_malformed() {
    let claims_too_much = [&[0xff; 8][..], &[0; 100]].concat();
    let mut gap = 8u64.to_le_bytes().to_vec();
    gap.extend(b"{}      more than the header says");
    for bytes in [vec![], b"PK".to_vec(), claims_too_much, gap] {
        let dir = tiny();
        fs::write(dir.path().join("vqvae.safetensors"), bytes).unwrap();
        seal(dir.path(), tiny_manifest());
        let pack = Pack::open(dir.path()).unwrap();

        let error = pack.load_weights("vqvae.safetensors").map(|_| ()).unwrap_err();

        let expected =
            matches!(error, PackError::Malformed { .. } | PackError::MissingTensor { .. });
        assert!(expected, "{error}");
        assert_says(&error, &["vqvae.safetensors"]);
    }
}

#[test]
fn a_missing_tensor_is_named() {
    let error = load_with(|tensors| tensors.retain(|t| t.name != "decoders.0.out.bias"));

    assert!(matches!(error, PackError::MissingTensor { .. }));
    assert_says(&error, &["vqvae.safetensors", "decoders.0.out.bias"]);
}

#[test]
fn a_wrong_shape_is_said_with_what_was_found_and_what_was_expected() {
    let error = load_with(|tensors| {
        let codebook = tensors.iter_mut().find(|t| t.name.ends_with(".k")).unwrap();
        codebook.shape = vec![16, 9];
    });

    let PackError::Shape { name, found, expected, .. } = &error else { panic!("{error}") };
    assert_eq!(name, "bottleneck.level_blocks.0.k");
    assert_eq!((found.as_slice(), expected.as_slice()), (&[16, 9][..], &[16, 8][..]));
    assert_says(&error, &["vqvae.safetensors", "[16, 9]", "[16, 8]"]);
}

#[test]
fn a_level_that_the_pack_does_not_have_is_answered_with_those_it_has() {
    let pack = Pack::open(&starter()).unwrap();

    let no_prior = pack.load_prior(0).map(|_| ()).unwrap_err();

    assert_says(&no_prior, &["no prior for level 0", "it has level 1"]);
    assert_says(&pack.hop(2).unwrap_err(), &["no VQ-VAE for level 2", "it has level 1"]);
}

#[test]
fn shapes_that_cannot_be_built_are_refused_before_anything_is_allocated() {
    let prior = |key: &str| format!("/priors/0/config/{key}");
    let vqvae = |key: &str| format!("/vqvae/config/{key}");
    let labels = |key: &str| format!("/priors/0/config/labels/{key}");
    let wrong = [
        (prior("heads"), json!(3), "3 heads"),
        (prior("blocks"), json!(7), "7 blocks"),
        (prior("attn_order"), json!(99), "attn_order 99"),
        (prior("width"), json!(1_000_000_000), "width is 1000000000"),
        (prior("depth"), json!(1_000_000_000), "depth is 1000000000"),
        (prior("l_bins"), json!(32), "writes 32 codes"),
        (prior("level"), json!(1), "does not have this level"),
        (prior("m_mlp"), json!(1e9), "m_mlp is 1000000000"),
        (labels("hop"), json!(9), "9 frames per token"),
        (labels("artist_bins"), json!(2), "3 artists"),
        (labels("min_duration_seconds"), json!(60.0), "from 60 to 60 seconds"),
        (vqvae("depth"), json!(1_000_000_000), "depth"),
        (vqvae("width"), json!(0), "a size of 0"),
        (vqvae("strides_t"), json!([2, 2]), "2 strides_t"),
        (vqvae("strides_t"), json!([1_000_000]), "frames per token"),
        ("/vqvae/levels_present".into(), json!([]), "levels_present is []"),
        ("/vqvae/levels_present".into(), json!([1]), "levels_present is [1]"),
        ("/sampling/temperature".into(), json!(0.0), "temperature is 0"),
        ("/sampling/hop_fraction".into(), json!(2.0), "hop_fraction is 2"),
        ("/sample_rate".into(), json!(1), "1 Hz"),
        ("/labels/genre_of_artist/Ada".into(), json!("polka"), "unknown genre: \"polka\""),
        ("/labels".into(), json!({"artists": ["a"], "more_artists": {"x": 3}}), "\"x\" is another"),
        ("/vqvae/file".into(), json!("other.safetensors"), "no size and SHA-256"),
    ];
    for (pointer, value, said) in wrong {
        let error = open_with(&pointer, value);

        assert!(matches!(error, PackError::Config { .. }), "{pointer}: {error}");
        assert_says(&error, &["pack.json", said]);
    }
}
