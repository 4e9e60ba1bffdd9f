//! In-process hosts for both formats behind one trait, so that one promise is tested in each of them.
//!
//! They load the built binary: from the bundles in the folder `ENCORE_BUNDLES`, else the library that cargo
//! left beside the tests.
#![allow(dead_code)] // every test file uses its own part
#![allow(clippy::unnecessary_cast)] // VST3's constants have other types on other systems

pub mod clap;
pub mod com;
pub mod promises;
pub mod vst3;
pub mod x11;

use std::{
    path::{Path, PathBuf},
    sync::{Once, OnceLock},
    time::{Duration, Instant},
};

use encore::takes::wav;

/// Makes instances of the plugin in one format.
pub trait Format {
    fn open(&self) -> Box<dyn Instance>;
}

/// One instance, driven from its main thread; audio runs on a thread of its own.
pub trait Instance {
    /// Activates, plays, deactivates.
    fn play(&mut self, play: &Play) -> Played;
    fn set_offline(&mut self, is_offline: bool);
    fn params(&mut self) -> Vec<ParamFacts>;
    /// Plain value as the host shows it.
    fn value(&mut self, id: u32) -> f64;
    fn text(&mut self, id: u32, value: f64) -> Option<String>;
    fn parse(&mut self, id: u32, text: &str) -> Option<f64>;
    /// Saves through a stream that takes `n_piece` bytes at a time.
    fn save(&mut self, n_piece: usize) -> Vec<u8>;
    fn load(&mut self, state: &[u8], n_piece: usize) -> bool;
    /// Runs what the plugin asked to have run on the main thread.
    fn main_thread(&mut self);
    /// Times the host was told to look at the values again.
    fn n_rescans(&mut self) -> usize;
}

/// What the host plays.
#[derive(Clone)]
pub struct Play {
    pub rate: f64,
    /// Lengths of the blocks, in turn; the largest is the promised maximum.
    pub blocks: Vec<usize>,
    pub n_frames: usize,
    pub song: Song,
    /// The host plays to somebody: a block is processed when the ones before it have been heard.
    pub is_paced: bool,
    /// `(frame since the start, host id, plain value)`, in order.
    pub events: Vec<(usize, u32, f64)>,
    pub input: fn(usize) -> [f32; 2],
}

impl Default for Play {
    fn default() -> Self {
        Self {
            rate: 48_000.0,
            blocks: vec![512],
            n_frames: 4096,
            song: Song::Rolls(0),
            is_paced: false,
            events: vec![],
            input: noise,
        }
    }
}

/// What the host says about time; positions are frames.
#[derive(Clone, Copy, PartialEq)]
pub enum Song {
    Nothing,
    Rests(i64),
    Rolls(i64),
    /// Rolls from the first position, and goes on at the last after so many frames.
    Jumps(i64, usize, i64),
}

impl Song {
    /// Position after `n_frames`, and whether it moves.
    pub fn at(self, n_frames: usize) -> Option<(i64, bool)> {
        match self {
            Song::Nothing => None,
            Song::Rests(frame) => Some((frame, false)),
            Song::Rolls(frame) => Some((frame + n_frames as i64, true)),
            Song::Jumps(_, at, to) if at <= n_frames => Some((to + (n_frames - at) as i64, true)),
            Song::Jumps(frame, ..) => Some((frame + n_frames as i64, true)),
        }
    }
}

impl Play {
    /// Waits until it is time for the frames from `done` on, if anybody waits for them.
    pub fn pace(&self, begun: Instant, done: usize) {
        let due = begun + Duration::from_secs_f64(done as f64 / self.rate);
        if self.is_paced {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    /// Writes the input of frames `first..first + n` into two channels.
    pub fn fill(&self, channels: &mut [Vec<f32>], first: usize, n: usize) {
        let [left, right] = channels else { panic!("two channels") };
        for (i, (l, r)) in left.iter_mut().zip(right).take(n).enumerate() {
            [*l, *r] = (self.input)(first + i);
        }
    }
}

/// What came back.
#[derive(Default)]
pub struct Played {
    pub left: Vec<f32>,
    pub right: Vec<f32>,
    /// `(frame since the start, host id, plain value)` that the plugin told the host.
    pub told: Vec<(usize, u32, f64)>,
    /// How many frames had come out after each block, and when.
    pub blocks: Vec<(usize, Instant)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ParamFacts {
    pub id: u32,
    pub name: String,
    pub min: f64,
    pub max: f64,
    pub default: f64,
    pub is_bypass: bool,
}

/// Different in each channel, never silent, the same every time.
pub fn noise(frame: usize) -> [f32; 2] {
    [1u32, 2].map(|seed| {
        let mixed =
            (frame as u32).wrapping_mul(0x9E37_79B9).wrapping_add(seed.wrapping_mul(0x85EB_CA6B));
        let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x2C1B_3C6D);
        (mixed >> 8) as f32 / (1 << 24) as f32 - 0.5
    })
}

/// A real recording, in stereo at 48 kHz.
pub const RECORDING: &str = "tests/audio/foundry_stereo_48k.wav";

/// The recording, read once.
pub fn clip() -> &'static wav::Audio {
    static CLIP: OnceLock<wav::Audio> = OnceLock::new();
    CLIP.get_or_init(|| {
        let clip = wav::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDING));
        let clip = clip.expect("the recording is in the repository");
        assert_eq!((clip.n_channels, clip.rate_hz), (2, 48_000));
        clip
    })
}

/// A frame of the recording; silence after its end.
pub fn recording(frame: usize) -> [f32; 2] {
    [0, 1].map(|c| clip().samples.get(frame * 2 + c).copied().unwrap_or(0.0))
}

pub fn silence(_frame: usize) -> [f32; 2] {
    [0.0; 2]
}

pub fn level(_frame: usize) -> [f32; 2] {
    [0.5; 2]
}

/// The CLAP binary.
pub fn clap_path() -> PathBuf {
    bundled("Encore.clap").unwrap_or_else(library)
}

/// The VST3 binary, inside its bundle.
pub fn vst3_path() -> PathBuf {
    let bundle = bundled("Encore.vst3").map(|bundle| {
        if bundle.is_dir() { bundle.join("Contents/x86_64-linux/Encore.so") } else { bundle }
    });
    bundle.unwrap_or_else(library)
}

fn bundled(name: &str) -> Option<PathBuf> {
    Some(Path::new(&std::env::var_os("ENCORE_BUNDLES")?).join(name))
}

/// The newest library that cargo built for this profile.
fn library() -> PathBuf {
    use_repository_packs();
    let test = std::env::current_exe().expect("a running test has a path");
    let folders = test.ancestors().skip(1).take(2);
    let built = folders.map(|folder| folder.join("libencore.so")).filter(|path| path.exists());
    built
        .max_by_key(|path| path.metadata().and_then(|m| m.modified()).ok())
        .expect("libencore.so is beside the tests: run `cargo build` for the same profile")
}

/// Points the engine at the packs of this repository, unless the environment names others.
pub fn use_repository_packs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("ENCORE_PACKS").is_none() {
            let models = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
            // SAFETY: the first thing that any test does, before the plugin exists or reads it.
            unsafe { std::env::set_var("ENCORE_PACKS", models) };
        }
    });
}
