//! An audio side without an engine: arrangements go in by hand, time is made up, and what comes out is looked at.

#![allow(dead_code)] // each test uses a part of it

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use encore::{
    link::{self, Anchor, Arrangement, CHUNK_FRAMES, EngineEnds, Region, Sound, Transport},
    rt::{AudioSide, Controls, Time},
};

pub const RATE: f64 = 48_000.0;

/// Frames of a fade.
pub const FADE: usize = 240;

/// Time that only moves when it is told to, or while somebody waits.
#[derive(Clone, Default)]
pub struct MadeUpTime {
    nanos: Arc<AtomicU64>,
    /// Somebody else works while one waits, and needs real time for it.
    is_shared: bool,
}

impl MadeUpTime {
    pub fn pass(&self, pause: Duration) {
        self.nanos.fetch_add(pause.as_nanos() as u64, Relaxed);
    }

    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Relaxed))
    }
}

impl Time for MadeUpTime {
    fn now(&mut self) -> Duration {
        self.elapsed()
    }

    fn nap(&mut self, pause: Duration) {
        self.pass(pause);
        if self.is_shared {
            std::thread::sleep(pause);
        }
    }
}

pub struct Tape {
    pub audio: AudioSide,
    pub engine: EngineEnds,
    pub controls: Controls,
    pub time: MadeUpTime,
    /// How many times faster than real time the host is.
    pub speed: f64,
}

impl Tape {
    pub fn new() -> Self {
        Self::with_time(MadeUpTime::default())
    }

    /// A tape beside which another thread works.
    pub fn shared() -> Self {
        Self::with_time(MadeUpTime { is_shared: true, ..MadeUpTime::default() })
    }

    fn with_time(time: MadeUpTime) -> Self {
        let (ends, engine) = link::open(RATE);
        let audio = AudioSide::with_time(ends, Box::new(time.clone()));
        Self { audio, engine, controls: Controls::default(), time, speed: 1.0 }
    }

    pub fn arrange(&mut self, regions: Vec<Region>) {
        self.engine.arrangements.send(Box::new(Arrangement { regions }));
    }

    /// Plays one block of silence; what comes out on the left.
    pub fn play(&mut self, transport: &Transport, n_frames: usize) -> Vec<f32> {
        self.time.pass(Duration::from_secs_f64(n_frames as f64 / RATE / self.speed));
        let (mut left, mut right) = (vec![0.0; n_frames], vec![0.0; n_frames]);
        self.audio.process(&mut left, &mut right, transport, &self.controls);
        left
    }

    /// Rolls from `start` for `n_frames` in blocks of these lengths, over and over.
    pub fn play_in(&mut self, blocks: &[usize], start: i64, n_frames: usize) -> Vec<f32> {
        let mut heard = Vec::new();
        for n_block in blocks.iter().cycle() {
            let at = start + heard.len() as i64;
            heard.extend(self.play(&rolling(at), (*n_block).min(n_frames - heard.len())));
            if heard.len() == n_frames {
                break;
            }
        }
        heard
    }
}

pub fn rolling(frame: i64) -> Transport {
    Transport { playing: true, frames: Some(frame), ..Transport::default() }
}

/// A slow wave that tells every frame of a take apart from its neighbours and never moves fast.
pub fn sample(offset: usize) -> f32 {
    0.5 + 0.4 * (offset as f32 * 0.01).sin()
}

pub fn largest_step(heard: &[f32]) -> f32 {
    heard.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
}

fn frames(offsets: std::ops::Range<usize>) -> Box<[[f32; 2]]> {
    offsets.map(|offset| [sample(offset); 2]).collect()
}

pub fn whole(n_frames: usize) -> Arc<Sound> {
    Arc::new(Sound::whole(&frames(0..n_frames)))
}

pub fn growing(n_frames_max: usize) -> Arc<Sound> {
    Arc::new(Sound::with_room(n_frames_max))
}

/// So many chunks more, as far as there is room.
pub fn grow(sound: &Sound, n_chunks: usize) {
    for _ in 0..n_chunks {
        let first = sound.n_frames();
        sound.push(frames(first..first + CHUNK_FRAMES));
    }
}

/// One chunk more of a sound that is to have so many frames.
pub fn grow_to(sound: &Sound, n_frames: usize) {
    let first = sound.n_frames();
    sound.push(frames(first..(first + CHUNK_FRAMES).min(n_frames)));
}

pub fn region(take: u64, start: i64, sound: Arc<Sound>) -> Region {
    Region {
        take,
        anchor: Anchor::Song(start),
        sound,
        first: 0,
        n_frames: None,
        gain: 1.0,
        takes_over: false,
    }
}
