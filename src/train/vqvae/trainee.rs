//! The levels that are trained, step after step.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::clips::Clips;
use super::codebook::{Codebook, use_share};
use super::loss::{Loss, Losses};
use super::net::{Decoder, Encoder, Maker, Vars};
use super::recipe::{Bandwidth, Stft, VqvaeRecipe};
use super::spectrum::{Spectrum, Weights};
use crate::train::draft::PackDraft;
use crate::train::ops::numbers;
use crate::train::run::step_rng;
use crate::train::{Adam, Figures, TrainError, Trainee};

/// Clips of held-out songs that are measured with.
const N_HELD_OUT: usize = 24;
const HELD_OUT_SECONDS: usize = 3;
/// Clips that go through the networks together while measuring.
const HELD_OUT_BATCH: usize = 4;
/// Clips that tell how large the music is.
const N_BANDWIDTH: usize = 64;
/// Streams of random numbers that no step uses.
const START_STREAM: u64 = u64::MAX;
const BANDWIDTH_STREAM: u64 = u64::MAX - 1;
/// Of the figures of each level, finest first; more levels than these are not told apart.
const DB_NAMES: [&str; 4] = ["level_0_db", "level_1_db", "level_2_db", "level_3_db"];
const USE_NAMES: [&str; 4] =
    ["level_0_code_use", "level_1_code_use", "level_2_code_use", "level_3_code_use"];

/// A VQ-VAE that learns from a folder of music.
pub struct VqvaeTrainee {
    recipe: VqvaeRecipe,
    clips: Clips,
    levels: Vec<Level>,
    adam: Adam,
    loss: Loss,
    device: Device,
}

struct Level {
    level: usize,
    encoder: Encoder,
    decoder: Decoder,
    codebook: Codebook,
}

/// What one pass through a level made.
struct Passed {
    rebuilt: Tensor, // [b, f]
    commit: Tensor,
    outputs: Vec<f32>, // [b * t, c]
    codes: Vec<u32>,   // [b * t]
}

impl Level {
    /// Audio `[b, f, 1]` to codes and back.
    fn pass(&self, audio: &Tensor) -> Result<Passed, TrainError> {
        let encoded = self.encoder.forward(audio)?; // [b, t, c]
        let outputs = numbers::with(&encoded.to_device(&Device::Cpu)?, <[f32]>::to_vec)?;
        let codes = self.codebook.nearest(&outputs);
        let vectors = self.codebook.vectors_of(&codes);
        let vectors = Tensor::from_vec(vectors, encoded.shape(), encoded.device())?;
        let apart = (vectors - &encoded)?.detach(); // the graph goes straight through
        let commit = ((&encoded + &apart)?.detach() - &encoded)?.sqr()?.mean_all()?;
        let rebuilt = self.decoder.forward(&(&encoded + apart)?)?;
        Ok(Passed { rebuilt, commit, outputs, codes })
    }

    fn key(&self, what: &str) -> String {
        format!("codebook.{}.{what}", self.level)
    }
}

impl VqvaeTrainee {
    /// Reads the music and makes new weights.
    pub fn new(recipe: VqvaeRecipe, corpus_dir: &Path) -> Result<Self, TrainError> {
        recipe.check()?;
        let clips = Clips::open(corpus_dir, recipe.sample_rate, recipe.clip_frames)?;
        Self::with_clips(recipe, clips, Device::Cpu)
    }

    fn with_clips(recipe: VqvaeRecipe, clips: Clips, device: Device) -> Result<Self, TrainError> {
        let seed = recipe.run.seed;
        let mut rng = step_rng(seed, START_STREAM);
        let mut vars = Vars::new();
        let config = &recipe.vqvae;
        let mut levels = Vec::new();
        for &level in &recipe.levels {
            let mut maker = Maker { vars: &mut vars, rng: &mut rng, device: &device };
            let encoder = Encoder::new(config, level, &mut maker)?;
            let decoder = Decoder::new(config, level, &mut maker)?;
            let codebook = Codebook::new(&recipe.codebook, config.l_bins, config.emb_width);
            levels.push(Level { level, encoder, decoder, codebook });
        }
        let adam = Adam::new(vars, recipe.adam.clone())?;
        let mut rng = step_rng(seed, BANDWIDTH_STREAM);
        let bandwidth = match recipe.loss.bandwidth {
            Some(bandwidth) => bandwidth,
            None => bandwidth(&(0..N_BANDWIDTH).map(|_| clips.draw(&mut rng)).collect::<Vec<_>>()),
        };
        let loss = Loss::new(&recipe.loss, bandwidth);
        Ok(Self { recipe, clips, levels, adam, loss, device })
    }

    /// Seconds of music to learn from and to measure with.
    pub fn seconds(&self) -> (f64, f64) {
        self.clips.seconds(self.recipe.sample_rate)
    }

    /// A batch of random clips, `[b, f]`, each louder or quieter by chance.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let [low, high] = self.recipe.gain_db_range;
        let mut batch = Vec::with_capacity(self.recipe.batch * self.recipe.clip_frames);
        for _ in 0..self.recipe.batch {
            let gain = 10f64.powf(rng.random_range(low..=high) / 20.0) as f32;
            batch.extend(self.clips.draw(rng).iter().map(|x| x * gain));
        }
        batch
    }
}

/// How large the music is (SPEC §9).
fn bandwidth(clips: &[Vec<f32>]) -> Bandwidth {
    let n = clips.iter().map(Vec::len).sum::<usize>().max(1) as f64;
    let all = || clips.iter().flatten().map(|x| f64::from(*x));
    let mean = all().sum::<f64>() / n;
    let l2 = all().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    let spectrum = Spectrum::new(Stft::SPECTRAL);
    let norms: f64 =
        clips.par_iter().map(|clip| spectrum.norm(clip)).collect::<Vec<_>>().iter().sum();
    Bandwidth { l2: l2.max(1e-12), spec: (norms / clips.len().max(1) as f64).max(1e-12) }
}

impl Trainee for VqvaeTrainee {
    fn step(&mut self, rng: &mut ChaCha8Rng) -> Result<Figures, TrainError> {
        let (b, n_frames) = (self.recipe.batch, self.recipe.clip_frames);
        let clips = self.draw(rng);
        let audio = Tensor::from_slice(&clips, (b, n_frames, 1), &self.device)?;
        let (mut total, mut sums, mut commits) =
            (Tensor::new(0f32, &Device::Cpu)?, Losses::default(), 0.0);
        let mut passes = Vec::new();
        for level in &mut self.levels {
            if !level.codebook.is_started() {
                let encoded = level.encoder.forward(&audio)?.to_device(&Device::Cpu)?;
                numbers::with(&encoded, |outputs| level.codebook.start(outputs, rng))?;
            }
            let passed = level.pass(&audio)?;
            let (loss, losses) = self.loss.of(&clips, &passed.rebuilt)?;
            let commit = passed.commit.to_device(&Device::Cpu)?;
            commits += f64::from(commit.to_scalar::<f32>()?);
            total = ((total + loss)? + (commit * self.recipe.loss.commit)?)?;
            sums = sums.plus(losses);
            passes.push((passed.outputs, passed.codes));
        }
        let loss = f64::from(total.to_scalar::<f32>()?);
        let stepped = self.adam.step(&total.backward()?)?;
        let (mut n_revived, mut code_use) = (0, 0.0);
        for (level, (outputs, codes)) in self.levels.iter_mut().zip(&passes) {
            n_revived += level.codebook.follow(outputs, codes, rng);
            code_use += use_share(codes, self.recipe.vqvae.l_bins);
        }
        let mut figures = Figures::from([
            ("loss", loss),
            ("commit", commits),
            ("code_use", code_use / self.levels.len() as f64),
            ("revived", n_revived as f64),
            ("grad_norm", stepped.grad_norm),
            ("rate", stepped.rate),
        ]);
        figures.extend(sums.figures());
        Ok(figures)
    }

    fn n_steps(&self) -> u64 {
        self.adam.n_steps()
    }

    fn state(&self) -> Result<BTreeMap<String, Tensor>, TrainError> {
        let mut state = self.adam.state();
        let (n_bins, c) = (self.recipe.vqvae.l_bins, self.recipe.vqvae.emb_width);
        for level in &self.levels {
            let Codebook { vectors, sums, counts, .. } = &level.codebook;
            for (what, numbers) in [("vectors", vectors), ("sums", sums)] {
                let tensor = Tensor::from_slice(numbers, (n_bins, c), &Device::Cpu)?;
                state.insert(level.key(what), tensor);
            }
            state.insert(level.key("counts"), Tensor::from_slice(counts, n_bins, &Device::Cpu)?);
        }
        Ok(state)
    }

    fn restore(
        &mut self,
        n_steps: u64,
        state: &BTreeMap<String, Tensor>,
    ) -> Result<(), TrainError> {
        for level in &mut self.levels {
            let find = |what: &str, len: usize| -> Result<Vec<f32>, TrainError> {
                let name = level.key(what);
                let found = state.get(&name).filter(|found| found.elem_count() == len);
                let Some(found) = found else { return Err(TrainError::State { name }) };
                Ok(found.flatten_all()?.to_vec1()?)
            };
            let book = &level.codebook;
            let (vectors, sums) =
                (find("vectors", book.vectors.len())?, find("sums", book.sums.len())?);
            let counts = find("counts", book.counts.len())?;
            level.codebook.vectors = vectors;
            level.codebook.sums = sums;
            level.codebook.counts = counts;
        }
        self.adam.restore(n_steps, state)
    }

    fn held_out(&mut self) -> Result<Option<Figures>, TrainError> {
        let hops = self.levels.iter().map(|level| self.recipe.vqvae.hop(level.level));
        let coarsest = hops.max().unwrap_or(1);
        let n_frames = HELD_OUT_SECONDS * self.recipe.sample_rate as usize / coarsest * coarsest;
        let clips = self.clips.held_out(N_HELD_OUT, n_frames.max(coarsest));
        if clips.is_empty() || !self.levels.iter().all(|level| level.codebook.is_started()) {
            return Ok(None);
        }
        let judge = Spectrum::new(Stft::JUDGE);
        let mut figures = Figures::new();
        for level in &self.levels {
            let (mut decibels, mut used) = (0.0, Vec::new());
            for batch in clips.chunks(HELD_OUT_BATCH) {
                let shape = (batch.len(), batch[0].len(), 1);
                let passed = level.pass(&Tensor::from_vec(batch.concat(), shape, &self.device)?)?;
                let rebuilt = passed.rebuilt.to_vec2::<f32>()?;
                for (clip, rebuilt) in batch.iter().zip(&rebuilt) {
                    let compared = judge.compare(clip, rebuilt, Weights::default(), None);
                    decibels += 20.0 * compared.convergence.max(1e-9).log10();
                }
                used.extend(passed.codes);
            }
            let idx = level.level.min(DB_NAMES.len() - 1);
            figures.insert(DB_NAMES[idx], decibels / clips.len() as f64);
            figures.insert(USE_NAMES[idx], use_share(&used, self.recipe.vqvae.l_bins));
        }
        Ok(Some(figures))
    }

    fn write_pack(&self, dir: &Path) -> Result<(), TrainError> {
        let recipe = &self.recipe;
        let (n_bins, c) = (recipe.vqvae.l_bins, recipe.vqvae.emb_width);
        let mut draft =
            PackDraft::new(&recipe.name, &recipe.licence, recipe.sample_rate, &recipe.vqvae);
        for level in &self.levels {
            let number = level.level;
            let stems = [format!("encoders.{number}."), format!("decoders.{number}.")];
            let mut tensors = self.adam.weights();
            tensors.retain(|name, _| stems.iter().any(|stem| name.starts_with(stem)));
            let book = Tensor::from_slice(&level.codebook.vectors, (n_bins, c), &Device::Cpu)?;
            tensors.insert(format!("bottleneck.level_blocks.{number}.k"), book);
            draft.set_level(number, tensors);
        }
        draft.write(dir)
    }
}
