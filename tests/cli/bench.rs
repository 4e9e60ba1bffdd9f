//! `encore bench` measures what it says, and refuses what it cannot measure.

use crate::Desk;

#[test]
fn a_shape_is_measured_at_every_precision_and_batch_beside_candle() {
    let desk = Desk::new();

    let said = desk.json("bench --shape 128x1");

    assert!(said["bandwidth_gb_s"].as_f64().unwrap() > 0.0);
    let decodes = said["decode"].as_array().unwrap();
    for decode in decodes {
        let number = |name: &str| decode[name].as_f64().unwrap();
        assert!(number("tokens_per_s") > 0.0 && number("share_of_bandwidth") > 0.0, "{decode}");
    }
    let names = |decode: &serde_json::Value| {
        let word = |name: &str| decode[name].as_str().unwrap().to_owned();
        (word("backend"), word("precision"), decode["batch"].as_u64().unwrap())
    };
    let measured: Vec<_> = decodes.iter().map(names).collect();
    for precision in ["f32", "q8", "q4"] {
        for batch in [1, 4, 8, 16] {
            assert!(measured.contains(&("encore".into(), precision.into(), batch)), "{measured:?}");
        }
        assert!(said["prefill_tokens_per_s"][precision].as_f64().unwrap() > 0.0);
    }
    for (backend, precision) in [("candle", "f32"), ("candle (products only)", "q8_0")] {
        assert!(measured.contains(&(backend.into(), precision.into(), 1)), "{measured:?}");
    }
}

#[test]
fn nothing_to_measure_and_nonsense_are_refused() {
    let desk = Desk::new();

    assert!(desk.refusal("bench").contains("--shape"));
    for shape in ["2048", "17x3", "128x0", "99999x1"] {
        assert!(desk.refusal(&format!("bench --shape {shape}")).contains(shape));
    }
}
