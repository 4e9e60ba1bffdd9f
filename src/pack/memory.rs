//! How much memory the weights of a pack take, told before any are loaded.

use super::checkpoint::Checkpoint;
use super::shapes::{TensorShape, prior_tensors, vqvae_tensors};
use super::source::Source;
use super::{Manifest, Pack, PriorEntry};
use crate::jukebox::Precision;

impl Pack {
    /// Memory that the weights of all of its networks take once they are loaded, in bytes.
    ///
    /// What is stored in fewer bits is counted as that, as it stays so.
    pub fn memory_bytes(&self, precision: Precision) -> u64 {
        let Manifest { vqvae, priors, .. } = self.manifest();
        let vqvae = vqvae_tensors(&vqvae.config, &vqvae.levels_present);
        let vqvae = vqvae.iter().map(|tensor| tensor_bytes(tensor, Precision::F32, Precision::F32));
        let priors = priors.iter().map(|prior| self.bytes_of(prior, precision));
        vqvae.sum::<u64>() + priors.sum::<u64>()
    }

    /// The same of the prior of one level alone; nothing where there is none.
    pub fn prior_bytes(&self, level: usize, precision: Precision) -> u64 {
        let prior = self.manifest().priors.iter().find(|prior| prior.config.level == level);
        prior.map_or(0, |prior| self.bytes_of(prior, precision))
    }

    fn bytes_of(&self, prior: &PriorEntry, precision: Precision) -> u64 {
        let file = self.header(prior);
        let bytes = |tensor: &TensorShape| {
            let stored_as = file.as_ref().map(|file| file.precision(&tensor.name));
            tensor_bytes(tensor, stored_as.unwrap_or(Precision::F32), precision)
        };
        prior_tensors(&prior.config).iter().map(bytes).sum()
    }

    /// What the file of a prior says of its tensors, if it can be read; loading says why it cannot.
    fn header(&self, prior: &PriorEntry) -> Option<Checkpoint> {
        if let Some(model) = &self.model {
            return Some(model.prior(prior.config.level)?.checkpoint.clone());
        }
        let source = Source::open(&self.dir().join(&prior.file)).ok()?;
        Checkpoint::from_safetensors(source).ok()
    }
}

/// Memory that one tensor takes that is stored as one thing and asked for as another, in bytes.
pub fn tensor_bytes(tensor: &TensorShape, stored_as: Precision, asked: Precision) -> u64 {
    match tensor.as_layer_matrix() {
        Some([n_in, n_out]) => stored_as.held_as(asked, n_in).n_bytes(n_in, n_out),
        None => 4 * tensor.n_values(),
    }
}
