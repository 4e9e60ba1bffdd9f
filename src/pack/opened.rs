//! A folder of checkpoints seen as a pack: what its manifest would say.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::checkpoint::{Checkpoint, CheckpointError, Model};
use super::manifest::{FORMAT_VERSION, FileEntry, Manifest, PriorEntry, Sampling, VqvaeEntry};
use super::{brief, hex, tables};

/// The licence of the released weights, which are recognised by their shapes.
const RELEASED_LICENCE: &str = "OpenAI Noncommercial Use License";
/// Sampling as the released scripts do it.
const TEMPERATURE: f64 = 0.99;
const PRIME_SECONDS: f64 = 12.0;
const TOTAL_SECONDS: f64 = 180.0;
const HOP_FRACTION: f64 = 0.125;
/// How much of a checkpoint is read to tell it from another: so many tensors, so many bytes of each.
const MAX_SAMPLES: usize = 64;
const SAMPLE_BYTES: u64 = 4096;

/// What a manifest would say about these checkpoints, which need a VQ-VAE among them.
///
/// # Errors
/// When there is no VQ-VAE, or the networks do not go together.
pub fn manifest(model: &Model) -> Result<Manifest, CheckpointError> {
    let path = &model.path;
    let unusable =
        |problem: String| CheckpointError::Config { path: path.clone(), problem: brief(&problem) };
    let Some(vqvae) = &model.vqvae else {
        let problem = "there is no VQ-VAE; put vqvae.pth.tar beside the priors";
        return Err(unusable(problem.into()));
    };
    let mut files = BTreeMap::new();
    let mut file_of = |checkpoint: &Checkpoint| -> Result<String, CheckpointError> {
        let file = file_name(checkpoint.path());
        let (sha256, bytes) = (fingerprint(checkpoint)?, checkpoint.n_bytes());
        let seen = files.entry(file.clone()).or_insert(FileEntry { sha256: String::new(), bytes });
        seen.sha256 = hex(&Sha256::digest(format!("{}{sha256}", seen.sha256)));
        Ok(file)
    };
    let vqvae = VqvaeEntry {
        file: file_of(&vqvae.checkpoint)?,
        levels_present: model.levels_present.clone(),
        config: vqvae.config.clone(),
    };
    let mut priors = Vec::new();
    for prior in &model.priors {
        let file = file_of(&prior.checkpoint)?;
        priors.push(PriorEntry { file, config: prior.config.clone() });
    }
    let (labels, finer_labels) = tables::read(model)?;
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        name: model.released().map_or_else(|| file_name(path), |name| format!("Jukebox {name}")),
        licence: match model.released() {
            Some(_) => RELEASED_LICENCE.into(),
            None => "unknown".into(),
        },
        description: String::new(),
        sample_rate: model.sample_rate,
        labels,
        finer_labels,
        sampling: sampling(model, &vqvae),
        vqvae,
        priors,
        files,
    };
    manifest.problem().map_or(Ok(manifest), |problem| Err(unusable(problem)))
}

/// What the released scripts use, brought within what the model has room for.
fn sampling(model: &Model, vqvae: &VqvaeEntry) -> Sampling {
    let hop_fraction = model.hop_fraction.filter(|share| *share > 0.0 && *share <= 1.0);
    let hop_fraction = hop_fraction.unwrap_or(HOP_FRACTION);
    let mut sampling = Sampling {
        temperature: TEMPERATURE,
        top_p: None,
        top_k: None,
        prime_seconds: PRIME_SECONDS,
        total_seconds: TOTAL_SECONDS,
        hop_fraction,
    };
    let Some(top) = model.priors.last().map(|prior| &prior.config) else {
        return sampling;
    };
    if top.level < vqvae.config.levels {
        let window = top.n_ctx * vqvae.config.hop(top.level);
        let window_seconds = window as f64 / f64::from(model.sample_rate);
        let longest = (window_seconds * (1.0 - hop_fraction)).max(window_seconds / 8.0);
        sampling.prime_seconds = PRIME_SECONDS.min(longest);
    }
    if let Some(labels) = top.labels.as_ref().filter(|labels| labels.timing) {
        let (min, max) = (labels.min_duration_seconds, labels.max_duration_seconds);
        if !(min..max).contains(&sampling.total_seconds) {
            sampling.total_seconds = 0.5 * (min + max);
        }
    }
    sampling
}

/// Tells a checkpoint from another without reading all of it: names, types and shapes of its tensors,
/// and the first numbers of some of them.
fn fingerprint(checkpoint: &Checkpoint) -> Result<String, CheckpointError> {
    let mut hash = Sha256::new();
    let names: Vec<&str> = checkpoint.tensors().map(|(name, ..)| name).collect();
    for (name, dtype, shape) in checkpoint.tensors() {
        hash.update(format!("{name} {dtype} {shape:?}\n"));
    }
    let step = names.len().div_ceil(MAX_SAMPLES).max(1);
    for name in names.into_iter().step_by(step) {
        hash.update(checkpoint.sample(name, SAMPLE_BYTES)?);
    }
    Ok(hex(&hash.finalize()))
}

/// The last part of a path, whatever it was called by.
fn file_name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.into());
    let name = whole.file_name().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "model".into())
}
