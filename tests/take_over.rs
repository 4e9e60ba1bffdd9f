//! Armed takes: they take over from the input at a bar line or at the loop's end, to the frame. The host's
//! clock is made up, so that nothing here depends on how fast the machine is.

mod song;

use encore::link::{Command, Phase, Settings, TakeOver};
use song::{BAR, Host, RATE, dry, largest_step, settings};

/// Frames in which a take has faded in.
const FADE: usize = 480;

fn at_the_bar() -> Settings {
    Settings { take_over: TakeOver::NextBar, ..settings() }
}

/// What came out is the input up to song frame `seam`, which came `n_before` frames after the beginning, and
/// something else from that very frame on.
#[track_caller]
fn assert_takes_over(out: &[f32], start: i64, seam: i64) {
    let n_before = (seam - start) as usize;
    assert_eq!(out[..n_before], dry(start, n_before), "the input passes up to the seam");
    assert_ne!(out[n_before], dry(seam, 1)[0], "the take begins with the first frame");
    let step = largest_step(&out[n_before - 48..n_before + FADE]);
    let own = largest_step(&out[..n_before]).max(largest_step(&out[n_before + FADE..]));
    assert!(step < own + 0.01, "a step of {step} at the seam, where {own} is the sound's own");
    let input = dry(seam, out.len() - n_before);
    let n_same = out[n_before..].iter().zip(&input).filter(|(out, dry)| out == dry).count();
    assert!(n_same * 50 < input.len(), "{n_same} frames are still the input");
}

#[test]
fn a_take_takes_over_at_the_bar_line_to_the_frame() {
    let mut host = Host::open();
    host.roll(60_000);

    host.audio.ask_continue(at_the_bar());
    let armed = host.roll_until_armed();
    assert_eq!(armed.frame % BAR, 0);
    assert_eq!(armed.bar, Some(armed.frame / BAR + 1));
    host.roll_until_composing();
    let seam = host.seam();
    assert_eq!(seam, armed.frame);
    assert!(host.at() < seam, "composing begins before the bar");
    host.wait_until_whole();
    host.roll((seam - host.at()) as usize + 40_000);

    assert_takes_over(&host.out, 0, seam);
    assert_eq!(host.notice(), None);
}

#[test]
fn the_editor_arms_as_automation_does() {
    let mut host = Host::open();
    host.roll(60_000);

    host.instance.send(Command::Continue(at_the_bar()));
    host.roll_until_composing();
    let seam = host.seam();
    host.wait_until_whole();
    host.roll((seam - host.at()) as usize + 40_000);

    assert_eq!(seam % BAR, 0);
    assert_takes_over(&host.out, 0, seam);
}

#[test]
fn a_jump_before_the_bar_arms_for_the_new_place() {
    let mut host = Host::open();
    host.bar = 10 * BAR;
    host.roll(60_000);
    host.audio.ask_continue(at_the_bar());
    let first = host.roll_until_armed();

    let start = 20 * BAR - 250_000;
    host.locate(start);
    host.roll_until_composing();
    let seam = host.seam();
    host.wait_until_whole();
    host.roll((seam - host.at()) as usize + 40_000);

    assert_eq!((first.frame, seam), (10 * BAR, 20 * BAR));
    assert_takes_over(&host.out, start, seam);
}

#[test]
fn a_loop_that_turns_before_the_bar_is_met_at_its_start() {
    let mut host = Host::open();
    host.looped = Some((2 * BAR, 6 * BAR));
    host.locate(2 * BAR);
    host.fill(3 * BAR as usize + 60_000);

    host.audio.ask_continue(at_the_bar());
    host.roll_until_composing();
    let seam = host.seam();
    host.wait_until_whole();
    let n_before = host.out.len();
    let turn = n_before + (6 * BAR - host.at()) as usize;
    host.roll(5 * BAR as usize);

    assert!((2 * BAR..6 * BAR).contains(&seam) && seam % BAR == 0, "{seam}");
    let passed = turn + (seam - 2 * BAR) as usize; // it is met after the turn
    let begins = (n_before..host.out.len()).find(|i| host.out[*i] != host.input[*i]);
    assert!(begins == Some(passed) || begins == Some(passed - 4 * BAR as usize), "{begins:?}");
}

#[test]
fn at_the_loops_end_a_take_follows_the_loop() {
    let mut host = Host::open();
    host.looped = Some((0, 4 * BAR));
    host.roll(60_000);

    host.audio.ask_continue(Settings { take_over: TakeOver::LoopEnd, ..settings() });
    let armed = host.roll_until_armed();
    host.roll_until_composing();
    host.wait_until_whole();
    host.looped = None; // the player goes on
    host.roll((4 * BAR - host.at()) as usize + 40_000);

    assert_eq!((armed.frame, host.seam()), (4 * BAR, 4 * BAR));
    assert_takes_over(&host.out, 0, 4 * BAR);
}

#[test]
fn a_song_that_stops_before_the_bar_is_continued_from_what_is_there() {
    let mut host = Host::open();
    host.bar = 4 * BAR;
    host.roll(60_000);
    host.audio.ask_continue(at_the_bar());
    host.roll_until_armed();

    host.rest();
    host.wait_until_whole();

    let seam = host.seam();
    assert_eq!(seam, 4 * BAR);
    let n_before = host.out.len();
    host.roll((seam - host.at()) as usize + 40_000);
    let out = &host.out[n_before..];
    let first = out.iter().zip(&host.input[n_before..]).position(|(out, dry)| out != dry);
    assert_eq!(first, Some(out.len() - 40_000), "it takes over at the bar when the song goes on");
}

#[test]
fn stop_disarms() {
    let mut host = Host::open();
    host.bar = 10 * BAR;
    host.roll(60_000);
    host.audio.ask_continue(at_the_bar());
    host.roll_until_armed();

    host.audio.ask_stop();
    host.roll(512);
    host.wait_until_idle();
    host.roll(10 * BAR as usize);

    assert_eq!(host.out, host.input);
    assert!(host.instance.status().take.is_none());
}

#[test]
fn a_take_that_comes_late_comes_at_its_place_and_says_so() {
    let mut host = Host::open();
    host.roll(60_000);
    host.audio.ask_continue(Settings { length_seconds: 8.0, ..at_the_bar() });
    host.roll_until_composing();

    let seam = host.seam();
    host.roll((seam - host.at()) as usize + 20_000); // far faster than anything can be composed
    let late = host.at();
    host.wait_until_whole();
    host.roll(100_000);

    assert_eq!(host.out[..late as usize], host.input[..late as usize]);
    let notice = host.notice().unwrap();
    assert!(notice.contains("after the place where it was to take over"), "{notice}");
    let heard = host.out[late as usize + 9_600..][..80_000].to_vec();
    host.locate(seam - 4_800);
    let n_before = host.out.len();
    host.roll(4_800 + 120_000);
    let again = &host.out[n_before + 4_800 + (late - seam) as usize + 9_600..][..80_000];
    assert_eq!(heard, again, "it sounded where it belongs");
}

#[test]
fn without_a_transport_a_take_comes_at_once() {
    let mut host = Host::open();
    host.has_transport = false;
    host.roll(60_000);

    host.audio.ask_continue(at_the_bar());
    host.roll(512);
    host.wait_until_whole();

    assert_eq!(host.seam(), 60_000);
    assert!(!matches!(host.instance.status().phase, Phase::Armed(_)));
}

#[test]
fn a_bounce_waits_for_the_bar_and_for_the_take() {
    let mut host = Host::open();
    host.controls.offline = true;
    host.roll(60_000);

    host.audio.ask_continue(at_the_bar());
    host.roll(BAR as usize);

    assert_eq!(host.seam(), BAR);
    assert_takes_over(&host.out, 0, BAR);
    assert_eq!(RATE, 48_000.0);
}

#[test]
fn a_render_that_nobody_announced_waits_as_well() {
    let mut host = Host::open();
    host.fill(60_000);
    host.speed = Some(20.0);
    host.roll(100_000); // until it is found out

    let seam = host.at();
    host.audio.ask_continue(settings());
    host.roll(40_000);

    assert_eq!(host.seam(), seam);
    assert_takes_over(&host.out, 0, seam);
    let notice = host.notice(); // none if the take was there at once
    assert!(notice.is_none_or(|notice| notice.contains("faster than real time")));
}

#[test]
fn what_was_listened_to_ahead_changes_nothing() {
    let takes = [false, true].map(|is_paced| {
        let mut host = Host::open();
        if is_paced {
            host.roll_paced(|host| host.at() > 150_000);
        }
        host.fill((150_777 - host.at()) as usize);
        host.controls.offline = true;
        host.audio.ask_continue(settings());
        host.roll(40_000);
        host.out[host.out.len() - 40_000..].to_vec()
    });

    assert_eq!(takes[0], takes[1]);
}
