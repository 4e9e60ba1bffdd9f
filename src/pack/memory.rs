//! How much memory the weights of a pack take, told before any are loaded.

use super::checkpoint::Checkpoint;
use super::shapes::{TensorShape, prior_tensors, vqvae_tensors};
use super::source::Source;
use super::{Manifest, Pack, PriorEntry};
use crate::jukebox::Quantisation;

/// How the large matrices of a prior's layers are held in memory, unless they are stored quantised.
///
/// Everything else is held as `f32`, whatever it is stored as: it is small, or decides between codes by
/// small differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Half precision is widened.
    F32,
    /// Eight-bit integers with a 16-bit scale for each 32 of them.
    Q8,
    /// The same with four bits.
    Q4,
}

impl Precision {
    pub fn quantisation(self) -> Option<Quantisation> {
        match self {
            Self::F32 => None,
            Self::Q8 => Some(Quantisation::Q8),
            Self::Q4 => Some(Quantisation::Q4),
        }
    }
}

impl Pack {
    /// Memory that the weights of all of its networks take once they are loaded, in bytes.
    ///
    /// What is stored quantised is counted as that, as it stays so.
    pub fn memory_bytes(&self, precision: Precision) -> u64 {
        let Manifest { vqvae, priors, .. } = self.manifest();
        let vqvae = vqvae_tensors(&vqvae.config, &vqvae.levels_present);
        let vqvae = vqvae.iter().map(|tensor| tensor_bytes(tensor, None));
        let priors = priors.iter().map(|prior| self.bytes_of(prior, precision));
        vqvae.sum::<u64>() + priors.sum::<u64>()
    }

    /// The same of the prior of one level alone; nothing where there is none.
    pub fn prior_bytes(&self, level: usize, precision: Precision) -> u64 {
        let prior = self.manifest().priors.iter().find(|prior| prior.config.level == level);
        prior.map_or(0, |prior| self.bytes_of(prior, precision))
    }

    fn bytes_of(&self, prior: &PriorEntry, precision: Precision) -> u64 {
        let file = self.header(&prior.file);
        let held_as = |tensor: &TensorShape| {
            let stored_as = file.as_ref().and_then(|file| file.quantisation(&tensor.name));
            stored_as.or(precision.quantisation())
        };
        let tensors = prior_tensors(&prior.config);
        tensors.iter().map(|tensor| tensor_bytes(tensor, held_as(tensor))).sum()
    }

    /// What a file of the pack says of its tensors, if it can be read; loading says why it cannot.
    fn header(&self, file: &str) -> Option<Checkpoint> {
        let source = self.is_sealed().then(|| Source::open(&self.dir().join(file)))?.ok()?;
        Checkpoint::from_safetensors(source).ok()
    }
}

/// Memory that one tensor takes in a network that is held as this, in bytes.
pub fn tensor_bytes(tensor: &TensorShape, held_as: Option<Quantisation>) -> u64 {
    let quantised = held_as.zip(tensor.as_quantisable());
    let quantised = quantised.and_then(|(held_as, [n_in, n_out])| held_as.n_bytes(n_in, n_out));
    quantised.unwrap_or(4 * tensor.n_values())
}
