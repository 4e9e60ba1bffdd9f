//! Quantised matrices whose scales are not theirs.

use encore::pack::checkpoint::{CheckpointError, weights};

use crate::limits::{assert_says, refused, turn, watched};
use crate::pickles::safetensors;
use crate::programs::open;

/// A file with the integers "w" and their scales, whose numbers are all the same.
fn file(
    ints: &str,
    n_ints: usize,
    scale_type: &str,
    scales: &str,
    scale: &[u8],
    n: usize,
) -> Vec<u8> {
    let end = n_ints + n * scale.len();
    let header = format!(
        r#"{{"w":{{"dtype":{ints},"data_offsets":[0,{n_ints}]}},
            "w.scale":{{"dtype":"{scale_type}","shape":{scales},"data_offsets":[{n_ints},{end}]}}}}"#
    );
    safetensors(&header, &[vec![1; n_ints], scale.repeat(n)].concat())
}

const ONE: [u8; 2] = [0x80, 0x3f];
const Q8: &str = r#""I8","shape":[64,4]"#;

#[test]
fn scales_that_are_not_a_matrixs_own_are_refused() {
    let _turn = turn();
    use CheckpointError::{MissingTensor, NotFinite, Shape, Tensor};
    let rows = |bytes: Vec<u8>, shape: [usize; 2]| {
        move || {
            let checkpoint = open("evil.safetensors", bytes)?;
            checkpoint.read_rows("w", shape, |_| Ok::<(), CheckpointError>(()))
        }
    };
    let half = r#""I8","shape":[48,4]"#;
    let whole = || file(Q8, 256, "BF16", "[2,4]", &ONE, 8);
    rows(whole(), [64, 4])().unwrap();

    let few = file(Q8, 256, "BF16", "[1,4]", &ONE, 4);
    refused!("too few scales", rows(few, [64, 4]), Shape { .. }, &["\"w.scale\"", "[2, 4]"]);
    let flat = file(Q8, 256, "BF16", "[8]", &ONE, 8);
    refused!("scales in a row", rows(flat, [64, 4]), Shape { .. }, &["\"w.scale\"", "[8]"]);
    let floats = file(Q8, 256, "F32", "[2,4]", &1f32.to_le_bytes(), 8);
    refused!("32-bit scales", rows(floats, [64, 4]), Tensor { .. }, &["F32", "scales are BF16"]);
    let parts = file(half, 192, "BF16", "[48,4]", &ONE, 192);
    refused!("half a group", rows(parts, [48, 4]), Tensor { .. }, &["\"w\"", "whole groups of 32"]);
    refused!("another matrix", rows(whole(), [32, 8]), Shape { .. }, &["\"w\"", "[64, 4]"]);
    let lost = move || {
        open("evil.safetensors", whole())?.read_rows("v", [64, 4], |_| Ok::<_, CheckpointError>(()))
    };
    refused!("no matrix", lost, MissingTensor { .. }, &["\"v\""]);
    for (case, scale, says) in [
        ("NaN", [0xc0, 0x7f], "has NaN"),
        ("infinity", [0x80, 0x7f], "has inf"),
        ("a scale whose weights are infinite", [0x7f, 0x7f], "has inf"),
    ] {
        let bytes = file(Q8, 256, "BF16", "[2,4]", &scale, 8);
        refused!(case, rows(bytes, [64, 4]), NotFinite { .. }, &["\"w.scale\"", says]);
    }
}

#[test]
fn many_scales_of_few_integers_take_no_memory_for_the_weights_they_stand_for() {
    let _turn = turn();
    let bytes = file(Q8, 256, "BF16", "[65536,32]", &ONE, 2 << 20); // 256 MiB of weights
    let error = watched("many scales", move || {
        let checkpoint = open("evil.safetensors", bytes).unwrap();
        weights(checkpoint).get_unchecked("w").map(drop).unwrap_err().to_string()
    });

    assert_says("many scales", &error, &["evil.safetensors", "[64, 4]"]); // and no trace of calls
}

#[test]
fn nothing_of_a_huge_shape_is_nothing() {
    let _turn = turn();
    for shape in ["[1152921504606846976,0]", "[1099511627776,0]"] {
        let ints = format!(r#""I8","shape":{shape}"#);
        let bytes = file(&ints, 0, "BF16", shape, &ONE, 0);
        watched(shape, move || {
            if let Ok(checkpoint) = open("evil.safetensors", bytes) {
                assert!(weights(checkpoint).get_unchecked("w").is_err());
            }
        });
    }
}
