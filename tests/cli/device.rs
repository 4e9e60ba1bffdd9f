//! `--device` has codes written by the device's code, which here runs on the CPU, and refuses what the
//! build or the machine lacks.

use std::fs;

use encore::takes::{Recipe, read_levels};

use crate::Desk;
use crate::singer::{self, Kind};

#[test]
fn a_continuation_has_the_same_codes_wherever_they_are_written() {
    for kind in [Kind::SingleSequence, Kind::SeparateEncoder] {
        let desk = Desk::new();
        singer::write(&desk.path("singer"), kind);
        fs::write(desk.path("words.txt"), "La la\nlo").unwrap();
        let line = "continue track.wav --pack singer --artist ada --lyrics words.txt --seconds 0.3 \
                    --takes 2 --until bottom";

        desk.json(&format!("{line} --out kernels"));
        desk.json(&format!("{line} --out device --device cpu"));

        for take in ["take-1", "take-2"] {
            let codes = |folder: &str| {
                read_levels(&desk.path(&format!("{folder}/{take}.safetensors"))).unwrap()
            };
            assert_eq!(codes("device"), codes("kernels"));
        }
        let recipe = Recipe::read(&desk.path("device/take-1.json")).unwrap();
        assert_eq!(recipe.backend, "candle-cpu-f32");
    }
}

#[test]
fn finer_levels_are_written_on_a_device_too() {
    let desk = Desk::new();
    singer::write(&desk.path("singer"), Kind::SingleSequence);
    let run = |line: &str| assert!(desk.encore(line).status.success(), "{line}");
    run("continue track.wav --pack singer --artist ada --seconds 0.3 --out takes");
    let line = "upsample takes/take-1.safetensors --pack singer";

    run(&format!("{line} --out kernels"));
    run(&format!("{line} --out device --device cpu"));
    run(&format!("{line} --out halves --device cpu --precision f16"));

    let codes = |folder: &str| {
        read_levels(&desk.path(&format!("{folder}/take-1-level-0.safetensors"))).unwrap()
    };
    assert_eq!(codes("device"), codes("kernels"));
    assert_eq!(codes("halves")[&0].len(), codes("kernels")[&0].len());
}

#[test]
fn devices_that_cannot_be_used_are_refused_before_anything_is_read() {
    let desk = Desk::new();
    let jobs = [
        "continue none.wav --pack tiny --seconds 0.2 --out takes",
        "upsample none --pack tiny --out takes",
    ];
    for job in jobs {
        let refusal = |with: &str| desk.refusal(&format!("{job} {with}"));

        assert!(refusal("--device gpu").contains("cuda:N"));
        for (device, kind) in [("cuda", "CUDA"), ("metal", "Metal")] {
            if !cfg!(feature = "cuda") && !cfg!(feature = "metal") {
                let said = refusal(&format!("--device {device}"));
                assert!(said.contains(&format!("this build of Encore has no {kind}")), "{said}");
            }
        }
    }
    for precision in ["bf16", "q8"] {
        let refusal = desk.refusal(&format!(
            "continue track.wav --pack tiny --seconds 0.2 --out takes --device cpu \
             --precision {precision}"
        ));
        let expected = format!("cpu cannot compute with {precision}; choose f32 or f16");
        assert!(refusal.contains(&expected), "{refusal}");
    }
    assert!(!desk.path("takes").exists(), "nothing was written");
}
