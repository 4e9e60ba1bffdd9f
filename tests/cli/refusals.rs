//! Every mistake is answered with one sentence that names it, and exit code 2; nothing is written.

use std::fs;

use encore::takes::wav;

use crate::{Desk, TINY_RATE};

#[test]
fn info_refuses_a_damaged_pack() {
    let desk = Desk::new();
    let mut bytes = desk.bytes("tiny/prior.safetensors");
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(desk.path("tiny/prior.safetensors"), bytes).unwrap();

    let sentence = desk.refusal("info tiny");

    assert!(sentence.contains("prior.safetensors") && sentence.contains("damaged"), "{sentence}");
}

#[test]
fn every_bad_number_is_refused_by_name_and_value() {
    let desk = Desk::new();
    for (option, values) in [
        ("--seconds", &["0", "-3", "NaN", "inf", "1e9", "0.05", "4000", "ten"][..]),
        ("--prime-seconds", &["0", "-1", "nan", "0.5", "0.0001"]),
        ("--total-seconds", &["0", "0.2", "NaN"]),
        ("--takes", &["0", "-1", "65", "1000000", "1.5"]),
        ("--seed", &["-1", "x", "99999999999999999999"]),
        ("--temperature", &["0", "-1", "NaN", "1e6"]),
        ("--top-k", &["0", "-2", "few"]),
        ("--top-p", &["0", "1.1", "NaN"]),
    ] {
        for value in values {
            let seconds = if option == "--seconds" { "" } else { "--seconds 0.2" };
            let sentence = desk.refusal(&format!(
                "continue track.wav --pack tiny --artist ada {seconds} {option} {value} --out takes"
            ));

            let named = sentence.contains(option) || sentence.contains("track.wav");
            assert!(named, "{option} {value}: {sentence}");
        }
    }
    assert!(!desk.path("takes").exists(), "nothing was written");
}

#[test]
fn a_prime_longer_than_the_track_or_the_window_says_how_long_it_may_be() {
    let desk = Desk::new();
    let short: Vec<f32> = vec![0.1; 100];
    wav::write(&desk.path("short.wav"), &short, TINY_RATE).unwrap();
    let line = |track: &str, seconds: f64| {
        format!(
            "continue {track} --pack tiny --artist ada --prime-seconds {seconds} --seconds 1 --out takes"
        )
    };

    let window = desk.refusal(&line("track.wav", 0.05));
    let track = desk.refusal(&line("short.wav", 0.03));

    assert!(window.contains("--prime-seconds 0.05") && window.contains("at most 0.03"), "{window}");
    assert!(track.contains("\"short.wav\", which lasts 0.01 s"), "{track}");
}

#[test]
fn unknown_labels_are_answered_with_names_that_come_close() {
    let desk = Desk::new();
    let line = "continue track.wav --pack tiny --seconds 0.2 --out takes";

    let artist = desk.refusal(&format!("{line} --artist Graec"));
    let genre = desk.refusal(&format!("{line} --genre loop"));
    let many = desk.refusal(&format!("{line} --genre loops --genre noise"));

    assert!(artist.contains("no artist \"Graec\"; did you mean \"Grace\"?"), "{artist}");
    assert!(genre.contains("no genre \"loop\"; did you mean \"loops\"?"), "{genre}");
    assert!(many.contains("2 genres") && many.contains("at most 1"), "{many}");
}

#[test]
fn files_that_are_missing_or_something_else_are_named() {
    let desk = Desk::new();
    fs::write(desk.path("song.mp3"), "ID3 not a wave at all").unwrap();
    fs::write(desk.path("cut.wav"), &desk.bytes("track.wav")[..500]).unwrap();
    wav::write(&desk.path("empty.wav"), &[], TINY_RATE).unwrap();
    wav::write(&desk.path("blip.wav"), &[0.5; 7], TINY_RATE).unwrap();
    let rest = "--pack tiny --artist ada --seconds 0.2 --out takes";
    for (line, said) in [
        (format!("continue gone.wav {rest}"), "\"gone.wav\" cannot be read: there is no such file"),
        (format!("continue song.mp3 {rest}"), "\"song.mp3\" is not a WAV file"),
        (format!("continue tiny {rest}"), "\"tiny\""),
        (format!("continue cut.wav {rest}"), "\"cut.wav\" is cut short"),
        (format!("continue empty.wav {rest}"), "\"empty.wav\" has no audio"),
        (format!("continue blip.wav {rest}"), "\"blip.wav\""),
        ("encode blip.wav --pack tiny --out c".into(), "\"blip.wav\" is too short"),
        ("encode track.wav --pack tiny --level 3 --out c".into(), "no VQ-VAE for level 3"),
        ("encode track.wav --pack gone --out c".into(), "\"gone\" is not a model pack"),
        ("encode track.wav --pack tiny --out no/c".into(), "there is no folder \"no\""),
        ("encode track.wav --pack tiny --out tiny".into(), "\"tiny\" is a folder"),
        ("decode track.wav --pack tiny --level 0 --out o".into(), "not a file of codes"),
        ("info song.mp3".into(), "\"song.mp3\" is no checkpoint"),
        ("labels gone".into(), "\"gone\" is not a model pack"),
        ("decode gone --pack tiny --level 0 --out o".into(), "\"gone\" cannot be read"),
        (format!("continue track.wav {rest}/track.wav/x").replace("takes/", ""), "\"track.wav/x\""),
        ("compose track.wav".into(), "'compose'"),
        ("continue track.wav --pack tiny --out takes".into(), "--seconds"),
    ] {
        let sentence = desk.refusal(&line);

        assert!(sentence.contains(said), "{line}: {sentence}");
    }
    assert!(!desk.path("takes").exists() && !desk.path("c").exists(), "nothing was written");
}

#[test]
fn codes_that_the_codebook_does_not_have_are_refused() {
    let desk = Desk::new();
    encore::takes::write_codes(&desk.path("codes.safetensors"), &[(0, vec![3, 16])].into())
        .unwrap();

    let sentence = desk.refusal("decode codes.safetensors --pack tiny --level 0 --out back.wav");

    assert!(sentence.contains("16") && sentence.contains("0 to 15"), "{sentence}");
    assert!(!desk.path("back.wav").exists());
}
