use super::*;

fn tone(rate: f64, from: i64, n_frames: i64) -> Vec<[f32; 2]> {
    let tone = |i: i64| (std::f64::consts::TAU * 220.0 * i as f64 / rate).sin() as f32;
    (from..from + n_frames).map(|i| [tone(i), -0.5 * tone(i)]).collect()
}

/// Heard two seconds before the song's beginning to two after, at 48 kHz; now it is 44.1 kHz.
fn changed() -> Memory {
    let mut memory = Memory::new(48_000.0);
    memory.begin_span(-96_000, Motion::Rolls);
    memory.hear(&tone(48_000.0, -96_000, 192_000));
    memory.change_rate(44_100.0, 7);
    memory
}

fn assert_close(heard: &[[f32; 2]], wanted: &[[f32; 2]]) {
    assert_eq!(heard.len(), wanted.len());
    let inner = 1_000..heard.len() - 1_000; // where it begins, silence is heard before
    let off = |i: usize| (heard[i][0] - wanted[i][0]).abs().max((heard[i][1] - wanted[i][1]).abs());
    let worst = inner.map(off).fold(0.0, f32::max);
    assert!(worst < 4e-3, "{worst} away"); // a frame would be 0.03
}

#[test]
fn what_was_heard_before_the_rate_changed_is_heard_at_its_place() {
    let mut memory = changed();

    assert_eq!((memory.end_frame(), memory.n_before(88_200, usize::MAX)), (Some(88_200), 176_400));
    assert!(memory.reaches(-88_000) && !memory.reaches(88_201));
    let before = memory.before(Lane::Input, 0, 44_100).unwrap();
    assert_close(&before, &tone(44_100.0, -44_100, 44_100));

    memory.begin_span(66_150, Motion::Rolls);
    memory.hear(&tone(44_100.0, 66_150, 66_150));
    let joined = memory.before(Lane::Input, 132_300, 132_300).unwrap();
    assert_eq!(joined[66_150..], tone(44_100.0, 66_150, 66_150));
    assert_close(&joined, &tone(44_100.0, 0, 132_300));
}

#[test]
fn at_its_own_rate_it_is_what_the_host_sent() {
    let memory = changed();

    let stored = memory.stored();
    assert_eq!(stored.len(), 1);
    assert_eq!((stored[0].rate, stored[0].song_frame), (48_000.0, -96_000));
    let kept = memory.read(Lane::Input, &stored[0]);
    assert_eq!(kept, Some(tone(48_000.0, -96_000, 192_000)));
    assert_eq!(memory.status(5).lost_frames, 12);
    assert_eq!(memory.status(0).seconds, 4.0);
}

#[test]
fn the_same_stretch_sounds_the_same_whatever_is_read_with_it() {
    let memory = changed();

    let long = memory.before(Lane::Input, 44_100, 60_000).unwrap();
    let short = memory.before(Lane::Input, 30_000, 10_000).unwrap();
    assert_eq!(short, long[60_000 - 24_100..60_000 - 14_100]);
}

#[test]
fn the_oldest_is_forgotten_first_whatever_its_rate() {
    let mut memory = changed();
    memory.limit(5.0);
    memory.begin_span(0, Motion::Rolls);
    memory.hear(&tone(44_100.0, 0, 3 * 44_100));
    memory.limit(5.0);

    let stored = memory.stored();
    assert_eq!(
        stored.iter().map(|s| s.frames.clone()).collect::<Vec<_>>(),
        [96_000..192_000, 0..132_300]
    );
    assert_eq!(memory.status(0).seconds, 5.0);
    memory.hear(&tone(44_100.0, 0, 3 * 44_100));
    memory.limit(5.0);
    assert!(memory.older.is_empty());
}

#[test]
fn the_picture_shows_every_rate_at_its_place_and_half_an_hour_at_once() {
    let memory = changed();
    let shown = memory.overview();
    assert_eq!((shown.rate, shown.frames_per_peak, shown.peaks.len()), (44_100.0, 441, 400));
    assert_eq!((shown.start_frame, shown.end_frame()), (-88_200, 88_200));
    assert!(shown.peaks.iter().all(|peak| peak[1] > 0.2));

    let mut memory = Memory::new(1000.0);
    memory.limit(1800.0);
    memory.begin_span(0, Motion::Rolls);
    memory.hear(&vec![[0.5; 2]; 1_900_000]);
    let shown = memory.overview();
    assert_eq!((shown.start_frame, shown.peaks.len()), (100_000, 180_000));
    assert_eq!(shown.peaks[179_999], [0.0, 0.5]);
}

#[test]
fn what_is_heard_at_rest_does_not_drive_out_the_song() {
    let mut memory = Memory::new(1000.0);
    memory.begin_span(0, Motion::Rolls);
    memory.hear(&vec![[0.5; 2]; 30_000]);
    memory.begin_span(30_000, Motion::Rests { n_silent: 0 });
    memory.hear(&vec![[0.25; 2]; 500_000]);

    assert_eq!(memory.before(Lane::Input, 30_000, 40_000).unwrap().len(), 30_000);
    let status = memory.status(0);
    assert_eq!((status.seconds, status.rest_seconds), (30.0, DEFAULT_MEMORY_SECONDS));
    assert_eq!((memory.end_frame(), memory.is_resting()), (Some(30_000), true));
}
