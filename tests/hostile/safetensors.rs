//! Safetensors whose header is the attack.

use encore::pack::checkpoint::CheckpointError;

use crate::limits::{assert_says, refusal, refused, turn};
use crate::pickles::safetensors;
use crate::programs::open;

fn refused_file(case: &str, bytes: Vec<u8>, says: &str) {
    let open_it = move || open("evil.safetensors", bytes);
    let says = ["evil.safetensors", says];
    refused!(case, open_it, CheckpointError::Safetensors { .. }, &says);
}

/// One tensor of 16 bytes, but for what is changed.
fn one(dtype: &str, shape: &str, begin: u64, end: u64) -> String {
    format!(r#"{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}}}"#)
}

#[test]
fn a_header_that_claims_too_much_is_refused_with_what_it_claims() {
    let _turn = turn();
    let claim = |n: u64| [&n.to_le_bytes()[..], b"{}      "].concat();
    refused_file("larger than the file", claim(9), "its header claims 9 bytes");
    refused_file("2 GiB", claim(2 << 30), "its header claims 2147483648 bytes");
    refused_file("64 PiB", claim((1 << 56) - 1), "its header claims 72057594037927935 bytes");
    let padded = one("F32", "[4]", 0, 16) + &" ".repeat(10 << 20);
    refused_file(
        "10 MiB of spaces",
        safetensors(&padded, &[0; 16]),
        "its header claims 10485815 bytes",
    );

    let largest = (u64::MAX.to_le_bytes(), b"{}");
    let bytes = [&largest.0[..], largest.1].concat();
    let open_it = move || open("evil.safetensors", bytes);
    refused!("16 EiB", open_it, CheckpointError::NotACheckpoint { .. }, &["evil.safetensors"]);
}

#[test]
fn tensors_that_cannot_be_are_named() {
    let _turn = turn();
    let most = u64::MAX;
    let huge = format!("[{most}, {most}, 0]");
    let cases = [
        ("outside", one("F32", "[4]", 16, 32), "lies at 16 to 32, outside the 16 bytes"),
        ("backwards", one("F32", "[4]", 16, 0), "lies at 16 to 0"),
        ("beyond all files", one("F32", "[4]", most - 15, most), "18446744073709551615, outside"),
        ("a shape that overflows", one("U8", "[4294967296, 4294967296]", 0, 16), "has 16 bytes"),
        ("nothing of a shape that overflows", one("U8", &huge, 0, 0), "has 0 bytes"),
        ("more than it has", one("F32", "[5]", 0, 16), "[5] and type F32 has 16 bytes"),
        ("less than it has", one("F32", "[3]", 0, 16), "[3] and type F32 has 16 bytes"),
        ("of an unknown type", one("Q4", "[4]", 0, 16), "\"w\" is of the unknown type \"Q4\""),
        ("of nine axes", one("U8", "[1,1,1,1,1,1,1,1,16]", 0, 16), "9 axes (at most 8)"),
        ("of a negative size", one("F32", "[-4]", 0, 16), "not valid"),
        ("of half a number", one("F32", "[1.5]", 0, 16), "not valid"),
        ("of a size beyond integers", one("F32", "[1e400]", 0, 16), "not valid"),
        (
            "at NaN",
            r#"{"w":{"dtype":"F32","shape":[4],"data_offsets":[NaN,16]}}"#.into(),
            "not valid",
        ),
        (
            "at one place",
            r#"{"w":{"dtype":"F32","shape":[4],"data_offsets":[0]}}"#.into(),
            "not valid",
        ),
        ("of no shape", r#"{"w":{"dtype":"F32","data_offsets":[0,16]}}"#.into(), "missing field"),
        ("that is a list", r#"{"w":[]}"#.into(), "not valid"),
    ];
    for (case, header, says) in cases {
        refused_file(case, safetensors(&header, &[0; 16]), says);
    }
}

#[test]
fn tensors_that_overlap_or_come_twice_are_refused() {
    let _turn = turn();
    let two = |name: &str, begin: u64, end: u64| {
        let shape = (end - begin) / 4;
        let first = r#""w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}"#;
        let second = format!(
            r#""{name}":{{"dtype":"F32","shape":[{shape}],"data_offsets":[{begin},{end}]}}"#
        );
        safetensors(&format!("{{{first},{second}}}"), &[0; 16])
    };
    refused_file("overlapping", two("v", 8, 16), "overlap");
    refused_file("the same bytes", two("v", 0, 12), "overlap");
    refused_file("one within another", two("v", 4, 8), "overlap");
    refused_file("twice", two("w", 12, 16), "two tensors \"w\"");
    let bytes = two("module.w", 12, 16);
    let open_it = move || open("evil.safetensors", bytes);
    let says = ["evil.safetensors", "\"w\"", "is there twice"];
    refused!("twice with a prefix", open_it, CheckpointError::Tensor { .. }, &says);
}

#[test]
fn long_and_deep_headers_are_refused_in_one_short_sentence() {
    let _turn = turn();
    let long = "x".repeat(1 << 20);
    let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
    refused_file(
        "a type of 1 MiB",
        safetensors(&one(&long, "[4]", 0, 16), &[0; 16]),
        "unknown type",
    );
    refused_file(
        "a shape 100 000 deep",
        safetensors(&one("F32", &deep(100_000), 0, 16), &[0; 16]),
        "not valid",
    );
    refused_file(
        "a field of many lines",
        safetensors(r#"{"w":{"a\nb":1,"dtype":"\n"}}"#, &[]),
        "missing field",
    );
    let axes = format!("[{}1]", "1,".repeat(500_000));
    refused_file("500 001 axes", safetensors(&one("U8", &axes, 0, 1), &[0; 1]), "500001 axes");

    let named = one("F32", "[4]", 0, 16).replace("\"w\"", &format!("{long:?}"));
    let bytes = safetensors(&named, &[0; 16]);
    let says = ["evil.safetensors", "1048576 bytes (at most 512)"];
    refused!(
        "a name of 1 MiB",
        move || open("evil.safetensors", bytes),
        CheckpointError::Tensor { .. },
        &says
    );

    let metadata = format!(r#"{{"__metadata__":{},"w":0}}"#, deep(100_000));
    let error = refusal("metadata 100 000 deep", move || {
        open("evil.safetensors", safetensors(&metadata, &[]))
    });
    assert_says("metadata 100 000 deep", &error, &["evil.safetensors", "not valid"]);
}

#[test]
fn as_many_tensors_as_fit_take_little() {
    let _turn = turn();
    let tensors: Vec<String> = (0..36_000)
        .map(|i| format!(r#""{i}":{{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#))
        .collect();
    let header = format!("{{{}}}", tensors.join(","));

    refused_file("36 000 tensors", safetensors(&header, &[0]), "overlap");
}
