//! `pack.json`: what a pack says about itself, and whether that makes sense.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::limits::{MAX_SECONDS, prior_problem, vqvae_problem};
use super::{Labels, PackError, brief, leaves_folder};
use crate::jukebox::{PriorConfig, VqvaeConfig};

/// The version of `pack.json` that this Encore reads and writes.
pub const FORMAT_VERSION: u64 = 1;

/// Everything in `pack.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format_version: u64,
    pub name: String,
    /// SPDX identifier where there is one.
    pub licence: String,
    #[serde(default)]
    pub description: String,
    /// Rate of the audio that the networks were trained on, in Hz.
    pub sample_rate: u32,
    pub vqvae: VqvaeEntry,
    #[serde(default)]
    pub priors: Vec<PriorEntry>,
    /// What the coarsest prior was told.
    #[serde(default)]
    pub labels: Labels,
    /// What the finer ones were told, where that is something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finer_labels: Option<Labels>,
    pub sampling: Sampling,
    /// Every file of the pack but `pack.json`, by name.
    pub files: BTreeMap<String, FileEntry>,
}

/// The VQ-VAE and where its weights are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VqvaeEntry {
    pub file: String,
    /// The levels whose weights are in the file, finest first.
    pub levels_present: Vec<usize>,
    pub config: VqvaeConfig,
}

/// One prior and where its weights are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorEntry {
    pub file: String,
    pub config: PriorConfig,
}

/// What a file of the pack must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// 64 lower-case hexadecimal digits.
    pub sha256: String,
    pub bytes: u64,
}

/// Sampling that suits the pack's coarsest prior.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    pub temperature: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// How much of the track to listen to.
    pub prime_seconds: f64,
    /// Length of the whole song, as the model is told.
    pub total_seconds: f64,
    /// Share of a window by which the next one is moved on.
    pub hop_fraction: f64,
}

impl Manifest {
    /// The manifest in a text, if it is one that this Encore can use; `path` is for the messages.
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, PackError> {
        #[derive(Deserialize)]
        struct AnyVersion {
            format_version: u64,
        }
        let json = |e: serde_json::Error| PackError::Json {
            path: path.into(),
            line: e.line(),
            column: e.column(),
            problem: brief(without_position(&e.to_string())),
        };
        let AnyVersion { format_version } = serde_json::from_slice(text).map_err(json)?;
        if format_version != FORMAT_VERSION {
            let (found, supported) = (format_version, FORMAT_VERSION);
            return Err(PackError::Version { path: path.into(), found, supported });
        }
        let manifest: Self = serde_json::from_slice(text).map_err(json)?;
        let names = manifest.files.keys().map(String::as_str).chain(manifest.weight_files());
        if let Some(name) = names.into_iter().find(|name| leaves_folder(name)) {
            return Err(PackError::FileName { path: path.into(), name: brief(name) });
        }
        match manifest.problem() {
            Some(problem) => Err(PackError::Config { path: path.into(), problem: brief(&problem) }),
            None => Ok(manifest),
        }
    }

    /// Why this manifest cannot be used, if it cannot. File names are looked at elsewhere.
    pub fn problem(&self) -> Option<String> {
        if self.name.trim().is_empty() {
            return Some("the name is empty".into());
        }
        if !(8_000..=192_000).contains(&self.sample_rate) {
            return Some(format!("sample_rate is {} Hz (8000 to 192000)", self.sample_rate));
        }
        (self.vqvae.problem().map(|problem| format!("the VQ-VAE: {problem}")))
            .or_else(|| self.priors_problem())
            .or_else(|| self.labels.problem())
            .or_else(|| self.finer_labels.as_ref()?.problem())
            .or_else(|| self.sampling.problem().map(|problem| format!("sampling: {problem}")))
            .or_else(|| self.files_problem())
    }

    /// The label tables that the prior of a level was trained with.
    pub fn labels_of(&self, level: usize) -> &Labels {
        let is_coarsest = self.priors.iter().all(|prior| prior.config.level <= level);
        match &self.finer_labels {
            Some(finer) if !is_coarsest => finer,
            _ => &self.labels,
        }
    }

    /// Names of the files that hold weights.
    pub fn weight_files(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.vqvae.file.as_str())
            .chain(self.priors.iter().map(|prior| prior.file.as_str()))
    }

    fn priors_problem(&self) -> Option<String> {
        for (i, prior) in self.priors.iter().enumerate() {
            let level = prior.config.level;
            if let Some(problem) =
                prior_problem(&prior.config).or_else(|| self.mismatch(&prior.config))
            {
                return Some(format!("the prior of level {level}: {problem}"));
            }
            if self.priors[..i].iter().any(|other| other.config.level == level) {
                return Some(format!("two priors for level {level}"));
            }
        }
        None
    }

    /// Where a prior and the rest of the pack disagree.
    fn mismatch(&self, prior: &PriorConfig) -> Option<String> {
        let codebook = &self.vqvae.config;
        if !self.vqvae.levels_present.contains(&prior.level) {
            return Some("the VQ-VAE does not have this level".into());
        }
        if prior.l_bins != codebook.l_bins {
            return Some(format!(
                "it writes {} codes, but the codebook has {}",
                prior.l_bins, codebook.l_bins
            ));
        }
        let labels = prior.labels.as_ref()?;
        let hop = codebook.hop(prior.level);
        if labels.hop != hop || labels.sample_rate != self.sample_rate {
            return Some(format!(
                "its labels count {} frames per token at {} Hz, but the pack has {hop} at {}",
                labels.hop, labels.sample_rate, self.sample_rate
            ));
        }
        let tables = self.labels_of(prior.level);
        let (n_artists, n_genres) = (tables.artists.len(), tables.genres.len());
        if n_artists > labels.artist_bins || n_genres > labels.genre_bins {
            return Some(format!(
                "{n_artists} artists and {n_genres} genres do not fit its tables of {} and {}",
                labels.artist_bins, labels.genre_bins
            ));
        }
        None
    }

    fn files_problem(&self) -> Option<String> {
        if let Some(name) = self.weight_files().find(|name| !self.files.contains_key(*name)) {
            return Some(format!("{name:?} has no size and SHA-256 under \"files\""));
        }
        self.files.iter().find_map(|(name, file)| {
            let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
            let is_sha256 = file.sha256.len() == 64 && file.sha256.bytes().all(is_digit);
            (!is_sha256)
                .then(|| format!("the sha256 of {name:?} is not 64 lower-case hexadecimal digits"))
        })
    }
}

impl VqvaeEntry {
    fn problem(&self) -> Option<String> {
        let config = &self.config;
        if let Some(problem) = config.problem() {
            return Some(problem);
        }
        let rises = self.levels_present.windows(2).all(|pair| pair[0] < pair[1]);
        match self.levels_present.last() {
            Some(last) if rises && *last < config.levels => vqvae_problem(config),
            _ => Some(format!(
                "levels_present is {:?} (rising levels below {}, at least one)",
                self.levels_present, config.levels
            )),
        }
    }
}

impl Sampling {
    fn problem(&self) -> Option<String> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let duration = |x: f64| x > 0.0 && x <= MAX_SECONDS;
        let share = |x: f64| x > 0.0 && x <= 1.0;
        if !positive(self.temperature) {
            Some(format!("temperature is {} (above 0)", self.temperature))
        } else if let Some(p) = self.top_p.filter(|p| !share(*p)) {
            Some(format!("top_p is {p} (above 0, at most 1)"))
        } else if self.top_k == Some(0) {
            Some("top_k is 0 (at least 1)".into())
        } else if !duration(self.prime_seconds) || !duration(self.total_seconds) {
            Some(format!(
                "prime_seconds is {} and total_seconds {} (both above 0, at most {MAX_SECONDS})",
                self.prime_seconds, self.total_seconds
            ))
        } else if !share(self.hop_fraction) {
            Some(format!("hop_fraction is {} (above 0, at most 1)", self.hop_fraction))
        } else {
            None
        }
    }
}

/// serde's message without its " at line 3 column 7", which is said elsewhere.
fn without_position(message: &str) -> &str {
    message.rfind(" at line ").map_or(message, |end| &message[..end])
}
