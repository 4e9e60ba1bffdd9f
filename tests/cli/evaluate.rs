//! `encore evaluate` judges a pack on a corpus, and says what is missing where it cannot.

use std::path::Path;

use encore::corpus::listing::{Artist, Listing, SongEntry, SongLabels};
use encore::takes::wav;

use crate::{Desk, TINY_RATE, text};

/// Two songs of each artist, one of them held out: a pulse on two notes.
pub fn write_corpus(dir: &Path, artists: &[&str], seconds: f64) {
    std::fs::create_dir_all(dir).unwrap();
    let rate = f64::from(TINY_RATE);
    let mut songs = Vec::new();
    for (a, artist) in artists.iter().enumerate() {
        for (held_out, hz) in [(false, 220.0), (true, 330.0)] {
            let sample = |i: usize| {
                let (t, beat) = (i as f64 / rate, (i as f64 / rate * 2.0).fract());
                let tone = (std::f64::consts::TAU * hz * (a + 1) as f64 * t).sin();
                (0.4 * tone * (-6.0 * beat).exp()) as f32
            };
            let audio: Vec<f32> = (0..(seconds * rate) as usize).map(sample).collect();
            let file = format!("{artist}-{held_out}.wav");
            wav::write(&dir.join(&file), &audio, TINY_RATE).unwrap();
            let labels = SongLabels {
                title: "Pulse".into(),
                artist: (*artist).into(),
                genre: "pulse".into(),
                seed: 0,
                tempo_bpm: 120.0,
                beats_per_bar: 4,
                tonic: 0,
                mode: "minor".into(),
                sections: Vec::new(),
                lyrics: None,
            };
            labels.write_beside(&dir.join(&file)).unwrap();
            songs.push(SongEntry { file, artist: (*artist).into(), seconds, held_out });
        }
    }
    let artist = |name: &&str| Artist { name: (*name).into(), genre: "pulse".into() };
    let artists = artists.iter().map(artist).collect();
    let credits = Vec::new();
    Listing { seed: 1, sample_rate: TINY_RATE, artists, songs, credits }.write(dir).unwrap();
}

#[test]
fn an_evaluation_has_its_figures_takes_and_pictures_and_comes_again() {
    let desk = Desk::new();
    write_corpus(&desk.path("songs"), &["Ada", "Grace"], 16.0);
    let line = "evaluate tiny --corpus songs --takes 3 --seconds 0.5 --seed 7";

    let figures = desk.json(&format!("{line} --out a"));
    let again = desk.json(&format!("{line} --out b"));

    assert_eq!(figures, again);
    assert_eq!(figures["takes"], 3);
    assert!(figures["spectral_convergence_db"]["0"].is_number(), "{figures}");
    let share = figures["codebook_use"]["0"].as_f64().unwrap();
    assert!(0.0 < share && share <= 1.0);
    let bits = &figures["bits_per_token"];
    assert!(
        bits["prior"].as_f64().unwrap() > bits["order2"].as_f64().unwrap(),
        "of random weights"
    );
    for name in ["take-01.wav", "take-03.png", "confusion.png", "evaluation.json"] {
        assert_eq!(desk.bytes(&format!("a/{name}")), desk.bytes(&format!("b/{name}")), "{name}");
    }
}

#[test]
fn artists_that_the_pack_does_not_know_are_left_out_by_name_and_refused_where_nobody_is_left() {
    let desk = Desk::new();
    write_corpus(&desk.path("strangers"), &["Nobody", "Somebody"], 1.0);
    write_corpus(&desk.path("short"), &["Ada", "Nobody"], 1.0);

    let strangers = desk.refusal("evaluate tiny --corpus strangers --out out");
    let short = desk.encore("evaluate tiny --corpus short --out out");

    assert!(strangers.contains("Nobody, Somebody"), "{strangers}");
    let short = text(&short.stderr);
    assert!(short.contains("Nobody, who are left out") && short.contains("longer than"), "{short}");
}

#[test]
fn folders_without_music_are_refused() {
    let desk = Desk::new();
    write_corpus(&desk.path("songs"), &["Ada"], 1.0);
    std::fs::create_dir(desk.path("empty")).unwrap();

    let corpus = desk.refusal("evaluate tiny --corpus empty --out out");
    let unseen = desk.refusal("evaluate tiny --corpus songs --unseen empty --out out");

    assert!(corpus.contains("corpus.json"), "{corpus}");
    assert!(unseen.contains("no WAV files"), "{unseen}");
}
