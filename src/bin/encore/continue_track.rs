//! `encore continue`: the main job, from a track to takes on disk.

use std::collections::BTreeMap;
use std::time::Instant;

use encore::engine::EngineError;
use encore::engine::finer;
use encore::engine::model::Model;
use encore::engine::pieces::Pieces;
use encore::engine::session::{Request, compose, compose_codes};
use encore::jukebox::{LevelPrior, Vqvae};
use encore::lyrics::Cleaned;
use encore::pack::Pack;
use encore::takes::{Levels, Recipe, Windows};
use encore::units::{frames_from_seconds, tokens_from_frames};
use serde_json::json;

use crate::again::Again;
use crate::args::song::ContinueArgs;
use crate::ear::Ear;
use crate::failure::{Failure, print, print_json};
use crate::finer_levels::{self, Song};
use crate::place::Place;
use crate::progress::{SecondsBar, Spinner};
use crate::resume::Progress;
use crate::take_files::{self, Sound, Written};
use crate::told::{Told, sheet};
use crate::{open, plan};

pub fn run(args: &ContinueArgs, as_json: bool) -> Result<(), Failure> {
    let again = args.recipe.as_deref().map(Again::read).transpose()?;
    let load = args.load(again.as_ref().and_then(Again::precision));
    let place = Place::open(&load, &args.on)?;
    let pack = match &again {
        Some(again) => again.pack(args.pack.as_deref())?,
        None => open::pack(&load.pack)?,
    };
    let order = Order { args, again };
    match &place {
        Place::Kernels(precision) => {
            write(&order, &place, pack, as_json, |pack| Model::load_as(pack, *precision))
        }
        Place::Device(device, precision) => {
            write(&order, &place, pack, as_json, |pack| Model::load_on(pack, device, *precision))
        }
    }
}

/// What is to be written: as it was typed, or as a recipe says.
struct Order<'a> {
    args: &'a ContinueArgs,
    again: Option<Again>,
}

impl Order<'_> {
    fn seconds(&self) -> f64 {
        let said = self.again.as_ref().map(|again| again.recipe.length_seconds);
        said.unwrap_or_else(|| self.args.seconds())
    }

    fn seed(&self) -> u64 {
        self.again.as_ref().map_or(self.args.seed, |again| again.recipe.seed)
    }

    fn windows(&self) -> Windows {
        self.again.as_ref().map_or(self.args.windows, Again::windows)
    }

    fn finest(&self, pack: &Pack) -> Result<usize, Failure> {
        match &self.again {
            Some(again) => Ok(again.recipe.finest_level),
            None => finer_levels::finest(self.args.until, pack),
        }
    }

    /// Codes of the prime, where there are only these.
    fn prime_codes(&self) -> Option<&Levels> {
        self.again.as_ref().map(|again| &again.prime)
    }
}

fn write<P: LevelPrior>(
    order: &Order,
    place: &Place,
    pack: Pack,
    as_json: bool,
    load: impl FnOnce(Pack) -> Result<Model<P>, EngineError>,
) -> Result<(), Failure> {
    let args = order.args;
    let levels = finer::levels(&pack, order.finest(&pack)?)?;
    let (told, track, pack) = match &order.again {
        Some(again) => (Told::said_by(&again.recipe), Vec::new(), pack),
        None => {
            let told = Told::typed(&args.told)?;
            let track = open::track(args.input(), &pack)?;
            let pack = told.told_to(&pack);
            (told, track, pack)
        }
    };
    let spinner = Spinner::new("loading the model");
    let model = load(pack)?;
    drop(spinner);
    let lyrics = told.read_lyrics(model.prior.config())?;
    let request = match &order.again {
        Some(again) => again.request(&model, &levels, lyrics.as_ref())?,
        None => plan::request(args, &told, lyrics.as_ref(), &levels, &model, &track)?,
    };
    open::target_folder(&args.out)?;

    let begun = Instant::now();
    let bar = SecondsBar::new("listening", order.seconds() * args.takes as f64);
    let mut composed = Composed { first_frame_ms: None, takes: Vec::new() };
    for takes in together(begin(order, place, &model, &request, &told, &levels)?, &model) {
        composed.add(order, &model, &request, takes, levels.is_empty(), &bar)?;
    }
    drop(bar);
    let Composed { first_frame_ms, mut takes } = composed;
    takes.sort_by_key(|(number, ..)| *number);
    let (mut songs, mut finished): (Vec<_>, Vec<_>) =
        takes.into_iter().map(|(_, song, finished)| (song, finished)).unzip();

    let Model { pack, vqvae, prior, .. } = model;
    drop(prior); // makes room for those of the finer levels
    if let Some(&finest) = levels.last() {
        let total_seconds = request.total_seconds.unwrap_or_default();
        let job = finer_levels::Job {
            pack: &pack,
            place,
            vqvae: &vqvae,
            levels: &levels,
            windows: order.windows(),
            told: &told,
            total_seconds,
        };
        job.write(&mut songs)?;
        let n_new = frames_from_seconds(order.seconds(), f64::from(pack.sample_rate()));
        for (song, (_, sound)) in songs.iter_mut().zip(&mut finished) {
            for (level, codes) in &mut song.codes {
                let n_frames = song.prime.len() + n_new;
                codes.truncate(n_frames.div_ceil(vqvae.config().hop(*level)));
            }
            *sound = listen(&vqvae, song, finest, n_new)?;
        }
    }
    let working_seconds = begun.elapsed().as_secs_f64();

    let mut takes = Vec::new();
    for (i, (song, (recipe, sound))) in songs.iter().zip(finished).enumerate() {
        takes.push(take_files::write(&args.out, i + 1, &pack, song, recipe, &sound)?);
    }
    songs.into_iter().for_each(|song| song.progress.remove());
    let realtime_factor = order.seconds() * args.takes as f64 / working_seconds;
    tell(&takes, lyrics.as_ref(), first_frame_ms, realtime_factor, as_json)
}

/// A take that is to be composed, or went so far before.
struct Begun {
    number: usize,
    seed: u64,
    recipe: Recipe,
    progress: Progress,
}

fn begin<P: LevelPrior>(
    order: &Order,
    place: &Place,
    model: &Model<P>,
    request: &Request,
    told: &Told,
    levels: &[usize],
) -> Result<Vec<Begun>, Failure> {
    let args = order.args;
    let begin = |number: usize| {
        let seed = order.seed() + (number - 1) as u64;
        let recipe = match &order.again {
            Some(again) => again.recipe(place),
            None => plan::recipe(args, place, model, request, seed, told, levels),
        };
        let path = args.out.join(format!("take-{number}.progress"));
        Ok(Begun { number, seed, progress: Progress::open(path, &recipe)?, recipe })
    };
    (1..=args.takes).map(begin).collect()
}

/// Takes that are composed together: not too many, and those that went equally far.
fn together<P: LevelPrior>(mut takes: Vec<Begun>, model: &Model<P>) -> Vec<Vec<Begun>> {
    let n_windows = |take: &Begun| take.progress.n_windows(model.level());
    takes.sort_by_key(|take| (n_windows(take), take.number));
    let mut groups: Vec<Vec<Begun>> = Vec::new();
    for take in takes {
        let joins = |group: &&mut Vec<Begun>| {
            group.len() < model.takes_at_once() && n_windows(&group[0]) == n_windows(&take)
        };
        match groups.last_mut().filter(joins) {
            Some(group) => group.push(take),
            None => groups.push(vec![take]),
        }
    }
    groups
}

/// Takes whose top level is there: number, song, and the recipe with what of it sounds already.
struct Composed {
    first_frame_ms: Option<f64>,
    takes: Vec<(usize, Song, (Recipe, Sound))>,
}

impl Composed {
    /// Composes some takes together.
    fn add<P: LevelPrior>(
        &mut self,
        order: &Order,
        model: &Model<P>,
        request: &Request,
        takes: Vec<Begun>,
        wants_audio: bool,
        bar: &SecondsBar,
    ) -> Result<(), Failure> {
        let level = model.level();
        let seeds: Vec<u64> = takes.iter().map(|take| take.seed).collect();
        let saved = takes.iter().filter_map(|take| take.progress.of_level(level)).collect();
        let (progress, names): (Vec<_>, Vec<_>) =
            takes.into_iter().map(|take| (take.progress, (take.number, take.recipe))).unzip();
        let seconds_before = self.takes.len() as f64 * order.seconds();
        let mut ear = Ear::new(bar, seconds_before, progress, level, wants_audio);
        let begun = Instant::now();
        let request = Request { seeds, ..request.clone() };
        let composed = match order.prime_codes().and_then(|prime| prime.get(&level)) {
            Some(prime) => compose_codes(model, &request, prime, saved, &mut ear),
            None => compose(model, &request, saved, &mut ear),
        };
        if let Some(problem) = ear.failed {
            return Err(problem.into());
        }
        let first_at = ear.first_at.map(|first| first.duration_since(begun).as_secs_f64() * 1e3);
        self.first_frame_ms = self.first_frame_ms.or(first_at);
        let made = composed?
            .takes
            .into_iter()
            .zip(request.seeds)
            .zip(ear.progress.into_iter().zip(ear.sounds));
        for (((codes, seed), (progress, sound)), (number, recipe)) in made.zip(names) {
            let song = Song {
                name: format!("take {number} of {}", order.args.takes),
                prime: request.prime.clone(),
                prime_codes: order.prime_codes().cloned().unwrap_or_default(),
                seed,
                codes: Levels::from([(level, codes)]),
                seams: BTreeMap::new(),
                progress,
            };
            self.takes.push((number, song, (recipe, sound)));
        }
        Ok(())
    }
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
    takes.iter().try_for_each(|take| take.lines().iter().try_for_each(|line| print(line)))?;
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
