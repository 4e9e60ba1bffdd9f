//! What the playing side promises to the ear: takes at their place, and never a click.

mod tape;

use std::sync::Arc;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use encore::{
    link::{Anchor, CHUNK_FRAMES, MAX_REGIONS, Region, Sound, Transport},
    rt::Controls,
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use tape::{FADE, Tape, growing, largest_step, region, rolling, sample, whole};

/// Aborts the process when `assert_no_alloc` is broken.
#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// Largest step of a full-scale fade over 5 ms, with a little room for the audio's own movement.
const FADE_STEP: f32 = 1.0 / FADE as f32 + 0.03;

fn samples(offsets: std::ops::Range<usize>) -> Vec<f32> {
    offsets.map(sample).collect()
}

#[track_caller]
fn assert_no_click(heard: &[f32]) {
    let step = largest_step(heard);
    assert!(step < FADE_STEP, "a click of {step}");
}

#[test]
fn a_take_plays_at_its_place_sample_for_sample_with_fades_at_both_ends() {
    let mut tape = Tape::new();
    tape.arrange(vec![region(1, -700, whole(20_000))]);

    let heard = tape.play(&rolling(-1_000), 22_000);

    assert_eq!(heard[..300], [0.0; 300], "nothing before its place");
    assert_eq!(heard[300 + FADE..20_300 - FADE - 2], samples(FADE..20_000 - FADE - 2));
    assert!(heard[300 + 20_000..].iter().all(|sample| *sample == 0.0), "nothing after it");
    assert_no_click(&heard);
}

#[test]
fn a_take_that_runs_dry_fades_out_in_time_and_comes_back_at_the_right_place() {
    let mut tape = Tape::new();
    let sound = growing(100_000);
    tape.arrange(vec![region(1, 0, Arc::clone(&sound))]);
    tape::grow(&sound, 8);
    let n_frames = 8 * CHUNK_FRAMES;

    let mut heard = tape.play(&rolling(0), 20_000);
    tape::grow(&sound, 12);
    heard.extend(tape.play(&rolling(20_000), 10_000));

    assert_no_click(&heard);
    assert_eq!(heard[n_frames..20_000], vec![0.0; 20_000 - n_frames]);
    assert_eq!(heard[20_300..30_000], samples(20_300..30_000));
}

#[test]
fn a_take_that_grows_sounds_once_enough_of_it_is_there() {
    let mut tape = Tape::new();
    let sound = growing(100_000);
    tape.arrange(vec![region(1, 0, Arc::clone(&sound))]);

    tape::grow(&sound, 2); // less than a tenth of a second
    let mut heard = tape.play(&rolling(0), 1_000);
    assert_eq!(heard, [0.0; 1_000]);
    tape::grow(&sound, 3);
    heard.extend(tape.play(&rolling(1_000), 1_000));

    assert_eq!(heard[1_000 + FADE..], samples(1_000 + FADE..2_000));
    assert_no_click(&heard);
}

#[test]
fn locating_and_stopping_in_the_middle_do_not_click() {
    let mut tape = Tape::new();
    tape.arrange(vec![region(1, 0, whole(100_000))]);

    let mut heard = tape.play(&rolling(0), 10_000);
    heard.extend(tape.play(&rolling(50_157), 10_000)); // a locate
    let resting = Transport { frames: Some(60_157), ..Transport::default() };
    heard.extend(tape.play(&resting, 1_000));

    assert_no_click(&heard);
    assert_eq!(heard[10_000 + FADE..20_000], samples(50_157 + FADE..60_157), "it fades over");
    assert_eq!(heard[20_000 + FADE..], vec![0.0; 1_000 - FADE]);
}

#[test]
fn a_newer_take_covers_an_older_one_without_a_click() {
    let mut tape = Tape::new();
    let older = region(1, 0, whole(100_000));
    tape.arrange(vec![older.clone()]);
    let mut heard = tape.play(&rolling(0), 10_000);

    tape.arrange(vec![older, region(2, 5_000, whole(100_000))]);
    for block in 0..20 {
        heard.extend(tape.play(&rolling(10_000 + block * 1_000), 1_000));
    }

    assert_no_click(&heard);
    assert_eq!(heard[300..10_000], samples(300..10_000));
    assert_eq!(heard[10_000 + FADE..], samples(5_000 + FADE..25_000));
    assert_eq!(tape.engine.arrangements.tend(), 1, "what is spent comes back");
}

#[test]
fn a_take_sounds_to_the_place_of_the_next_and_fades_over_there() {
    let mut tape = Tape::new();
    let older = Region { n_frames: Some(14_321), ..region(1, 0, whole(100_000)) };
    let newer = Region { takes_over: true, ..region(2, 14_321, whole(100_000)) };
    tape.arrange(vec![older, newer]);

    let heard = tape.play_in(&[64, 1, 999], 0, 20_000);

    assert_no_click(&heard);
    assert_eq!(heard[FADE..14_321], samples(FADE..14_321));
    for (i, heard) in heard[14_321..14_321 + FADE].iter().enumerate() {
        let share = (i + 1) as f32 / FADE as f32;
        let wanted = (1.0 - share) * sample(14_321 + i) + share * sample(i);
        assert!((heard - wanted).abs() < 1e-6, "the input is never heard between them");
    }
    assert_eq!(heard[14_321 + FADE..], samples(FADE..20_000 - 14_321));
}

#[test]
fn a_finer_version_takes_the_place_of_a_coarser_one_where_it_is_ready() {
    let mut tape = Tape::new();
    let (coarse, fine) = (whole(60_000), growing(60_000));
    let finer = Region { gain: 0.5, ..region(1, 0, Arc::clone(&fine)) };
    tape.arrange(vec![region(1, 0, coarse), finer]);

    let mut heard = tape.play(&rolling(0), 10_000);
    tape::grow(&fine, 10);
    heard.extend(tape.play(&rolling(10_000), 20_000));

    assert_no_click(&heard);
    assert_eq!(heard[FADE..10_000], samples(FADE..10_000));
    assert_eq!(heard[15_000], 0.5 * sample(15_000));
    assert_eq!(heard[20_480..], samples(20_480..30_000), "where it ends the coarser one goes on");
    let softest = heard[FADE..].iter().zip(FADE..).map(|(heard, i)| heard / sample(i));
    assert!(softest.fold(1.0, f32::min) > 0.499, "the input is never heard");
}

#[test]
fn a_trimmed_region_plays_its_part_of_the_sound() {
    let mut tape = Tape::new();
    let trimmed = Region { first: 3_000, n_frames: Some(2_000), ..region(1, 500, whole(9_000)) };
    tape.arrange(vec![Region { gain: 2.0, ..trimmed }]);

    let heard = tape.play(&rolling(0), 4_000);

    assert_eq!(heard[..500], [0.0; 500]);
    let doubled = |offsets| samples(offsets).iter().map(|sample| 2.0 * sample).collect::<Vec<_>>();
    assert_eq!(heard[500 + FADE..2_500 - FADE - 2], doubled(3_000 + FADE..5_000 - FADE - 2));
    assert_eq!(heard[2_500..], [0.0; 1_500]);
}

#[test]
fn what_does_not_change_between_arrangements_sounds_on() {
    let mut tape = Tape::new();
    let stays = region(7, 0, whole(100_000));
    tape.arrange(vec![stays.clone()]);
    let mut heard = tape.play(&rolling(0), 5_000);

    for i in 0..50i64 {
        let before = (0..i as u64 % 3).map(|take| region(take, 90_000, whole(100)));
        let trimmed = Region { n_frames: Some(80_000 + i as usize), ..stays.clone() };
        tape.arrange(before.chain([trimmed]).collect());
        heard.extend(tape.play(&rolling(5_000 + i * 100), 100));
    }

    assert_eq!(heard[FADE..], samples(FADE..10_000));
}

#[test]
fn what_is_taken_away_fades_out_and_its_memory_comes_back() {
    let mut tape = Tape::new();
    let sound = whole(100_000);
    tape.arrange(vec![region(1, 0, Arc::clone(&sound))]);
    let mut heard = tape.play(&rolling(0), 10_000);

    tape.arrange(Vec::new());
    heard.extend(tape.play(&rolling(10_000), 1_000));
    heard.extend(tape.play(&rolling(11_000), 1));

    assert_no_click(&heard);
    assert_eq!(heard[10_000 + FADE..], vec![0.0; 1_001 - FADE]);
    assert_eq!(tape.engine.arrangements.tend(), 1);
    assert_eq!(Arc::strong_count(&sound), 1);
}

#[test]
fn muted_takes_fade_out_and_come_back_at_their_place() {
    let mut tape = Tape::new();
    tape.arrange(vec![region(1, 0, whole(100_000))]);
    let mut heard = tape.play(&rolling(0), 5_000);

    tape.controls = Controls { mute_takes: true, ..Controls::default() };
    heard.extend(tape.play(&rolling(5_000), 5_000));
    tape.controls = Controls::default();
    heard.extend(tape.play(&rolling(10_000), 5_000));

    assert_no_click(&heard);
    assert_eq!(heard[5_000 + FADE..10_000], vec![0.0; 5_000 - FADE]);
    assert_eq!(heard[10_000 + FADE..], samples(10_000 + FADE..15_000));
}

#[test]
fn without_a_timeline_a_take_starts_when_enough_of_it_has_arrived() {
    let mut tape = Tape::new();
    tape.play(&Transport::default(), 5_000);
    let sound = growing(20_000);
    tape::grow(&sound, 1);
    let placeless = region(1, 0, Arc::clone(&sound));
    tape.arrange(vec![Region { anchor: Anchor::OnArrival, ..placeless }]);
    tape.play(&Transport::default(), 3_000);
    assert_eq!(sound.arrived_at(), None);

    tape::grow(&sound, 4);
    let heard = tape.play(&Transport::default(), 5_000);

    assert_eq!(sound.arrived_at(), Some(8_000));
    assert_eq!(heard[FADE..], samples(FADE..5_000));
}

/// As many regions as there can be, some of them trimmed, covered and louder than others.
fn medley(dice: &mut ChaCha8Rng) -> Vec<Region> {
    let mut up_to = |n: u64| (dice.next_u64() % n) as usize;
    let sounds: Vec<_> = (0..8).map(|_| whole(1 + up_to(30_000))).collect();
    let regions = (0..MAX_REGIONS as u64).map(|take| Region {
        first: up_to(2_000),
        n_frames: (up_to(2) > 0).then(|| up_to(4_000)),
        gain: 0.25 + up_to(4) as f32 / 4.0,
        takes_over: up_to(2) > 0,
        ..region(take, up_to(150_000) as i64 - 10_000, Arc::clone(&sounds[up_to(8)]))
    });
    regions.collect()
}

#[test]
fn many_regions_sound_the_same_through_blocks_of_any_length() {
    for seed in 0..6 {
        let regions = medley(&mut ChaCha8Rng::seed_from_u64(seed));
        let render = |blocks: &[usize]| {
            let mut tape = Tape::new();
            tape.arrange(regions.clone());
            let mut heard = tape.play_in(blocks, -20_000, 100_000);
            heard.extend(tape.play_in(blocks, 55_555, 30_000)); // a locate, and a loop that turns thrice
            for _ in 0..3 {
                heard.extend(tape.play_in(blocks, 12_345, 7_777));
            }
            heard
        };
        let wanted = render(&[512]);

        assert_no_click(&wanted);
        for blocks in [&[1][..], &[64], &[4096, 0, 17], &[333, 1, 8192]] {
            assert!(render(blocks) == wanted, "blocks of {blocks:?} with seed {seed}");
        }
    }
}

#[test]
fn many_regions_lie_at_their_places() {
    let mut tape = Tape::new();
    let regions = medley(&mut ChaCha8Rng::seed_from_u64(99));
    tape.arrange(regions.clone());

    let heard = tape.play(&rolling(-20_000), 200_000);

    // where nothing fades, what is heard is the topmost region
    let top = |frame: i64| {
        let mut above = regions.iter().rev();
        above.find_map(|region| {
            let offset = usize::try_from(frame - region.start()?).ok()?;
            (offset < region.ready().0).then_some((region.take, region.gain, region.first + offset))
        })
    };
    let tops: Vec<_> = (0..heard.len()).map(|i| top(i as i64 - 20_000)).collect();
    let (mut n_compared, mut begun) = (0, 0);
    for run in tops.chunk_by(|a, b| a.map(|top| top.0) == b.map(|top| top.0)) {
        // a third voice waits for one of two fades to end
        for i in begun + 2 * FADE..(begun + run.len()).saturating_sub(FADE + 2) {
            let wanted = tops[i].map_or(0.0, |(_, gain, frame)| gain * sample(frame));
            assert_eq!(heard[i], wanted, "frame {i}");
            n_compared += 1;
        }
        begun += run.len();
    }
    assert!(n_compared > 50_000, "{n_compared}");
}

#[test]
fn whatever_the_host_and_the_engine_do_nothing_clicks() {
    for seed in 0..40 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut up_to = |n: u64| dice.next_u64() % n;
        let mut tape = Tape::new();
        let (mut heard, mut position) = (Vec::new(), 0i64);
        let mut regions: Vec<Region> = Vec::new();
        for _ in 0..600 {
            match up_to(20) {
                0 => position = up_to(200_000) as i64 - 20_000,
                1 | 2 => regions.iter().for_each(|region| tape::grow(&region.sound, 6)),
                3 if up_to(2) == 0 => {
                    let take = regions.last().map_or(1, |last| last.take + 1);
                    let sound = growing(150_000);
                    tape::grow(&sound, 4);
                    regions.push(region(take, up_to(100_000) as i64, sound));
                    tape.arrange(regions.clone());
                }
                4 if !regions.is_empty() => {
                    let which = up_to(regions.len() as u64) as usize;
                    match up_to(4) {
                        0 => drop(regions.remove(which)),
                        1 => regions[which].gain = up_to(5) as f32 / 4.0,
                        2 => regions[which].n_frames = Some(up_to(90_000) as usize),
                        _ => regions[which].first = up_to(9_000) as usize,
                    }
                    tape.arrange(regions.clone());
                }
                5 => tape.controls.mute_takes = up_to(5) == 0,
                _ => {}
            }
            let is_playing = up_to(10) > 0;
            let transport = Transport { playing: is_playing, ..rolling(position) };
            let n_frames = [1, 7, 64, 511, 2_048][up_to(5) as usize];
            heard.extend(tape.play(&transport, n_frames));
            position += if is_playing { n_frames as i64 } else { 0 };
        }
        let step = largest_step(&heard);
        assert!(step < FADE_STEP, "a click of {step} with seed {seed}");
        assert!(heard.iter().any(|sample| *sample > 0.1), "nothing sounded with seed {seed}");
    }
}

#[test]
fn the_audio_thread_neither_allocates_nor_frees_while_arrangements_replace_one_another() {
    let mut tape = Tape::new();
    let mut dice = ChaCha8Rng::seed_from_u64(5);
    let (mut left, mut right) = (vec![0.25; 100], vec![0.25; 100]);
    for i in 0..500i64 {
        for _ in 0..dice.next_u64() % 12 {
            let sounds = medley(&mut dice);
            tape.arrange(sounds.into_iter().take(dice.next_u64() as usize % 40).collect());
        }
        let transport = rolling(i * 100 % 30_000);
        assert_no_alloc(|| tape.audio.process(&mut left, &mut right, &transport, &tape.controls));
    }
}

#[test]
fn where_nothing_sounds_or_all_is_bypassed_the_input_passes_bit_for_bit() {
    let strange = [0.1, -0.0, f32::MIN_POSITIVE / 8.0, f32::NAN, f32::INFINITY, -1e30, 1.0 / 3.0];
    let input: Vec<f32> = strange.into_iter().cycle().take(4_000).collect();
    let bits = |samples: &[f32]| samples.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
    for bypass in [false, true] {
        let mut tape = Tape::new();
        let place = if bypass { 0 } else { 50_000 };
        tape.arrange(vec![region(1, place, whole(10_000))]);
        tape.controls.bypass = bypass;
        for n_frames in [4_000, 0, 1] {
            let (mut left, mut right) = (input[..n_frames].to_vec(), input[..n_frames].to_vec());
            tape.audio.process(&mut left, &mut right, &rolling(0), &tape.controls);
            assert_eq!(bits(&left), bits(&input[..n_frames]));
            assert_eq!(bits(&right), bits(&input[..n_frames]));
        }
    }
}

#[test]
fn no_input_spoils_a_take_that_sounds() {
    let mut tape = Tape::new();
    tape.arrange(vec![region(1, 0, Arc::new(Sound::whole(&[[0.5, -0.5]; 10_000])))]);
    for (first, n_frames) in [(0, 5_000), (5_000, 5_000)] {
        let (mut left, mut right) = (vec![f32::NAN; n_frames], vec![f32::INFINITY; n_frames]);
        tape.audio.process(&mut left, &mut right, &rolling(first), &tape.controls);
        let sounding = if first == 0 { &left[..] } else { &left[..n_frames - FADE - 2] };
        assert!(sounding.iter().all(|sample| (0.0..=0.5).contains(sample)));
    }
}
