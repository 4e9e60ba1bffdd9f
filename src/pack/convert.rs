//! Checkpoints made into a pack: the same networks in files of our own, hashed.
//!
//! Weights go from file to file in small parts, so this takes the memory of at most one tensor, and of a
//! few megabytes where the checkpoint has its numbers in order. The pack
//! is written beside its place and moved there when it is whole.

mod file;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::checkpoint::{CheckpointError, Model};
use super::shapes::{prior_tensors, vqvae_tensors};
use super::{MANIFEST_FILE, opened};
use file::{Planned, plan, write_file};

/// How a pack's weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredAs {
    /// As the checkpoint has them: nothing is lost and nothing grows.
    Given,
    F32,
    F16,
    BF16,
    /// The large matrices of the priors' layers as eight-bit integers, the rest as given.
    Q8,
    /// The same with four bits.
    Q4,
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
