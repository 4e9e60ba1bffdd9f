//! Whole songs, level by level and window by window, in every mode.

use std::path::Path;

use candle_core::{Device, Tensor};
use encore::jukebox::song::hop_tokens;
use encore::jukebox::{
    Advance, Dice, LabelRow, LevelSampler, LevelState, Plan, Prior, SamplerSettings, Song, Vqvae,
};
use serde_json::Value;

use crate::{Expected, Fallible, Outcome, Source, Tally, codes, json, prior, shapes};

/// A model of all levels, and what the reference did with it.
struct Pipeline<'a> {
    vqvae: Vqvae,
    priors: Vec<Prior>, // finest first
    meta: &'a Value,
    windows: Vec<Value>,
    expected: &'a Expected,
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

pub fn run(
    set: &Path,
    meta: &Value,
    source: &Source,
    expected: &Expected,
    tally: &mut Tally,
) -> Outcome {
    let pipeline = Pipeline::open(set, meta, source, expected, tally)?;
    for mode in pipeline.modes(tally)? {
        for row in 0..size(&meta["n_samples"])? {
            pipeline.run(&mode, row, tally).map_err(|error| format!("{}: {error}", mode.name))?;
        }
    }
    Ok(())
}

impl<'a> Pipeline<'a> {
    fn open(
        set: &Path,
        meta: &'a Value,
        source: &Source,
        expected: &'a Expected,
        tally: &mut Tally,
    ) -> Fallible<Self> {
        let hps = &meta["hps"];
        let config = shapes::vqvae(&hps["vqvae"])?;
        let stored = source.vqvae()?;
        tally.shape(&stored.shape, &config);
        let levels: Vec<usize> = (0..config.levels).collect();
        let vqvae = Vqvae::load(&config, &levels, stored.weights)?;
        let mut priors = Vec::new();
        for level in levels {
            let config = shapes::prior(&hps["priors"][level], &hps["vqvae"])?;
            let stored = source.prior(level)?;
            tally.shape(&stored.shape.map(|told| shapes::as_told(told, &config)), &config);
            priors.push(Prior::load(&config, stored.weights)?);
        }
        let windows = json(&set.join("windows.json"))?;
        let windows = windows.as_array().ok_or("windows.json is no list")?.clone();
        expected.find("x"); // what the prompt was cut from
        Ok(Self { vqvae, priors, meta, windows, expected })
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
        let top_hop = self.vqvae.config().hop(self.priors.len() - 1);
        let mut present = Vec::new();
        for level in 0..self.priors.len() {
            // a prompt is cut to whole tokens of the top level first
            let whole = sound.iter().map(|frames| &frames[..frames.len() / top_hop * top_hop]);
            let heard = whole.map(|frames| self.vqvae.encode(frames, level));
            let heard = heard.collect::<Result<Vec<_>, _>>()?;
            let want = codes(self.expected.get(&format!("prompt_z{level}"))?)?;
            tally.equal(&format!("prompt_z{level}"), &heard.concat(), &want.concat());
            present.push(heard);
        }
        Ok(present)
    }

    fn codes_of(&self, run: &str) -> Fallible<Vec<Vec<Vec<u32>>>> {
        let of_level = |level| Ok(codes(self.expected.get(&format!("{run}_z{level}"))?)?);
        (0..self.priors.len()).map(of_level).collect()
    }

    /// Labels of a level's first token; none of a prior without labels.
    fn labels(&self, level: usize, row: usize) -> Fallible<LabelRow> {
        let config = self.priors[level].config();
        if config.labels.is_none() {
            return Ok(LabelRow::default());
        }
        let y: Vec<i64> = serde_json::from_value(self.meta["labels"][level]["y"][row].clone())?;
        Ok(LabelRow { lyrics: vec![], ..prior::label_row(&y, config) })
    }

    /// The temperature of a level, where each may have its own.
    fn temperature(&self, level: usize) -> Fallible<f64> {
        let temp = &self.meta["temp"];
        Ok(temp.as_f64().or(temp[level].as_f64()).ok_or("no temperature")?)
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
            self.result(name, level, row, &upper, tally)?;
        }
        for level in (0..self.priors.len()).filter(|level| !mode.levels.contains(level)) {
            self.result(name, level, row, &mode.present[level][row], tally)?; // left as it was
        }
        let n_left = dice.u.len() - dice.n_drawn;
        tally.equal(&format!("{name}: numbers left"), &[n_left], &[0]);
        Ok(())
    }

    /// The codes of a level at the end of a run, and how they sound.
    fn result(
        &self,
        name: &str,
        level: usize,
        row: usize,
        codes_now: &[u32],
        tally: &mut Tally,
    ) -> Outcome {
        let what = format!("{name}_z{level}");
        if let Some(want) = self.expected.find(&what) {
            tally.equal(&what, codes_now, &codes(want)?[row]);
        }
        let what = format!("{name}_audio{level}");
        if let Some(want) = self.expected.find(&what) {
            let audio = self.vqvae.decode(codes_now, level)?;
            let n_frames = audio.len();
            let audio = Tensor::from_vec(audio, (n_frames, 1), &Device::Cpu)?;
            tally.close(&what, &audio, &want.get(row)?)?; // [f, 1]
        }
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
        let lyrics = &self.meta["labels"][level]["full_tokens"][row];
        let lyrics = if config.n_lyric_tokens() == 0 { &Value::Null } else { lyrics };
        let lyrics: Option<Vec<u32>> = serde_json::from_value(lyrics.clone())?;
        let labels = self.labels(level, row)?;
        let song = Song { labels, lyrics: lyrics.unwrap_or_default(), upper };
        let fraction = self.meta["hop_fraction_by_openai_level"][level].as_f64();
        let plan = Plan {
            n_total: mode.frames / self.vqvae.config().hop(level),
            hop_tokens: hop_tokens(fraction.ok_or("no hop fraction")?, config.n_ctx),
        };
        let settings =
            SamplerSettings { temperature: self.temperature(level)?, top_k: None, top_p: None };
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
            if config.labels.is_some() {
                let y: Vec<i64> = serde_json::from_value(want["y"][row].clone())?;
                let y = prior::label_row(&y, config);
                tally.equal(&format!("{what}: y"), &[&told.labels], &[&y]);
            }
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
