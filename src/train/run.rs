//! A run of training: step after step, kept on disk so that it can be killed at any moment and goes on
//! as if nothing had happened.
//!
//! A run is a folder: `run.json` says what is trained and how, `state.safetensors` is everything that the
//! next step depends on, `metrics.jsonl` has a line for every few steps, `pack/` is a pack that plays, and
//! `curve.png` shows the loss. A step depends on the state and its own number alone: what it draws at random
//! comes from a stream of that number, [`step_rng`].

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use super::draft::replace_folder;
use crate::corpus::CorpusError;
use crate::jukebox::JukeboxError;
use crate::pack::PackError;

const STATE_FILE: &str = "state.safetensors";
const METRICS_FILE: &str = "metrics.jsonl";
const STEPS_KEY: &str = "n_steps";

/// Why training stopped.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("{path:?}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    /// A file of a run that does not belong to what is being trained.
    #[error("{path:?}: {problem}")]
    Run { path: PathBuf, problem: String },
    /// The loss or a gradient is no longer a number.
    #[error(
        "training diverged at step {step_idx}: a gradient is not a number; a lower rate may help"
    )]
    Diverged { step_idx: u64 },
    /// A kept state without one of the tensors that are needed.
    #[error("the kept state has no tensor {name:?} of the right shape")]
    State { name: String },
    /// A setting with no meaning here.
    #[error("{what} is {value}, but it can be {allowed}")]
    Range { what: &'static str, value: String, allowed: String },
    /// Too little to learn from, and how much it would take.
    #[error("{0}")]
    TooLittle(String),
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    #[error(transparent)]
    Pack(#[from] PackError),
    #[error(transparent)]
    Jukebox(#[from] JukeboxError),
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl TrainError {
    /// A file that could not be read or written.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// What a step measured: `loss` first, then whatever else is worth a curve.
pub type Figures = BTreeMap<&'static str, f64>;

/// Everything that the next step depends on, by name.
pub type State = BTreeMap<String, Tensor>;

/// Something that learns step by step.
pub trait Trainee {
    /// One step; everything random in it comes from `rng`.
    fn step(&mut self, rng: &mut ChaCha8Rng) -> Result<Figures, TrainError>;

    /// Steps that were made.
    fn n_steps(&self) -> u64;

    /// Everything that the next step depends on.
    fn state(&self) -> Result<State, TrainError>;

    /// Goes back to a state that was taken after `n_steps`.
    fn restore(&mut self, n_steps: u64, state: &BTreeMap<String, Tensor>)
    -> Result<(), TrainError>;

    /// Measures on what is kept from training, for the curve; `None` where nothing is.
    fn held_out(&mut self) -> Result<Option<Figures>, TrainError>;

    /// Writes what was learnt so far as a pack into a folder, replacing what is there.
    fn write_pack(&self, dir: &Path) -> Result<(), TrainError>;
}

/// How long to train, and how often to look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    pub seed: u64,
    pub n_steps: u64,
    /// Steps that one line of the metrics is the mean of.
    pub metrics_every: u64,
    /// Steps between measures on what is held out.
    pub held_out_every: u64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
}

/// A line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricsLine {
    pub step: u64,
    /// Means over the steps since the last line.
    pub training: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<BTreeMap<String, f64>>,
    pub seconds_per_step: f64,
    /// Until the last step, at this pace.
    pub seconds_left: f64,
}

/// The stream of random numbers of one step.
pub fn step_rng(seed: u64, step_idx: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(step_idx);
    rng
}

/// Trains until the last step, or until `told` says no; goes on from the state in `dir` if there is one.
///
/// `told` hears of each step before its line is due, and of the line when it is.
pub fn run(
    trainee: &mut dyn Trainee,
    config: &RunConfig,
    dir: &Path,
    mut told: impl FnMut(u64, Option<&MetricsLine>) -> bool,
) -> Result<(), TrainError> {
    fs::create_dir_all(dir).map_err(TrainError::io(dir))?;
    if let Some((n_steps, state)) = read_state(dir)? {
        trainee.restore(n_steps, &state)?;
    }
    forget_lines_after(dir, trainee.n_steps())?;
    let (mut sums, mut n_summed) = (BTreeMap::<String, f64>::new(), 0u64);
    let mut since = Instant::now();
    let mut went_on = true;
    while went_on && trainee.n_steps() < config.n_steps {
        let figures = trainee.step(&mut step_rng(config.seed, trainee.n_steps()))?;
        let n_steps = trainee.n_steps();
        if figures.values().any(|figure| !figure.is_finite()) {
            return Err(TrainError::Diverged { step_idx: n_steps - 1 });
        }
        figures.iter().for_each(|(name, value)| *sums.entry((*name).into()).or_default() += value);
        n_summed += 1;
        let is_last = n_steps == config.n_steps;
        let mut line = None;
        if is_last || n_steps.is_multiple_of(config.metrics_every.max(1)) {
            let seconds_per_step = since.elapsed().as_secs_f64() / n_summed as f64;
            let mut training = std::mem::take(&mut sums);
            training.values_mut().for_each(|sum| *sum /= n_summed as f64);
            let held_out = match is_last || n_steps.is_multiple_of(config.held_out_every.max(1)) {
                true => trainee.held_out()?,
                false => None,
            };
            let held_out =
                held_out.map(|all| all.into_iter().map(|(k, v)| (k.to_owned(), v)).collect());
            let seconds_left = seconds_per_step * (config.n_steps - n_steps) as f64;
            line = Some(MetricsLine {
                step: n_steps,
                training,
                held_out,
                seconds_per_step,
                seconds_left,
            });
            (n_summed, since) = (0, Instant::now());
        }
        if let Some(line) = &line {
            append_line(dir, line)?;
        }
        went_on = told(n_steps, line.as_ref());
        if is_last || !went_on || n_steps.is_multiple_of(config.checkpoint_every.max(1)) {
            let paused = Instant::now();
            keep(trainee, dir)?;
            since += paused.elapsed(); // keeping is not training
        }
    }
    Ok(())
}

/// The lines of a run so far.
pub fn metrics(dir: &Path) -> Result<Vec<MetricsLine>, TrainError> {
    let path = dir.join(METRICS_FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let file = File::open(&path).map_err(TrainError::io(&path))?;
    let mut lines = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(TrainError::io(&path))?;
        match serde_json::from_str(&line) {
            Ok(line) => lines.push(line),
            Err(_) => break, // cut off while it was being written
        }
    }
    Ok(lines)
}

/// Writes the state and the pack, each under another name first, so that there is always a whole one.
fn keep(trainee: &dyn Trainee, dir: &Path) -> Result<(), TrainError> {
    let mut state = trainee.state()?;
    let n_steps = Tensor::new(&[trainee.n_steps() as i64], &Device::Cpu)?;
    state.insert(STEPS_KEY.to_owned(), n_steps);
    let (path, fresh) = (dir.join(STATE_FILE), dir.join("state.new.safetensors"));
    let state = state.into_iter().collect();
    candle_core::safetensors::save(&state, &fresh)?;
    File::open(&fresh).and_then(|file| file.sync_all()).map_err(TrainError::io(&fresh))?;
    fs::rename(&fresh, &path).map_err(TrainError::io(&path))?;
    replace_folder(&dir.join("pack"), |fresh| trainee.write_pack(fresh))
}

fn read_state(dir: &Path) -> Result<Option<(u64, State)>, TrainError> {
    let path = dir.join(STATE_FILE);
    if !path.exists() {
        return Ok(None);
    }
    let mut state: State =
        candle_core::safetensors::load(&path, &Device::Cpu)?.into_iter().collect();
    let n_steps = state.remove(STEPS_KEY).and_then(|n| n.to_vec1::<i64>().ok()?.first().copied());
    match n_steps.and_then(|n| u64::try_from(n).ok()) {
        Some(n_steps) => Ok(Some((n_steps, state))),
        None => Err(TrainError::State { name: STEPS_KEY.to_owned() }),
    }
}

fn append_line(dir: &Path, line: &MetricsLine) -> Result<(), TrainError> {
    let path = dir.join(METRICS_FILE);
    let text = serde_json::to_string(line)
        .map_err(|e| TrainError::Run { path: path.clone(), problem: e.to_string() })?;
    let file = File::options().create(true).append(true).open(&path);
    file.and_then(|mut file| writeln!(file, "{text}")).map_err(TrainError::io(&path))
}

/// Lines of steps that were made after the last checkpoint; they will be made again.
fn forget_lines_after(dir: &Path, n_steps: u64) -> Result<(), TrainError> {
    let kept = metrics(dir)?;
    let path = dir.join(METRICS_FILE);
    if path.exists() {
        fs::remove_file(&path).map_err(TrainError::io(&path))?;
    }
    kept.iter().filter(|line| line.step <= n_steps).try_for_each(|line| append_line(dir, line))
}
