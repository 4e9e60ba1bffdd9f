//! PyTorch's legacy stream: pickles and storages that do not go together, and files that end early.

use std::path::Path;

use encore::pack::checkpoint::{Checkpoint, CheckpointError};
use encore::pack::labels::id_file;
use encore::pack::source::Source;
use encore::pack::{Manifest, PackError};

use crate::common::tiny_manifest;
use crate::limits::{assert_says, refusal, refused, turn};
use crate::pickles::{Entry, Pickle, View, f32s, legacy, safetensors, state_dict, zip};
use crate::programs::open;

fn two_tensors() -> Vec<u8> {
    let view =
        |key| View { key, class: "FloatStorage", n: 4, offset: 0, shape: &[4], strides: &[1] };
    state_dict(&[("a", view("0")), ("b", view("1"))])
}

#[test]
fn storages_that_are_not_as_they_were_described_are_named() {
    let _turn = turn();
    let (object, bytes) = (two_tensors(), f32s([0.5; 4]));
    type Listed<'a> = (&'a str, i64, &'a [u8]);
    let cases: [(&str, Vec<Listed>, &str); 8] = [
        (
            "too few",
            vec![("0", 4, &bytes), ("1", 3, &bytes)],
            "has 3 elements, but 4 are described",
        ),
        ("too many", vec![("0", 1 << 40, &bytes), ("1", 4, &bytes)], "has 1099511627776 elements"),
        ("fewer than none", vec![("0", -4, &bytes), ("1", 4, &bytes)], "has -4 elements"),
        ("listed twice", vec![("0", 4, &bytes), ("0", 4, &bytes)], "is listed twice"),
        ("listed, but unknown", vec![("9", 4, &bytes)], "\"9\" is listed, but unknown"),
        ("not listed", vec![("0", 4, &bytes)], "\"1\" is not in the file"),
        ("none at all", vec![], "is not in the file"),
        (
            "shorter than it says",
            vec![("0", 4, &bytes), ("1", 4, &[0; 3])],
            "goes beyond the file's",
        ),
    ];
    for (case, storages, says) in cases {
        let whole = legacy(&object, &storages);
        let open_it = move || open("evil.pth.tar", whole);
        let says = ["evil.pth.tar", "storage", says, "fetch the file again"];
        refused!(case, open_it, CheckpointError::Storage { .. }, &says);
    }
}

#[test]
fn the_first_pickles_of_a_stream_are_believed_only_as_far_as_they_go() {
    let _turn = turn();
    let sound = legacy(&two_tensors(), &[]);
    let n_magic = 15;
    let with = |start: &[u8], rest: &[u8]| [start, rest].concat();
    let magic = &sound[..n_magic];
    let bomb = [b"\x80\x02]".as_slice(), &b"\x94".repeat(1000)].concat();
    let other = with(b"\x80\x02\x8a\x0a", &[&[7; 10][..], b"."].concat());
    let big_endian = Pickle::new().raw(b"}").text("little_endian").raw(b"\x89s").stop();
    let big_endian = [magic, b"\x80\x02M\xe9\x03.", &big_endian].concat();
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("another magic number", other, "is no checkpoint"),
        ("another version", with(magic, b"\x80\x02K\x01.\x80\x02}."), "version Some(1)"),
        ("no version", with(magic, b"\x80\x02N.\x80\x02}."), "version None"),
        ("a bomb for a version", with(magic, &bomb), "entries of the memo: 257"),
        ("another order of bytes", big_endian, "big-endian"),
    ];
    for (case, bytes, says) in cases {
        let error = refusal(case, move || open("evil.pth.tar", bytes));

        assert_says(case, &error, &["evil.pth.tar", says]);
    }
}

#[test]
fn a_file_that_ends_early_is_refused_wherever_it_ends() {
    let _turn = turn();
    let (object, numbers) = (two_tensors(), f32s([0.5; 4]));
    let header = r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#;
    let entries = [
        Entry::new("a/data.pkl", &object),
        Entry::new("a/data/0", &numbers),
        Entry::new("a/data/1", &numbers),
    ];
    let forms: [(&str, Vec<u8>); 3] = [
        ("evil.pth.tar", legacy(&object, &[("0", 4, &numbers), ("1", 4, &numbers)])),
        ("evil.pth", zip(&entries)),
        ("evil.safetensors", safetensors(header, &numbers)),
    ];
    for (file, bytes) in forms {
        open(file, bytes.clone()).unwrap();
        for sixteenth in 0..16 {
            let case = format!("{sixteenth}/16 of {file}");
            let cut = bytes[..bytes.len() * sixteenth / 16].to_vec();

            let error = refusal(&case, move || open(file, cut));

            use CheckpointError::{NotACheckpoint, Pickle, Safetensors, Storage, Zip};
            let is_typed = matches!(
                error,
                NotACheckpoint { .. }
                    | Pickle { .. }
                    | Safetensors { .. }
                    | Storage { .. }
                    | Zip { .. }
            );
            assert!(is_typed, "{case}: {error:?}");
            assert_says(&case, &error, &[file]);
        }
    }
}

#[test]
fn a_text_that_ends_early_is_refused_wherever_it_ends() {
    let _turn = turn();
    let manifest = tiny_manifest().to_string().into_bytes();
    let ids = b"unknown;0\nada;1\ngrace;2\nwith a longer name;33".to_vec();
    for sixteenth in 0..16 {
        let case = format!("{sixteenth}/16");
        let [manifest, ids] =
            [&manifest, &ids].map(|text| text[..text.len() * sixteenth / 16].to_vec());

        let parse = move || Manifest::parse(Path::new("pack.json"), &manifest);
        refused!(&case, parse, PackError::Json { .. }, &["pack.json", "line 1"]);

        // a table that ends after a digit or at a line's end is a shorter table
        if let Err(error) = id_file::from_bytes(Path::new("v2_artist_ids.txt"), &ids) {
            assert_says(&case, &error, &["v2_artist_ids.txt"]);
        }
    }
}

#[test]
fn what_is_no_file_is_refused_before_it_is_opened() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let (folder, pipe) = (dir.path().join("folder.pth"), dir.path().join("pipe.pth"));
    std::fs::create_dir(&folder).unwrap();
    let open_folder = move || Checkpoint::open(&folder);
    refused!("a folder", open_folder, CheckpointError::Io { .. }, &["folder.pth", "not a file"]);

    // opening a pipe for reading waits until somebody writes into it
    if std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|made| made.success()) {
        let open_pipe = move || Source::open(&pipe).map(drop);
        let error = refusal("a pipe", open_pipe);
        assert_says("a pipe", &error, &["not a file"]);
    }
    if cfg!(target_os = "linux") {
        let open_zeros = || Checkpoint::open(Path::new("/dev/zero"));
        refused!("a file without end", open_zeros, CheckpointError::Io { .. }, &["/dev/zero"]);
    }
}
