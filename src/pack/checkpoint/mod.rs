//! Checkpoints as people have them: OpenAI's and Hugging Face's files, opened without being loaded.
//!
//! A [`Checkpoint`] is one file, or a set of shards, and knows where each tensor's numbers lie. They are
//! read one tensor at a time. A [`Model`] is what a folder of them means: which networks are in it, of
//! which shape, under OpenAI's names whoever wrote them.

mod error;
mod index;
mod legacy;
mod matrices;
mod model;
mod numbers;
mod places;
mod recognise;
pub mod released;
mod safetensors;
mod strided;
mod weights;
mod zip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};
use serde_json::{Map, Value as Json};

pub use error::CheckpointError;
pub(in crate::pack) use index::{MAX_JSON_BYTES, read_json};
pub use matrices::{ints_dtype, quantised_shapes, scale_name};
pub use model::{Model, Network};
pub use numbers::{Stored, for_each_f32};
pub use places::Layout;
pub use recognise::HfConfig;
pub use weights::{all_weights, weights};

use super::brief;
use super::pickle::{Dtype, Pickle};
use super::source::Source;
use places::Place;

/// Longest name of a tensor.
const MAX_NAME: usize = 512;
/// A tensor may repeat its storage's numbers (stride 0) up to this many bytes.
const MAX_REPEATED_BYTES: u64 = 8 << 20;
/// Bytes of a tensor that are handed over at once; whole numbers of every type.
const PART_BYTES: u64 = 1 << 20;

/// Tensors by name, in files that are read when they are asked for.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    path: PathBuf,
    sources: Vec<Arc<Source>>,
    tensors: BTreeMap<String, (usize, Layout)>,
    hps: Map<String, Json>,
}

impl Checkpoint {
    /// Opens a file of any known form: PyTorch's legacy stream or zip file, or safetensors.
    ///
    /// # Errors
    /// When it is of no known form, cut short, or contradicts itself.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let source = Source::open(path)
            .map_err(|source| CheckpointError::Io { path: path.into(), source })?;
        Self::from_source(source)
    }

    /// The same over bytes that are already at hand.
    pub fn from_source(source: Source) -> Result<Self, CheckpointError> {
        let path = source.path().to_owned();
        let mut first = vec![0; source.len().min(16) as usize];
        source
            .read_exact_at(0, &mut first)
            .map_err(|source| CheckpointError::Io { path: path.clone(), source })?;
        let mut checkpoint = Self {
            path: path.clone(),
            sources: Vec::new(),
            tensors: BTreeMap::new(),
            hps: Map::new(),
        };
        if zip::is_zip(&first) {
            let (pickle, places) = zip::open(&source)?;
            checkpoint.take_pickle(&pickle, &places, source.len())?;
        } else if legacy::is_legacy(&first) {
            let (pickle, places) = legacy::open(&source)?;
            checkpoint.take_pickle(&pickle, &places, source.len())?;
        } else if safetensors::is_safetensors(&first) {
            return Self::from_safetensors(source);
        } else {
            return Err(CheckpointError::NotACheckpoint { path });
        }
        checkpoint.sources.push(source.into());
        Ok(checkpoint)
    }

    /// The same for what must be safetensors.
    pub fn from_safetensors(source: Source) -> Result<Self, CheckpointError> {
        let (tensors, hps) = (BTreeMap::new(), Map::new());
        let path = source.path().to_owned();
        let mut checkpoint = Self { path, sources: Vec::new(), tensors, hps };
        for (name, layout) in safetensors::open(&source)? {
            checkpoint.add(&name, 0, layout)?;
        }
        checkpoint.sources.push(source.into());
        Ok(checkpoint)
    }

    /// Opens the shards that an index such as `model.safetensors.index.json` lists.
    pub fn open_sharded(path: &Path) -> Result<Self, CheckpointError> {
        index::open(path)
    }

    /// The file, or the index of the shards.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every tensor's name, type and shape.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, Dtype, &[usize])> {
        self.tensors
            .iter()
            .map(|(name, (_, layout))| (name.as_str(), layout.dtype, layout.shape.as_slice()))
    }

    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        self.tensors.get(name).map(|(_, layout)| layout.dtype)
    }

    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|(_, layout)| layout.shape.as_slice())
    }

    /// Whether two names mean the same numbers of the same file, as tied weights do.
    pub fn are_tied(&self, one: &str, other: &str) -> bool {
        match (self.tensors.get(one), self.tensors.get(other)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
    }

    /// The plain values of the checkpoint's `hps`, if it has them.
    pub fn hps(&self) -> &Map<String, Json> {
        &self.hps
    }

    /// Bytes of all its files.
    pub fn n_bytes(&self) -> u64 {
        self.sources.iter().map(|source| source.len()).sum()
    }

    /// Reads one tensor as it is stored, without looking at its numbers.
    pub fn read(&self, name: &str) -> Result<Stored, CheckpointError> {
        let (source, layout) = self.find(name)?;
        let mut bytes = Vec::new();
        strided::read(source, layout, &mut bytes).map_err(|e| unreadable(source, name, &e))?;
        Ok(Stored { bytes, dtype: layout.dtype, shape: layout.shape.clone() })
    }

    /// Hands over one tensor as it is stored, part by part. Takes a small buffer where its numbers lie one
    /// after another, and memory for all of it where they do not.
    pub fn read_parts<E: From<CheckpointError>>(
        &self,
        name: &str,
        mut take: impl FnMut(&[u8], Dtype) -> Result<(), E>,
    ) -> Result<(), E> {
        let (source, layout) = self.find(name)?;
        if !layout.is_contiguous() {
            let Stored { bytes, dtype, .. } = self.read(name)?;
            return bytes.chunks(PART_BYTES as usize).try_for_each(|part| take(part, dtype));
        }
        let n_bytes = layout.n_bytes();
        if n_bytes == 0 {
            return Ok(()); // then nothing says that its offset makes sense
        }
        let mut buffer = vec![0; n_bytes.min(PART_BYTES) as usize];
        let start = layout.start();
        let mut n_done = 0;
        while n_done < n_bytes {
            let n = (n_bytes - n_done).min(PART_BYTES);
            let part = &mut buffer[..n as usize];
            source.read_exact_at(start + n_done, part).map_err(|e| unreadable(source, name, &e))?;
            take(part, layout.dtype)?;
            n_done += n;
        }
        Ok(())
    }

    /// Reads one tensor as `f32`; every one of its numbers must be finite.
    pub fn tensor(&self, name: &str) -> Result<Tensor, CheckpointError> {
        let (source, layout) = self.find(name)?;
        let mut values = Vec::with_capacity(layout.n_values() as usize);
        self.read_parts(name, |part, dtype| {
            let n_done = values.len();
            for_each_f32(part, dtype, |value| values.push(value));
            self.check_finite(name, &values[n_done..])
        })?;
        Tensor::from_vec(values, layout.shape.as_slice(), &Device::Cpu).map_err(|e| {
            let (path, name) = (source.path().into(), name.into());
            CheckpointError::Tensor { path, name, problem: e.to_string() }
        })
    }

    /// Whether numbers of a tensor can be computed with.
    pub fn check_finite(&self, name: &str, values: &[f32]) -> Result<(), CheckpointError> {
        match values.iter().find(|value| !value.is_finite()) {
            None => Ok(()),
            Some(value) => {
                let (path, name) = (self.path.clone(), name.into());
                Err(CheckpointError::NotFinite { path, name, value: *value })
            }
        }
    }

    /// The first bytes of the storage that a tensor is cut from, to tell one checkpoint from another.
    pub fn sample(&self, name: &str, n_bytes: u64) -> Result<Vec<u8>, CheckpointError> {
        let (source, layout) = self.find(name)?;
        let mut bytes = vec![0; layout.place.n_bytes.min(n_bytes) as usize];
        source
            .read_exact_at(layout.place.start, &mut bytes)
            .map_err(|e| unreadable(source, name, &e))?;
        Ok(bytes)
    }

    fn find(&self, name: &str) -> Result<(&Source, &Layout), CheckpointError> {
        match self.tensors.get(name) {
            Some((source, layout)) => Ok((&self.sources[*source], layout)),
            None => {
                let (path, name) = (self.path.clone(), name.into());
                Err(CheckpointError::MissingTensor { path, name, what: "network" })
            }
        }
    }

    /// Some of the tensors under other names: those that `rename` gives one.
    pub fn select(&self, rename: impl Fn(&str) -> Option<String>) -> Result<Self, CheckpointError> {
        let (path, sources) = (self.path.clone(), self.sources.clone());
        let mut selected = Self { path, sources, tensors: BTreeMap::new(), hps: self.hps.clone() };
        for (name, (source, layout)) in &self.tensors {
            if let Some(name) = rename(name) {
                selected.add(&name, *source, layout.clone())?;
            }
        }
        Ok(selected)
    }

    /// Gives a tensor that is not there the numbers of another, as weights that are tied are often
    /// stored once.
    fn tie(&mut self, missing: &str, present: &str) {
        if let (false, Some(tensor)) = (self.contains(missing), self.tensors.get(present)) {
            self.tensors.insert(missing.into(), tensor.clone());
        }
    }

    /// Takes over what a pickle describes: the tensors of its state dictionary, and `hps`.
    fn take_pickle(
        &mut self,
        pickle: &Pickle,
        places: &[Place],
        n_file: u64,
    ) -> Result<(), CheckpointError> {
        let root = pickle.root();
        let inner = ["model", "state_dict"].into_iter().filter_map(|key| root.get(key));
        let weights = inner.chain([root]).find(|value| value.has_tensors());
        let weights = weights.and_then(|value| value.items());
        let weights = weights.ok_or(CheckpointError::NoWeights { path: self.path.clone() })?;
        let mut latest = BTreeMap::new(); // of two items with the same key the later counts
        for (name, value) in weights {
            if let (Some(name), Some(tensor)) = (name.as_str(), value.as_tensor()) {
                self.check_name(name)?; // before it is compared with all others
                latest.insert(name, tensor);
            }
        }
        let mut n_claimed = 0u64;
        for (name, tensor) in latest {
            let layout = Layout::of_tensor(tensor, places[tensor.storage]);
            n_claimed = n_claimed.saturating_add(layout.n_bytes());
            self.add(name, 0, layout)?;
        }
        if n_claimed > n_file.saturating_mul(4).saturating_add(MAX_REPEATED_BYTES) {
            let problem = format!("its tensors claim {n_claimed} bytes, but it has {n_file}");
            return Err(CheckpointError::Config { path: self.path.clone(), problem });
        }
        self.hps = root.get("hps").map(|hps| hps.plain_items()).unwrap_or_default();
        Ok(())
    }

    /// Notes a tensor under its name without the prefix of a wrapped model.
    fn add(&mut self, name: &str, source: usize, layout: Layout) -> Result<(), CheckpointError> {
        let name = name.strip_prefix("module.").unwrap_or(name);
        self.check_name(name)?;
        let refused = |problem: String| {
            let (path, name) = (self.path.clone(), name.into());
            Err(CheckpointError::Tensor { path, name, problem })
        };
        if layout.n_bytes() > layout.place.n_bytes.max(MAX_REPEATED_BYTES) {
            return refused(format!(
                "repeats the {} bytes of its storage to {}",
                layout.place.n_bytes,
                layout.n_bytes()
            ));
        }
        if self.tensors.contains_key(name) {
            return refused("is there twice, with and without \"module.\"".into());
        }
        self.tensors.insert(name.into(), (source, layout));
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<(), CheckpointError> {
        if name.len() <= MAX_NAME {
            return Ok(());
        }
        let problem = format!("has a name of {} bytes (at most {MAX_NAME})", name.len());
        Err(CheckpointError::Tensor { path: self.path.clone(), name: brief(name), problem })
    }
}

fn unreadable(source: &Source, name: &str, e: &std::io::Error) -> CheckpointError {
    let problem = format!("cannot be read: {e}");
    CheckpointError::Tensor { path: source.path().into(), name: name.into(), problem }
}
