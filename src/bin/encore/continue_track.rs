//! `encore continue`: the main job, from a track to takes on disk.

use std::time::Instant;

use encore::engine::EngineError;
use encore::engine::finer;
use encore::engine::model::Model;
use encore::engine::pieces::Pieces;
use encore::engine::session::{Listener, Request, compose};
use encore::jukebox::{LevelState, Vqvae};
use encore::link::{Progress as Shown, Stage};
use encore::lyrics::Cleaned;
use encore::takes::{Levels, PackId, Prime, Recipe, SamplerRecipe, TakeError};
use encore::units::{frames_from_seconds, tokens_from_frames};
use serde_json::json;

use crate::args::song::ContinueArgs;
use crate::failure::{Failure, print, print_json};
use crate::finer_levels::{self, Song};
use crate::progress::{SecondsBar, Spinner};
use crate::resume::Progress;
use crate::take_files::{self, Sound, Written};
use crate::told::{Told, sheet};
use crate::{open, plan};

pub fn run(args: &ContinueArgs, as_json: bool) -> Result<(), Failure> {
    let pack = open::pack(&args.pack.pack)?;
    let levels = finer::levels(&pack, finer_levels::finest(args.until, &pack)?)?;
    let told = Told::typed(&args.told)?;
    let track = open::track(&args.input, &pack)?;
    let spinner = Spinner::new("loading the model");
    let model = Model::load(pack)?;
    drop(spinner);
    let lyrics = told.read_lyrics(model.prior.config())?;
    let request = plan::request(args, &told, lyrics.as_ref(), &levels, &model, &track)?;
    open::target_folder(&args.out)?;

    let begun = Instant::now();
    let mut first_frame_ms = None;
    let (mut songs, mut sounds) = (Vec::new(), Vec::new());
    let bar = SecondsBar::new("listening", args.seconds * args.takes as f64);
    for i in 0..args.takes {
        let request = Request { seed: args.seed + i as u64, ..request.clone() };
        let recipe = recipe(&model, &request, &told, &levels);
        let path = args.out.join(format!("take-{}.progress", i + 1));
        let mut ear = Ear::new(&bar, i, args, Progress::open(path, &recipe)?, model.level());
        ear.wants_audio = levels.is_empty();
        let begun = Instant::now();
        let composed = compose(&model, &request, ear.progress.of_level(model.level()), &mut ear);
        if let Some(problem) = ear.failed {
            return Err(problem.into());
        }
        let first_at = ear.first_at.map(|first| first.duration_since(begun).as_secs_f64() * 1e3);
        first_frame_ms = first_frame_ms.or(first_at);
        songs.push(Song {
            name: format!("take {} of {}", i + 1, args.takes),
            prime: request.prime,
            seed: request.seed,
            codes: Levels::from([(model.level(), composed?.codes)]),
            progress: ear.progress,
        });
        sounds.push((recipe, ear.sound));
    }
    drop(bar);

    let Model { pack, vqvae, prior } = model;
    drop(prior); // makes room for those of the finer levels
    if let Some(&finest) = levels.last() {
        let total_seconds = request.total_seconds.unwrap_or_default();
        finer_levels::write(&pack, &vqvae, &levels, &told, total_seconds, &mut songs)?;
        let n_new = frames_from_seconds(args.seconds, f64::from(pack.sample_rate()));
        for (song, (_, sound)) in songs.iter_mut().zip(&mut sounds) {
            for (level, codes) in &mut song.codes {
                let n_frames = song.prime.len() + n_new;
                codes.truncate(n_frames.div_ceil(vqvae.config().hop(*level)));
            }
            *sound = listen(&vqvae, song, finest, n_new)?;
        }
    }
    let working_seconds = begun.elapsed().as_secs_f64();

    let mut takes = Vec::new();
    for (i, (song, (recipe, sound))) in songs.iter().zip(sounds).enumerate() {
        takes.push(take_files::write(&args.out, i + 1, &pack, song, recipe, &sound)?);
    }
    songs.into_iter().for_each(|song| song.progress.remove());
    let realtime_factor = args.seconds * args.takes as f64 / working_seconds;
    tell(&takes, lyrics.as_ref(), first_frame_ms, realtime_factor, as_json)
}

/// Says what was made.
fn tell(
    takes: &[Written],
    lyrics: Option<&Cleaned>,
    first_frame_ms: Option<f64>,
    realtime_factor: f64,
    as_json: bool,
) -> Result<(), Failure> {
    if as_json {
        let takes: Vec<_> = takes.iter().map(Written::json).collect();
        return print_json(&json!({
            "takes": takes,
            "first_frame_ms": first_frame_ms,
            "realtime_factor": realtime_factor,
            "lyrics_as_read": lyrics.map(|lyrics| &lyrics.text),
        }));
    }
    if let Some(lyrics) = lyrics {
        print(&sheet(lyrics))?;
    }
    takes.iter().try_for_each(|take| print(&take.line()))?;
    let speed = format!("composed at {realtime_factor:.2} times real time");
    print(&match first_frame_ms {
        Some(ms) => format!("first sound after {ms:.0} ms, {speed}"),
        None => speed,
    })
}

/// A finished song at its finest level.
fn listen(vqvae: &Vqvae, song: &Song, level: usize, n_frames: usize) -> Result<Sound, Failure> {
    let hop = vqvae.config().hop(level);
    let n_prime = tokens_from_frames(song.prime.len(), hop);
    let codes = song.codes.get(&level).map_or(&[][..], Vec::as_slice);
    let mut pieces = Pieces::new(vqvae, level, n_prime, n_frames)?;
    let bar = SecondsBar::new("decoding", n_frames as f64);
    let mut sound = Sound { lead_in: pieces.lead_in(vqvae, codes)?, audio: Vec::new() };
    while !pieces.is_done() {
        sound.audio.extend(pieces.next(vqvae, codes)?);
        bar.set_seconds(sound.audio.len() as f64);
    }
    Ok(sound)
}

fn recipe(model: &Model, request: &Request, told: &Told, levels: &[usize]) -> Recipe {
    let pack = &model.pack;
    let labels = pack.labels();
    let recommended = pack.manifest().sampling.total_seconds;
    Recipe {
        format_version: Recipe::FORMAT_VERSION,
        encore_version: env!("CARGO_PKG_VERSION").into(),
        pack: PackId { name: pack.name().into(), sha256: pack.hash() },
        backend: take_files::BACKEND.into(),
        prime: Some(Prime::of(&request.prime, pack.sample_rate())),
        codes: None,
        seed: request.seed,
        artist: plan::artist_label(labels, request.artist),
        genres: request.genres.iter().map(|id| plan::genre_label(labels, *id)).collect(),
        sampler: SamplerRecipe {
            temperature: request.sampler.temperature,
            top_k: request.sampler.top_k,
            top_p: request.sampler.top_p,
        },
        lyrics: told.lyrics.clone(),
        level: model.level(),
        finest_level: levels.last().copied().unwrap_or(model.level()),
        length_seconds: request.length_seconds,
        total_seconds: request.total_seconds.unwrap_or(recommended),
    }
}

/// Collects one take's audio, moves the bar and keeps every window.
struct Ear<'a> {
    sound: Sound,
    wants_audio: bool,
    first_at: Option<Instant>,
    level: usize,
    progress: Progress,
    failed: Option<TakeError>,
    bar: &'a SecondsBar,
    seconds_before: f64,
    name: String,
}

impl<'a> Ear<'a> {
    fn new(
        bar: &'a SecondsBar,
        n_takes_before: usize,
        args: &ContinueArgs,
        progress: Progress,
        level: usize,
    ) -> Self {
        Self {
            sound: Sound::default(),
            wants_audio: true,
            first_at: None,
            level,
            progress,
            failed: None,
            bar,
            seconds_before: n_takes_before as f64 * args.seconds,
            name: format!("take {} of {}", n_takes_before + 1, args.takes),
        }
    }
}

impl Listener for Ear<'_> {
    fn lead_in(&mut self, frames: &[f32]) -> Result<(), EngineError> {
        self.sound.lead_in = frames.to_vec();
        Ok(())
    }

    fn audio(&mut self, frames: &[f32]) -> Result<(), EngineError> {
        self.first_at.get_or_insert_with(Instant::now);
        self.sound.audio.extend_from_slice(frames);
        Ok(())
    }

    fn progress(&mut self, progress: &Shown) {
        self.bar.set_message(match progress.stage {
            Stage::Encoding => format!("{}: listening", self.name),
            Stage::Prefilling => format!("{}: remembering", self.name),
            Stage::Generating => format!("{}: composing", self.name),
        });
        self.bar.set_seconds(self.seconds_before + progress.seconds_done);
    }

    fn window(&mut self, finished: &LevelState) -> Result<(), EngineError> {
        self.failed = self.progress.keep(self.level, finished).err();
        if self.failed.is_some() { Err(EngineError::Stopped) } else { Ok(()) }
    }

    fn wants_audio(&self) -> bool {
        self.wants_audio
    }

    fn stopped(&self) -> bool {
        false // Ctrl-C ends the process, and no half file is left
    }
}
