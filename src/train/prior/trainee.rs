//! A prior that learns from a corpus, step by step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

use super::codes::{CodedCorpus, encode};
use super::{Network, Parameters, PriorRecipe, Window, initial, windows};
use crate::pack::Pack;
use crate::train::run::step_rng;
use crate::train::{Adam, Figures, PackDraft, TrainError, Trainee};

/// The stream of random numbers that weights begin with; steps have lower ones.
const INITIAL: u64 = u64::MAX;
/// Windows of what is held out that are measured at once.
const N_AT_ONCE: usize = 2;

/// A network, its optimiser, and the music that it learns from.
pub struct PriorTrainee {
    recipe: PriorRecipe,
    corpus: CodedCorpus,
    held_out: Vec<Window>,
    network: Network,
    adam: Adam,
    pack_dir: PathBuf,
}

impl PriorTrainee {
    /// Begins with random weights. `pack_dir` has the VQ-VAE whose codes are learnt; `told` hears how many of how
    /// many songs are encoded, which is done once for each `cache_dir`.
    ///
    /// # Errors
    /// When the recipe, the pack and the corpus do not go together.
    pub fn new(
        recipe: PriorRecipe,
        pack_dir: &Path,
        corpus_dir: &Path,
        cache_dir: &Path,
        told: impl FnMut(usize, usize),
    ) -> Result<Self, TrainError> {
        recipe.check()?;
        let pack = Pack::open(pack_dir)?;
        let corpus = encode(&pack, &recipe.prior, corpus_dir, cache_dir, told)?;
        Self::of_codes(recipe, corpus, pack_dir)
    }

    /// The same on a corpus that is in codes already.
    ///
    /// # Errors
    /// When the recipe has no meaning.
    pub fn of_codes(
        recipe: PriorRecipe,
        corpus: CodedCorpus,
        pack_dir: &Path,
    ) -> Result<Self, TrainError> {
        recipe.check()?;
        let mut rng = step_rng(recipe.run.seed, INITIAL);
        let tensors = initial::tensors(&recipe.prior, &recipe.initial, &mut rng)?;
        let parameters = Parameters::learnt(&recipe.prior, &tensors, &Device::Cpu)?;
        let adam = Adam::new(parameters.vars(), recipe.adam.clone())?;
        let n_held_out = recipe.n_held_out_windows;
        let held_out = windows::spread(&corpus.held_out, &recipe.prior, n_held_out);
        let network = Network { config: recipe.prior.clone(), parameters };
        let pack_dir = pack_dir.to_owned();
        Ok(Self { recipe, corpus, held_out, network, adam, pack_dir })
    }

    /// Tokens that a step learns from.
    pub fn tokens_per_step(&self) -> usize {
        self.recipe.n_windows * self.recipe.prior.n_ctx
    }

    /// Tokens that there are to learn from.
    pub fn n_tokens(&self) -> usize {
        self.corpus.songs.iter().map(|song| song.codes.len()).sum()
    }
}

impl Trainee for PriorTrainee {
    fn step(&mut self, rng: &mut ChaCha8Rng) -> Result<Figures, TrainError> {
        let windows = windows::draw(&self.corpus.songs, &self.recipe, rng);
        let losses = self.network.losses(&windows)?;
        let stepped = self.adam.step(&losses.loss.backward()?)?;
        let mut figures = Figures::from([
            ("loss", losses.loss.to_scalar::<f32>()? as f64),
            ("bits_per_token", losses.music_bits),
            ("gradient_norm", stepped.grad_norm),
            ("rate", stepped.rate),
        ]);
        figures.extend(losses.lyrics_bits.map(|bits| ("bits_per_character", bits)));
        Ok(figures)
    }

    fn n_steps(&self) -> u64 {
        self.adam.n_steps()
    }

    fn state(&self) -> Result<BTreeMap<String, Tensor>, TrainError> {
        Ok(self.adam.state())
    }

    fn restore(
        &mut self,
        n_steps: u64,
        state: &BTreeMap<String, Tensor>,
    ) -> Result<(), TrainError> {
        self.adam.restore(n_steps, state)
    }

    /// With the weights that a pack would get.
    fn held_out(&mut self) -> Result<Option<Figures>, TrainError> {
        if self.held_out.is_empty() {
            return Ok(None);
        }
        let config = &self.recipe.prior;
        let tensors = self.network.parameters.tensors(&self.adam.weights())?;
        let parameters = Parameters::learnt(config, &tensors, &Device::Cpu)?.fixed();
        let network = Network { config: config.clone(), parameters };
        let (mut music, mut lyrics, mut n_tokens) = (0.0, None, 0);
        for windows in self.held_out.chunks(N_AT_ONCE) {
            let losses = network.losses(windows)?;
            let n: usize = windows.iter().map(|window| window.codes.len()).sum();
            music += losses.music_bits * n as f64;
            n_tokens += n;
            if let Some(bits) = losses.lyrics_bits {
                *lyrics.get_or_insert(0.0) += bits * windows.len() as f64;
            }
        }
        let mut figures = Figures::from([("bits_per_token", music / n_tokens as f64)]);
        let of_lyrics = lyrics.map(|bits| bits / self.held_out.len() as f64);
        figures.extend(of_lyrics.map(|bits| ("bits_per_character", bits)));
        Ok(Some(figures))
    }

    fn write_pack(&self, dir: &Path) -> Result<(), TrainError> {
        let mut draft = PackDraft::open(&self.pack_dir)?;
        let tensors = self.network.parameters.tensors(&self.adam.weights())?;
        draft.set_prior(&self.recipe.prior, tensors);
        if self.recipe.prior.conditioner.is_none() {
            draft.set_labels(self.corpus.labels.clone());
            draft.set_sampling(self.recipe.sampling.clone());
        }
        draft.write(dir)
    }
}
