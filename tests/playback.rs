//! What the playing side promises to the ear: takes at their place, and never a click.

use encore::{
    link::{self, Anchor, CHUNK_FRAMES, Chunk, EngineEnds, Transport},
    rt::{AudioSide, Controls},
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

const RATE: f64 = 48_000.0;

/// Largest step of a full-scale fade over 5 ms, with a little room for the audio's own movement.
const FADE_STEP: f32 = 1.0 / 240.0 + 0.03;

fn open() -> (AudioSide, EngineEnds) {
    let (audio, engine) = link::open(RATE);
    (AudioSide::new(audio), engine)
}

/// A slow wave that tells every frame of a take apart from its neighbours and never moves fast.
fn sample(offset: usize) -> f32 {
    0.5 + 0.4 * (offset as f32 * 0.01).sin()
}

/// Sends frames `from..to` of a take in chunks; `to` ends it if `is_end`.
fn send(
    engine: &mut EngineEnds,
    take: u64,
    anchor: Anchor,
    chunks: std::ops::Range<usize>,
    end: Option<usize>,
) {
    for index in chunks {
        let first = index * CHUNK_FRAMES;
        let is_last = end.is_some_and(|end| end <= first + CHUNK_FRAMES);
        let last = if is_last { end.unwrap() } else { first + CHUNK_FRAMES };
        let frames = (first..last).map(sample).collect();
        let chunk = Chunk { take, anchor, index, frames, is_last };
        assert!(engine.playback.push(Box::new(chunk)).is_ok());
        if is_last {
            return;
        }
    }
}

fn play(audio: &mut AudioSide, transport: &Transport, n_frames: usize) -> Vec<f32> {
    let (mut left, mut right) = (vec![0.0; n_frames], vec![0.0; n_frames]);
    audio.process(&mut left, &mut right, transport, &Controls::default());
    left
}

fn rolling(frame: i64) -> Transport {
    Transport { playing: true, frames: Some(frame), ..Transport::default() }
}

fn largest_step(heard: &[f32]) -> f32 {
    heard.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
}

#[test]
fn a_take_plays_at_its_place_sample_for_sample_with_fades_at_both_ends() {
    let (mut audio, mut engine) = open();
    send(&mut engine, 1, Anchor::Song(-700), 0..20, Some(20_000));

    let heard = play(&mut audio, &rolling(-1_000), 22_000);

    assert!(heard[..300].iter().all(|sample| *sample == 0.0), "nothing before its place");
    for offset in 240..20_000 - 242 {
        assert_eq!(heard[300 + offset], sample(offset), "frame {offset}");
    }
    assert!(heard[300 + 20_000..].iter().all(|sample| *sample == 0.0), "nothing after it");
    assert!(largest_step(&heard) < FADE_STEP, "a click of {}", largest_step(&heard));
}

#[test]
fn a_take_that_runs_dry_fades_out_in_time_and_comes_back_at_the_right_place() {
    let (mut audio, mut engine) = open();
    let n_frames = 8 * CHUNK_FRAMES;
    send(&mut engine, 1, Anchor::Song(0), 0..8, None);

    let mut heard = play(&mut audio, &rolling(0), 20_000);
    send(&mut engine, 1, Anchor::Song(0), 8..20, None);
    heard.extend(play(&mut audio, &rolling(20_000), 10_000));

    assert!(largest_step(&heard) < FADE_STEP, "a click of {}", largest_step(&heard));
    assert_eq!(heard[n_frames..20_000], vec![0.0; 20_000 - n_frames]);
    assert_eq!(heard[20_300..30_000], (20_300..30_000).map(sample).collect::<Vec<_>>());
}

#[test]
fn locating_and_stopping_in_the_middle_do_not_click() {
    let (mut audio, mut engine) = open();
    send(&mut engine, 1, Anchor::Song(0), 0..60, Some(100_000));

    let mut heard = play(&mut audio, &rolling(0), 10_000);
    heard.extend(play(&mut audio, &rolling(50_157), 10_000)); // a locate
    let resting = Transport { frames: Some(60_157), ..Transport::default() };
    heard.extend(play(&mut audio, &resting, 1_000));

    assert!(largest_step(&heard) < FADE_STEP, "a click of {}", largest_step(&heard));
    assert_eq!(heard[11_000], sample(50_157 + 1_000));
    assert_eq!(heard[20_999], 0.0);
}

#[test]
fn a_newer_take_replaces_an_older_one_without_a_click() {
    let (mut audio, mut engine) = open();
    send(&mut engine, 1, Anchor::Song(0), 0..60, Some(100_000));
    let mut heard = play(&mut audio, &rolling(0), 10_000);

    send(&mut engine, 2, Anchor::Song(5_000), 0..60, Some(100_000));
    for block in 0..20 {
        heard.extend(play(&mut audio, &rolling(10_000 + block * 1_000), 1_000));
    }

    assert!(largest_step(&heard) < FADE_STEP, "a click of {}", largest_step(&heard));
    assert_eq!(heard[29_000], sample(29_000 - 5_000));
    assert!(engine.playback.free_spent() >= 49, "the old take's memory comes back");
}

#[test]
fn a_take_sounds_until_the_place_of_a_newer_one_that_lies_ahead() {
    let (mut audio, mut engine) = open();
    send(&mut engine, 1, Anchor::Song(0), 0..60, Some(100_000));
    let mut heard = play(&mut audio, &rolling(0), 10_000);

    send(&mut engine, 2, Anchor::Song(14_321), 0..60, Some(100_000));
    for block in 0..10 {
        heard.extend(play(&mut audio, &rolling(10_000 + block * 1_000), 1_000));
    }

    assert!(largest_step(&heard) < FADE_STEP, "a click of {}", largest_step(&heard));
    let older = |frames: std::ops::Range<usize>| frames.map(sample).collect::<Vec<_>>();
    assert_eq!(heard[300..14_321 - 250], older(300..14_321 - 250));
    let newer = 14_321 + 250;
    assert_eq!(heard[newer..20_000], older(250..20_000 - 14_321));
}

#[test]
fn retired_takes_fall_silent_and_their_memory_comes_back() {
    let (mut audio, mut engine) = open();
    send(&mut engine, 1, Anchor::Song(0), 0..60, Some(100_000));
    let mut heard = play(&mut audio, &rolling(0), 10_000);

    engine.signals.retire_below(2);
    for block in 0..5 {
        heard.extend(play(&mut audio, &rolling(10_000 + block * 1_000), 1_000));
    }

    assert!(largest_step(&heard) < FADE_STEP, "a click of {}", largest_step(&heard));
    assert_eq!(heard[14_999], 0.0);
    assert_eq!(engine.playback.free_spent(), 49);
}

#[test]
fn without_a_timeline_a_take_starts_when_it_arrives() {
    let (mut audio, mut engine) = open();
    play(&mut audio, &Transport::default(), 5_000);
    send(&mut engine, 1, Anchor::OnArrival, 0..5, Some(10_000));

    let heard = play(&mut audio, &Transport::default(), 10_000);

    assert_eq!(heard[1_000], sample(1_000));
}

#[test]
fn whatever_the_host_and_the_engine_do_nothing_clicks() {
    for seed in 0..40 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut up_to = |n: u64| dice.next_u64() % n;
        let (mut audio, mut engine) = open();
        let (mut heard, mut position, mut take, mut n_sent) = (Vec::new(), 0i64, 0, 0);
        for _ in 0..600 {
            match up_to(20) {
                0 => position = up_to(200_000) as i64 - 20_000,
                1 | 2 if take > 0 => {
                    send(&mut engine, take, Anchor::Song(0), n_sent..n_sent + 6, Some(150_000));
                    n_sent += 6;
                }
                3 if up_to(4) == 0 => {
                    (take, n_sent) = (take + 1, 4);
                    send(&mut engine, take, Anchor::Song(0), 0..4, None);
                }
                4 => engine.signals.retire_below(take),
                _ => {}
            }
            if n_sent * CHUNK_FRAMES > 150_000 {
                (take, n_sent) = (take + 1, 0);
            }
            let is_playing = up_to(10) > 0;
            let transport = Transport { playing: is_playing, ..rolling(position) };
            let n_frames = [1, 7, 64, 511, 2_048][up_to(5) as usize];
            heard.extend(play(&mut audio, &transport, n_frames));
            position += if is_playing { n_frames as i64 } else { 0 };
            engine.playback.free_spent();
        }
        let step = largest_step(&heard);
        assert!(step < FADE_STEP, "a click of {step} with seed {seed}");
        assert!(heard.iter().any(|sample| *sample > 0.1), "nothing sounded with seed {seed}");
    }
}
