//! Takes beside each other: batches, branches, edits and recipes, in an engine without a host.

mod song;

use encore::{
    link::{Command, Phase, Settings},
    takes::{Edit, TrimSeconds},
};
use song::{BAR, Host, dry, settings};

fn first_difference(a: &[f32], b: &[f32]) -> Option<usize> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).position(|(a, b)| a != b)
}

fn send(host: &Host, command: Command) {
    host.instance.send(command);
    host.wait_until(|host| host.instance.status().phase != Phase::Idle);
    host.wait_until_idle();
}

/// A song of 60 000 frames, continued.
fn composed(settings: Settings) -> Host {
    let mut host = Host::open();
    host.fill(60_000);
    send(&host, Command::Continue(settings));
    host
}

fn codes(host: &Host) -> Vec<Vec<u32>> {
    host.instance.with_takes(|tree| {
        tree.takes().map(|take| take.music.codes[&take.music.level].clone()).collect()
    })
}

#[test]
fn takes_of_a_batch_are_those_that_would_have_been_made_alone() {
    let batch = composed(Settings { n_takes: 4, ..settings() });
    let takes = batch.takes();
    assert_eq!(takes.iter().map(|take| take.seed).collect::<Vec<_>>(), [3, 4, 5, 6]);
    assert_eq!(
        takes.iter().map(|take| take.sounds).collect::<Vec<_>>(),
        [true, false, false, false]
    );
    assert!(takes.iter().all(|take| take.is_complete && take.batch == takes[0].batch));
    let names: std::collections::BTreeSet<_> = takes.iter().map(|take| &take.name).collect();
    assert_eq!(names.len(), 4);
    assert_eq!(batch.instance.status().undo.as_deref(), Some("adding 4 takes"));
    let together = codes(&batch);
    drop(batch);

    let alone = composed(Settings { seed: 5, ..settings() });

    assert_eq!(codes(&alone)[0], together[2]);
}

#[test]
fn another_take_of_the_batch_sounds_when_it_is_chosen() {
    let mut host = composed(Settings { n_takes: 2, ..settings() });
    let first = host.pass(59_000, 200_000);
    let (one, other) = (host.takes()[0].number, host.takes()[1].number);

    host.instance.send(Command::Edit(Edit::Choose { take: other }));
    let second = host.pass(59_000, 200_000);
    host.instance.send(Command::Edit(Edit::Choose { take: one }));
    let third = host.pass(59_000, 200_000);
    host.instance.send(Command::Compare(true));
    let compared = host.pass(59_000, 200_000);

    assert_ne!(first_difference(&first, &second), None);
    assert_eq!(first_difference(&first, &third), None);
    assert_eq!(first_difference(&compared, &dry(59_000, 200_000)), None);
}

#[test]
fn a_batch_that_is_stopped_keeps_what_there_is() {
    let mut host = Host::open();
    host.fill(60_000);
    host.instance.send(Command::Continue(Settings {
        n_takes: 8,
        length_seconds: 6.0,
        ..settings()
    }));
    host.wait_until(|host| {
        host.takes().iter().filter(|take| !take.waveform.peaks.is_empty()).count() > 1
    });

    host.instance.send(Command::Stop);
    host.wait_until(|host| host.instance.status().undo.is_some());

    let takes = host.takes();
    assert!(1 < takes.len() && takes.len() <= 8, "{}", takes.len());
    assert_eq!(takes[0].length_seconds, 6.0);
    assert!(takes[1].length_seconds < 6.0, "{}", takes[1].length_seconds);
}

#[test]
fn a_branch_goes_on_from_the_frame_where_the_take_is_left() {
    let mut host = composed(settings());
    let parent = host.takes()[0].clone();
    let before = host.pass(59_000, 240_000);

    let at_seconds = 1.234_5;
    send(&host, Command::ContinueFrom { take: parent.number, at_seconds, settings: settings() });
    let after = host.pass(59_000, 240_000);

    let branch = host.takes()[1].clone();
    assert_eq!(branch.seam_frame, parent.seam_frame + 59_256);
    assert_eq!(
        branch.parent.map(|parent| (parent.take, parent.at_seconds)),
        Some((parent.number, at_seconds))
    );
    let differs = first_difference(&before, &after);
    let seam = (branch.seam_frame - 59_000) as usize;
    assert!(differs.is_some_and(|at| (seam..seam + 480).contains(&at)), "{differs:?}, not {seam}");
    let (is_prefix, n_prime) = host.instance.with_takes(|tree| {
        let [parent, branch] = [parent.number, branch.number].map(|id| tree.get(id).unwrap());
        let codes = &parent.music.codes[&parent.music.level];
        let prime = branch.music.prime_codes();
        (codes.windows(prime.len()).any(|part| part == prime), prime.len())
    });
    assert!(is_prefix && n_prime > 100, "{n_prime} codes of the parent are continued");
}

#[test]
fn any_place_that_was_heard_can_be_continued() {
    let mut host = Host::open();
    host.fill(200_000);

    send(&host, Command::ContinueAt { song_frame: 120_001, settings: settings() });
    assert_eq!(host.seam(), 120_001);
    host.instance.send(Command::ContinueAt { song_frame: 900_000, settings: settings() });
    host.wait_until(|host| host.notice().is_some());

    let notice = host.notice().unwrap();
    assert!(notice.contains("18.75 s"), "{notice}");
    assert_eq!(host.takes().len(), 1);
}

#[test]
fn a_trimmed_take_sounds_where_it_did_and_nowhere_else() {
    let mut host = composed(settings());
    let whole = host.pass(60_000, 144_000);
    let take = host.takes()[0].number;

    host.instance
        .send(Command::Edit(Edit::Trim { take, trim: TrimSeconds { start: 1.0, end: 2.0 } }));
    let part = host.pass(60_000, 144_000);

    let input = dry(60_000, 144_000);
    assert_eq!(first_difference(&part[..48_000], &input[..48_000]), None);
    assert_eq!(first_difference(&part[48_480..95_000], &whole[48_480..95_000]), None);
    assert_eq!(first_difference(&part[97_000..], &input[97_000..]), None);
}

#[test]
fn an_edit_that_cannot_be_done_is_answered_in_words() {
    let host = composed(settings());
    let take = host.takes()[0].number;

    host.instance.send(Command::Edit(Edit::Pin { take, pinned: true }));
    host.instance.send(Command::Edit(Edit::Delete { take }));

    assert!(host.notice().unwrap().contains("pinned"), "{:?}", host.notice());
    assert!(host.takes()[0].is_pinned);
    host.instance.send(Command::ContinueFrom { take: 77, at_seconds: 0.0, settings: settings() });
    assert!(host.notice().unwrap().contains("no take 77"), "{:?}", host.notice());
}

#[test]
fn a_recipe_makes_the_same_codes_in_another_instance() {
    let host = composed(Settings { n_takes: 2, ..settings() });
    let json = host.instance.recipe(host.takes()[1].number).unwrap();
    let wanted = codes(&host).remove(1);
    drop(host);
    let mut other = Host::open();
    other.fill(10_000);

    let ask = |json: String| Command::ImportRecipe { json, settings: settings() };
    send(&other, ask(json.clone()));
    let notice = other.notice();
    send(&other, ask(json.replace("cpu-q8", "cpu-other")));

    assert_eq!(codes(&other), [wanted.clone(), wanted]);
    assert_eq!(notice, None);
    assert!(other.notice().unwrap().contains("cpu-other"), "{:?}", other.notice());
    other.instance.send(ask("{}".into()));
    assert!(other.notice().unwrap().contains("recipe"), "{:?}", other.notice());
}

#[test]
fn a_take_is_stale_once_the_tempo_is_another() {
    let mut host = composed(settings());
    assert!(!host.takes()[0].is_stale);

    host.bar = BAR / 2;
    host.fill(9_600);
    host.wait_until(|host| host.takes()[0].is_stale);
    host.bar = BAR;
    host.fill(9_600);
    host.wait_until(|host| !host.takes()[0].is_stale);
}
