//! The command line answers hostile files with one sentence and exit code 2.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::common::{seal, tiny_manifest, write_tiny_pack};
use crate::limits::{turn, watched};
use crate::pickles::{Entry, Pickle, View, f32s, legacy, safetensors, state_dict, zip};

/// Runs `encore` in a folder, under the watch like everything else.
fn encore(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_encore"));
    command.current_dir(folder).env_remove("ENCORE_PACKS").args(line.split_whitespace());
    watched(line, move || command.output().unwrap())
}

fn assert_refused(folder: &Path, line: &str, says: &[&str]) {
    let output = encore(folder, line);
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}: {sentence}");
    assert!(output.stdout.is_empty(), "{line}");
    assert_eq!(sentence.lines().count(), 1, "{line}: {sentence}");
    assert!(sentence.starts_with("encore: ") && sentence.len() < 1500, "{line}: {sentence}");
    for part in says {
        assert!(sentence.contains(part), "{line}: {sentence:?} does not say {part:?}");
    }
}

#[test]
fn hostile_checkpoints_are_refused_by_info_and_by_convert() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let view =
        View { key: "0", class: "FloatStorage", n: 2, offset: 0, shape: &[9], strides: &[1] };
    let call = Pickle::new().global("os", "system").text("touch owned").raw(b"\x85R").stop();
    let memo = Pickle::new().raw(b"]").raw(&b"\x94".repeat(600_000)).0;
    let zipped = Entry { method: 8, claimed: Some(0xffff_fff0), ..Entry::new("a/data.pkl", b"x") };
    let header = r#"{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#;
    let files: [(&str, Vec<u8>, &str); 8] = [
        ("memo.pth.tar", legacy(&memo, &[]), "entries of the memo: 524289"),
        ("call.pth.tar", legacy(&call, &[]), "holds no weights"),
        ("short.pth.tar", legacy(&state_dict(&[("w", view)]), &[("0", 2, &f32s([0.0; 2]))]), "[9]"),
        ("string.pth.tar", legacy(b"\x80\x02X\xff\xff\xff\xff", &[]), "more bytes are called for"),
        ("bomb.pth", zip(&[zipped]), "\"a/data.pkl\" is compressed"),
        ("up.pth", zip(&[Entry::new("../data.pkl", b".")]), "leads out of it"),
        ("shape.safetensors", safetensors(header, &[0; 4]), "4294967296"),
        ("noise.bin", vec![0x5a; 4096], "is no checkpoint"),
    ];
    for (file, bytes, says) in files {
        fs::write(dir.path().join(file), bytes).unwrap();
        assert_refused(dir.path(), &format!("info {file}"), &[file, says]);
        assert_refused(dir.path(), &format!("convert {file} --out made"), &[file, says]);
    }
    assert!(!dir.path().join("made").exists() && !dir.path().join("owned").exists());
}

#[test]
fn hostile_packs_are_refused_by_info() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let tiny = dir.path().join("tiny");
    write_tiny_pack(&tiny);
    let deep = format!("{{\"format_version\":1,\"name\":{}", "[".repeat(10 << 20));
    for (text, says) in [
        ("{\"format_version\":1,\"a\\nb\\u001b[2J\":1}".to_owned(), "unknown field"),
        ("{\"format_version\": NaN}".into(), "expected value"),
        (deep, "more than 2097152 bytes"),
        (String::new(), "EOF"),
    ] {
        fs::write(tiny.join("pack.json"), text).unwrap();
        assert_refused(dir.path(), "info tiny", &["pack.json", says]);
    }
    let mut manifest = tiny_manifest();
    manifest["vqvae"]["config"]["l_bins"] = json!(usize::MAX);
    seal(&tiny, manifest);
    assert_refused(dir.path(), "info tiny", &["pack.json", "l_bins is 18446744073709551615"]);
}
