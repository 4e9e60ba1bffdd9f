//! `encore continue`: the main job, from a track to takes on disk.

use std::path::PathBuf;
use std::time::Instant;

use encore::engine::EngineError;
use encore::engine::model::Model;
use encore::engine::session::{Listener, Request, compose};
use encore::link::{Progress, Stage};
use encore::takes::{PackId, Prime, Recipe, SamplerRecipe, Take, measure, picture, wav};
use encore::units::{FADE_SECONDS, frames_from_seconds, seconds_from_frames};
use serde_json::{Value, json};

use crate::args::ContinueArgs;
use crate::failure::{Failure, print, print_json};
use crate::progress::{SecondsBar, Spinner};
use crate::{open, plan};

/// What the networks run on, for the recipe.
const BACKEND: &str = "cpu-f32";
/// Around the seam, how far clicks are looked for.
const SEAM_SECONDS: f64 = 0.005;

pub fn run(args: &ContinueArgs, as_json: bool) -> Result<(), Failure> {
    let pack = open::pack(&args.pack.pack)?;
    let track = open::track(&args.input, &pack)?;
    let spinner = Spinner::new("loading the model");
    let model = Model::load(pack)?;
    drop(spinner);
    let request = plan::request(args, &model, &track)?;
    open::target_folder(&args.out)?;

    let bar = SecondsBar::new("listening", args.seconds * args.takes as f64);
    let mut takes = Vec::new();
    let mut first_frame_ms = None;
    let mut working_seconds = 0.0;
    for i in 0..args.takes {
        let request = Request { seed: args.seed + i as u64, ..request.clone() };
        let begun = Instant::now();
        let mut ear = Ear::new(&bar, i, args);
        let composed = compose(&model, &request, &mut ear)?;
        working_seconds += begun.elapsed().as_secs_f64();
        let first_at = ear.first_at.map(|first| first.duration_since(begun).as_secs_f64() * 1e3);
        first_frame_ms = first_frame_ms.or(first_at);
        takes.push(write_take(args, i + 1, &model, &request, composed.codes, &ear)?);
    }
    drop(bar);

    let realtime_factor = args.seconds * args.takes as f64 / working_seconds;
    if as_json {
        let takes: Vec<_> = takes.iter().map(Written::json).collect();
        return print_json(&json!({
            "takes": takes,
            "first_frame_ms": first_frame_ms,
            "realtime_factor": realtime_factor,
        }));
    }
    takes.iter().try_for_each(|take| print(&take.line()))?;
    print(&format!(
        "first sound after {:.0} ms, composed at {realtime_factor:.1} times real time",
        first_frame_ms.unwrap_or(f64::NAN)
    ))
}

/// A take on disk, and how it sounds.
struct Written {
    wav: PathBuf,
    codes: PathBuf,
    recipe: PathBuf,
    picture: PathBuf,
    seed: u64,
    seconds: f64,
    seam_seconds: f64,
    peak: f32,
    rms_db: f64,
    seam_step: f32,
    longest_silence_seconds: f64,
}

fn write_take(
    args: &ContinueArgs,
    number: usize,
    model: &Model,
    request: &Request,
    codes: Vec<u32>,
    ear: &Ear,
) -> Result<Written, Failure> {
    let path = |ending: &str| args.out.join(format!("take-{number}.{ending}"));
    let (wav, picture) = (path("wav"), path("png"));
    let rate = model.rate();
    let continuation = &ear.audio;
    let audio = join(&request.prime, &ear.lead_in, continuation, rate);
    let seam_frame = request.prime.len();
    let seam_seconds = seconds_from_frames(seam_frame, rate);

    wav::write(&wav, &audio, model.pack.sample_rate())?;
    let take = Take { codes, recipe: recipe(model, request) };
    take.write(&path("safetensors"), &path("json"))?;
    picture::write(&picture, &audio, rate, Some(seam_seconds), &title(number, &take.recipe))?;

    let n_around = (SEAM_SECONDS * rate) as usize;
    let around_seam = seam_frame.saturating_sub(n_around)..seam_frame + n_around;
    Ok(Written {
        wav,
        codes: path("safetensors"),
        recipe: path("json"),
        picture,
        seed: request.seed,
        seconds: seconds_from_frames(audio.len(), rate),
        seam_seconds,
        peak: measure::peak(continuation),
        rms_db: measure::rms_db(continuation),
        seam_step: measure::largest_step_in(&audio, around_seam),
        longest_silence_seconds: measure::longest_silence_seconds(continuation, rate),
    })
}

/// The prime and then its continuation. Over the last milliseconds of the prime the recording gives way to
/// what the model heard of it, so that nothing steps at the seam.
fn join(prime: &[f32], lead_in: &[f32], continuation: &[f32], rate: f64) -> Vec<f32> {
    let mut audio = [prime, continuation].concat();
    let n_fade = frames_from_seconds(FADE_SECONDS, rate).min(lead_in.len()).min(prime.len());
    let heard = &lead_in[lead_in.len() - n_fade..];
    for (i, (frame, heard)) in audio[prime.len() - n_fade..].iter_mut().zip(heard).enumerate() {
        let share = (i + 1) as f32 / (n_fade + 1) as f32;
        *frame += share * (heard - *frame);
    }
    audio
}

fn recipe(model: &Model, request: &Request) -> Recipe {
    let pack = &model.pack;
    let labels = pack.labels();
    let recommended = pack.manifest().sampling.total_seconds;
    Recipe {
        format_version: Recipe::FORMAT_VERSION,
        encore_version: env!("CARGO_PKG_VERSION").into(),
        pack: PackId { name: pack.name().into(), sha256: pack.hash() },
        backend: BACKEND.into(),
        prime: Prime::of(&request.prime, pack.sample_rate()),
        seed: request.seed,
        artist: plan::artist_label(labels, request.artist),
        genres: request.genres.iter().map(|id| plan::genre_label(labels, *id)).collect(),
        sampler: SamplerRecipe {
            temperature: request.sampler.temperature,
            top_k: request.sampler.top_k,
            top_p: request.sampler.top_p,
        },
        level: model.level(),
        length_seconds: request.length_seconds,
        total_seconds: request.total_seconds.unwrap_or(recommended),
    }
}

fn title(number: usize, recipe: &Recipe) -> String {
    let mut names = vec![recipe.artist.name.as_str()];
    names.extend(recipe.genres.iter().map(|genre| genre.name.as_str()));
    names.dedup();
    format!("{}   ·   take {number}   ·   seed {}", names.join(", "), recipe.seed)
}

impl Written {
    fn json(&self) -> Value {
        json!({
            "wav": self.wav,
            "codes": self.codes,
            "recipe": self.recipe,
            "picture": self.picture,
            "seed": self.seed,
            "seconds": self.seconds,
            "seam_seconds": self.seam_seconds,
            "peak": self.peak,
            "rms_db": self.rms_db,
            "largest_step_at_seam": self.seam_step,
            "longest_silence_seconds": self.longest_silence_seconds,
        })
    }

    fn line(&self) -> String {
        format!(
            "{}: {:.2} s, the continuation from {:.2} s on, seed {}",
            self.wav.display(),
            self.seconds,
            self.seam_seconds,
            self.seed
        )
    }
}

/// Collects one take's audio and moves the bar.
struct Ear<'a> {
    lead_in: Vec<f32>,
    audio: Vec<f32>,
    first_at: Option<Instant>,
    bar: &'a SecondsBar,
    seconds_before: f64,
    name: String,
}

impl<'a> Ear<'a> {
    fn new(bar: &'a SecondsBar, n_takes_before: usize, args: &ContinueArgs) -> Self {
        Self {
            lead_in: Vec::new(),
            audio: Vec::new(),
            first_at: None,
            bar,
            seconds_before: n_takes_before as f64 * args.seconds,
            name: format!("take {} of {}", n_takes_before + 1, args.takes),
        }
    }
}

impl Listener for Ear<'_> {
    fn lead_in(&mut self, frames: &[f32]) -> Result<(), EngineError> {
        self.lead_in = frames.to_vec();
        Ok(())
    }

    fn audio(&mut self, frames: &[f32]) -> Result<(), EngineError> {
        self.first_at.get_or_insert_with(Instant::now);
        self.audio.extend_from_slice(frames);
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) {
        self.bar.set_message(match progress.stage {
            Stage::Encoding => format!("{}: listening", self.name),
            Stage::Prefilling => format!("{}: remembering", self.name),
            Stage::Generating => format!("{}: composing", self.name),
        });
        self.bar.set_seconds(self.seconds_before + progress.seconds_done);
    }

    fn stopped(&self) -> bool {
        false // Ctrl-C ends the process, and no half file is left
    }
}
