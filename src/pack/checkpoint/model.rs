//! What a folder of checkpoints means: the networks in it, under OpenAI's names.

use std::path::{Path, PathBuf};

use candle_nn::VarBuilder;

use super::recognise::{self, HfConfig, is_prior, is_vqvae};
use super::{Checkpoint, CheckpointError, weights};
use crate::jukebox::{PriorConfig, VqvaeConfig};
use crate::pack::hf::oai_name;
use crate::pack::shapes::{TensorShape, prior_tensors, vqvae_tensors};

/// Weight files of a Hugging Face folder, the preferred first; an index lists shards.
const HF_FILES: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];
/// OpenAI's name of the VQ-VAE, and the folder with the files that all of its models share.
const VQVAE_FILE: &str = "vqvae.pth.tar";
const SHARED_FOLDER: &str = "5b";
/// Most levels that are looked for.
const MAX_LEVELS: usize = 8;

/// Networks in files that are read when they are asked for.
#[derive(Debug)]
pub struct Model {
    /// The folder or file that was opened.
    pub path: PathBuf,
    pub vqvae: Option<Network<VqvaeConfig>>,
    /// Levels that the VQ-VAE has weights of, finest first.
    pub levels_present: Vec<usize>,
    /// Coarsest last.
    pub priors: Vec<Network<PriorConfig>>,
    /// Rate of the audio, in Hz.
    pub sample_rate: u32,
    /// Share of a window by which the coarsest prior moves on, if that is told.
    pub hop_fraction: Option<f64>,
}

/// A network: its shape, and its weights under OpenAI's names.
#[derive(Debug)]
pub struct Network<C> {
    pub config: C,
    pub checkpoint: Checkpoint,
    /// Name of the released model that it is shaped like.
    pub released: Option<&'static str>,
}

impl<C> Network<C> {
    /// Its weights under OpenAI's names, each read when it is asked for.
    pub fn weights(&self) -> VarBuilder<'static> {
        weights(self.checkpoint.clone())
    }
}

impl Model {
    /// Opens a folder in OpenAI's or Hugging Face's layout, or a single checkpoint. Reads no weights.
    ///
    /// # Errors
    /// When a file is damaged, a tensor missing or misshapen, or something is told nowhere.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        if path.is_dir() {
            let mut model = Self::empty(path);
            model.open_folder(path)?;
            return model.checked();
        }
        let config = path.with_file_name("config.json");
        let checkpoint = match path.extension().is_some_and(|e| e == "json") {
            true => Checkpoint::open_sharded(path)?,
            false => Checkpoint::open(path)?,
        };
        match is_vqvae(&checkpoint) || is_prior(&checkpoint) || !config.is_file() {
            true => Self::from_checkpoint(checkpoint, None),
            false => Self::from_checkpoint(checkpoint, Some(&HfConfig::open(&config)?)),
        }
    }

    /// The same of a single checkpoint that is open already; Hugging Face's come with a config.
    pub fn from_checkpoint(
        checkpoint: Checkpoint,
        config: Option<&HfConfig>,
    ) -> Result<Self, CheckpointError> {
        let mut model = Self::empty(checkpoint.path());
        match config {
            None => model.take(checkpoint)?,
            Some(config) => model.take_hf(config, &checkpoint)?,
        }
        model.checked()
    }

    /// The prior that writes `level`.
    pub fn prior(&self, level: usize) -> Option<&Network<PriorConfig>> {
        self.priors.iter().find(|prior| prior.config.level == level)
    }

    /// Name of the released model that this is, as far as its coarsest prior shows.
    pub fn released(&self) -> Option<&'static str> {
        self.priors.last().and_then(|prior| prior.released)
    }

    fn empty(path: &Path) -> Self {
        Self {
            path: path.into(),
            vqvae: None,
            levels_present: Vec::new(),
            priors: Vec::new(),
            sample_rate: recognise::SAMPLE_RATE,
            hop_fraction: None,
        }
    }

    fn open_folder(&mut self, folder: &Path) -> Result<(), CheckpointError> {
        let is_released_layout = folder.join(VQVAE_FILE).is_file()
            || (0..MAX_LEVELS).any(|level| folder.join(prior_file(level)).is_file());
        let config = folder.join("config.json");
        if is_released_layout {
            self.open_released_layout(folder)
        } else if config.is_file() {
            let hf_file = HF_FILES.iter().map(|file| folder.join(file)).find(|file| file.is_file());
            let hf_file = hf_file.ok_or(CheckpointError::NoModel { path: folder.into() })?;
            let checkpoint = match hf_file.extension().is_some_and(|e| e == "json") {
                true => Checkpoint::open_sharded(&hf_file)?,
                false => Checkpoint::open(&hf_file)?,
            };
            self.take_hf(&HfConfig::open(&config)?, &checkpoint)
        } else {
            self.take(Checkpoint::open(&single_checkpoint(folder)?)?)
        }
    }

    /// `vqvae.pth.tar` and `prior_level_N.pth.tar`; what all models share may lie in a folder beside.
    fn open_released_layout(&mut self, folder: &Path) -> Result<(), CheckpointError> {
        let shared = folder.canonicalize().ok().and_then(|folder| {
            Some(folder.parent()?.join(SHARED_FOLDER)).filter(|shared| shared.is_dir())
        });
        let find = |file: &str| {
            let beside = shared.as_ref().map(|shared| shared.join(file));
            [Some(folder.join(file)), beside].into_iter().flatten().find(|file| file.is_file())
        };
        if let Some(file) = find(VQVAE_FILE) {
            self.take(Checkpoint::open(&file)?)?;
        }
        for level in 0..MAX_LEVELS {
            if let Some(file) = find(&prior_file(level)) {
                self.take(Checkpoint::open(&file)?)?;
            }
        }
        Ok(())
    }

    /// Takes in a file of OpenAI's: a VQ-VAE or a prior.
    fn take(&mut self, checkpoint: Checkpoint) -> Result<(), CheckpointError> {
        if is_vqvae(&checkpoint) {
            return self.take_vqvae(checkpoint, None);
        }
        if is_prior(&checkpoint) {
            return self.take_prior(checkpoint, recognise::ToldPrior::default());
        }
        let path = checkpoint.path().into();
        let problem = "it is neither a VQ-VAE nor a prior (Hugging Face's files need the \
                       config.json beside them)";
        Err(CheckpointError::Config { path, problem: problem.into() })
    }

    /// Takes in a file of Hugging Face's, in which networks may have prefixes.
    fn take_hf(&mut self, config: &HfConfig, all: &Checkpoint) -> Result<(), CheckpointError> {
        self.sample_rate = config.sample_rate().unwrap_or(self.sample_rate);
        self.hop_fraction = config.hop_fraction();
        let vqvae_prefix = if config.is_whole_model() { "vqvae." } else { "" };
        let has_vqvae = all.tensors().any(|(name, ..)| {
            name.strip_prefix(vqvae_prefix).is_some_and(|name| name.starts_with("bottleneck."))
        });
        if has_vqvae {
            let downs_t = hf_downs_t(all, vqvae_prefix);
            let vqvae =
                all.select(|name| Some(oai_name(name.strip_prefix(vqvae_prefix)?, &downs_t)))?;
            self.take_vqvae(vqvae, Some(config.vqvae()))?;
        }
        if has_vqvae && !config.is_whole_model() {
            return Ok(());
        }
        for (i, told) in config.priors()?.into_iter().enumerate() {
            let prefix =
                if config.is_whole_model() { format!("priors.{i}.") } else { String::new() };
            let mut prior = all.select(|name| Some(oai_name(name.strip_prefix(&prefix)?, &[])))?;
            if told.merged_decoder == Some(false) {
                prior.tie("prior.x_emb.weight", "prior.x_out.weight"); // only one of them may be stored
            }
            if !is_prior(&prior) {
                let (path, name) =
                    (all.path().into(), format!("{prefix}prior.embed_tokens.weight"));
                return Err(CheckpointError::MissingTensor { path, name, what: "prior" });
            }
            self.take_prior(prior, told)?;
        }
        Ok(())
    }

    fn take_vqvae(
        &mut self,
        checkpoint: Checkpoint,
        told: Option<recognise::ToldVqvae>,
    ) -> Result<(), CheckpointError> {
        let (config, levels_present) = recognise::vqvae(&checkpoint, told)?;
        self.vqvae = Some(Network { config, checkpoint, released: None });
        self.levels_present = levels_present;
        Ok(())
    }

    fn take_prior(
        &mut self,
        checkpoint: Checkpoint,
        told: recognise::ToldPrior,
    ) -> Result<(), CheckpointError> {
        let vqvae = self.vqvae.as_ref().map(|vqvae| &vqvae.config);
        let (config, released) = recognise::prior(&checkpoint, told, vqvae)?;
        if let Some(other) = self.prior(config.level) {
            let problem = format!(
                "it is for level {}, and so is {:?}",
                config.level,
                other.checkpoint.path()
            );
            return Err(CheckpointError::Config { path: checkpoint.path().into(), problem });
        }
        if let Some(labels) = &config.labels {
            self.sample_rate = labels.sample_rate;
        }
        self.priors.push(Network { config, checkpoint, released });
        Ok(())
    }

    /// Itself in order, if every tensor is there in the shape that the configs call for.
    fn checked(mut self) -> Result<Self, CheckpointError> {
        self.priors.sort_by_key(|prior| prior.config.level);
        if let Some(vqvae) = &self.vqvae {
            let tensors = vqvae_tensors(&vqvae.config, &self.levels_present);
            check_shapes(&vqvae.checkpoint, &tensors, "VQ-VAE")?;
        }
        for prior in &self.priors {
            check_shapes(&prior.checkpoint, &prior_tensors(&prior.config), "prior")?;
        }
        Ok(self)
    }
}

fn check_shapes(
    checkpoint: &Checkpoint,
    tensors: &[TensorShape],
    what: &'static str,
) -> Result<(), CheckpointError> {
    for TensorShape { name, shape } in tensors {
        let (path, name) = (checkpoint.path().to_owned(), name.clone());
        match checkpoint.shape(&name) {
            None => return Err(CheckpointError::MissingTensor { path, name, what }),
            Some(found) if found != shape.as_slice() => {
                let (found, expected) = (found.to_vec(), shape.clone());
                return Err(CheckpointError::Shape { path, name, found, expected });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn prior_file(level: usize) -> String {
    format!("prior_level_{level}.pth.tar")
}

/// The only checkpoint of a folder, or the one named `model`.
fn single_checkpoint(folder: &Path) -> Result<PathBuf, CheckpointError> {
    let refused = |source| CheckpointError::Io { path: folder.into(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_checkpoint = [".pth.tar", ".pth", ".pt"].iter().any(|end| name.ends_with(end));
        if is_checkpoint && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    let named = ["model.pth.tar", "model.zip.pth.tar"].map(|name| folder.join(name));
    if let Some(path) = named.into_iter().find(|path| found.contains(path)) {
        return Ok(path);
    }
    match found.as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(CheckpointError::NoModel { path: folder.into() }),
    }
}

/// Down-sampling layers per level of a VQ-VAE under Hugging Face's names.
fn hf_downs_t(checkpoint: &Checkpoint, prefix: &str) -> Vec<usize> {
    let n_layers = |level: usize| {
        let at = format!("{prefix}encoders.{level}.level_blocks.{level}.downsample_block");
        let has = |i: &usize| checkpoint.contains(&format!("{at}.{}.weight", 2 * i));
        (0..).take_while(has).count()
    };
    (0..MAX_LEVELS).map(n_layers).collect()
}
