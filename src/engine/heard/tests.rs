use super::*;

fn ramp(from: i64, n_frames: i64) -> Vec<[f32; 2]> {
    (from..from + n_frames).map(|i| [i as f32; 2]).collect()
}

fn heard() -> Heard {
    Heard::new(1000.0, 60_000, false)
}

#[test]
fn a_prime_is_what_was_heard_just_before_the_place() {
    let mut heard = heard();
    heard.begin_span(-100, 0);
    heard.hear(&ramp(-100, 600));

    assert_eq!(heard.end_frame(), Some(500));
    assert_eq!(heard.before(Lane::Input, 500, 3), ramp(497, 3));
    assert_eq!(heard.before(Lane::Input, 200, 400), ramp(-100, 300));
    assert!(heard.before(Lane::Input, 501, 3).is_empty());
    assert!(!heard.reaches(-100) && heard.reaches(-99));
    assert!(!heard.is_quiet(Lane::Input, 3) && heard.is_quiet(Lane::Sidechain, 3));
}

#[test]
fn passes_of_a_loop_are_joined_in_the_songs_order() {
    let mut heard = heard();
    heard.begin_span(0, 0);
    heard.hear(&ramp(0, 100));
    heard.begin_span(50, 0);
    heard.hear(&ramp(1050, 30)); // the second pass sounds different

    let joined = [ramp(40, 10), ramp(1050, 30)].concat();
    assert_eq!(heard.before(Lane::Input, 80, 40), joined);
    assert_eq!((heard.end_frame(), heard.n_before(80, 500)), (Some(80), 80));
    assert_eq!((heard.span_before(80), heard.span_before(50)), (Some(100), Some(0)));
    assert_eq!((heard.end_of_span(0), heard.end_of_span(100)), (Some(100), Some(80)));
    assert_eq!((heard.newest_span(), heard.end_of_span(7)), (Some(100), None));
    let window = heard.window(Lane::Input, -5..105);
    let silent = vec![[0.0; 2]; 5];
    assert_eq!(window, [silent.clone(), ramp(0, 100), silent].concat());
}

#[test]
fn no_more_is_kept_than_is_wanted() {
    let mut heard = heard();
    heard.begin_span(0, 0);
    for start in (0..100_000).step_by(1000) {
        heard.hear(&ramp(start, 1000));
    }

    assert_eq!(heard.remembered(), 40_000..100_000);
    assert_eq!(heard.before(Lane::Input, 100_000, 100_000), ramp(40_000, 60_000));
    assert_eq!(heard.picture.range(), Some(4_000..10_000));
    let n_bytes = heard.n_bytes();
    heard.limit(30_000);
    assert_eq!(heard.remembered(), 70_000..100_000);
    assert!(heard.n_bytes() < n_bytes * 2 / 3, "{} of {n_bytes}", heard.n_bytes());
    heard.limit(90_000);
    heard.hear(&ramp(100_000, 20_000));
    assert_eq!(heard.before(Lane::Input, 120_000, 100_000), ramp(70_000, 50_000));
}

#[test]
fn a_song_that_jumps_all_the_time_takes_no_more_memory_than_one_that_does_not() {
    let mut heard = heard();
    for i in 0..2 * MAX_SPANS as i64 {
        heard.begin_span(i * 7919 % 100_003, 0);
        heard.hear(&[[1.0; 2]]);
    }

    assert!(heard.spans.len() <= MAX_SPANS);
    assert_eq!(heard.remembered().end, 2 * MAX_SPANS as u64);
}

#[test]
fn what_the_host_told_moves_on_with_the_frames_and_is_forgotten_with_them() {
    let mut heard = heard();
    let told =
        |beats| Told { beats: Some(beats), tempo_bpm: Some(120.0), rolls: true, ..Told::default() };
    heard.begin_span(0, 0);
    heard.tell(told(8.0));
    heard.hear(&ramp(0, 1000));
    heard.tell(Told { tempo_bpm: Some(60.0), ..told(10.0) });
    heard.hear(&ramp(1000, 1000));

    let beats = |heard: &Heard, at| heard.told_at(at).and_then(|told| told.beats);
    assert_eq!((beats(&heard, 500), beats(&heard, 1999)), (Some(9.0), Some(10.999)));
    heard.limit(500);
    assert_eq!(heard.told.len(), 1);
    let stretches: Vec<_> = heard.stretches().collect();
    assert_eq!((stretches[0].0.clone(), stretches[0].1), (1500..2000, 1500));
    assert_eq!(stretches[0].2.beats, Some(10.5));
}

#[test]
fn what_is_no_number_is_kept_and_counted() {
    let mut heard = heard();
    heard.begin_span(0, 0);
    heard.hear(&[[1.0, f32::NAN], [f32::INFINITY, 0.0], [0.5, 0.5]]);

    assert_eq!(heard.n_non_finite, 2);
    let kept = heard.read(Lane::Input, 0..3).unwrap();
    assert!(kept[0][1].is_nan() && kept[1][0].is_infinite());
    assert!(heard.read(Lane::Input, 0..4).is_none());
}
