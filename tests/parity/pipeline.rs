//! Whole songs, level by level and window by window, in every mode.

use std::path::Path;

use candle_core::{Device, Tensor};
use encore::jukebox::song::hop_tokens;
use encore::jukebox::{
    Advance, Dice, LabelRow, LevelSampler, LevelState, Plan, Prior, SamplerSettings, Song, Vqvae,
};
use serde_json::Value;

use crate::weights::{Form, Part};
use crate::{Expected, Outcome, Tally, codes, json, prior, shapes};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// A model of all levels, and what the reference did with it.
struct Pipeline<'a> {
    vqvae: Vqvae,
    priors: Vec<Prior>, // finest first
    meta: &'a Value,
    windows: Vec<Value>,
    expected: Expected,
}

/// What a run starts with.
struct Mode {
    name: &'static str,
    frames: usize,
    /// Codes that are there, finest level first.
    present: Vec<Vec<Vec<u32>>>, // [levels][rows][t]
    /// Levels that are written, in this order.
    levels: Vec<usize>,
}

pub fn run(set: &Path, meta: &Value, form: &Form, tally: &mut Tally) -> Outcome {
    let Some(pipeline) = Pipeline::open(set, meta, form)? else {
        return Ok(());
    };
    for mode in pipeline.modes(tally)? {
        for row in 0..size(&meta["n_samples"])? {
            pipeline.run(&mode, row, tally).map_err(|error| format!("{}: {error}", mode.name))?;
        }
    }
    Ok(())
}

impl<'a> Pipeline<'a> {
    fn open(set: &Path, meta: &'a Value, form: &Form) -> Fallible<Option<Self>> {
        let hps = &meta["hps"];
        let config = shapes::vqvae(&hps["vqvae"])?;
        let n_levels = config.levels;
        let Some(weights) = form.open(set, Part::Vqvae)? else {
            return Ok(None);
        };
        let levels: Vec<usize> = (0..n_levels).collect();
        let vqvae = Vqvae::load(&config, &levels, weights)?;
        let mut priors = Vec::new();
        for level in levels {
            let config = shapes::prior(&hps["priors"][level], &hps["vqvae"]);
            let config = config.ok_or("meta.json lacks a hyper-parameter")?;
            let weights = form.open(set, Part::Prior { level })?;
            priors.push(Prior::load(&config, weights.ok_or("a prior is missing")?)?);
        }
        let windows = json(&set.join("windows.json"))?;
        let windows = windows.as_array().ok_or("windows.json is no list")?.clone();
        Ok(Some(Self { vqvae, priors, meta, windows, expected: Expected::load(set)? }))
    }

    /// All runs; the prompt is encoded at every level on the way.
    fn modes(&self, tally: &mut Tally) -> Fallible<Vec<Mode>> {
        let n_levels = self.priors.len();
        let n_rows = size(&self.meta["n_samples"])?;
        let frames = |name: &str| size(&self.meta[name]);
        let top_down = || (0..n_levels).rev().collect::<Vec<_>>();
        let nothing = vec![vec![vec![]; n_rows]; n_levels];
        let ancestral = self.codes_of("ancestral")?;
        let mut top_alone = nothing.clone();
        top_alone[n_levels - 1] = ancestral[n_levels - 1].clone();
        let whole = frames("sample_length")?;
        let prompt = self.prompt(tally)?;
        let mode = |name, frames, present, levels| Mode { name, frames, present, levels };
        Ok(vec![
            mode("ancestral", whole, nothing.clone(), top_down()),
            mode("primed", whole, prompt, top_down()),
            mode("continue", frames("continue_sample_length")?, ancestral, top_down()),
            mode("upsample", whole, top_alone, top_down().split_off(1)),
            mode("short_top", frames("short_top_sample_length")?, nothing, vec![n_levels - 1]),
        ])
    }

    fn prompt(&self, tally: &mut Tally) -> Fallible<Vec<Vec<Vec<u32>>>> {
        let sound = self.expected.get("prompt")?.squeeze(2)?.to_vec2::<f32>()?;
        let mut present = Vec::new();
        for level in 0..self.priors.len() {
            let heard = sound.iter().map(|frames| self.vqvae.encode(frames, level));
            let heard = heard.collect::<Result<Vec<_>, _>>()?;
            let want = codes(self.expected.get(&format!("prompt_z{level}"))?)?;
            tally.equal(&format!("prompt_z{level}"), &heard, &want);
            present.push(heard);
        }
        Ok(present)
    }

    fn codes_of(&self, run: &str) -> Fallible<Vec<Vec<Vec<u32>>>> {
        let of_level = |level| Ok(codes(self.expected.get(&format!("{run}_z{level}"))?)?);
        (0..self.priors.len()).map(of_level).collect()
    }

    /// One row of a run through all of its levels.
    fn run(&self, mode: &Mode, row: usize, tally: &mut Tally) -> Outcome {
        let name = mode.name;
        let u = self.expected.get(&format!("{name}_u"))?.get(row)?.to_vec1::<f64>()?;
        let mut dice = Replay { u, n_drawn: 0 };
        let mut upper = mode.present[self.priors.len() - 1][row].clone();
        for level in mode.levels.iter().copied() {
            let written = self.level(mode, level, row, upper, dice, tally)?;
            (upper, dice) = (written.codes, written.dice);
            let want = codes(self.expected.get(&format!("{name}_z{level}"))?)?;
            tally.equal(&format!("{name}_z{level}"), &upper, &want[row]);

            let want = self.expected.get(&format!("{name}_audio{level}"))?.get(row)?; // [f, 1]
            let audio = self.vqvae.decode(&upper, level)?;
            let audio = Tensor::from_vec(
                audio,
                (upper.len() * self.vqvae.config().hop(level), 1),
                &Device::Cpu,
            )?;
            tally.close(&format!("{name}_audio{level}"), &audio, &want)?;
        }
        let n_left = dice.u.len() - dice.n_drawn;
        tally.equal(&format!("{name}: numbers left"), &[n_left], &[0]);
        Ok(())
    }

    /// One level of one row, each window compared with the reference's.
    fn level(
        &self,
        mode: &Mode,
        level: usize,
        row: usize,
        upper: Vec<u32>,
        dice: Replay,
        tally: &mut Tally,
    ) -> Fallible<LevelState<Replay>> {
        let prior = &self.priors[level];
        let config = prior.config();
        let labels = &self.meta["labels"][level];
        let y: Vec<i64> = serde_json::from_value(labels["y"][row].clone())?;
        let song = Song {
            labels: LabelRow { lyrics: vec![], ..prior::label_row(&y, config) },
            lyrics: serde_json::from_value(labels["full_tokens"][row].clone())?,
            upper,
        };
        let fraction = self.meta["hop_fraction_by_openai_level"][level].as_f64();
        let plan = Plan {
            n_total: mode.frames / self.vqvae.config().hop(level),
            hop_tokens: hop_tokens(fraction.ok_or("no hop fraction")?, config.n_ctx),
        };
        let temperature = self.meta["temp"].as_f64().ok_or("no temperature")?;
        let settings = SamplerSettings { temperature, top_k: None, top_p: None };
        let state = LevelState::new(mode.present[level][row].clone(), dice);
        let mut sampler = LevelSampler::new(prior, song, plan, settings, state)?;

        let of_reference = |window: &&Value| {
            window["run"] == mode.name && window["level"].as_u64() == Some(level as u64)
        };
        let mut want = self.windows.iter().filter(of_reference);
        let mut n_opened = 0;
        loop {
            match sampler.advance()? {
                Advance::Prefilled { .. } | Advance::Token(_) => continue,
                Advance::Finished => break,
                Advance::Opened(_) => n_opened += 1,
            }
            let what = format!("{}, level {level}, window {n_opened}", mode.name);
            let Some(want) = want.next() else {
                tally.fail(&what, "the reference had no such window");
                continue;
            };
            let (window, told) = sampler.window().ok_or("no window was opened")?;
            let y: Vec<i64> = serde_json::from_value(want["y"][row].clone())?;
            tally.equal(&format!("{what}: y"), &[&told.labels], &[&prior::label_row(&y, config)]);
            let n_given = sampler.codes().len() - window.start;
            tally.equal(&format!("{what}: prefix"), &[n_given], &[size(&want["given"])?]);
            let upper: Vec<u32> = match want["z_cond"].is_null() {
                true => vec![],
                false => serde_json::from_value(want["z_cond"][0][row].clone())?,
            };
            tally.equal(&format!("{what}: upper codes"), &told.upper, &upper);
            let n_tokens = want["sample_tokens"].as_u64().unwrap_or(config.n_ctx as u64);
            tally.equal(&format!("{what}: tokens"), &[window.n_tokens as u64], &[n_tokens]);
        }
        let what = format!("{}, level {level}: windows left", mode.name);
        tally.equal(&what, &[want.count()], &[0]);
        Ok(sampler.finished().clone())
    }
}

/// The numbers that the reference drew, once more.
#[derive(Clone)]
struct Replay {
    u: Vec<f64>,
    n_drawn: usize,
}

impl Dice for Replay {
    fn next_uniform(&mut self) -> f64 {
        self.n_drawn += 1;
        self.u.get(self.n_drawn - 1).copied().unwrap_or(f64::NAN)
    }
}

fn size(value: &Value) -> Fallible<usize> {
    Ok(value.as_u64().ok_or("meta.json lacks a size")? as usize)
}
