//! `encore train`: networks from music, in runs that can be stopped and taken up again.

mod curve;

use std::fs;
use std::path::Path;

use encore::train::run::{MetricsLine, metrics, run as run_steps};
use encore::train::vqvae::{VqvaeRecipe, VqvaeTrainee};
use encore::train::{PackDraft, PriorRecipe, PriorTrainee, RunConfig, Trainee};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::args::train::{JoinArgs, OnPackArgs, RunArgs, Train, TrainArgs};
use crate::failure::{Failure, print, print_json};
use crate::large_buffers::keep_pages;
use crate::open;
use crate::progress::{SecondsBar, Spinner, StepsBar};

const RECIPE_FILE: &str = "recipe.json";

pub fn run(args: &TrainArgs, as_json: bool) -> Result<(), Failure> {
    keep_pages();
    match &args.what {
        Train::Vqvae(args) => vqvae(args, as_json),
        Train::Prior(args) | Train::Upsampler(args) => prior(args, as_json),
        Train::Join(args) => join(args, as_json),
    }
}

fn vqvae(args: &RunArgs, as_json: bool) -> Result<(), Failure> {
    let recipe: VqvaeRecipe = recipe(&args.recipe)?;
    keep_recipe(&args.out, &recipe)?;
    let config = args.config(&recipe.run);
    let mut trainee = {
        let _spinner = Spinner::new("listening to the corpus");
        VqvaeTrainee::new(recipe, &args.corpus)?
    };
    drive(&mut trainee, &config, &args.out, as_json)
}

fn prior(args: &OnPackArgs, as_json: bool) -> Result<(), Failure> {
    let run = &args.run;
    let recipe: PriorRecipe = recipe(&run.recipe)?;
    keep_recipe(&run.out, &recipe)?;
    let config = run.config(&recipe.run);
    let pack = open::pack(&args.pack)?;
    let codes = args.codes.clone().unwrap_or(run.out.join("codes"));
    let mut trainee = {
        let bar = SecondsBar::new("encoding", 1.0);
        let told = |done: usize, total: usize| bar.set_share(done as f64, total as f64);
        PriorTrainee::new(recipe, pack.dir(), &run.corpus, &codes, told)?
    };
    drive(&mut trainee, &config, &run.out, as_json)
}

/// A run belongs to one recipe; how many steps it makes may change.
fn keep_recipe<T: Serialize>(dir: &Path, recipe: &T) -> Result<(), Failure> {
    let path = dir.join(RECIPE_FILE);
    let unwritable =
        |e: std::io::Error| Failure::Failed(format!("{path:?} cannot be written: {e}"));
    let mut asked = json!(recipe);
    if let Ok(text) = fs::read(&path) {
        let mut kept: Value = serde_json::from_slice(&text).unwrap_or_default();
        for recipe in [&mut kept, &mut asked] {
            recipe["run"]["n_steps"] = Value::Null;
        }
        let is_same = kept == asked;
        return is_same.then_some(()).ok_or_else(|| {
            let folder = dir.display();
            Failure::BadInput(format!(
                "{folder} has a run of another recipe; choose another folder"
            ))
        });
    }
    fs::create_dir_all(dir).map_err(unwritable)?;
    fs::write(&path, format!("{asked:#}\n")).map_err(unwritable)
}

fn join(args: &JoinArgs, as_json: bool) -> Result<(), Failure> {
    let mut drafts =
        args.packs.iter().map(|dir| PackDraft::open(open::pack(dir)?.dir()).map_err(Failure::from));
    let Some(whole) = drafts.next() else {
        return Err(Failure::BadInput("there is no pack to join".into()));
    };
    let mut whole = whole?;
    for part in drafts {
        whole.join(&part?)?;
    }
    let of = whole.manifest();
    let name = args.name.clone().unwrap_or(of.name.clone());
    let description = args.description.clone().unwrap_or(of.description.clone());
    let licence = of.licence.clone();
    whole.describe(&name, &licence, &description);
    whole.write_in_place(&args.out)?;
    let manifest = whole.manifest();
    let levels = &manifest.vqvae.levels_present;
    let priors: Vec<_> = manifest.priors.iter().map(|prior| prior.config.level).collect();
    if as_json {
        return print_json(&json!({ "pack": args.out, "levels": levels, "priors": priors }));
    }
    print(&format!("{}: levels {levels:?}, priors of levels {priors:?}", args.out.display()))
}

/// A recipe, as it is on disk.
fn recipe<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text =
        fs::read(path).map_err(|e| Failure::BadInput(format!("{path:?} cannot be read: {e}")))?;
    serde_json::from_slice(&text)
        .map_err(|e| Failure::BadInput(format!("{path:?} is no such recipe: {e}")))
}

/// Trains, tells how it goes, and draws the curve.
fn drive(
    trainee: &mut dyn Trainee,
    config: &RunConfig,
    dir: &Path,
    as_json: bool,
) -> Result<(), Failure> {
    let began_at = trainee.n_steps();
    let bar = StepsBar::new("training", config.n_steps);
    let mut said = Ok(());
    run_steps(trainee, config, dir, |n_steps, line| {
        bar.set(n_steps);
        if let Some(line) = line {
            bar.set_message(summary(line));
            said = match as_json {
                true => print(&json!(line).to_string()), // a line each
                false => bar.print(|| print(&sentence(line, config.n_steps))),
            };
        }
        said.is_ok()
    })?;
    drop(bar);
    said?;
    let lines = metrics(dir)?;
    curve::write(&dir.join("curve.png"), &lines)?;
    if began_at == config.n_steps && !as_json {
        print("this run has all of its steps; its pack is in the folder pack")?;
    }
    Ok(())
}

fn summary(line: &MetricsLine) -> String {
    let loss = line.training.get("loss").copied().unwrap_or(f64::NAN);
    format!("loss {loss:.4}")
}

fn sentence(line: &MetricsLine, n_steps: u64) -> String {
    let figures = |all: &std::collections::BTreeMap<String, f64>| {
        all.iter().map(|(name, value)| format!("{name} {value:.4}")).collect::<Vec<_>>().join("  ")
    };
    let held_out = line.held_out.as_ref().map(|all| format!("  held out: {}", figures(all)));
    let minutes_left = line.seconds_left / 60.0;
    format!(
        "step {} of {n_steps}  {}{}  {:.3} s a step, {minutes_left:.0} min left",
        line.step,
        figures(&line.training),
        held_out.unwrap_or_default(),
        line.seconds_per_step,
    )
}
