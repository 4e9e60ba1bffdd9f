//! `encore bench` measures what it says, and refuses what it cannot measure.

use crate::{Desk, in_repository};

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
    for precision in ["f32", "f16", "bf16", "q8", "q4"] {
        for batch in [1, 4, 8, 16] {
            assert!(measured.contains(&("encore".into(), precision.into(), batch)), "{measured:?}");
        }
        assert!(said["prefill_tokens_per_s"][precision].as_f64().unwrap() > 0.0);
    }
    for (level, coding) in said["vqvae"].as_array().unwrap().iter().enumerate() {
        let times = |name: &str| coding[name].as_f64().unwrap();
        assert_eq!(coding["level"], level);
        assert!(times("encode_x") > 0.0 && times("decode_x") > 0.0, "{coding}");
    }
    for (backend, precision) in [("candle", "f32"), ("candle (products only)", "q8_0")] {
        assert!(measured.contains(&(backend.into(), precision.into(), 1)), "{measured:?}");
    }
}

#[test]
fn smaller_weights_are_compared_with_whole_ones_wherever_the_pack_stands() {
    let desk = Desk::new();
    let starter = in_repository("models/starter");
    let track = in_repository("tests/audio/foundry_stereo_48k.wav");

    let before = desk.json(&format!("bench {starter} --quality {track}"));
    let after = desk.json(&format!("bench --quality {starter} {track}"));

    let nats = |said: &serde_json::Value, precision: &str| {
        let qualities = said["quality"].as_array().unwrap();
        let quality = qualities.iter().find(|quality| quality["precision"] == precision).unwrap();
        quality["nats_per_token"].as_f64().unwrap()
    };
    let [f16, bf16, q8, q4] = ["f16", "bf16", "q8", "q4"].map(|precision| nats(&before, precision));
    assert!(f16 < bf16 && bf16 < q8 && q8 < 0.01 && q8 < q4, "{f16} {bf16} {q8} {q4}");
    assert_eq!(nats(&after, "q8"), q8);
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
