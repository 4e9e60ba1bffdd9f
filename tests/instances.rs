//! Many instances in one process: they share one model, take turns, and go in any order. Alone in its process.

#![cfg(target_os = "linux")]

mod asked;

use std::time::{Duration, Instant};

use encore::{
    engine::{Engine, Instance},
    link::{self, Command, ModelStatus, Phase, Settings, Transport},
    rt::{AudioSide, Controls},
};

use asked::settings;

const RATE: f64 = 48_000.0;
const N_INSTANCES: usize = 64;

/// Most memory that an instance takes which has heard and made nothing, in bytes.
const MAX_BYTES_EACH: i64 = 512 << 10;

struct Seat {
    instance: Instance,
    audio: AudioSide,
}

impl Seat {
    fn new() -> Self {
        let instance = Instance::new(&Engine::shared(), Box::new(|| ()));
        let (audio_ends, engine_ends) = link::open(RATE);
        instance.attach(engine_ends);
        Self { instance, audio: AudioSide::new(audio_ends) }
    }

    /// A second of song, and then a request.
    fn ask(&mut self, n_takes: usize, length_seconds: f64) {
        for block in 0..100 {
            let mut left: Vec<f32> = (0..480).map(|i| (i as f32 * 0.03).sin() * 0.3).collect();
            let mut right = left.clone();
            let frames = Some(block * 480);
            let transport = Transport { playing: true, frames, ..Transport::default() };
            self.audio.process(&mut left, &mut right, &transport, &Controls::default());
        }
        self.instance.send(Command::Continue(Settings { length_seconds, n_takes, ..settings() }));
    }

    fn n_takes(&self) -> usize {
        self.instance.status().takes.iter().filter(|take| take.is_complete).count()
    }

    fn is_idle(&self) -> bool {
        self.instance.status().phase == Phase::Idle
    }
}

fn wait_until(done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing happened for two minutes");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Memory of this process that is in use, in bytes.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap() * 1024
}

fn engine_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("encore-")).count()
}

#[test]
fn many_instances_share_a_model_take_turns_and_go_in_any_order() {
    // SAFETY: this is the only test of the process and no thread runs yet.
    unsafe { std::env::set_var("ENCORE_PACKS", concat!(env!("CARGO_MANIFEST_DIR"), "/models")) };
    let mut seats = vec![Seat::new()];
    wait_until(|| matches!(seats[0].instance.status().model, ModelStatus::Ready(_)));
    let n_threads = engine_threads();

    // one model
    let before = resident();
    seats.extend((1..N_INSTANCES).map(|_| Seat::new()));
    wait_until(|| {
        seats.iter().all(|seat| matches!(seat.instance.status().model, ModelStatus::Ready(_)))
    });
    let each = (resident() - before) / (N_INSTANCES - 1) as i64;
    println!("{before} bytes with one instance, {each} more with each");
    assert!(each < MAX_BYTES_EACH, "{each} bytes for each instance");
    assert_eq!(engine_threads(), n_threads);

    // in turn: one that wants many takes does not keep the others waiting for all of them
    seats[0].ask(8, 2.0);
    wait_until(|| matches!(seats[0].instance.status().phase, Phase::Composing(_)));
    seats[1].ask(1, 1.0);
    seats[2].ask(1, 1.0);
    wait_until(|| seats[1].is_idle() && seats[2].is_idle());
    let n_first = seats[0].instance.status().takes.iter().filter(|t| t.is_complete).count();
    assert!(n_first < 8, "the first one had all its takes before the others had any");
    assert_eq!((seats[1].n_takes(), seats[2].n_takes()), (1, 1));
    wait_until(|| seats[0].is_idle());
    assert_eq!(seats[0].n_takes(), 8);

    // in any order, while they compose
    for (i, seat) in seats.iter_mut().enumerate() {
        seat.ask(1 + i % 3, 2.0);
    }
    let mut dice = 12_345_usize;
    while seats.len() > 1 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let gone = (dice >> 33) % seats.len();
        seats.swap_remove(gone);
        if seats.len() % 16 == 8 {
            let n_done = |seats: &[Seat]| seats.iter().filter(|seat| seat.is_idle()).count();
            let n_before = n_done(&seats);
            wait_until(|| n_done(&seats) > n_before || n_before == seats.len());
        }
    }
    wait_until(|| seats[0].is_idle());
    assert_eq!(engine_threads(), n_threads);
    drop(seats);
    assert_eq!(engine_threads(), 0);
}
