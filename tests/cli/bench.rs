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

#[test]
fn a_device_is_measured_beside_and_one_that_the_build_lacks_is_refused() {
    let desk = Desk::new();

    let said = desk.json("bench --shape 64x1 --device cpu");

    assert_eq!(said["device"]["name"], "cpu");
    assert!(said["device"]["bandwidth_gb_s"].as_f64().unwrap() > 0.0);
    let decodes = said["decode"].as_array().unwrap();
    for (precision, batch) in [("f32", 1), ("f32", 40), ("f16", 1), ("f16", 40)] {
        let is_it = |decode: &&serde_json::Value| {
            decode["backend"] == "candle cpu"
                && decode["precision"] == precision
                && decode["batch"] == batch
        };
        let decode = decodes.iter().find(is_it).unwrap();
        assert!(decode["tokens_per_s"].as_f64().unwrap() > 0.0, "{decode}");
    }
    assert!(desk.refusal("bench --shape 64x1 --device gpu").contains("cuda:N"));
    for (device, kind) in [("cuda", "CUDA"), ("cuda:1", "CUDA"), ("metal", "Metal")] {
        if !cfg!(feature = "cuda") && !cfg!(feature = "metal") {
            let refusal = desk.refusal(&format!("bench --shape 64x1 --device {device}"));
            assert!(refusal.contains(&format!("this build of Encore has no {kind}")), "{refusal}");
        }
    }
}
