//! What Encore promises in every format. Each function is one promise.

use std::time::{Duration, Instant};

use encore::params::{Kind, ParamId, TABLE};

use super::{Format, Instance, Play, Played, Song, level, noise, silence};

/// Longest time that taking an instance away may take, whatever it is doing.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a short take is made with: `(host id, plain value)`.
const SHORT_TAKE: [(ParamId, f64); 3] =
    [(ParamId::PrimeSeconds, 1.0), (ParamId::LengthSeconds, 1.0), (ParamId::Seed, 7.0)];

pub fn every_parameter_is_listed_with_its_range(format: &dyn Format) {
    let params = format.open().params();

    assert_eq!(params.len(), TABLE.len());
    for (found, wanted) in params.iter().zip(&TABLE) {
        assert_eq!((found.id, found.name.as_str()), (wanted.host_id, wanted.name));
        assert_eq!((found.min, found.max), (wanted.min, wanted.max), "{}", wanted.name);
        assert!((found.default - wanted.default).abs() < 1e-9, "{}", wanted.name);
        assert_eq!(found.is_bypass, wanted.kind == Kind::Bypass);
    }
}

pub fn every_value_reads_as_text_and_back(format: &dyn Format) {
    let mut encore = format.open();

    for p in &TABLE {
        for share in [0.0, 0.3, 0.5, 0.77, 1.0] {
            let shown = encore.text(p.host_id, p.plain(share)).expect("every value has a text");
            let read = encore.parse(p.host_id, &shown).expect("every text has a value");
            assert_eq!(encore.text(p.host_id, read), Some(shown), "{}", p.name);
        }
    }
    assert_eq!(encore.parse(ParamId::OutputGain.param().host_id, "six"), None);
    assert_eq!(encore.text(9999, 0.0), None);
}

pub fn artists_have_names_once_the_pack_is_there(format: &dyn Format) {
    let mut encore = format.open();
    let begun = Instant::now();

    while encore.n_rescans() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the host was never told");
        encore.main_thread();
        std::thread::sleep(Duration::from_millis(10));
    }

    let artist = ParamId::Artist.param().host_id;
    let named = encore.text(artist, 1.0).expect("every value has a text");
    let name = named.strip_prefix("1: ").expect("a name");
    assert_eq!(encore.parse(artist, &name.to_uppercase()), Some(1.0));
}

pub fn audio_passes_bit_for_bit(format: &dyn Format) {
    let sizes = [vec![1], vec![7, 64, 333, 2], vec![8192], vec![4096, 1, 1023]];
    let songs =
        [Song::Nothing, Song::Rests(48_000), Song::Rolls(-1776), Song::Rolls(i64::from(i32::MAX))];
    for rate in [44_100.0, 48_000.0, 88_200.0, 96_000.0, 192_000.0] {
        for (blocks, song) in sizes.iter().zip(songs) {
            let play =
                Play { rate, blocks: blocks.clone(), n_frames: 12_000, song, ..Play::default() };

            let played = format.open().play(&play);

            assert_passed(&play, &played, 0..play.n_frames);
        }
    }
}

pub fn odd_rates_pass_too(format: &dyn Format) {
    for rate in [1234.5678, 8_000.0, 22_050.0, 768_000.0, 1_200_000.0] {
        let play = Play { rate, n_frames: 3000, ..Play::default() };
        let played = format.open().play(&play);
        assert_passed(&play, &played, 0..play.n_frames);
    }
}

pub fn automation_is_heard_from_its_own_frame(format: &dyn Format) {
    for (blocks, at) in [(vec![512], 1234), (vec![64], 1280), (vec![1], 5), (vec![4096], 4095)] {
        let events = vec![(at, ParamId::OutputGain.param().host_id, -60.0)];
        let play = Play { blocks, n_frames: 6000, events, input: level, ..Play::default() };

        let played = format.open().play(&play);

        assert_eq!(played.left.iter().position(|s| *s != 0.5), Some(at));
        assert_eq!(played.right.iter().position(|s| *s != 0.5), Some(at));
    }
}

pub fn bypass_passes_bit_for_bit_with_the_output_turned_down(format: &dyn Format) {
    let mut encore = format.open();
    let [gain, bypass] = [ParamId::OutputGain, ParamId::Bypass].map(|id| id.param().host_id);
    let play = Play {
        events: vec![(0, gain, -20.0), (2000, bypass, 1.0)],
        n_frames: 6000,
        ..Play::default()
    };

    let played = encore.play(&play);

    assert!((played.left[1500] / noise(1500)[0] - 0.1).abs() < 1e-4);
    assert_passed(&play, &played, 4000..6000);
    assert_eq!(encore.value(bypass), 1.0);
}

pub fn a_project_reopens_as_it_was_saved(format: &dyn Format) {
    let mut saved = format.open();
    let events = [
        (ParamId::Artist, 3.0),
        (ParamId::Temperature, 1.0 / 3.0),
        (ParamId::LengthSeconds, 12.5),
        (ParamId::Bypass, 1.0),
        (ParamId::OutputGain, -7.25),
    ];
    let events = events.map(|(id, value)| (0, id.param().host_id, value)).to_vec();
    saved.play(&Play { events: events.clone(), n_frames: 512, ..Play::default() });
    let state = saved.save(usize::MAX);
    assert_eq!(saved.save(7), state);

    for n_piece in [7, 1, 1 << 20] {
        let mut opened = format.open();
        assert!(opened.load(&state, n_piece));
        assert_eq!(opened.save(1 << 20), state);
        for (_, id, value) in &events {
            assert!((opened.value(*id) - value).abs() < 1e-6);
        }
    }
}

pub fn a_damaged_state_changes_nothing(format: &dyn Format) {
    let mut encore = format.open();
    let seed = ParamId::Seed.param().host_id;
    encore.play(&Play { events: vec![(0, seed, 99.0)], n_frames: 64, ..Play::default() });
    let state = encore.save(1 << 20);

    for n in 0..state.len() {
        let is_used = encore.load(&state[..n], 5); // the settings come first and may be whole
        assert!(!is_used || state.len() * 3 / 4 < n, "{n} bytes of {}", state.len());
        assert_eq!(encore.value(seed), 99.0);
    }
    assert!(!encore.load(b"garbage garbage garbage", 7));
    assert!(!encore.load(&[0xFF; 5000], 64));
    assert!(!encore.load(br#"{"encore_state": 99, "params": {"9": 5}}"#, 64));

    assert_eq!(encore.value(seed), 99.0);
    assert_eq!(encore.save(1 << 20), state);
}

pub fn the_host_looks_again_after_loading(format: &dyn Format) {
    let mut encore = format.open();
    let state = encore.save(1 << 20);
    let before = encore.n_rescans();

    assert!(encore.load(&state, 64));
    encore.main_thread();

    assert!(encore.n_rescans() > before);
}

pub fn continue_by_automation_sounds_on_the_timeline(format: &dyn Format) {
    for (rate, start) in [(48_000.0, 96_000), (44_100.0, -50_001)] {
        let mut encore = format.open();
        encore.set_offline(true);
        let seam = 2 * rate as usize + 77;
        let play = Play { song: Song::Rolls(start), ..short_take(rate, seam) };
        let take = seam..seam + rate as usize;

        let first = encore.play(&play);

        assert_passed(&play, &first, 0..seam);
        assert!(loudness(&first.left[take.clone()]) > 1e-3, "there is no take");
        assert_eq!(first.left[take.clone()], first.right[take.clone()]);
        assert!(loudness(&first.left[take.end + 2048..]) == 0.0, "the take does not end");
        let continue_id = ParamId::Continue.param().host_id;
        assert_eq!(first.told, [(seam, continue_id, 0.0)], "the trigger falls back once");
        assert_eq!(encore.value(continue_id), 0.0);

        // it stays at its place in the song, from wherever the song is played
        let half = take.start + take.len() / 2;
        let again = encore.play(&Play {
            song: Song::Rolls(start + half as i64),
            n_frames: take.end - half,
            blocks: vec![100],
            events: vec![],
            input: silence,
            ..play
        });
        assert_eq!(again.left[1024..], first.left[half + 1024..take.end]);
    }
}

pub fn a_host_without_a_transport_hears_its_take(format: &dyn Format) {
    let mut encore = format.open();
    encore.set_offline(true);
    let seam = 96_000;
    let play = Play { song: Song::Nothing, ..short_take(48_000.0, seam) };

    let played = encore.play(&play);

    assert_passed(&play, &played, 0..seam);
    assert!(loudness(&played.left[seam..seam + 48_000]) > 1e-3, "there is no take");
}

pub fn a_held_automation_value_composes_once(format: &dyn Format) {
    let mut encore = format.open();
    let id = ParamId::Continue.param().host_id;
    let play = Play {
        events: (0..200).map(|block| (block * 512, id, 1.0)).collect(),
        n_frames: 200 * 512,
        ..Play::default()
    };

    let played = encore.play(&play);

    assert_eq!(played.told, [(0, id, 0.0)]);
}

pub fn an_instance_goes_away_at_once_while_it_composes(format: &dyn Format) {
    for n_frames in [64, 4096, 60_000] {
        let mut encore = composing(format, 48_000.0);
        encore.play(&Play { n_frames, ..Play::default() });

        assert_goes_at_once(encore);
    }
}

pub fn sixteen_instances_compose_and_leave_in_any_order(format: &dyn Format) {
    let mut encores: Vec<_> = (0..16).map(|_| composing(format, 48_000.0)).collect();

    for step in [5, 11, 2, 7, 0, 3, 9, 1, 4, 2, 3, 0, 2, 1, 0, 0] {
        let leaving = encores.remove(step % encores.len());
        assert_goes_at_once(leaving);
        for encore in &mut encores {
            let play = Play { n_frames: 512, ..Play::default() };
            encore.main_thread();
            encore.play(&play);
        }
    }
}

pub fn the_sample_rate_may_change_while_composing(format: &dyn Format) {
    let mut encore = composing(format, 48_000.0);

    let play = Play { rate: 96_000.0, n_frames: 9600, song: Song::Rests(0), ..Play::default() };
    let played = encore.play(&play);
    assert_passed(&play, &played, 0..play.n_frames);

    encore.set_offline(true);
    let seam = 96_000 * 3 / 2;
    let play = Play { song: Song::Rolls(1_000_000), ..short_take(96_000.0, seam) };
    let played = encore.play(&play);
    assert!(loudness(&played.left[seam..seam + 96_000]) > 1e-3, "there is no take");
}

/// A song of a second and a half of noise, then silence, with a take asked for at `seam`.
fn short_take(rate: f64, seam: usize) -> Play {
    let settings = SHORT_TAKE.map(|(id, value)| (0, id.param().host_id, value));
    let ask = (seam, ParamId::Continue.param().host_id, 1.0);
    Play {
        rate,
        n_frames: seam + (1.5 * rate) as usize,
        blocks: vec![512, 256, 1000],
        events: settings.into_iter().chain([ask]).collect(),
        input: phrase,
        ..Play::default()
    }
}

/// Something to continue: two tones, then silence from a second and a quarter (at 48 kHz) on.
fn phrase(frame: usize) -> [f32; 2] {
    let tone = |hz: f32| (frame as f32 * hz * std::f32::consts::TAU / 48_000.0).sin();
    if frame < 60_000 { [0.3 * tone(220.0), 0.3 * tone(330.0)] } else { [0.0; 2] }
}

/// An instance that was asked for a long take in real time and has just begun.
fn composing(format: &dyn Format, rate: f64) -> Box<dyn Instance> {
    let mut encore = format.open();
    let settings = [(ParamId::PrimeSeconds, 2.0), (ParamId::LengthSeconds, 60.0)];
    let settings = settings.map(|(id, value)| (0, id.param().host_id, value));
    let ask = (30_000, ParamId::Continue.param().host_id, 1.0);
    encore.play(&Play {
        rate,
        n_frames: 40_000,
        events: settings.into_iter().chain([ask]).collect(),
        input: phrase,
        ..Play::default()
    });
    encore
}

fn assert_goes_at_once(encore: Box<dyn Instance>) {
    let start = Instant::now();
    drop(encore);
    let taken = start.elapsed();
    assert!(taken < PATIENCE, "it took {taken:?} to go");
}

#[track_caller]
fn assert_passed(play: &Play, played: &Played, frames: std::ops::Range<usize>) {
    for i in frames {
        let heard = [played.left[i], played.right[i]];
        assert_eq!(heard, (play.input)(i), "frame {i} at {} Hz", play.rate);
    }
}

/// Root of the mean square.
fn loudness(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

/// Makes one test of each promise, for the format that `$open` loads.
#[macro_export]
macro_rules! keeps {
    ($open:expr => $($promise:ident),+ $(,)?) => {
        $(#[test] fn $promise() { hosts::promises::$promise(&$open); })+
    };
}
