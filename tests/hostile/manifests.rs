//! `pack.json` written by somebody who means harm.

use std::fs;
use std::path::Path;

use encore::pack::{Manifest, Pack, PackError};
use serde_json::{Value, json};

use crate::common::{seal, tiny_manifest, write_tiny_pack};
use crate::limits::{assert_says, refusal, refused, turn};

fn refused_text(case: &str, text: impl Into<Vec<u8>>, is_kind: fn(&PackError) -> bool, says: &str) {
    let text = text.into();
    let error = refusal(case, move || Manifest::parse(Path::new("evil/pack.json"), &text));
    assert!(is_kind(&error), "{case}: {error:?}");
    assert_says(case, &error, &["evil/pack.json", says]);
}

fn is_json(error: &PackError) -> bool {
    matches!(error, PackError::Json { line: 1.., .. })
}

fn is_config(error: &PackError) -> bool {
    matches!(error, PackError::Config { .. })
}

/// The tiny manifest with one value replaced, and files of any size beside it.
fn with(pointer: &str, value: Value) -> String {
    let mut manifest = tiny_manifest();
    for file in ["vqvae.safetensors", "prior.safetensors"] {
        manifest["files"][file] = json!({"sha256": "0".repeat(64), "bytes": 1});
    }
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = manifest.pointer_mut(parent).unwrap();
    match key.parse::<usize>() {
        Ok(i) if parent.is_array() => parent[i] = value,
        _ => parent[key] = value,
    }
    manifest.to_string()
}

#[test]
fn values_of_the_wrong_type_are_refused_with_their_place() {
    let _turn = turn();
    let prior = "/priors/0/config";
    for (pointer, value, says) in [
        ("/format_version".to_owned(), json!("1"), "expected u64"),
        ("/name".into(), json!(["Tiny"]), "expected a string"),
        ("/sample_rate".into(), json!(-8000), "invalid value"),
        ("/sample_rate".into(), json!(1u64 << 40), "expected u32"),
        ("/sample_rate".into(), json!(8000.5), "expected u32"),
        ("/vqvae".into(), json!(null), "invalid type: null"),
        ("/priors".into(), json!({"0": {}}), "expected a sequence"),
        (format!("{prior}/width"), json!(-1), "expected usize"),
        (format!("{prior}/depth"), json!(1e300), "expected usize"),
        (format!("{prior}/heads"), json!(true), "invalid type: boolean"),
        (format!("{prior}/m_mlp"), json!("NaN"), "expected f64"),
        (format!("{prior}/lyrics"), json!({"kind": "loud"}), "loud"),
        ("/labels/artists".into(), json!([1, 2]), "expected a string"),
        ("/labels/more_artists".into(), json!({"x": -1}), "expected u32"),
        ("/labels/rule".into(), json!("v9"), "unknown variant"),
        ("/files".into(), json!([]), "expected a map"),
        ("/sampling/top_k".into(), json!(-1), "expected usize"),
        ("/anything".into(), json!(1), "unknown field"),
    ] {
        refused_text(&format!("{pointer} of the wrong type"), with(&pointer, value), is_json, says);
    }
}

#[test]
fn numbers_that_are_none_or_far_too_large_are_refused() {
    let _turn = turn();
    let prior = |key: &str| format!("/priors/0/config/{key}");
    let labels = |key: &str| format!("/priors/0/config/labels/{key}");
    let vqvae = |key: &str| format!("/vqvae/config/{key}");
    let most = json!(usize::MAX);
    for (pointer, value, says) in [
        (prior("n_ctx"), most.clone(), "n_ctx is 18446744073709551615"),
        (prior("width"), most.clone(), "width is 18446744073709551615"),
        (prior("heads"), most.clone(), "18446744073709551615 heads"),
        (prior("blocks"), most.clone(), "18446744073709551615 blocks"),
        (prior("attn_order"), most.clone(), "attn_order 18446744073709551615"),
        (prior("level"), most.clone(), "does not have this level"),
        (prior("m_attn"), json!(1e308), "m_attn is 1"),
        (prior("m_attn"), json!(-0.5), "m_attn is -0.5"),
        (labels("artist_bins"), most.clone(), "a label table is 18446744073709551615"),
        (labels("t_bins"), most.clone(), "a label table is"),
        (labels("hop"), most.clone(), "18446744073709551615 frames per token"),
        (labels("min_duration_seconds"), json!(-1), "from -1 to 60 seconds"),
        (labels("min_duration_seconds"), json!(59.99999), "from 59.99999 to 60 seconds"),
        (labels("max_duration_seconds"), json!(1e300), "from 0.1 to 1"),
        (vqvae("levels"), most.clone(), "18446744073709551615 levels"),
        (vqvae("emb_width"), most.clone(), "emb_width is 18446744073709551615"),
        (vqvae("l_bins"), most.clone(), "l_bins is 18446744073709551615"),
        (vqvae("downs_t"), json!([u64::MAX]), "frames per token"),
        (vqvae("strides_t"), json!([u64::MAX]), "frames per token"),
        (vqvae("multipliers"), json!([u64::MAX]), "multiplier is 18446744073709551615"),
        (vqvae("dilation_cycle"), json!(0), "dilation_cycle is 0"),
        (vqvae("m_conv"), json!(0.1), "m_conv is 0.1, which of 8 leaves nothing"),
        (vqvae("m_conv"), json!(0), "m_conv is 0 (above 0"),
        ("/sampling/temperature".into(), json!(-1.0), "temperature is -1"),
        ("/sampling/prime_seconds".into(), json!(1e300), "prime_seconds is 1"),
        ("/sampling/total_seconds".into(), json!(0), "total_seconds 0"),
        ("/sampling/hop_fraction".into(), json!(1e300), "hop_fraction is 1"),
        ("/sampling/top_p".into(), json!(-0.1), "top_p is -0.1"),
    ] {
        refused_text(&format!("{pointer} = {value}"), with(&pointer, value), is_config, says);
    }
    for (case, from, to, says) in [
        ("NaN", "\"temperature\":1.0", "\"temperature\":NaN", "expected value"),
        ("infinity", "\"temperature\":1.0", "\"temperature\":1e999", "out of range"),
        ("a field twice", "\"name\":", "\"name\":\"x\",\"name\":", "duplicate field"),
    ] {
        let text = with("/name", json!("x")).replacen(from, to, 1);
        refused_text(case, text, is_json, says);
    }
}

#[test]
fn a_network_of_too_many_parts_is_refused_before_they_are_counted() {
    let _turn = turn();
    let config = json!({
        "levels": 8, "downs_t": [16, 16, 16, 16, 16, 16, 16, 16], "strides_t": [1, 1, 1, 1, 1, 1, 1, 1],
        "emb_width": 1, "l_bins": 16, "width": 1, "depth": 256,
        "multipliers": [1, 1, 1, 1, 1, 1, 1, 1], "dilation_growth_rate": 1,
    });
    let says = "the depth of all stages together is 32768";
    refused_text("a million tensors", with("/vqvae/config", config), is_config, says);
}

#[test]
fn deep_long_and_strange_texts_are_refused_in_one_short_sentence() {
    let _turn = turn();
    let deep = "[".repeat(1 << 20) + &"]".repeat(1 << 20);
    let long = "x".repeat(1 << 20);
    refused_text("a million lists deep", deep.clone(), is_json, "invalid");
    let nested = format!("{{\"format_version\":1,\"name\":{deep}}}");
    refused_text("a name a million lists deep", nested, is_json, "");
    refused_text(
        "an unknown field of 1 MiB",
        with(&format!("/{long}"), json!(1)),
        is_json,
        "unknown",
    );
    refused_text(
        "a field of two lines",
        with("/a\nb\u{1b}[2J", json!(1)),
        is_json,
        "unknown field",
    );
    let name = |name: &str| with("/vqvae/file", json!(name));
    let is_name: fn(&PackError) -> bool = |error| matches!(error, PackError::FileName { .. });
    for evil in
        ["../x", "/etc/passwd", "a/../../b", "..", "c:\\x", "a\nb", "", &long.replace('x', "/")]
    {
        let case: String = evil.chars().take(20).collect();
        refused_text(&format!("the file {case:?}"), name(evil), is_name, "names the file");
    }
    refused_text("a file name of 1 MiB", name(&long), is_name, "at most 255 bytes");
    refused_text("no text", b"\xff\xfe{}".as_slice(), is_json, "expected value");
    refused_text("nothing", b"".as_slice(), is_json, "EOF");
}

#[test]
fn label_tables_that_would_be_searched_by_the_square_of_their_length_are_not() {
    let _turn = turn();
    let names: Vec<String> = (0..50_000).map(|i| format!("artist {i}")).collect();
    let mut genres: serde_json::Map<String, Value> =
        names.iter().map(|name| (name.clone(), json!("loops"))).collect();
    genres.insert("nobody".into(), json!("loops"));
    let without_prior = |labels: Value| {
        let mut manifest: Value = serde_json::from_str(&with("/labels", labels)).unwrap();
        manifest["priors"] = json!([]);
        manifest.to_string()
    };
    let labels = json!({"artists": names, "genres": ["loops"], "genre_of_artist": genres});
    let text = without_prior(labels);
    refused_text("50 000 artists", text, is_config, "an unknown artist: \"nobody\"");

    let [one, other] = ["x", "y"].map(|letter| letter.repeat(400_000));
    let labels =
        json!({"artists": [one], "genres": ["loops"], "genre_of_artist": {other: "loops"}});
    refused_text("names of 400 000 letters", without_prior(labels), is_config, "unknown artist");
}

#[test]
fn a_manifest_that_is_too_long_or_no_file_is_refused_before_it_is_read() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    write_tiny_pack(dir.path());
    let path = dir.path().join("pack.json");
    let folder = dir.path().to_owned();
    let open = || {
        let folder = folder.clone();
        move || Pack::open(&folder)
    };

    let file = fs::File::options().append(true).open(&path).unwrap();
    file.set_len(100 << 20).unwrap(); // sparse: nothing is written
    let says = ["pack.json", "more than 2097152 bytes"];
    refused!("100 MiB of pack.json", open(), PackError::Config { .. }, &says);

    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused!("a folder", open(), PackError::Io { .. }, &["pack.json", "not a file"]);

    fs::remove_dir(&path).unwrap();
    if std::process::Command::new("mkfifo").arg(&path).status().is_ok_and(|made| made.success()) {
        refused!("a pipe", open(), PackError::Io { .. }, &["pack.json", "not a file"]);
        fs::remove_file(&path).unwrap();
    }
    seal(dir.path(), tiny_manifest());
    Pack::open(dir.path()).unwrap();
}
