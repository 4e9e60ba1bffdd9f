//! The whole path without a host: audio in, a continuation of it out, at its place on the timeline.

mod asked;

use std::time::Duration;

use encore::{
    engine::{Engine, Instance},
    link::{self, Command, ModelStatus, Phase, Settings, Transport},
    rt::{AudioSide, Controls},
};

use asked::settings;

const RATE: f64 = 48_000.0;
const BLOCK: usize = 512;

/// Frames after a seam in which an older take may still be fading out and the new one in.
const FADE: usize = 4 * BLOCK;

fn first_difference(a: &[f32], b: &[f32]) -> Option<usize> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).position(|(a, b)| a != b)
}

/// An instance with the starter pack loaded, and its audio side.
fn instance() -> (Instance, AudioSide) {
    // SAFETY: every test sets the same value, before any thread of the engine reads it.
    unsafe { std::env::set_var("ENCORE_PACKS", concat!(env!("CARGO_MANIFEST_DIR"), "/models")) };
    let instance = Instance::new(&Engine::shared(), Box::new(|| ()));
    let (audio_ends, engine_ends) = link::open(RATE);
    instance.attach(engine_ends);
    wait_until(|| matches!(instance.status().model, ModelStatus::Ready(_)));
    (instance, AudioSide::new(audio_ends))
}

/// Waits for something that takes as long as the machine needs.
fn wait_until(done: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing happened for two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn tone(frame: i64) -> f32 {
    (frame as f32 * 0.03).sin() * 0.3
}

/// Rolls from `start` for `n_frames` with a tone as input; returns what came out on the left.
fn roll(audio: &mut AudioSide, start: i64, n_frames: usize, controls: &Controls) -> Vec<f32> {
    let mut heard = Vec::new();
    while heard.len() < n_frames {
        let at = start + heard.len() as i64;
        let n = BLOCK.min(n_frames - heard.len());
        let mut left: Vec<f32> = (0..n as i64).map(|i| tone(at + i)).collect();
        let mut right = left.clone();
        let transport = Transport { playing: true, frames: Some(at), ..Transport::default() };
        audio.process(&mut left, &mut right, &transport, controls);
        assert_eq!(left, right);
        heard.extend(left);
    }
    heard
}

#[test]
fn an_offline_render_holds_the_continuation_from_its_first_frame_to_its_last() {
    let (instance, mut audio) = instance();
    let offline = Controls { offline: true, ..Controls::default() };
    let (n_prime, n_take) = (72_001, 48_000);

    let prime = roll(&mut audio, -1776, n_prime, &offline);
    let seam = -1776 + n_prime as i64;
    audio.ask_continue(settings());
    let take = roll(&mut audio, seam, n_take, &offline);
    let after = roll(&mut audio, seam + n_take as i64, 4800, &offline);

    let dry = |start: i64, n: usize| (start..start + n as i64).map(tone).collect::<Vec<_>>();
    let difference = first_difference(&prime, &dry(-1776, n_prime));
    assert_eq!(difference, None, "the input passes bit for bit");
    let difference = first_difference(&after, &dry(seam + n_take as i64, 4800));
    assert_eq!(difference, None, "and again after the take");
    let input = dry(seam, n_take);
    let n_replaced = take.iter().zip(&input).filter(|(out, dry)| out != dry).count();
    assert!(n_replaced > n_take * 98 / 100, "only {n_replaced} frames are not the input");
    assert!(take[0] != input[0], "it begins to fade in at the seam itself");
    let step = take[..480].windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    assert!(step < 0.05, "a step of {step} at the seam");
    wait_until(|| instance.status().phase == Phase::Idle);
    let status = instance.status();
    let told = status.take.as_ref().unwrap();
    assert!(told.is_complete && told.seam_frame == seam, "{told:?}");
}

#[test]
fn an_offline_render_faster_than_the_engine_listens_loses_nothing() {
    let (instance, mut audio) = instance();
    let offline = Controls { offline: true, ..Controls::default() };

    roll(&mut audio, 0, 30 * 48_000, &offline); // far more than the ring holds
    audio.ask_continue(settings());
    roll(&mut audio, 30 * 48_000, 48_000, &offline);

    let seam = instance.status().take.as_ref().map(|take| take.seam_frame);
    assert_eq!(seam, Some(30 * 48_000));
}

#[test]
fn a_take_sounds_again_whenever_the_song_passes_it() {
    let (instance, mut audio) = instance();
    let offline = Controls { offline: true, ..Controls::default() };
    roll(&mut audio, 0, 60_000, &offline);
    audio.ask_continue(settings());
    let first = roll(&mut audio, 60_000, 48_000, &offline);
    wait_until(|| instance.status().phase == Phase::Idle);

    roll(&mut audio, 0, 6_000, &offline); // elsewhere in the song
    let again = roll(&mut audio, 59_488, 48_512, &Controls::default());

    assert_eq!(first_difference(&first[FADE..], &again[512 + FADE..]), None);
}

#[test]
fn the_same_request_gives_the_same_take_and_another_seed_another() {
    let (_instance, mut audio) = instance();
    let offline = Controls { offline: true, ..Controls::default() };
    let takes = [3, 3, 4].map(|seed| {
        roll(&mut audio, 0, 60_000, &offline);
        audio.ask_continue(Settings { seed, ..settings() });
        roll(&mut audio, 60_000, 48_000, &offline)
    });

    assert_eq!(first_difference(&takes[0][FADE..], &takes[1][FADE..]), None);
    assert_ne!(first_difference(&takes[0][FADE..], &takes[2][FADE..]), None);
}

#[test]
fn asking_with_nothing_heard_is_answered_in_words() {
    let (instance, mut audio) = instance();

    instance.send(Command::Continue(settings()));
    wait_until(|| instance.status().notice.is_some());

    let notice = instance.status().notice.clone().unwrap();
    assert!(notice.text.contains("nothing has been heard"), "{}", notice.text);
    roll(&mut audio, 0, 512, &Controls { offline: true, ..Controls::default() }); // and nothing waits
}

#[test]
fn an_artist_the_pack_does_not_have_is_answered_in_words() {
    let (instance, mut audio) = instance();
    let offline = Controls { offline: true, ..Controls::default() };
    roll(&mut audio, 0, 60_000, &offline);

    audio.ask_continue(Settings { artist: 4000, ..settings() });
    let out = roll(&mut audio, 60_000, 4_800, &offline);

    let input: Vec<_> = (60_000..64_800).map(tone).collect();
    assert_eq!(first_difference(&out, &input), None);
    wait_until(|| instance.status().notice.is_some());
    let notice = instance.status().notice.clone().unwrap();
    assert!(notice.text.contains("4000"), "{}", notice.text);
}

#[test]
fn another_sample_rate_ends_the_take_with_a_notice() {
    let (instance, mut audio) = instance();
    roll(&mut audio, 0, 60_000, &Controls::default());
    audio.ask_continue(Settings { length_seconds: 60.0, ..settings() });
    roll(&mut audio, 60_000, 512, &Controls::default());
    wait_until(|| matches!(instance.status().phase, Phase::Composing(_)));

    let (_audio_ends, engine_ends) = link::open(96_000.0);
    instance.attach(engine_ends);

    let says = |words: &str| {
        instance.status().notice.as_ref().is_some_and(|notice| notice.text.contains(words))
    };
    wait_until(|| says("sample rate"));
    wait_until(|| instance.status().phase == Phase::Idle);
}

#[test]
fn stopping_keeps_what_exists() {
    let (instance, mut audio) = instance();
    roll(&mut audio, 0, 60_000, &Controls::default());
    audio.ask_continue(Settings { length_seconds: 60.0, ..settings() });
    roll(&mut audio, 60_000, 512, &Controls::default());
    let is_sounding =
        |i: &Instance| i.status().take.as_ref().is_some_and(|t| t.first_frame_ms.is_some());
    wait_until(|| is_sounding(&instance));

    instance.send(Command::Stop);

    wait_until(|| instance.status().take.as_ref().is_some_and(|take| take.is_complete));
    let peaks = &instance.status().take.as_ref().unwrap().waveform.peaks.clone();
    assert!(!peaks.is_empty() && peaks.len() < 6000);
}

#[test]
fn instances_can_go_in_any_order_while_they_compose() {
    let mut all: Vec<_> = (0..8).map(|_| instance()).collect();
    for (instance, audio) in &mut all {
        roll(audio, 0, 60_000, &Controls::default());
        instance.send(Command::Continue(settings()));
    }
    for i in [3, 0, 4, 1, 1, 0] {
        drop(all.remove(i));
    }
    wait_until(|| all.iter().all(|(i, _)| i.status().take.as_ref().is_some_and(|t| t.is_complete)));
}
