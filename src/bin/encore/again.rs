//! `encore continue --recipe`: the same codes again, from what a recipe keeps of the prime.

use std::path::{Path, PathBuf};

use encore::engine::finer;
use encore::engine::model::Model;
use encore::engine::session::Request;
use encore::jukebox::{LevelPrior, SamplerSettings, Vqvae};
use encore::lyrics::Cleaned;
use encore::pack::{Pack, Precision, find_packs};
use encore::takes::{FinerRecipe, Levels, Recipe, Windows};

use crate::failure::{Failure, note};
use crate::open;
use crate::place::Place;

/// A recipe that is enough to make its take again.
pub struct Again {
    path: PathBuf,
    pub recipe: Recipe,
    /// Codes of the prime, of every level that is to be written.
    pub prime: Levels,
}

impl Again {
    /// Reads a recipe; one without the codes of its prime is refused.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let recipe = Recipe::read(path)?;
        let prime: Levels =
            recipe.prime_codes.iter().map(|(level, codes)| (*level, codes.codes())).collect();
        let again = Self { path: path.into(), recipe, prime };
        let missing = (again.recipe.finest_level..=again.recipe.level)
            .find(|level| !again.prime.contains_key(level));
        match missing {
            Some(level) => Err(again.refused(format!(
                "has no codes of its prime at level {level}; continue the track itself instead"
            ))),
            None => Ok(again),
        }
    }

    /// How the kernels are to hold matrices for the same codes, where they made these.
    pub fn precision(&self) -> Option<Precision> {
        let name = self.recipe.backend.strip_prefix("cpu-")?;
        Precision::ALL.into_iter().find(|precision| precision.name() == name)
    }

    /// In which order finer windows were written.
    pub fn windows(&self) -> Windows {
        self.recipe.finer.as_ref().map_or(Windows::Exact, |finer| finer.windows)
    }

    /// The pack that made the recipe: the named one, or the one on the search path that it is. Any other gives
    /// other meanings to the codes and is refused.
    pub fn pack(&self, named: Option<&Path>) -> Result<Pack, Failure> {
        let made_by = &self.recipe.pack;
        let found = match named {
            Some(named) => Some(open::pack(named)?),
            None => find_packs(std::env::current_exe().ok().as_deref())
                .iter()
                .filter_map(|folder| Pack::open(folder).ok())
                .find(|pack| pack.hash() == made_by.sha256),
        };
        let Some(pack) = found else {
            return Err(self.refused(format!(
                "was made with the pack {:?}, which is not installed; give its folder with --pack",
                made_by.name
            )));
        };
        let pack = pack.for_artist(self.recipe.artist.id);
        let (hash, dir) = (pack.hash(), pack.dir());
        let taught = pack.plays().map(|taught| taught.card.file.sha256.as_str());
        if hash != made_by.sha256 {
            return Err(self.refused(format!(
                "was made with another pack than {dir:?}: {:?}, of hash {}, and this one's is {}",
                made_by.name,
                beginning(&made_by.sha256),
                beginning(&hash)
            )));
        }
        if taught != made_by.taught.as_deref() {
            let artist = &self.recipe.artist.name;
            return Err(self.refused(format!(
                "was made with another teaching of {artist:?} than there is in {dir:?}"
            )));
        }
        if self.recipe.level != pack.top_level() {
            let level = self.recipe.level;
            return Err(
                self.refused(format!("is of level {level}, which {dir:?} does not compose"))
            );
        }
        Ok(pack)
    }

    /// What the engine is asked for. Its prime is what the model hears of the recording.
    pub fn request<P: LevelPrior>(
        &self,
        model: &Model<P>,
        levels: &[usize],
        lyrics: Option<&Cleaned>,
    ) -> Result<Request, Failure> {
        let Recipe { sampler, genres, artist, .. } = &self.recipe;
        self.check_codes(&model.pack, &model.vqvae)?;
        let n_prime = self.prime[&self.recipe.level].len();
        if model.max_prime_tokens() < n_prime {
            let n_max = model.max_prime_tokens();
            return Err(self.refused(format!(
                "has {n_prime} codes of prime, and this model listens to {n_max} at most"
            )));
        }
        let finest = self.recipe.finest_level;
        Ok(Request {
            prime: model.vqvae.decode(&self.prime[&finest], finest)?,
            length_seconds: self.recipe.length_seconds,
            artist: artist.id,
            genres: genres.iter().map(|genre| genre.id).collect(),
            sampler: SamplerSettings {
                temperature: sampler.temperature,
                top_k: sampler.top_k,
                top_p: sampler.top_p,
            },
            seeds: vec![self.recipe.seed],
            total_seconds: Some(self.recipe.total_seconds),
            offset_seconds: self.recipe.offset_seconds,
            lyrics: lyrics.map(Cleaned::tokens).unwrap_or_default(),
            min_tokens: finer::min_frames(&model.pack, levels)?.div_ceil(model.hop()),
        })
    }

    /// The recipe of what is made from it here, with a note where that may have other codes.
    pub fn recipe(&self, place: &Place) -> Recipe {
        let (backend, encore_version) = (place.backend(), env!("CARGO_PKG_VERSION").to_owned());
        let made = &self.recipe;
        if backend != made.backend {
            let then = &made.backend;
            note(&format!(
                "{:?} was made on {then}, and this is {backend}: codes may differ",
                self.path
            ));
        } else if encore_version != made.encore_version {
            let then = &made.encore_version;
            note(&format!(
                "{:?} was made by Encore {then}, and this is {encore_version}: codes may differ",
                self.path
            ));
        }
        let finer = made.finer.as_ref().map(|finer| FinerRecipe::new(finer.windows));
        Recipe { encore_version, backend, finer, ..made.clone() }
    }

    /// Whether the codebooks have all codes, and all levels last equally long.
    fn check_codes(&self, pack: &Pack, vqvae: &Vqvae) -> Result<(), Failure> {
        let n_frames = |level: usize| -> Result<usize, Failure> {
            Ok(self.prime[&level].len() * pack.hop(level)?)
        };
        let n_bins = vqvae.config().l_bins;
        for level in self.recipe.finest_level..=self.recipe.level {
            if let Some(code) = self.prime[&level].iter().find(|code| n_bins <= **code as usize) {
                return Err(self.refused(format!(
                    "has the code {code} in its prime, and the pack has codes below {n_bins}"
                )));
            }
            if n_frames(level)? != n_frames(self.recipe.level)? {
                return Err(self.refused(format!("has a prime of another length at level {level}")));
            }
        }
        Ok(())
    }

    fn refused(&self, problem: String) -> Failure {
        Failure::BadInput(format!("{:?} {problem}", self.path))
    }
}

/// Of a hash: enough to tell it from another.
fn beginning(hash: &str) -> String {
    hash.chars().take(12).collect()
}
