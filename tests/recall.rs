//! Takes outlive the project: saved, closed and opened again, they sound as when they were composed.

mod song;

use encore::{
    link::{self, Command, Phase, Settings, TakeOver},
    rt::AudioSide,
    takes::{Edit, Tree, project},
};
use song::{BAR, Host, RATE, dry, settings};

/// A take after a song of 60 000 frames, and what it sounds like when the song passes it.
fn composed(host: &mut Host, settings: Settings) -> Vec<f32> {
    host.fill(60_000);
    host.instance.send(Command::Continue(settings));
    host.wait_until(|host| host.instance.status().phase != Phase::Idle);
    host.wait_until_idle();
    host.pass(59_000, 200_000)
}

fn recalled(host: &Host) {
    host.wait_until(|host| {
        let takes = host.takes();
        !takes.is_empty() && takes.iter().all(|take| take.is_complete)
    });
}

fn first_difference(a: &[f32], b: &[f32]) -> Option<usize> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).position(|(a, b)| a != b)
}

#[test]
fn a_take_of_a_project_sounds_to_the_bit_as_it_was_composed() {
    for rate in [48_000.0, 44_100.0, 96_000.0] {
        let mut host = Host::open_with(rate, None);
        let first = composed(&mut host, settings());
        let project = host.reopened();
        drop(host);

        let mut host = Host::open_with(rate, Some(project));
        recalled(&host);
        let again = host.pass(59_000, 200_000);

        assert_ne!(first_difference(&first, &dry(59_000, 200_000)), None, "a take sounds");
        assert_eq!(first_difference(&first, &again), None, "at {rate} Hz");
    }
}

#[test]
fn takes_that_take_over_and_takes_that_were_stopped_come_back_too() {
    let mut host = Host::open();
    host.fill(60_000);
    host.instance.send(Command::Continue(Settings {
        take_over: TakeOver::NextBar,
        length_seconds: 60.0,
        ..settings()
    }));
    host.wait_until(|host| host.takes().iter().any(|take| take.first_frame_ms.is_some()));
    host.instance.send(Command::Stop);
    host.wait_until(|host| host.takes().iter().all(|take| take.is_complete));
    let first = host.pass(BAR - 1_000, 200_000);
    let length = host.takes()[0].length_seconds;
    assert!(0.1 < length && length < 60.0, "{length}");
    let project = host.reopened();
    drop(host);

    let mut host = Host::open_with(RATE, Some(project));
    recalled(&host);
    let again = host.pass(BAR - 1_000, 200_000);

    assert_eq!(host.takes()[0].length_seconds, length);
    assert_eq!(first_difference(&first, &again), None);
}

#[test]
fn an_offline_render_right_after_opening_waits_for_the_takes() {
    let mut host = Host::open();
    let first = composed(&mut host, settings());
    let project = host.reopened();
    drop(host);

    let mut host = Host::open_with(RATE, Some(project));
    let again = host.pass(59_000, 200_000); // while they are decoded

    assert_eq!(first_difference(&first, &again), None);
}

#[test]
fn at_another_rate_a_take_keeps_its_place_in_seconds() {
    let mut host = Host::open();
    composed(&mut host, settings());
    let (seam, project) = (host.takes()[0].seam_frame, host.reopened());
    drop(host);

    let mut host = Host::open_with(96_000.0, Some(project.clone()));
    recalled(&host);
    let out = host.pass(2 * seam - 4_800, 20_000);

    assert_eq!(host.takes()[0].seam_frame, 2 * seam);
    let input = dry(2 * seam - 4_800, 20_000);
    let begins = first_difference(&out, &input).unwrap();
    assert!((4_800 - 2_000..=4_800).contains(&begins), "{begins}");
    assert_eq!(host.reopened().takes().next(), project.takes().next(), "it is kept as it was");
}

#[test]
fn another_rate_while_the_project_is_open_keeps_the_takes() {
    let mut host = Host::open();
    let first = composed(&mut host, settings());
    let seam = host.takes()[0].seam_frame;

    for rate in [96_000.0, RATE] {
        let (audio_ends, engine_ends) = link::open(rate);
        host.instance.attach(engine_ends);
        host.audio = AudioSide::new(audio_ends);
        recalled(&host);
        assert_eq!(host.takes()[0].seam_frame as f64 / rate, seam as f64 / RATE);
    }
    let again = host.pass(59_000, 200_000);

    assert_eq!(first_difference(&first, &again), None);
}

#[test]
fn takes_of_a_model_that_is_not_here_are_listed_and_kept() {
    let mut host = Host::open();
    composed(&mut host, settings());
    let mut takes: Vec<_> = host.reopened().takes().cloned().collect();
    takes[0].music.recipe.pack.sha256 = "ab".repeat(32);
    takes[0].music.recipe.pack.name = "Elsewhere".into();
    let project = Tree::of_kept(takes, 9);
    drop(host);

    let mut host = Host::open_with(RATE, Some(project.clone()));
    host.wait_until(|host| host.takes().iter().all(|take| take.is_model_missing));
    let out = host.pass(59_000, 200_000);

    assert_eq!(first_difference(&out, &dry(59_000, 200_000)), None, "the input passes");
    assert!(host.notice().unwrap().contains("“Elsewhere”"), "{:?}", host.notice());
    assert_eq!(host.reopened().takes().next(), project.takes().next());
}

#[test]
fn a_project_that_is_opened_while_composing_holds_its_own_takes_only() {
    let mut host = Host::open();
    composed(&mut host, settings());
    let project = host.reopened();
    host.instance.send(Command::Continue(Settings { length_seconds: 60.0, ..settings() }));
    host.wait_until(|host| matches!(host.instance.status().phase, Phase::Composing(_)));

    host.instance.load_takes(project.clone());
    host.wait_until_idle();
    recalled(&host);
    host.fill(4_800);

    assert_eq!(host.takes().len(), 1);
    assert_eq!(host.reopened().takes().next(), project.takes().next());
}

#[test]
fn a_take_that_comes_back_by_undoing_sounds_again() {
    let mut host = Host::open();
    let first = composed(&mut host, settings());
    let take = host.takes()[0].number;
    let n_edits = host.instance.status().n_edits;

    host.instance.send(Command::Edit(Edit::Delete { take }));
    assert!(host.takes().is_empty());
    let without = host.pass(59_000, 200_000);
    host.instance.send(Command::Undo);
    recalled(&host);
    let again = host.pass(59_000, 200_000);

    assert_eq!(first_difference(&without, &dry(59_000, 200_000)), None);
    assert_eq!(first_difference(&first, &again), None);
    assert_eq!(host.instance.status().n_edits, n_edits + 2, "the host is told of both");
    assert!(host.instance.status().redo.as_ref().is_some_and(|words| words.contains("deleting")));
    host.instance.send(Command::Redo);
    assert!(host.takes().is_empty());
}

#[test]
fn a_project_of_before_there_were_takes_has_none() {
    let loaded = project::load(br#"{"encore_state": 1, "params": {"9": 7.0}}"#);

    assert!(loaded.tree.takes().next().is_none() && loaded.params.is_some());
}
