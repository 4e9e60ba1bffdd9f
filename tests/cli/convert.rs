//! Checkpoints become packs of any precision, and `info` tells beforehand how much memory each takes.

use encore::pack::Pack;

use crate::{Desk, checkpoints, text};

#[test]
fn checkpoints_become_a_pack_of_any_precision() {
    let desk = Desk::new();
    checkpoints::write(&desk.path("given"), &checkpoints::prior(64, 3));
    let mut sizes = Vec::new();
    for precision in ["f32", "bf16", "q8", "q4"] {
        let line = format!("convert given --out {precision} --precision {precision}");

        let converted = desk.json(&line);
        desk.json(&format!("info {precision}")); // checks every hash
        Pack::open(&desk.path(precision)).unwrap().load_prior(0).unwrap();

        sizes.push(converted["bytes"].as_u64().unwrap());
    }
    assert!(sizes.is_sorted_by(|larger, smaller| larger > smaller), "{sizes:?}");
}

#[test]
fn info_tells_the_memory_of_each_precision_before_anything_is_converted() {
    let desk = Desk::new();
    checkpoints::write(&desk.path("given"), &checkpoints::prior(64, 3));

    let given = desk.json("info given");
    let sheet = text(&desk.encore("info given").stdout);
    desk.json("convert given --out q4 --precision q4");
    let q4 = desk.json("info q4");

    let parameters = given["parameters"].as_u64().unwrap();
    let memory = |info: &serde_json::Value, precision| info["memory_bytes"][precision].as_u64();
    let per_layer = 64 * (3 * 32) + 32 * 64 + 64 * 64 + 64 * 64;
    let bytes_saved = |bits: u64| 3 * per_layer * (32 - bits) / 8 - 3 * per_layer / 32 * 2;
    for precision in ["f32", "f16", "bf16"] {
        let halves = 4 * parameters - 3 * per_layer * 2;
        assert_eq!(memory(&given, precision), Some(halves), "what is stored in halves stays so");
    }
    assert_eq!(memory(&given, "q8"), Some(4 * parameters - bytes_saved(8)));
    assert_eq!(memory(&given, "q4"), Some(4 * parameters - bytes_saved(4)));
    assert!(sheet.contains("as f32, f16, bf16") && sheet.contains("as q4"), "{sheet}");
    assert_eq!(memory(&q4, "f32"), memory(&given, "q4"), "what is quantised stays so");
}

#[test]
fn a_precision_that_there_is_not_is_refused() {
    let desk = Desk::new();

    let sentence = desk.refusal("convert tiny --out pack --precision q5");

    assert!(sentence.contains("q5") && sentence.contains("f32, f16, bf16, q8 or q4"), "{sentence}");
}

#[test]
fn a_window_can_be_measured() {
    let desk = Desk::new();
    checkpoints::write(&desk.path("given"), &checkpoints::prior(64, 3));

    let output = desk.encore("measure-window --pack given --precision q8");

    let measured: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(measured["tokens"], 64, "{}", text(&output.stderr));
}
