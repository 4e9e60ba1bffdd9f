//! Where a set's weights come from: the same networks are stored in several forms of file.
//!
//! Whatever lies in a set is used: a file of a name that nobody foresaw is run, not passed over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_nn::VarBuilder;
use encore::jukebox::{PriorConfig, VqvaeConfig};
use encore::pack::checkpoint::{Checkpoint, CheckpointError, Model, weights};

use crate::{Fallible, json};

/// The networks of a set in one form.
pub struct Source {
    pub name: String,
    /// One file or folder, or a file for each network.
    paths: Vec<PathBuf>,
}

/// A network as it lies in its file.
pub struct Stored<C> {
    pub weights: VarBuilder<'static>,
    /// Its shape, or what the file does not tell of it.
    pub shape: Result<C, String>,
}

impl Source {
    pub fn vqvae(&self) -> Fallible<Stored<VqvaeConfig>> {
        self.find(|model| {
            let vqvae = model.vqvae?;
            Some(Stored { weights: vqvae.weights(), shape: Ok(vqvae.config) })
        })
    }

    pub fn prior(&self, level: usize) -> Fallible<Stored<PriorConfig>> {
        self.find(|model| {
            let prior = model.prior(level)?;
            Some(Stored { weights: prior.weights(), shape: Ok(prior.config.clone()) })
        })
    }

    fn find<C>(&self, network: impl Fn(Model) -> Option<Stored<C>>) -> Fallible<Stored<C>> {
        for path in &self.paths {
            match Model::open(path) {
                // the set tells the shape too, so the weights can be used all the same
                Err(CheckpointError::Untold { missing, .. }) if path.is_file() => {
                    let weights = weights(Checkpoint::open(path)?);
                    return Ok(Stored { weights, shape: Err(missing.join(", ")) });
                }
                model => match network(model?) {
                    Some(found) => return Ok(found),
                    None => continue,
                },
            }
        }
        Err(format!("no network of this level in {:?}", self.paths).into())
    }
}

/// Every form that a set's weights are stored in.
pub fn sources(set: &Path) -> Fallible<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in std::iter::once(set.to_owned()).chain(entries(set, Path::is_dir)?) {
        let within = folder.strip_prefix(set)?.to_string_lossy().into_owned();
        for (name, paths) in in_folder(&folder)? {
            let name = if within.is_empty() { name } else { format!("{within}/{name}") };
            sources.push(Source { name, paths });
        }
    }
    Ok(sources)
}

fn in_folder(folder: &Path) -> Fallible<BTreeMap<String, Vec<PathBuf>>> {
    let files = entries(folder, Path::is_file)?;
    let mut shards = Vec::new();
    for index in files.iter().filter(|path| name(path).ends_with(".index.json")) {
        let index = json(index)?;
        let listed = index["weight_map"].as_object().into_iter().flat_map(|map| map.values());
        shards.extend(listed.filter_map(|file| Some(file.as_str()?.to_owned())));
    }
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in files {
        let file = name(&path);
        if shards.contains(&file) || !is_weights(&file) {
            continue;
        }
        match file.strip_prefix("vqvae.").or(prior_form(&file)) {
            // the released layout is opened as a folder, as its users do
            Some("pth.tar") => drop(found.insert("pth.tar".into(), vec![folder.to_owned()])),
            Some(form) => found.entry(form.to_owned()).or_default().push(path),
            None => drop(found.insert(file, vec![path])),
        }
    }
    Ok(found)
}

/// What follows the level in `prior_level_0.pth.tar` and the like.
fn prior_form(file: &str) -> Option<&str> {
    file.strip_prefix("prior_level_")?.split_once('.').map(|(_, form)| form)
}

fn is_weights(file: &str) -> bool {
    let of_reference = ["expected.", "grads.", "waveform."];
    let ends = [".tar", ".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".index.json"];
    ends.iter().any(|end| file.ends_with(end))
        && !of_reference.iter().any(|start| file.starts_with(start))
}

/// What lies in a folder, in order.
pub fn entries(folder: &Path, kind: fn(&Path) -> bool) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<_> =
        entries.into_iter().map(|entry| entry.path()).filter(|path| kind(path)).collect();
    paths.sort();
    Ok(paths)
}

pub fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
