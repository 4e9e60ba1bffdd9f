//! What is remembered is what the host sent, bit by bit, wherever the song was.

mod asked;

use std::time::{Duration, Instant};

use encore::{
    engine::{Engine, Instance},
    link::{self, Command, EngineEnds, Lane, ModelStatus, Transport},
    rt::{AudioSide, Controls, Time},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use asked::settings;

type Frames = Vec<[f32; 2]>;

fn instance() -> Instance {
    // SAFETY: every test sets the same value, before any thread of the engine reads it.
    unsafe { std::env::set_var("ENCORE_PACKS", concat!(env!("CARGO_MANIFEST_DIR"), "/models")) };
    Instance::new(&Engine::shared(), Box::new(|| ()))
}

/// An instance and its audio side.
fn attached(rate: f64) -> (Instance, AudioSide) {
    let instance = instance();
    let (audio, engine) = link::open(rate);
    instance.attach(engine);
    (instance, AudioSide::new(audio))
}

/// Waits for something that takes as long as the machine needs.
fn wait_until(done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing happened for a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What was sent while the song rolled, or rested: frames of both lanes, and where each was in the song.
#[derive(Default)]
struct Sent {
    input: Frames,
    side: Frames,
    places: Vec<i64>,
}

impl Sent {
    fn add(&mut self, input: &Frames, side: &Frames, place: i64, rolls: bool) {
        let n = self.places.len() as i64;
        self.input.extend(input);
        self.side.extend(side);
        let moved = |i: i64| place + if rolls { i - n } else { 0 };
        self.places.extend((n..n + input.len() as i64).map(moved));
    }
}

fn bits(frames: &[[f32; 2]]) -> Vec<[u32; 2]> {
    frames.iter().map(|frame| frame.map(f32::to_bits)).collect()
}

/// Level of what is left of `a` without `b`, in decibels.
fn null_db(a: &[[f32; 2]], b: &[[f32; 2]]) -> f64 {
    let left =
        a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| f64::from(*a) - f64::from(*b));
    10.0 * left.map(|d| d * d).sum::<f64>().log10()
}

/// A song that loops, jumps, rests and changes its tempo at random, in blocks of any size.
struct Song {
    rng: StdRng,
    rate: f64,
    at: i64,
    beat: f64,
    tempo: f64,
    rolls: bool,
    side_is_on: bool,
}

impl Song {
    fn noise(&mut self, n: usize) -> Frames {
        let sample = |rng: &mut StdRng| match rng.random_range(0..50) {
            0 => -0.0,
            1 => f32::MIN_POSITIVE / 3.0,
            _ => rng.random_range(-1.0..1.0),
        };
        (0..n).map(|_| [sample(&mut self.rng), sample(&mut self.rng)]).collect()
    }

    /// What happens before the next block.
    fn happen(&mut self) {
        match self.rng.random_range(0..40) {
            0 => self.at = self.rng.random_range(-400_000..4_000_000),
            1 => self.at -= 10_000, // a loop
            2 => self.tempo = self.rng.random_range(40.0..220.0),
            3 => self.rolls = !self.rolls,
            4 => self.side_is_on = !self.side_is_on,
            _ => return,
        }
        self.beat = self.rng.random_range(-16.0..400.0);
    }

    fn transport(&self) -> Transport {
        Transport {
            playing: self.rolls,
            frames: Some(self.at),
            seconds: Some(self.at as f64 / self.rate),
            beats: Some(self.beat),
            tempo_bpm: Some(self.tempo),
            time_signature: Some((7, 8)),
            ..Transport::default()
        }
    }

    fn pass(&mut self, n: usize) {
        if self.rolls {
            self.at += n as i64;
            self.beat += n as f64 / self.rate * self.tempo / 60.0;
        }
    }
}

#[test]
fn everything_that_was_sent_is_remembered_bit_by_bit_at_every_rate() {
    let instance = instance();
    let controls = Controls { offline: true, ..Controls::default() }; // waits for the engine to listen
    let (mut n_stretches, mut worst_db) = (0, f64::NEG_INFINITY);
    let mut all = Vec::new();
    for (seed, rate) in [44_100.0, 48_000.0, 96_000.0].into_iter().enumerate() {
        let (audio, engine): (_, EngineEnds) = link::open(rate);
        instance.attach(engine);
        let mut audio = AudioSide::new(audio);
        let rng = StdRng::seed_from_u64(seed as u64);
        let mut song = Song {
            rng,
            rate,
            at: -50_000,
            beat: -8.0,
            tempo: 120.0,
            rolls: true,
            side_is_on: false,
        };
        let mut sent = [Sent::default(), Sent::default()];
        while sent[0].places.len() + sent[1].places.len() < 6 * rate as usize {
            song.happen();
            let n = song.rng.random_range(1..=4096);
            let input = song.noise(n);
            let side = if song.side_is_on { song.noise(n) } else { vec![[0.0; 2]; n] };
            sent[usize::from(!song.rolls)].add(&input, &side, song.at, song.rolls);
            let channel =
                |frames: &Frames, c: usize| frames.iter().map(|f| f[c]).collect::<Vec<_>>();
            let (mut left, mut right) = (channel(&input, 0), channel(&input, 1));
            let (s_left, s_right) = (channel(&side, 0), channel(&side, 1));
            let side = Some([&s_left[..], &s_right[..]]);
            // a resting song is not waited for
            while !song.rolls && instance_is_behind(&instance, &all, &sent) {
                std::thread::yield_now();
            }
            audio.process_beside(&mut left, &mut right, side, &song.transport(), &controls);
            song.pass(n);
        }
        all.push((rate, sent));
    }
    wait_until(|| !instance_is_behind(&instance, &all, &[Sent::default(), Sent::default()]));

    let stored = instance.stored();
    for (rate, sent) in &all {
        for (rests, sent) in [(false, &sent[0]), (true, &sent[1])] {
            let of_these = stored.iter().filter(|s| s.rate == *rate && s.rests == rests);
            let (mut input, mut side, mut places) = (Frames::new(), Frames::new(), Vec::new());
            for stretch in of_these {
                input.extend(instance.read(Lane::Input, stretch).unwrap());
                side.extend(instance.read(Lane::Sidechain, stretch).unwrap());
                let n = (stretch.frames.end - stretch.frames.start) as i64;
                places.extend((0..n).map(|i| stretch.song_frame + if rests { 0 } else { i }));
                assert_eq!(stretch.told.time_signature, Some((7, 8)));
                let seconds = stretch.told.seconds.unwrap();
                assert!((seconds - stretch.song_frame as f64 / rate).abs() < 1e-3);
                n_stretches += 1;
            }
            assert_eq!(input.len(), sent.input.len(), "{rate} Hz");
            worst_db = worst_db.max(null_db(&input, &sent.input)).max(null_db(&side, &sent.side));
            assert!(bits(&input) == bits(&sent.input), "{rate} Hz");
            assert!(bits(&side) == bits(&sent.side), "{rate} Hz");
            assert!(places == sent.places, "{rate} Hz");
        }
    }
    let status = instance.status().capture;
    assert_eq!((status.lost_frames, status.non_finite), (0, 0));
    println!("capture against what was sent, {n_stretches} stretches: {worst_db} dB");
    assert_eq!(worst_db, f64::NEG_INFINITY);
}

/// Whether less is remembered than was sent.
fn instance_is_behind(instance: &Instance, done: &[(f64, [Sent; 2])], now: &[Sent; 2]) -> bool {
    let n_sent = |sent: &[Sent; 2]| sent.iter().map(|s| s.places.len()).sum::<usize>() as u64;
    let n_all = done.iter().map(|(_, sent)| n_sent(sent)).sum::<u64>() + n_sent(now);
    let n_kept: u64 = instance.stored().iter().map(|s| s.frames.end - s.frames.start).sum();
    n_kept + 100_000 < n_all || (n_sent(now) == 0 && n_kept < n_all)
}

/// Sends `n_frames` from song position `start` on, or at rest there; all of them different.
fn send(audio: &mut AudioSide, start: i64, n_frames: i64, rolls: bool, controls: &Controls) {
    for at in (start..start + n_frames).step_by(500) {
        let n = 500.min(start + n_frames - at);
        let mut left: Vec<f32> = (at..at + n).map(|i| (i as f32 * 0.03).sin() * 0.3).collect();
        let mut right = left.clone();
        let frames = Some(if rolls { at } else { start });
        let transport = Transport { playing: rolls, frames, ..Transport::default() };
        audio.process(&mut left, &mut right, &transport, controls);
    }
}

/// A clock on which every block takes long, so that no host seems to render.
#[derive(Default)]
struct Unhurried(Duration);

impl Time for Unhurried {
    fn now(&mut self) -> Duration {
        self.0 += Duration::from_millis(100);
        self.0
    }

    fn nap(&mut self, pause: Duration) {
        self.0 += pause;
    }
}

#[test]
fn frames_that_the_engine_could_not_keep_up_with_are_counted_and_the_rest_keeps_its_place() {
    let instance = instance();
    let (audio, engine) = link::open(8_000.0);
    let mut audio = AudioSide::with_time(audio, Box::new(Unhurried::default()));
    send(&mut audio, 0, 50_000, true, &Controls::default()); // nobody listens; there is room for 32 000
    instance.attach(engine);
    wait_until(|| instance.status().capture.seconds >= 4.0);
    send(&mut audio, 50_000, 8_000, true, &Controls::default());
    wait_until(|| instance.status().capture.seconds >= 5.0);

    assert_eq!(instance.status().capture.lost_frames, 18_000);
    let stored = instance.stored();
    let places: Vec<_> = stored.iter().map(|s| (s.song_frame, s.frames.clone())).collect();
    assert_eq!(places, [(0, 0..32_000), (50_000, 32_000..40_000)]);
}

#[test]
fn no_more_is_remembered_than_the_user_wants() {
    let (instance, mut audio) = attached(8_000.0);
    let controls =
        |memory_seconds| Controls { memory_seconds, offline: true, ..Controls::default() };
    let seconds = || instance.status().capture.seconds;
    send(&mut audio, 0, 50 * 8_000, true, &controls(40.0));
    wait_until(|| instance.stored().first().is_some_and(|s| s.frames == (80_000..400_000)));
    wait_until(|| seconds() == 40.0);
    let n_bytes = instance.status().capture.bytes;
    assert!(n_bytes < 40 * 8_000 * 8 * 5 / 4, "{n_bytes}");

    send(&mut audio, 400_000, 8_000, true, &controls(30.0));
    wait_until(|| seconds() == 30.0);
    assert!(instance.status().capture.bytes < n_bytes * 5 / 6);
    send(&mut audio, 408_000, 40 * 8_000, true, &controls(60.0));
    wait_until(|| instance.stored().last().is_some_and(|s| s.frames.end == 728_000));
    wait_until(|| seconds() == 60.0);

    assert_eq!(instance.status().capture.max_seconds, 60.0);
    let kept = instance.heard_before(Lane::Input, 728_000, 1_000_000);
    assert_eq!(kept.len(), 480_000);
    let wanted = |i: usize| [((248_000 + i) as f32 * 0.03).sin() * 0.3; 2];
    assert!(kept.iter().enumerate().all(|(i, frame)| *frame == wanted(i)));
}

#[test]
fn silence_at_rest_takes_no_memory() {
    let (instance, mut audio) = attached(8_000.0);
    let resting = Transport { frames: Some(77), ..Transport::default() };
    let silence = |audio: &mut AudioSide| {
        for _ in 0..100 {
            let (mut left, mut right) = (vec![0.0; 800], vec![0.0; 800]);
            audio.process(&mut left, &mut right, &resting, &Controls::default());
            wait_until(|| true);
        }
    };
    silence(&mut audio);
    send(&mut audio, 77, 8_000, false, &Controls::default());
    wait_until(|| instance.status().capture.rest_seconds >= 1.0);
    silence(&mut audio);
    send(&mut audio, 77, 4_000, false, &Controls::default());

    // of ten seconds of silence, less than two belong to what was played before
    wait_until(|| instance.status().capture.rest_seconds >= 1.5 + 1.9);
    let stored = instance.stored();
    assert!(stored.iter().all(|s| s.rests && s.song_frame == 77));
    let lengths: Vec<_> = stored.iter().map(|s| s.frames.end - s.frames.start).collect();
    assert_eq!(lengths, [8_000 + 15_200, 4_000]);
    assert_eq!(instance.status().capture.seconds, 0.0);
}

#[test]
fn what_was_played_at_rest_is_continued_where_the_song_rests() {
    let (instance, mut audio) = attached(48_000.0);
    wait_until(|| matches!(instance.status().model, ModelStatus::Ready(_)));

    send(&mut audio, 123_456, 72_000, false, &Controls::default());
    wait_until(|| instance.status().capture.rest_seconds >= 1.5);
    instance.send(Command::Continue(settings()));

    wait_until(|| instance.status().take.is_some());
    assert_eq!(instance.status().take.as_ref().map(|take| take.seam_frame), Some(123_456));
}

#[test]
fn a_sidechain_on_which_nothing_is_cannot_be_continued_and_one_that_sounds_is() {
    let (instance, mut audio) = attached(48_000.0);
    wait_until(|| matches!(instance.status().model, ModelStatus::Ready(_)));
    let controls = Controls { listen_to: Lane::Sidechain, ..Controls::default() };
    send(&mut audio, 0, 72_000, true, &controls);
    wait_until(|| instance.status().capture.seconds >= 1.5);
    instance.send(Command::Continue(settings()));
    wait_until(|| instance.status().notice.as_ref().is_some_and(|n| n.text.contains("sidechain")));

    for at in (72_000..144_000).step_by(500) {
        let side: Vec<f32> = (at..at + 500).map(|i| (i as f32 * 0.02).sin() * 0.4).collect();
        let (mut left, mut right) = (vec![0.0; 500], vec![0.0; 500]);
        let transport =
            Transport { playing: true, frames: Some(at as i64), ..Transport::default() };
        let beside = Some([&side[..], &side[..]]);
        audio.process_beside(&mut left, &mut right, beside, &transport, &controls);
        assert!(left.iter().all(|sample| *sample == 0.0)); // it is heard and not played
    }
    wait_until(|| instance.status().capture.seconds >= 3.0);
    instance.send(Command::Continue(settings()));
    wait_until(|| instance.status().take.is_some());
    assert_eq!(instance.status().take.as_ref().map(|take| take.seam_frame), Some(144_000));
}
