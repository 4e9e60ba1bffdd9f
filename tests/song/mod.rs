//! A host without a plugin format: it rolls, loops, jumps and rests, and plays a tone into the engine.
#![allow(dead_code)] // each test uses a part of it

#[path = "../asked/mod.rs"]
mod asked;
mod paced;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use encore::{
    engine::{Engine, Instance},
    link::{self, Armed, ModelStatus, Phase, Settings, TakeStatus, Transport},
    rt::{AudioSide, Controls},
    takes::{Tree, project},
};
pub use paced::PacedTime;

pub const RATE: f64 = 48_000.0;
const BLOCK: usize = 480;

/// A bar of 4/4 at 120 bpm, in frames: how long one is unless a test says otherwise.
pub const BAR: i64 = 96_000;

/// Longest time that anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// All instances of a process share one engine, and here none is to wait for another.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// An instance with the starter pack, its audio side, and everything that went in and came out on the left.
pub struct Host {
    pub audio: AudioSide,
    pub instance: Instance,
    pub controls: Controls,
    pub has_transport: bool,
    pub looped: Option<(i64, i64)>,
    /// Length of a bar of four beats, in frames.
    pub bar: i64,
    pub rate: f64,
    pub input: Vec<f32>,
    pub out: Vec<f32>,
    at: i64,
    /// How many times faster than real time it renders without saying so; none plays.
    pub speed: Option<f64>,
    time: PacedTime,
    _alone: MutexGuard<'static, ()>,
}

/// Three seconds of what tests ask for.
pub fn settings() -> Settings {
    Settings { length_seconds: 3.0, ..asked::settings() }
}

/// The input at these frames of the song.
pub fn dry(start: i64, n_frames: usize) -> Vec<f32> {
    (start..start + n_frames as i64).map(|frame| (frame as f32 * 0.03).sin() * 0.3).collect()
}

pub fn largest_step(samples: &[f32]) -> f32 {
    samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
}

impl Host {
    pub fn open() -> Self {
        Self::open_with(RATE, None)
    }

    /// At a rate of its own, and with the takes of a project, which are loaded before there is any audio.
    pub fn open_with(rate: f64, takes: Option<Tree>) -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: every test sets the same value, before any thread of the engine reads it.
        unsafe {
            std::env::set_var("ENCORE_PACKS", concat!(env!("CARGO_MANIFEST_DIR"), "/models"))
        };
        let instance = Instance::new(&Engine::shared(), Box::new(|| ()));
        if let Some(takes) = takes {
            instance.load_takes(takes);
        }
        let (audio_ends, engine_ends) = link::open(rate);
        instance.attach(engine_ends);
        let time = PacedTime::default();
        let host = Self {
            audio: AudioSide::with_time(audio_ends, Box::new(time.clone())),
            instance,
            controls: Controls::default(),
            has_transport: true,
            looped: None,
            bar: BAR,
            rate,
            input: Vec::new(),
            out: Vec::new(),
            at: 0,
            speed: None,
            time,
            _alone: alone,
        };
        host.wait_until(|host| matches!(host.instance.status().model, ModelStatus::Ready(_)));
        host
    }

    /// Song frame of the next block.
    pub fn at(&self) -> i64 {
        self.at
    }

    /// The project, saved and opened again.
    pub fn reopened(&self) -> Tree {
        let bytes = self.instance.with_takes(|tree| project::save(b"{}", tree, &[]));
        let loaded = project::load(&bytes);
        assert_eq!(loaded.problems, [""; 0]);
        loaded.tree
    }

    pub fn takes(&self) -> Vec<TakeStatus> {
        self.instance.status().takes.to_vec()
    }

    /// What comes out when the song passes these frames.
    pub fn pass(&mut self, start: i64, n_frames: usize) -> Vec<f32> {
        self.locate(start);
        self.fill(n_frames);
        std::mem::take(&mut self.out)
    }

    /// Where the newest take begins.
    pub fn seam(&self) -> i64 {
        self.instance.status().take.as_ref().expect("there is a take").seam_frame
    }

    pub fn notice(&self) -> Option<String> {
        self.instance.status().notice.as_ref().map(|notice| notice.text.clone())
    }

    pub fn words(&self) -> String {
        let status = self.instance.status();
        let take = status.take.as_ref().map(|take| (take.seam_frame, take.is_complete));
        format!("at {}, {:?}, take {take:?}, {:?}", self.at, status.phase, status.notice)
    }

    /// Goes elsewhere, and forgets what came out.
    pub fn locate(&mut self, frame: i64) {
        self.at = frame;
        self.input.clear();
        self.out.clear();
    }

    /// Rolls for `n_frames`, as fast as it can.
    pub fn roll(&mut self, n_frames: usize) {
        let mut n_left = n_frames;
        while n_left > 0 {
            n_left -= self.block(n_left.min(BLOCK), true);
        }
    }

    /// Rolls for `n_frames` as fast as the engine can listen.
    pub fn fill(&mut self, n_frames: usize) {
        self.controls.offline = true;
        self.roll(n_frames);
        self.controls.offline = false;
    }

    /// Rolls in about real time until `done`.
    pub fn roll_paced(&mut self, done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            assert!(begun.elapsed() < PATIENCE, "{}", self.words());
            self.block(BLOCK, true);
            std::thread::sleep(Duration::from_secs_f64(BLOCK as f64 / RATE));
        }
    }

    pub fn roll_until_armed(&mut self) -> Armed {
        self.roll_paced(|host| matches!(host.instance.status().phase, Phase::Armed(_)));
        match self.instance.status().phase {
            Phase::Armed(armed) => armed,
            phase => panic!("no longer armed but {phase:?}"),
        }
    }

    pub fn roll_until_composing(&mut self) {
        self.roll_paced(|host| host.instance.status().take.is_some());
    }

    /// The transport stops, and the host goes on processing.
    pub fn rest(&mut self) {
        for _ in 0..20 {
            self.block(BLOCK, false);
        }
    }

    /// The clock stands still until the whole take is there.
    pub fn wait_until_whole(&self) {
        self.wait_until(|host| {
            host.instance.status().take.as_ref().is_some_and(|take| take.is_complete)
        });
    }

    /// The clock stands still until nothing is done any more.
    pub fn wait_until_idle(&self) {
        self.wait_until(|host| host.instance.status().phase == Phase::Idle);
    }

    pub fn wait_until(&self, done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            assert!(begun.elapsed() < PATIENCE, "{}", self.words());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Plays a block of up to `n_frames`, as far as the loop's end; returns how many frames that were.
    fn block(&mut self, n_frames: usize, playing: bool) -> usize {
        let n_frames = match self.looped {
            Some((_, end)) if self.at < end => n_frames.min((end - self.at) as usize),
            _ => n_frames,
        };
        let seconds = n_frames as f64 / RATE;
        self.time.pass(Duration::from_secs_f64(seconds / self.speed.unwrap_or(1.0)));
        let beat = self.bar as f64 / 4.0;
        let transport = match self.has_transport {
            true => Transport {
                playing,
                frames: Some(self.at),
                beats: Some(self.at as f64 / beat),
                tempo_bpm: Some(60.0 * self.rate / beat),
                time_signature: Some((4, 4)),
                loop_beats: self.looped.map(|(a, b)| (a as f64 / beat, b as f64 / beat)),
                ..Transport::default()
            },
            false => Transport::default(),
        };
        let mut left = dry(self.at, n_frames);
        let mut right = left.clone();
        if playing {
            self.input.extend_from_slice(&left);
        }
        self.audio.process(&mut left, &mut right, &transport, &self.controls);
        assert_eq!(left, right);
        if playing {
            self.out.extend(left);
            self.at += n_frames as i64;
        }
        if let Some((start, end)) = self.looped
            && self.at == end
        {
            self.at = start;
        }
        n_frames
    }
}
