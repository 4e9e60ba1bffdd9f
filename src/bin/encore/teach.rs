//! `encore teach`: somebody's own recordings become an artist of a pack.

mod recordings;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use encore::engine::room;
use encore::pack::Pack;
use encore::pack::taught::folders;
use encore::train::run::run as run_steps;
use encore::train::teach::{GOOD_SECONDS, Lesson, Names, Start, TeachConfig, TeachTrainee};
use encore::train::{TrainError, Trainee};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::args::teach::TeachArgs;
use crate::failure::{Failure, note, print, print_json};
use crate::open;
use crate::progress::{Spinner, StepsBar};

/// Steps that tell how long a step takes, once one has warmed up.
const N_TRIAL_STEPS: u64 = 2;
/// Times that the recordings are learnt from, at most: beyond, they would be learnt by heart.
const MAX_ROUNDS: f64 = 40.0;
/// Looks at what is held out without getting better, after which it is enough.
const PATIENCE: usize = 5;
/// How far beyond the minutes that were asked for learning may go before it is ended.
const OVERTIME: f64 = 1.25;
/// Says what a run that was stopped was about.
const RUN_FILE: &str = "run.json";

pub fn run(args: &TeachArgs, as_json: bool) -> Result<(), Failure> {
    let pack = open::pack(&args.pack)?;
    let names = Names::new(&pack, &args.artist, args.genre.as_deref())?;
    let is_replaced = pack.taught().iter().any(|taught| {
        pack.labels().artist_id(&names.artist).is_ok_and(|id| id == taught.artist_id)
    });
    if is_replaced {
        note(&format!("{:?} was taught before, and is replaced when this is done", names.artist));
    }
    room::check_teaching(&pack, pack.top_level())?;
    let begun = Instant::now();
    let lesson = recordings::hear(&args.audio, &pack)?;
    if lesson.seconds < GOOD_SECONDS {
        note(&format!(
            "{:.0} s of recordings are little: the artist may play by heart; {:.0} s or more are better",
            lesson.seconds,
            2.0 * GOOD_SECONDS
        ));
    }
    let spinner = Spinner::new("looking for the nearest artist");
    let start = Start::find(&pack, &names, &lesson)?;
    drop(spinner);
    let nearest = pack.manifest().labels.artist_name(start.artist).unwrap_or("unknown").to_owned();

    let folder = run_folder(&pack, &names.artist)?;
    let about = About::new(args, &pack, &lesson);
    let config = match about.of_stopped(&folder) {
        Some(config) => {
            note("a run of the same recordings was stopped, and is gone on with");
            config
        }
        None => {
            let _ = fs::remove_dir_all(&folder); // of other recordings
            let n_steps = match args.steps {
                Some(n_steps) => n_steps,
                None => n_steps(args, &pack, &names, &start, &lesson)?,
            };
            let config = config(args, &start, n_steps);
            about.keep(&folder, &config)?;
            config
        }
    };
    let mut trainee = TeachTrainee::new(&pack, &names, &start, &lesson, config.clone())?;
    let spinner = Spinner::new("measuring what is held out");
    let before = trainee.held_out_bits()?;
    drop(spinner);
    learn(&mut trainee, &config, &folder, args, as_json)?;
    let after = trainee.best_bits().unwrap_or(before);
    let card = trainee.write(&pack, &start)?;
    let _ = fs::remove_dir_all(&folder);

    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    let bytes = fs::metadata(card.with_extension("safetensors")).map_or(0, |file| file.len());
    if as_json {
        return print_json(&json!({
            "artist": names.artist,
            "card": card,
            "bytes": bytes,
            "audio_seconds": lesson.seconds,
            "held_out_seconds": lesson.held_out_seconds,
            "nearest_artist": nearest,
            "bits_per_token_before": before,
            "bits_per_token_after": after,
            "steps": trainee.n_steps(),
            "minutes": minutes,
        }));
    }
    print(&format!(
        "{} was taught from {:.0} s of recordings in {} steps, {minutes:.1} min: {} ({:.1} MB)",
        names.artist,
        lesson.seconds,
        trainee.n_steps(),
        card.display(),
        bytes as f64 / 1e6
    ))?;
    print(&format!(
        "{:.0} s that were not learnt from: {before:.3} bits per token as {nearest} of the pack, {after:.3} as {}",
        lesson.held_out_seconds, names.artist
    ))
}

fn config(args: &TeachArgs, start: &Start, n_steps: u64) -> TeachConfig {
    let config = TeachConfig::new(start.own.n_ctx, n_steps, args.seed);
    TeachConfig { rank: args.rank as usize, ..config }
}

/// As many steps as the minutes allow, or as the recordings are good for.
fn n_steps(
    args: &TeachArgs,
    pack: &Pack,
    names: &Names,
    start: &Start,
    lesson: &Lesson,
) -> Result<u64, Failure> {
    let _spinner = Spinner::new("seeing how long a step takes");
    let config = config(args, start, 1);
    let per_step = config.n_windows * start.own.n_ctx;
    let most = (MAX_ROUNDS * lesson.n_tokens() as f64 / per_step as f64).ceil() as u64;
    let mut trainee = TeachTrainee::new(pack, names, start, lesson, config)?;
    let mut step = |idx: u64| trainee.step(&mut encore::train::run::step_rng(args.seed, idx));
    step(0)?;
    let begun = Instant::now();
    for idx in 0..N_TRIAL_STEPS {
        step(1 + idx)?;
    }
    let seconds_per_step = begun.elapsed().as_secs_f64() / N_TRIAL_STEPS as f64;
    let fits = 0.9 * 60.0 * args.minutes / seconds_per_step; // a tenth goes to looking and keeping
    Ok((fits as u64).clamp(1, most.max(1)))
}

/// Learns until the steps are done, nothing gets better any more, or time is over.
fn learn(
    trainee: &mut TeachTrainee,
    config: &TeachConfig,
    folder: &Path,
    args: &TeachArgs,
    as_json: bool,
) -> Result<(), Failure> {
    let bar = StepsBar::new("learning", config.run.n_steps);
    let (begun, mut said) = (Instant::now(), Ok(()));
    let (mut least, mut n_worse) = (f64::INFINITY, 0);
    run_steps(trainee, &config.run, folder, |n_steps, line| {
        bar.set(n_steps);
        if let Some(line) = line {
            let held_out = line.held_out.as_ref().and_then(|all| all.get("bits_per_token"));
            let held_out = held_out.copied().unwrap_or(f64::INFINITY);
            n_worse = if held_out < least { 0 } else { n_worse + 1 };
            least = least.min(held_out);
            if as_json {
                said = print(&json!(line).to_string()); // a line each
            } else {
                bar.set_message(format!("{held_out:.3} bits per token held out"));
                let learnt = line.training.get("bits_per_token").copied().unwrap_or(f64::NAN);
                let sentence = format!(
                    "step {} of {}: {learnt:.3} bits per token, {held_out:.3} held out, {:.0} min left",
                    line.step,
                    config.run.n_steps,
                    line.seconds_left / 60.0
                );
                said = bar.print(|| print(&sentence));
            }
        }
        let is_late =
            args.steps.is_none() && OVERTIME * 60.0 * args.minutes < begun.elapsed().as_secs_f64();
        said.is_ok() && n_worse < PATIENCE && !is_late
    })?;
    drop(bar);
    if trainee.best_bits().is_none() {
        trainee.held_out()?; // it was ended before its first look
    }
    said
}

/// Where the run is kept until it is done: beside the artist that it makes.
fn run_folder(pack: &Pack, artist: &str) -> Result<PathBuf, Failure> {
    let name = format!("{:x}", Sha256::digest(artist.to_lowercase()));
    let mut refused = None;
    for folder in folders(pack) {
        let folder = folder.join(format!("run-{}", &name[..12]));
        match open::target_folder(&folder) {
            Ok(()) => return Ok(folder),
            Err(e) => refused = refused.or(Some(e)),
        }
    }
    Err(refused.unwrap_or_else(|| Failure::Failed("there is no folder to write to".into())))
}

/// What makes two runs the same.
#[derive(PartialEq, Serialize, Deserialize)]
struct About {
    pack: String,
    genre: Option<String>,
    minutes: f64,
    steps: Option<u64>,
    rank: u64,
    seed: u64,
    /// Hash of the codes of all recordings.
    codes: String,
    config: Option<TeachConfig>,
}

impl About {
    fn new(args: &TeachArgs, pack: &Pack, lesson: &Lesson) -> Self {
        let mut codes = Sha256::new();
        for song in &lesson.songs {
            song.codes.iter().for_each(|code| codes.update(code.to_le_bytes()));
        }
        Self {
            pack: pack.hash(),
            genre: args.genre.clone(),
            minutes: args.minutes,
            steps: args.steps,
            rank: args.rank,
            seed: args.seed,
            codes: format!("{:x}", codes.finalize()),
            config: None,
        }
    }

    /// How the same was begun before, if it was.
    fn of_stopped(&self, folder: &Path) -> Option<TeachConfig> {
        let text = fs::read(folder.join(RUN_FILE)).ok()?;
        let mut kept: Self = serde_json::from_slice(&text).ok()?;
        let config = kept.config.take()?;
        (kept == *self).then_some(config)
    }

    fn keep(self, folder: &Path, config: &TeachConfig) -> Result<(), Failure> {
        let about = Self { config: Some(config.clone()), ..self };
        let path = folder.join(RUN_FILE);
        let written = fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, format!("{:#}\n", json!(about))));
        Ok(written.map_err(TrainError::io(&path))?)
    }
}
