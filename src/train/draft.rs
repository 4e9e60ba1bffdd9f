//! A pack that is being made: its networks' tensors and what `pack.json` will say.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor, safetensors};
use sha2::{Digest, Sha256};

use super::TrainError;
use crate::jukebox::{PriorConfig, VqvaeConfig};
use crate::pack::{
    FORMAT_VERSION, FileEntry, Labels, MANIFEST_FILE, Manifest, Pack, PriorEntry, Sampling,
    VqvaeEntry,
};

const VQVAE_FILE: &str = "vqvae.safetensors";

type Tensors = BTreeMap<String, Tensor>;

/// A pack in memory.
pub struct PackDraft {
    manifest: Manifest,
    tensors: BTreeMap<String, Tensors>, // by file
}

impl PackDraft {
    /// A pack with no network in it yet.
    pub fn new(name: &str, licence: &str, sample_rate: u32, vqvae: &VqvaeConfig) -> Self {
        let file = VQVAE_FILE.to_owned();
        let vqvae = VqvaeEntry { file, levels_present: Vec::new(), config: vqvae.clone() };
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            name: name.to_owned(),
            licence: licence.to_owned(),
            description: String::new(),
            sample_rate,
            vqvae,
            priors: Vec::new(),
            labels: Labels::default(),
            finer_labels: None,
            sampling: Sampling {
                temperature: 0.95,
                top_p: None,
                top_k: None,
                prime_seconds: 4.0,
                total_seconds: 60.0,
                hop_fraction: 0.5,
            },
            files: BTreeMap::new(),
        };
        Self { manifest, tensors: BTreeMap::new() }
    }

    /// Everything that is in a pack.
    pub fn open(dir: &Path) -> Result<Self, TrainError> {
        let pack = Pack::open(dir)?;
        if !pack.is_sealed() {
            let problem = "these are checkpoints; make a pack of them with `encore convert`".into();
            return Err(TrainError::Run { path: dir.into(), problem });
        }
        pack.verify()?;
        let mut draft = Self { manifest: pack.manifest().clone(), tensors: BTreeMap::new() };
        for file in pack.manifest().files.keys().filter(|file| file.ends_with(".safetensors")) {
            let tensors = safetensors::load(dir.join(file), &Device::Cpu)?;
            draft.tensors.insert(file.clone(), tensors.into_iter().collect());
        }
        Ok(draft)
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What `pack.json` will say about the pack as a whole.
    pub fn describe(&mut self, name: &str, licence: &str, description: &str) {
        self.manifest.name = name.to_owned();
        self.manifest.licence = licence.to_owned();
        self.manifest.description = description.to_owned();
    }

    pub fn set_labels(&mut self, labels: Labels) {
        self.manifest.labels = labels;
    }

    pub fn set_sampling(&mut self, sampling: Sampling) {
        self.manifest.sampling = sampling;
    }

    /// One level of the VQ-VAE, in the checkpoint's names: its encoder, decoder and codebook.
    pub fn set_level(&mut self, level: usize, tensors: Tensors) {
        let file = self.manifest.vqvae.file.clone();
        let all = self.tensors.entry(file).or_default();
        all.retain(|name, _| level_of(name) != Some(level));
        all.extend(tensors);
        let present = &mut self.manifest.vqvae.levels_present;
        present.push(level);
        present.sort_unstable();
        present.dedup();
    }

    /// The prior of a level, in the checkpoint's names.
    pub fn set_prior(&mut self, config: &PriorConfig, tensors: Tensors) {
        let file = format!("prior_level_{}.safetensors", config.level);
        self.manifest.priors.retain(|prior| prior.config.level != config.level);
        self.manifest.priors.push(PriorEntry { file: file.clone(), config: config.clone() });
        self.manifest.priors.sort_by_key(|prior| prior.config.level);
        self.tensors.insert(file, tensors);
    }

    /// Takes over the networks of another pack that this one lacks, and its labels where it has none.
    ///
    /// # Errors
    /// When the VQ-VAEs have different shapes, or rates: then the codes mean different things.
    pub fn join(&mut self, other: &Self) -> Result<(), TrainError> {
        let [own, others] = [&self.manifest, &other.manifest];
        if own.vqvae.config != others.vqvae.config || own.sample_rate != others.sample_rate {
            let (what, value) = ("a part of the pack", format!("{:?}", others.name));
            let allowed = "a pack whose VQ-VAE has the same shape and rate".into();
            return Err(TrainError::Range { what, value, allowed });
        }
        for &level in &other.manifest.vqvae.levels_present {
            if !self.manifest.vqvae.levels_present.contains(&level) {
                let all = other.tensors.get(&other.manifest.vqvae.file).into_iter().flatten();
                let of_level = all.filter(|(name, _)| level_of(name) == Some(level));
                self.set_level(level, of_level.map(|(k, v)| (k.clone(), v.clone())).collect());
            }
        }
        for prior in &other.manifest.priors {
            let has = self.manifest.priors.iter().any(|own| own.config.level == prior.config.level);
            if let Some(tensors) = other.tensors.get(&prior.file).filter(|_| !has) {
                self.set_prior(&prior.config, tensors.clone());
            }
        }
        if self.manifest.labels == Labels::default() {
            self.manifest.labels = other.manifest.labels.clone();
            self.manifest.sampling = other.manifest.sampling.clone();
        }
        Ok(())
    }

    /// Writes the pack as the folder `out`, in the place of a pack that is there; a kill leaves the one or the
    /// other, whole.
    ///
    /// # Errors
    /// When `out` is something else, or cannot be written.
    pub fn write_in_place(&self, out: &Path) -> Result<(), TrainError> {
        replace_folder(out, |fresh| self.write(fresh))
    }

    /// Writes the pack into a folder that is there.
    pub fn write(&self, dir: &Path) -> Result<(), TrainError> {
        let mut manifest = self.manifest.clone();
        manifest.files.clear();
        for (file, tensors) in &self.tensors {
            let path = dir.join(file);
            let tensors = tensors.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
            safetensors::save(&tensors, &path)?;
            let bytes = fs::read(&path).map_err(TrainError::io(&path))?;
            let sha256 = format!("{:x}", Sha256::digest(&bytes));
            manifest.files.insert(file.clone(), FileEntry { sha256, bytes: bytes.len() as u64 });
        }
        let path = dir.join(MANIFEST_FILE);
        if let Some(problem) = manifest.problem() {
            return Err(TrainError::Run { path, problem });
        }
        let text = serde_json::to_string_pretty(&manifest)
            .map_err(|e| TrainError::Run { path: path.clone(), problem: e.to_string() })?;
        fs::write(&path, text + "\n").map_err(TrainError::io(&path))
    }
}

/// Has a pack written beside `out`, then puts it in its place.
pub fn replace_folder(
    out: &Path,
    write: impl FnOnce(&Path) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let is_empty = fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_none());
    if out.exists() && !is_empty && !out.join(MANIFEST_FILE).is_file() {
        let problem = "it is there already and is no model pack; choose another folder".into();
        return Err(TrainError::Run { path: out.into(), problem });
    }
    let [fresh, aside] = ["new", "old"].map(|suffix| out.with_extension(suffix));
    for left in [&fresh, &aside] {
        let _ = fs::remove_dir_all(left); // of a run that was killed here
    }
    fs::create_dir_all(&fresh).map_err(TrainError::io(&fresh))?;
    write(&fresh)?;
    if out.exists() {
        fs::rename(out, &aside).map_err(TrainError::io(out))?;
    }
    fs::rename(&fresh, out).map_err(TrainError::io(out))?;
    let _ = fs::remove_dir_all(&aside); // gone already where there was none
    Ok(())
}

/// The level that a tensor of a VQ-VAE belongs to: `encoders.1.…`, `bottleneck.level_blocks.1.k`.
fn level_of(name: &str) -> Option<usize> {
    let name = name
        .strip_prefix("bottleneck.level_blocks.")
        .or_else(|| name.strip_prefix("encoders.").or_else(|| name.strip_prefix("decoders.")))?;
    name.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn starter() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("models/starter")
    }

    #[test]
    fn a_pack_comes_back_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let draft = PackDraft::open(&starter()).unwrap();

        draft.write(dir.path()).unwrap();

        let again = PackDraft::open(dir.path()).unwrap();
        assert_eq!(again.manifest.priors, draft.manifest.priors);
        assert_eq!(again.manifest.labels, draft.manifest.labels);
        let (own, others) = (&draft.tensors[VQVAE_FILE], &again.tensors[VQVAE_FILE]);
        let name = "bottleneck.level_blocks.1.k";
        let vectors = [own, others].map(|all| all[name].to_vec2::<f32>().unwrap());
        assert_eq!(vectors[0], vectors[1]);
    }

    #[test]
    fn a_pack_takes_over_what_it_lacks() {
        let whole = PackDraft::open(&starter()).unwrap();
        let config = &whole.manifest.vqvae.config;
        let mut part = PackDraft::new("part", "CC0-1.0", whole.manifest.sample_rate, config);

        part.join(&whole).unwrap();

        assert_eq!(part.manifest.vqvae.levels_present, whole.manifest.vqvae.levels_present);
        assert_eq!(part.manifest.priors, whole.manifest.priors);
        assert_eq!(part.manifest.labels, whole.manifest.labels);
        assert_eq!(part.tensors.keys().len(), whole.tensors.keys().len());
    }

    #[test]
    fn packs_whose_codes_differ_are_not_joined() {
        let whole = PackDraft::open(&starter()).unwrap();
        let mut config = whole.manifest.vqvae.config.clone();
        config.l_bins /= 2;
        let mut part = PackDraft::new("part", "CC0-1.0", whole.manifest.sample_rate, &config);

        assert!(part.join(&whole).is_err());
    }
}
