//! A loaded model: the networks of a pack that composing needs.

use std::path::Path;
use std::sync::Arc;

use super::{EngineError, room};
use crate::{
    jukebox::{DevicePrior, LevelPrior, OpenDevice, Prior, Vqvae},
    link::{Labels, PackSummary},
    pack::{Pack, Precision, find_packs, search_path},
    units::{frames_from_tokens, seconds_from_frames},
};

/// The networks of a pack's top level, ready to run.
///
/// The prior runs on the kernels, or where else `P` runs.
pub struct Model<P = Prior> {
    pub pack: Pack,
    pub vqvae: Arc<Vqvae>,
    pub prior: P,
    /// Memory that the prior's weights take.
    n_bytes: u64,
    /// Of the pack.
    hash: String,
    backend: String,
}

impl Model {
    /// Reads the weights, held so that composing is fast; takes a while.
    ///
    /// # Errors
    /// When a file is missing, damaged or does not fit its description.
    pub fn load(pack: Pack) -> Result<Self, EngineError> {
        let precision = room::fastest(&pack, pack.top_level())?;
        Self::load_as(pack, precision)
    }

    /// The same with the matrices of the prior's layers held as is asked for.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_as(pack: Pack, precision: Precision) -> Result<Self, EngineError> {
        room::check(&pack, pack.top_level(), precision)?;
        let vqvae = pack.load_vqvae()?.into();
        let prior = pack.load_prior_as(pack.top_level(), precision)?;
        let n_bytes = pack.prior_bytes(pack.top_level(), precision);
        let (hash, backend) = (pack.hash(), on_kernels(precision));
        Ok(Self { pack, vqvae, prior, n_bytes, hash, backend })
    }

    /// The same with the prior that plays this artist, beside this one's; takes a while.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn for_artist(&self, artist_id: u32) -> Result<Self, EngineError> {
        let pack = self.pack.for_artist(artist_id);
        let precision = room::fastest(&pack, pack.top_level())?;
        let prior = pack.load_prior_as(pack.top_level(), precision)?;
        let n_bytes = pack.prior_bytes(pack.top_level(), precision);
        let (hash, backend) = (self.hash.clone(), on_kernels(precision));
        Ok(Self { pack, vqvae: Arc::clone(&self.vqvae), prior, n_bytes, hash, backend })
    }
}

impl Model<DevicePrior> {
    /// The same with the layers of the prior on a device, in this precision.
    ///
    /// # Errors
    /// As [`Model::load`], and when the device has no room or not this precision.
    pub fn load_on(
        pack: Pack,
        device: &OpenDevice,
        precision: Precision,
    ) -> Result<Self, EngineError> {
        let vqvae = pack.load_vqvae()?.into();
        let prior = pack.load_prior_on(pack.top_level(), device, precision)?;
        let n_bytes = prior.n_bytes();
        let backend = format!("candle-{}-{}", device.choice().kind(), precision.name());
        let hash = pack.hash();
        Ok(Self { pack, vqvae, prior, n_bytes, hash, backend })
    }
}

impl<P: LevelPrior> Model<P> {
    /// The level that composes.
    pub fn level(&self) -> usize {
        self.prior.config().level
    }

    /// Audio frames per token of that level.
    pub fn hop(&self) -> usize {
        self.vqvae.config().hop(self.level())
    }

    /// Rate of the model's audio, in Hz.
    pub fn rate(&self) -> f64 {
        f64::from(self.pack.sample_rate())
    }

    /// What tells its pack from any other.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What the networks run on, for recipes.
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// Tokens by which windows move on; what remains of a window is the most that is ever listened to.
    pub fn hop_tokens(&self) -> usize {
        let n_ctx = self.prior.config().n_ctx;
        let hop = (self.pack.manifest().sampling.hop_fraction * n_ctx as f64) as usize;
        hop.clamp(1, n_ctx)
    }

    /// Longest prime that every window can listen to, in tokens.
    pub fn max_prime_tokens(&self) -> usize {
        (self.prior.config().n_ctx - self.hop_tokens()).max(1)
    }

    /// The same in seconds.
    pub fn max_prime_seconds(&self) -> f64 {
        let n_frames = frames_from_tokens(self.max_prime_tokens(), self.hop());
        seconds_from_frames(n_frames, self.rate())
    }

    /// Takes that are composed together with profit.
    pub fn takes_at_once(&self) -> usize {
        self.prior.takes_at_once()
    }

    /// What the editor shows about it.
    pub fn summary(&self) -> PackSummary {
        let labels = self.pack.labels();
        let ids = 0..labels.artists.len() as u32;
        PackSummary {
            name: self.pack.name().to_owned(),
            hash: self.hash.clone(),
            licence: self.pack.manifest().licence.clone(),
            folder: self.pack.dir().to_owned(),
            n_parameters: self.pack.parameters() as usize,
            n_bytes: self.n_bytes as usize,
            sample_rate: self.pack.sample_rate(),
            hop: self.hop(),
            max_prime_seconds: self.max_prime_seconds(),
            labels: Labels {
                artists: labels.artists.clone(),
                genres: labels.genres.clone(),
                genre_of_artist: ids.map(|id| labels.genre_of(id)).collect(),
            },
        }
    }
}

fn on_kernels(precision: Precision) -> String {
    format!("cpu-{}", precision.name())
}

/// The first pack on the search path that loads, and what was wrong with those before it. `binary` is the
/// plugin or program that asks; `trying` hears the name of each pack that is about to be read.
///
/// # Errors
/// When there is none, with the folders that were looked at, or why the first one cannot be used.
pub fn load_first(
    binary: Option<&Path>,
    mut trying: impl FnMut(&str),
) -> Result<(Model, Vec<EngineError>), EngineError> {
    let mut problems = Vec::new();
    for folder in find_packs(binary) {
        let loaded = Pack::open(&folder).map_err(EngineError::from).and_then(|pack| {
            trying(pack.name());
            Model::load(pack)
        });
        match loaded {
            Ok(model) => return Ok((model, problems)),
            Err(problem) => problems.push(problem),
        }
    }
    Err(problems.into_iter().next().unwrap_or_else(|| EngineError::NoPack(search_path(binary))))
}
