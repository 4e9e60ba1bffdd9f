//! What a user waits for: audio through the VQ-VAE, the first sound, and a whole continuation.

use std::time::Instant;

use encore::engine::EngineError;
use encore::engine::model::Model;
use encore::engine::session::{Listener, Request, Story, begin, compose, write};
use encore::jukebox::{SamplerSettings, Vqvae};
use encore::link::{Progress, StageTimes};
use encore::units::{frames_from_seconds, seconds_from_frames};
use serde_json::{Value, json};

use super::machine::median;
use crate::failure::Failure;

const AUDIO_SECONDS: f64 = 4.0;
const CONTINUED_SECONDS: f64 = 5.0;
const N_RUNS: usize = 3;

/// Times real time of one level of the VQ-VAE.
pub struct Coding {
    level: usize,
    encode: f64,
    decode: f64,
}

impl Coding {
    pub fn json(&self) -> Value {
        json!({"level": self.level, "encode_x": self.encode, "decode_x": self.decode})
    }

    pub fn line(&self) -> String {
        let Self { level, encode, decode } = self;
        format!("VQ-VAE level {level}: encodes {encode:.1} and decodes {decode:.1} times real time")
    }
}

pub fn coding(vqvae: &Vqvae, level: usize, rate: f64) -> Result<Coding, Failure> {
    let audio = audio(frames_from_seconds(AUDIO_SECONDS, rate));
    vqvae.encode(&audio, level)?; // once for nothing: buffers grow
    let (mut encode, mut decode) = (Vec::new(), Vec::new());
    for _ in 0..N_RUNS {
        let begun = Instant::now();
        let codes = vqvae.encode(&audio, level)?;
        encode.push(AUDIO_SECONDS / begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        vqvae.decode(&codes, level)?;
        decode.push(AUDIO_SECONDS / begun.elapsed().as_secs_f64());
    }
    Ok(Coding { level, encode: median(encode), decode: median(decode) })
}

/// What composing with a pack's top level takes.
pub struct Composing {
    pub first_sound_ms: f64,
    /// The same where the codes of the prime were known, as in a plugin that listened ahead.
    pub warm_ms: f64,
    /// What the time to the first sound was spent on.
    pub stages: StageTimes,
    /// Times real time with the audio of it.
    pub end_to_end: f64,
    /// Times real time of the codes alone.
    pub top_level: f64,
}

pub fn composing(model: &Model) -> Result<Composing, Failure> {
    let prime_seconds = model.pack.manifest().sampling.prime_seconds.min(model.max_prime_seconds());
    let request = Request {
        prime: audio(frames_from_seconds(prime_seconds, model.rate())),
        length_seconds: CONTINUED_SECONDS,
        artist: 0,
        genres: Vec::new(),
        sampler: SamplerSettings::default(),
        seeds: vec![0],
        total_seconds: None,
        offset_seconds: 0.0,
        lyrics: Vec::new(),
        min_tokens: 0,
    };
    let (mut first, mut whole, mut codes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut warm, mut stages) = (Vec::new(), Vec::new());
    let prime = model.vqvae.encode(&request.prime, model.level())?;
    for _ in 0..N_RUNS {
        let mut ear = Ear::new(true);
        compose(model, &request, Vec::new(), &mut ear)?;
        whole.push(CONTINUED_SECONDS / ear.begun.elapsed().as_secs_f64());
        first.extend(ear.first_ms);
        stages.push(ear.stages);
        let mut ear = Ear::new(true);
        let mut top = begin(model, &request, prime.clone(), Vec::new())?;
        write(model, &request, &mut top, prime.len(), Story::new(model, &request, &mut ear))?;
        warm.extend(ear.first_ms);
        let mut ear = Ear::new(false);
        compose(model, &request, Vec::new(), &mut ear)?;
        codes.push(CONTINUED_SECONDS / ear.begun.elapsed().as_secs_f64());
    }
    let stage = |time: fn(&StageTimes) -> f64| median(stages.iter().map(time));
    Ok(Composing {
        first_sound_ms: median(first),
        warm_ms: median(warm),
        stages: StageTimes {
            encoding_ms: stage(|stages| stages.encoding_ms),
            prefilling_ms: stage(|stages| stages.prefilling_ms),
            first_piece_ms: stage(|stages| stages.first_piece_ms),
        },
        end_to_end: median(whole),
        top_level: median(codes),
    })
}

/// Hears when the first sound comes.
struct Ear {
    begun: Instant,
    first_ms: Option<f64>,
    wants_audio: bool,
    stages: StageTimes,
}

impl Ear {
    fn new(wants_audio: bool) -> Self {
        let stages = StageTimes::default();
        Self { begun: Instant::now(), first_ms: None, wants_audio, stages }
    }
}

impl Listener for Ear {
    fn lead_in(&mut self, _: usize, _: &[f32]) -> Result<(), EngineError> {
        Ok(())
    }

    fn audio(&mut self, _: usize, _: &[f32]) -> Result<(), EngineError> {
        self.first_ms.get_or_insert(self.begun.elapsed().as_secs_f64() * 1e3);
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) {
        self.stages = progress.stages;
    }

    fn wants_audio(&self) -> bool {
        self.wants_audio
    }

    fn stopped(&self) -> bool {
        false
    }
}

/// Some chord.
fn audio(n_frames: usize) -> Vec<f32> {
    let tone = |seconds: f64, hz: f64| (std::f64::consts::TAU * hz * seconds).sin();
    let frame = |i| {
        let seconds = seconds_from_frames(i, 44_100.0);
        (0.2 * (tone(seconds, 110.0) + tone(seconds, 277.2) + tone(seconds, 329.6))) as f32
    };
    (0..n_frames).map(frame).collect()
}
