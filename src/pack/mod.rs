//! Model packs on disk: opened, verified, and read into networks.
//!
//! A pack is a folder with `pack.json` (the [`Manifest`]) and safetensors files. Opening one is cheap:
//! the manifest is read and checked and the sizes of its files compared. Weights are read when they are
//! asked for, one tensor at a time, once the hash of their file was compared. A folder of OpenAI's or
//! Hugging Face's [`checkpoint`]s opens like a pack, and [`convert`](convert::convert) makes it one.
//! Nothing here runs code from a pack or checkpoint, follows a name out of its folder, or maps a file
//! into memory.
//!
//! In names, a *file* is a name inside the pack, a *path* is where that is on disk.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Tensor;
use candle_nn::VarBuilder;
use sha2::{Digest, Sha256};

pub mod checkpoint;
pub mod convert;
mod error;
pub mod hf;
pub mod labels;
mod limits;
mod manifest;
mod memory;
mod opened;
pub mod pickle;
mod search;
pub mod shapes;
pub mod source;
mod tables;
pub mod taught;
mod weights;

pub use error::PackError;
pub use labels::{Chosen, IdFileError, LabelRule, Labels, LabelsError, UnknownLabel};
pub use manifest::{FORMAT_VERSION, FileEntry, Manifest, PriorEntry, Sampling, VqvaeEntry};
pub use memory::tensor_bytes;
pub use search::{data_folder, find_packs, search_path};

use checkpoint::{Checkpoint, CheckpointError, Model};

pub use crate::jukebox::Precision;

use crate::jukebox::weights::Weights;
use crate::jukebox::{DevicePrior, JukeboxError, OpenDevice, Prior, PriorConfig, Vqvae};
use shapes::{TensorShape, n_parameters, prior_tensors, vqvae_tensors};
use source::read_small;
use taught::{Taught, TaughtArtists, TaughtError};

/// The file that makes a folder a pack.
pub const MANIFEST_FILE: &str = "pack.json";
/// Longest manifest, in bytes: some five times what the longest label tables need.
const MAX_MANIFEST_BYTES: u64 = 2 << 20;
/// Longest name of a file, in bytes, as on most systems.
const MAX_FILE_NAME: usize = 255;
/// Longest part of a message that a file may fill, in characters.
const MAX_MESSAGE: usize = 300;

/// An opened pack: its manifest made sense and its files had the right sizes.
#[derive(Debug, Clone)]
pub struct Pack {
    dir: PathBuf,
    manifest: Manifest,
    /// The checkpoints, where this is a folder of them and no pack.
    model: Option<Arc<Model>>,
    taught: Arc<TaughtArtists>,
    /// The taught artist that its coarsest prior plays, and the shape of that.
    plays: Option<Arc<(Taught, PriorConfig)>>,
}

impl Pack {
    /// Reads and checks `pack.json`, and the sizes of the files it names.
    ///
    /// A folder of checkpoints, or a single one, opens as well (see [`checkpoint`]): its manifest is made
    /// up from them.
    pub fn open(dir: &Path) -> Result<Self, PackError> {
        let path = dir.join(MANIFEST_FILE);
        if dir.exists() && !path.exists() {
            return Self::open_checkpoints(dir);
        }
        let text = read_small(&path, MAX_MANIFEST_BYTES).map_err(|source| match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                PackError::NotAPack { path: dir.into() }
            }
            _ => PackError::Io { path: path.clone(), source },
        })?;
        let text = text.ok_or_else(|| {
            let problem = format!("it has more than {MAX_MANIFEST_BYTES} bytes");
            PackError::Config { path: path.clone(), problem }
        })?;
        let manifest = Manifest::parse(&path, &text)?;
        let pack = Self::new(dir.into(), manifest, None);
        for (file, stated) in &pack.manifest.files {
            let path = pack.dir.join(file);
            weights::check_size(&path, &fs::metadata(&path), stated)?;
        }
        Ok(pack.with_taught())
    }

    fn open_checkpoints(path: &Path) -> Result<Self, PackError> {
        let model = Model::open(path).map_err(|e| match e {
            CheckpointError::NoModel { path } => PackError::NotAPack { path },
            e => e.into(),
        })?;
        Self::from_model(model)
    }

    /// Checkpoints that are open already, as a pack; label tables are looked for beside them.
    pub fn from_model(model: Model) -> Result<Self, PackError> {
        let manifest = opened::manifest(&model)?;
        let pack = Self::new(model.path.clone(), manifest, Some(model.into()));
        Ok(pack.with_taught())
    }

    fn new(dir: PathBuf, manifest: Manifest, model: Option<Arc<Model>>) -> Self {
        Self { dir, manifest, model, taught: Arc::default(), plays: None }
    }

    fn with_taught(self) -> Self {
        Self { taught: TaughtArtists::find(&self).into(), ..self }
    }

    /// Whether this is a pack, whose files' hashes are known, and not a folder of checkpoints.
    pub fn is_sealed(&self) -> bool {
        self.model.is_none()
    }

    /// Reads every file and compares its hash. Checkpoints have none to compare with.
    pub fn verify(&self) -> Result<(), PackError> {
        if !self.is_sealed() {
            return Ok(());
        }
        let mut files = self.manifest.files.iter();
        files.try_for_each(|(file, stated)| weights::verify(&self.dir.join(file), stated))
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// The label tables of the coarsest prior, and after them the artists that were taught to it.
    pub fn labels(&self) -> &Labels {
        self.taught.labels.as_ref().unwrap_or(&self.manifest.labels)
    }

    /// The label tables that the prior of a level was trained with; finer priors know no taught artist.
    pub fn labels_of(&self, level: usize) -> &Labels {
        if level == self.top_level() { self.labels() } else { self.manifest.labels_of(level) }
    }

    /// The artists that were taught to it.
    pub fn taught(&self) -> &[Taught] {
        &self.taught.artists
    }

    /// What lies beside it as a taught artist and cannot be used.
    pub fn taught_problems(&self) -> &[TaughtError] {
        &self.taught.problems
    }

    /// The same pack, whose coarsest prior plays this artist: with what was learnt where it was taught, and
    /// the pack's own where it was not.
    pub fn for_artist(&self, artist_id: u32) -> Self {
        let plays = self.taught.of(artist_id).and_then(|taught| {
            let own = &self.prior_entry(self.top_level()).ok()?.config;
            Some(Arc::new((taught.clone(), taught.config(own))))
        });
        Self { plays, ..self.clone() }
    }

    /// The taught artist that its coarsest prior plays.
    pub fn plays(&self) -> Option<&Taught> {
        self.plays.as_ref().map(|plays| &plays.0)
    }

    /// Rate of the audio that the networks take and make, in Hz.
    pub fn sample_rate(&self) -> u32 {
        self.manifest.sample_rate
    }

    /// The coarsest level that the VQ-VAE has.
    pub fn top_level(&self) -> usize {
        self.manifest.vqvae.levels_present.last().copied().unwrap_or(0)
    }

    /// Frames per token of a level that the VQ-VAE has.
    pub fn hop(&self, level: usize) -> Result<usize, PackError> {
        let vqvae = &self.manifest.vqvae;
        if vqvae.levels_present.contains(&level) {
            return Ok(vqvae.config.hop(level));
        }
        let available = vqvae.levels_present.clone();
        Err(PackError::NoSuchLevel { path: self.dir.clone(), what: "VQ-VAE", level, available })
    }

    /// Shape of the prior that writes `level`.
    pub fn prior_config(&self, level: usize) -> Result<&PriorConfig, PackError> {
        let own = self.prior_entry(level)?;
        match &self.plays {
            Some(plays) if level == self.top_level() => Ok(&plays.1),
            _ => Ok(&own.config),
        }
    }

    /// What tells this pack's networks from any other's, for recipes: 64 hexadecimal digits.
    ///
    /// Covers the hashes of its files and the shapes of its networks, because the same weights with
    /// another number of heads write other codes; not its name, labels or recommended sampling.
    pub fn hash(&self) -> String {
        let Manifest { vqvae, priors, files, .. } = &self.manifest;
        let files: Vec<_> = files.iter().map(|(name, file)| (name, &file.sha256)).collect();
        let networks = serde_json::json!([files, vqvae, priors]);
        hex(&Sha256::digest(networks.to_string()))
    }

    /// Numbers in all of its networks.
    pub fn parameters(&self) -> u64 {
        let Manifest { vqvae, priors, .. } = &self.manifest;
        let priors = priors.iter().map(|prior| n_parameters(&prior_tensors(&prior.config)));
        n_parameters(&vqvae_tensors(&vqvae.config, &vqvae.levels_present)) + priors.sum::<u64>()
    }

    /// Size of its files on disk.
    pub fn bytes(&self) -> u64 {
        self.manifest.files.values().map(|file| file.bytes).sum()
    }

    /// Reads one of the pack's files as plain numbers, checking its hash and the shapes that its networks
    /// call for.
    pub fn load_weights(&self, file: &str) -> Result<VarBuilder<'static>, PackError> {
        Ok(checkpoint::weights(self.checked(file)?))
    }

    /// One of the pack's files, with the hash that is stated and all tensors that its networks call for.
    fn checked(&self, file: &str) -> Result<Checkpoint, PackError> {
        let path = self.dir.join(file);
        let Some(stated) = self.manifest.files.get(file) else {
            return Err(PackError::MissingFile { path });
        };
        weights::open(&path, stated, &self.tensors_in(file))
    }

    /// Reads the VQ-VAE, with all levels that the pack has of it.
    pub fn load_vqvae(&self) -> Result<Vqvae, PackError> {
        let VqvaeEntry { file, levels_present, config } = &self.manifest.vqvae;
        let weights = match self.model.as_ref().and_then(|model| model.vqvae.as_ref()) {
            Some(network) => network.weights(),
            None => self.load_weights(file)?,
        };
        Vqvae::load(config, levels_present, weights).map_err(self.refused(file))
    }

    /// Reads the prior that writes `level`: its layers as they are stored.
    ///
    /// # Errors
    /// When there is none, its file is missing, damaged or misshapen, or has numbers that are none.
    pub fn load_prior(&self, level: usize) -> Result<Prior, PackError> {
        self.load_prior_as(level, Precision::F32)
    }

    /// The same with its layers held as is asked for; what is stored in fewer bits stays as it is.
    ///
    /// Weights are read a few rows at a time: beyond what is kept, this takes memory for one tensor at
    /// most. Quantising here gives the same numbers as converting to a quantised pack and loading that.
    pub fn load_prior_as(&self, level: usize, precision: Precision) -> Result<Prior, PackError> {
        let (file, config) = (&self.prior_entry(level)?.file, self.prior_config(level)?);
        let weights = self.prior_weights(level, file)?.held_as(precision);
        Prior::load(config, weights).map_err(self.refused(file))
    }

    /// Everything that the prior of a level is made of, by name, as plain numbers; what is stored quantised is
    /// widened.
    ///
    /// # Errors
    /// As [`Self::load_prior`].
    pub fn prior_tensors(&self, level: usize) -> Result<BTreeMap<String, Tensor>, PackError> {
        let (file, config) = (&self.prior_entry(level)?.file, self.prior_config(level)?);
        let weights = self.prior_weights(level, file)?;
        let read = |TensorShape { name, shape }: TensorShape| {
            let tensor = weights.tensors.get(shape, &name).map_err(JukeboxError::from);
            Ok((name, tensor.map_err(self.refused(file))?))
        };
        prior_tensors(config).into_iter().map(read).collect()
    }

    /// The same with the layers as plain tensors too, to compare with: twice the memory.
    pub fn load_reference_prior(&self, level: usize) -> Result<Prior, PackError> {
        let (file, config) = (&self.prior_entry(level)?.file, self.prior_config(level)?);
        let weights = self.prior_weights(level, file)?;
        Prior::load_with_reference(config, weights).map_err(self.refused(file))
    }

    /// The same with its layers on a device, in this precision; what is stored quantised is widened.
    ///
    /// # Errors
    /// As [`Self::load_prior`], and when the device has no room or not this precision.
    pub fn load_prior_on(
        &self,
        level: usize,
        device: &OpenDevice,
        precision: Precision,
    ) -> Result<DevicePrior, PackError> {
        let (file, config) = (&self.prior_entry(level)?.file, self.prior_config(level)?);
        let weights = self.prior_weights(level, file)?;
        DevicePrior::load(config, weights, device, precision).map_err(self.refused(file))
    }

    fn prior_weights(&self, level: usize, file: &str) -> Result<Weights<'static>, PackError> {
        let checkpoint = match self.model.as_ref().and_then(|model| model.prior(level)) {
            Some(network) => network.checkpoint.clone(),
            None => self.checked(file)?,
        };
        let Some(taught) = self.plays().filter(|_| level == self.top_level()) else {
            return Ok(checkpoint::all_weights(checkpoint));
        };
        let adapter = taught.adapter(&self.prior_entry(level)?.config)?;
        Ok(taught::merged(checkpoint, taught, adapter))
    }

    fn refused(&self, file: &str) -> impl FnOnce(JukeboxError) -> PackError {
        let path = self.dir.join(file);
        move |source| PackError::Network { path, source }
    }

    /// What a file must hold: networks may share one.
    fn tensors_in(&self, file: &str) -> Vec<TensorShape> {
        let Manifest { vqvae, priors, .. } = &self.manifest;
        let mut tensors = Vec::new();
        if vqvae.file == file {
            tensors.extend(vqvae_tensors(&vqvae.config, &vqvae.levels_present));
        }
        for prior in priors.iter().filter(|prior| prior.file == file) {
            tensors.extend(prior_tensors(&prior.config));
        }
        tensors
    }

    fn prior_entry(&self, level: usize) -> Result<&PriorEntry, PackError> {
        let priors = &self.manifest.priors;
        priors.iter().find(|prior| prior.config.level == level).ok_or_else(|| {
            let available = priors.iter().map(|prior| prior.config.level).collect();
            PackError::NoSuchLevel { path: self.dir.clone(), what: "prior", level, available }
        })
    }
}

/// Whether a name could mean something else than a file in the pack's folder, on any system.
fn leaves_folder(name: &str) -> bool {
    name.is_empty()
        || name.len() > MAX_FILE_NAME
        || name == "."
        || name == ".."
        || name.contains(['/', '\\', ':'])
        || name.contains(char::is_control)
}

/// A message that repeats what a file says, as one line of bearable length: both of its ends.
fn brief(message: &str) -> String {
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let n_left_out = message.chars().count().saturating_sub(MAX_MESSAGE);
    if n_left_out == 0 {
        return message.chars().map(plain).collect();
    }
    let n_start = MAX_MESSAGE / 2;
    let start = message.chars().take(n_start).map(plain);
    let end = message.chars().skip(n_start + n_left_out).map(plain);
    start.chain(std::iter::once('…')).chain(end).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
