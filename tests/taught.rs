//! An artist that was taught to a pack is listed in the editor and plays in the plugin's engine, and the
//! pack's own artists play as if there were none.

mod asked;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use encore::engine::{Engine, Instance};
use encore::link::{self, ModelStatus, Phase, Settings, Transport};
use encore::pack::taught::{Card, TAUGHT_FORMAT_VERSION, write};
use encore::pack::{FileEntry, Pack};
use encore::rt::{AudioSide, Controls};

use asked::settings;

const RATE: f64 = 48_000.0;
const BLOCK: usize = 512;

/// Frames after a seam in which an older take may still be fading out and the new one in.
const FADE: usize = 4 * BLOCK;

/// One of the pack's own artists, whose genre is also the taught one's.
const OWN: u32 = 4;
const MATRIX: &str = "prior.transformer._attn_mods.4.mlp.c_fc.w";

/// The starter pack in a folder of its own, with an artist beside it; returns the artist's id.
fn teach(folder: &Path) -> u32 {
    let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/starter");
    fs::create_dir_all(folder).unwrap();
    for entry in fs::read_dir(starter).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    let pack = Pack::open(folder).unwrap();
    let (prior, own) = (pack.prior_config(1).unwrap(), pack.labels());
    let w = prior.width;
    let mira = prior.labels.as_ref().unwrap().artist_bins as u32;
    let genre = own.genre_of(OWN).and_then(|id| own.genre_name(id)).unwrap();
    let numbers = |shape: &[usize]| {
        let n: usize = shape.iter().product();
        let values = (0..n).map(|i| ((i * 37) % 101) as f32 / 500.0 - 0.1);
        Tensor::from_vec(values.collect::<Vec<f32>>(), shape, &Device::Cpu).unwrap()
    };
    let tensors = BTreeMap::from([
        ("y_emb.artist".to_owned(), numbers(&[w])),
        (format!("{MATRIX}.a"), numbers(&[w, 4])),
        (format!("{MATRIX}.b"), numbers(&[4, w])),
    ]);
    let card = Card {
        format_version: TAUGHT_FORMAT_VERSION,
        artist: "Mira".into(),
        genre: Some(genre.into()),
        artist_id: mira,
        pack: pack.hash(),
        level: 1,
        rank: 4,
        scale: 1.0,
        audio_seconds: 600.0,
        n_steps: 1,
        file: FileEntry { sha256: String::new(), bytes: 0 },
    };
    write(&pack, &card, &tensors).unwrap();
    mira
}

fn wait_until(done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing happened for two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn roll(audio: &mut AudioSide, start: i64, n_frames: usize) -> Vec<f32> {
    let offline = Controls { offline: true, ..Controls::default() };
    let mut heard = Vec::new();
    while heard.len() < n_frames {
        let at = start + heard.len() as i64;
        let n = BLOCK.min(n_frames - heard.len());
        let tone = |i: i64| ((at + i) as f32 * 0.03).sin() * 0.3;
        let mut left: Vec<f32> = (0..n as i64).map(tone).collect();
        let mut right = left.clone();
        let transport = Transport { playing: true, frames: Some(at), ..Transport::default() };
        audio.process(&mut left, &mut right, &transport, &offline);
        heard.extend(left);
    }
    heard
}

#[test]
fn a_taught_artist_plays_between_takes_of_the_packs_own() {
    let dir = tempfile::tempdir().unwrap();
    let mira = teach(&dir.path().join("starter"));
    // SAFETY: this is the only test of its process, and no thread of the engine runs yet.
    unsafe { std::env::set_var("ENCORE_PACKS", dir.path()) };
    let instance = Instance::new(&Engine::shared(), Box::new(|| ()));
    let (audio_ends, engine_ends) = link::open(RATE);
    instance.attach(engine_ends);
    wait_until(|| matches!(instance.status().model, ModelStatus::Ready(_)));
    let mut audio = AudioSide::new(audio_ends);
    let ModelStatus::Ready(summary) = &instance.status().model else { return };
    assert_eq!(summary.folder, dir.path().join("starter"));
    let genre = summary.labels.genre_of_artist[OWN as usize].unwrap();
    let own_name = &summary.labels.artists[OWN as usize];
    assert_eq!(summary.labels.artists[mira as usize], "Mira");
    assert_eq!(summary.labels.genre_of_artist[mira as usize], Some(genre));

    let mut take = |artist: u32| {
        roll(&mut audio, 0, 60_000);
        audio.ask_continue(Settings { artist, genre, ..settings() });
        let take = roll(&mut audio, 60_000, 48_000);
        wait_until(|| instance.status().phase == Phase::Idle);
        (take, instance.status().take.as_ref().unwrap().artist.clone())
    };
    let [own, taught, again, taught_again] = [OWN, mira, OWN, mira].map(&mut take);

    assert_eq!((own.1.as_str(), taught.1.as_str()), (own_name.as_str(), "Mira"));
    let [own, taught, again, taught_again] =
        [own, taught, again, taught_again].map(|(heard, _)| heard[FADE..].to_vec());
    let difference = own.iter().zip(&again).position(|(a, b)| a != b);
    assert_eq!(difference, None, "the pack's own artist plays the same after a taught one");
    assert!(taught == taught_again && taught != own);
    assert!(instance.status().notice.is_none(), "{:?}", instance.status().notice);
}
