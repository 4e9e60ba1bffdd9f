//! Renders without an engine: how long the audio thread waits for what was promised, and when it does not.

mod tape;

use std::{sync::Arc, time::Duration};

use encore::{
    link::{Region, Settings, TakeOver},
    rt::Controls,
};
use tape::{FADE, Tape, growing, region, rolling, sample, whole};

fn settings() -> Settings {
    Settings {
        artist: 0,
        genre: 0,
        prime_seconds: 1.0,
        length_seconds: 1.0,
        temperature: 1.0,
        top_p: 1.0,
        seed: 0,
        n_takes: 1,
        song_seconds: 0.0,
        take_over: TakeOver::AtOnce,
    }
}

/// A tape that has rolled for three seconds, so fast.
fn rolled(mut tape: Tape, speed: f64, offline: bool) -> Tape {
    tape.speed = speed;
    tape.controls = Controls { offline, ..Controls::default() };
    tape.play_in(&[480], 0, 144_000);
    tape.engine.capture.read(tape.engine.capture.n_ready(), |_| ());
    tape
}

/// Asks at 3 s for a take that is promised and never made; how long the next block took.
fn waited_in_vain(tape: &mut Tape) -> Duration {
    tape.audio.ask_continue(settings());
    tape.engine.signals.make_promise(1, 144_000, 192_000);
    let begun = tape.time.elapsed();
    tape.play(&rolling(144_000), 480);
    tape.time.elapsed() - begun
}

#[test]
fn a_render_waits_a_minute_for_what_does_not_come_and_then_goes_on() {
    for (speed, offline) in [(20.0, false), (1.0, true), (20.0, true)] {
        let mut tape = rolled(Tape::new(), speed, offline);

        let waited = waited_in_vain(&mut tape);
        let begun = tape.time.elapsed();
        tape.play(&rolling(144_480), 480);

        assert!((60.0..60.1).contains(&waited.as_secs_f64()), "{waited:?}");
        assert!(tape.time.elapsed() - begun < Duration::from_millis(20), "once is enough");
        assert!(tape.engine.signals.take_gave_up());
        assert_eq!(tape.engine.signals.take_waits(), !offline, "only what nobody expects is told");
    }
}

#[test]
fn in_real_time_nothing_waits() {
    for speed in [0.5, 1.0, 1.5] {
        let waited = waited_in_vain(&mut rolled(Tape::new(), speed, false));

        assert!(waited < Duration::from_millis(25), "{waited:?} at {speed} times real time");
    }
    let mut stalled = rolled(Tape::new(), 1.0, false);
    stalled.time.pass(Duration::from_secs(5));
    stalled.speed = 1000.0; // a late host catches up
    stalled.play_in(&[480], 96_000, 43_200);
    assert!(waited_in_vain(&mut stalled) < Duration::from_millis(25));
    assert!(!stalled.engine.signals.take_waits() && !stalled.engine.signals.take_gave_up());
}

#[test]
fn a_host_without_a_transport_never_waits_in_real_time() {
    let mut tape = Tape::new();
    tape.speed = 100.0;
    for _ in 0..300 {
        tape.play(&Default::default(), 480);
    }
    tape.audio.ask_continue(settings());
    tape.engine.signals.make_promise(1, 0, 1_000_000);
    let begun = tape.time.elapsed();
    tape.play(&Default::default(), 480);

    assert!(tape.time.elapsed() - begun < Duration::from_millis(1));
}

#[test]
fn muted_takes_are_not_waited_for() {
    let mut tape = rolled(Tape::new(), 1.0, true);
    tape.controls.mute_takes = true;

    assert!(waited_in_vain(&mut tape) < Duration::from_millis(25));
}

#[test]
fn a_render_is_the_same_whoever_announced_it_and_whatever_its_blocks() {
    // a take that is composed while the render waits for it, over one that was there
    let render = |speed: f64, offline: bool, blocks: &[usize]| {
        let mut tape = rolled(Tape::shared(), speed, offline);
        let sound = growing(48_000);
        let older = Region { n_frames: Some(44_000), ..region(1, 100_000, whole(90_000)) };
        tape.arrange(vec![older.clone()]);
        let mut heard = tape.play_in(blocks, 96_000, 48_000);
        tape.audio.ask_continue(settings());
        tape.engine.signals.make_promise(1, 144_000, 192_000);
        std::thread::scope(|scope| {
            let signals = Arc::clone(&tape.engine.signals);
            tape.arrange(vec![older, region(2, 144_000, Arc::clone(&sound))]);
            scope.spawn(move || {
                while sound.n_frames() < 48_000 {
                    std::thread::sleep(Duration::from_micros(200));
                    tape::grow_to(&sound, 48_000);
                }
                sound.finish();
                signals.settle(1);
            });
            heard.extend(tape.play_in(blocks, 144_000, 50_000));
        });
        heard
    };
    let wanted = render(1.0, true, &[512]);

    assert_eq!(wanted[48_000 + FADE], sample(FADE));
    assert_eq!(wanted[48_000 + 47_000], sample(47_000));
    for (speed, offline) in [(20.0, true), (20.0, false)] {
        for blocks in [&[512][..], &[64], &[1000, 1, 17], &[4096]] {
            let heard = render(speed, offline, blocks);
            assert!(heard == wanted, "blocks of {blocks:?}, {speed} times, announced: {offline}");
        }
    }
}
