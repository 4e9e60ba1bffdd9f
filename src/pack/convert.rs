//! Checkpoints made into a pack: the same networks in files of our own, hashed.
//!
//! Weights go from file to file in small parts, so this takes the memory of at most one tensor. The pack
//! is written beside its place and moved there when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::checkpoint::{Checkpoint, CheckpointError, Model, for_each_f32};
use super::manifest::FileEntry;
use super::pickle::Dtype;
use super::shapes::{TensorShape, prior_tensors, vqvae_tensors};
use super::{MANIFEST_FILE, hex, opened};

/// How a pack's weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredAs {
    /// As the checkpoint has them: nothing is lost and nothing grows.
    Given,
    F32,
    F16,
    BF16,
}

/// How far a conversion has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done_bytes: u64,
    pub total_bytes: u64,
}

/// Why checkpoints could not be made into a pack.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),

    #[error("{path:?} is there already and is no model pack; choose another folder")]
    Occupied { path: PathBuf },

    #[error("{path:?} cannot be written: {source}")]
    Write { path: PathBuf, source: io::Error },

    #[error(
        "{path:?}: tensor {name:?} has {value}, which is more than a 16-bit float holds; \
         convert with --precision bf16 or f32"
    )]
    TooLargeForF16 { path: PathBuf, name: String, value: f32 },
}

/// Writes `model` as a pack into `out`, which must not be there, or be empty or a pack.
///
/// # Errors
/// When a checkpoint is damaged or has numbers that are none, or the pack cannot be written; `out` is
/// then as it was.
pub fn convert(
    model: &Model,
    out: &Path,
    stored_as: StoredAs,
    mut report: impl FnMut(Progress),
) -> Result<(), ConvertError> {
    let mut manifest = opened::manifest(model)?;
    let write_error = |path: &Path| {
        let path = path.to_owned();
        move |source| ConvertError::Write { path, source }
    };
    let is_occupied = out.exists() && !out.join(MANIFEST_FILE).is_file() && !is_empty_folder(out);
    if is_occupied {
        return Err(ConvertError::Occupied { path: out.into() });
    }
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(write_error(parent))?;
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let partial = Partial(parent.join(format!(".{name}.{}.partial", std::process::id())));
    fs::create_dir(&partial.0).map_err(write_error(&partial.0))?;

    let mut jobs = Vec::new();
    if let Some(vqvae) = &model.vqvae {
        // small, and its codebooks decide between codes by small differences: kept as it is
        let tensors = vqvae_tensors(&vqvae.config, &model.levels_present);
        let stored_as = if stored_as == StoredAs::F32 { stored_as } else { StoredAs::Given };
        jobs.push(("vqvae.safetensors".to_owned(), &vqvae.checkpoint, tensors, stored_as));
    }
    for prior in &model.priors {
        let file = format!("prior_level_{}.safetensors", prior.config.level);
        jobs.push((file, &prior.checkpoint, prior_tensors(&prior.config), stored_as));
    }
    let plans: Vec<_> = jobs
        .iter()
        .map(|(_, checkpoint, tensors, stored_as)| plan(checkpoint, tensors, *stored_as))
        .collect();
    let total_bytes = plans.iter().flatten().map(Planned::n_bytes).sum();
    let mut done_bytes = 0;
    manifest.files.clear();
    for ((file, checkpoint, ..), planned) in jobs.iter().zip(&plans) {
        let entry = write_file(&partial.0.join(file), checkpoint, planned, |n_bytes| {
            done_bytes += n_bytes;
            report(Progress { done_bytes, total_bytes });
        })?;
        manifest.files.insert(file.clone(), entry);
    }
    manifest.vqvae.file = "vqvae.safetensors".into();
    for prior in &mut manifest.priors {
        prior.file = format!("prior_level_{}.safetensors", prior.config.level);
    }
    let path = partial.0.join(MANIFEST_FILE);
    let text = serde_json::to_string_pretty(&manifest).map_err(io::Error::from);
    let written = text.and_then(|text| {
        let mut file = File::create(&path)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    written.map_err(write_error(&path))?;
    partial.become_folder(out).map_err(write_error(out))
}

/// A tensor, and how it will be stored.
struct Planned {
    name: String,
    shape: Vec<usize>,
    dtype: Dtype,
}

impl Planned {
    fn n_bytes(&self) -> u64 {
        self.shape.iter().map(|n| *n as u64).product::<u64>() * self.dtype.size()
    }
}

/// Matrices take the wanted type; vectors (biases and norms) weigh nothing and stay exact.
fn plan(checkpoint: &Checkpoint, tensors: &[TensorShape], stored_as: StoredAs) -> Vec<Planned> {
    let planned = |tensor: &TensorShape| {
        let given = match checkpoint.dtype(&tensor.name) {
            Some(given @ (Dtype::F32 | Dtype::F16 | Dtype::BF16)) => given,
            _ => Dtype::F32,
        };
        let is_matrix = tensor.shape.len() > 1;
        let dtype = match stored_as {
            StoredAs::F32 => Dtype::F32,
            StoredAs::F16 if is_matrix => Dtype::F16,
            StoredAs::BF16 if is_matrix => Dtype::BF16,
            _ => given,
        };
        Planned { name: tensor.name.clone(), shape: tensor.shape.clone(), dtype }
    };
    let mut planned: Vec<_> = tensors.iter().map(planned).collect();
    planned.sort_by(|a, b| b.dtype.size().cmp(&a.dtype.size()).then(a.name.cmp(&b.name)));
    planned
}

/// Writes one safetensors file, and says what it became.
fn write_file(
    path: &Path,
    checkpoint: &Checkpoint,
    planned: &[Planned],
    mut report: impl FnMut(u64),
) -> Result<FileEntry, ConvertError> {
    let write_error = |source| ConvertError::Write { path: path.into(), source };
    let mut file = Hashing {
        file: BufWriter::with_capacity(1 << 20, File::create(path).map_err(write_error)?),
        hash: Sha256::new(),
        n_bytes: 0,
    };
    file.put(&header(planned)).map_err(write_error)?;
    let mut bytes = Vec::new();
    for Planned { name, dtype, .. } in planned {
        let mut overflow = None;
        checkpoint.read_parts(name, |part, given| {
            bytes.clear();
            let mut values = Vec::with_capacity(part.len() / given.size() as usize);
            for_each_f32(part, given, |value| values.push(value));
            checkpoint.check_finite(name, &values)?;
            for value in values {
                match dtype {
                    Dtype::F16 => {
                        let half = f16::from_f32(value);
                        overflow = overflow.or((!half.is_finite()).then_some(value));
                        bytes.extend_from_slice(&half.to_le_bytes());
                    }
                    Dtype::BF16 => {
                        let half = bf16::from_f32(value);
                        overflow = overflow.or((!half.is_finite()).then_some(value));
                        bytes.extend_from_slice(&half.to_le_bytes());
                    }
                    _ => bytes.extend_from_slice(&value.to_le_bytes()),
                }
            }
            report(bytes.len() as u64);
            file.put(&bytes).map_err(write_error)
        })?;
        if let Some(value) = overflow {
            let (path, name) = (checkpoint.path().to_owned(), name.clone());
            return Err(ConvertError::TooLargeForF16 { path, name, value });
        }
    }
    let (sha256, bytes) = file.finish().map_err(write_error)?;
    Ok(FileEntry { sha256, bytes })
}

/// A safetensors header: where each tensor will lie. Padded so that numbers are aligned.
fn header(planned: &[Planned]) -> Vec<u8> {
    let mut tensors = serde_json::Map::new();
    let mut offset = 0;
    for tensor in planned {
        let end = offset + tensor.n_bytes();
        let Planned { name, shape, dtype } = tensor;
        let entry = json!({
            "dtype": dtype.to_string(), "shape": shape, "data_offsets": [offset, end],
        });
        tensors.insert(name.clone(), entry);
        offset = end;
    }
    let mut text = serde_json::Value::Object(tensors).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut header = (text.len() as u64).to_le_bytes().to_vec();
    header.extend(text);
    header
}

/// A file that is hashed while it is written.
struct Hashing {
    file: BufWriter<File>,
    hash: Sha256,
    n_bytes: u64,
}

impl Hashing {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.n_bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn finish(self) -> io::Result<(String, u64)> {
        self.file.into_inner().map_err(|e| e.into_error())?.sync_all()?;
        Ok((hex(&self.hash.finalize()), self.n_bytes))
    }
}

/// A folder that is removed unless it becomes the real one.
struct Partial(PathBuf);

impl Partial {
    /// Takes the place of `out`, which is put aside until then.
    fn become_folder(self, out: &Path) -> io::Result<()> {
        let aside = self.0.with_extension("old");
        let was_there = out.exists();
        if was_there {
            fs::rename(out, &aside)?;
        }
        if let Err(e) = fs::rename(&self.0, out) {
            if was_there {
                fs::rename(&aside, out)?;
            }
            return Err(e);
        }
        if was_there {
            fs::remove_dir_all(&aside)?;
        }
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // gone already where all went well
    }
}

fn is_empty_folder(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}
