//! What learns an artist, step by step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor, Var};
use rand_chacha::ChaCha8Rng;

use super::start::measure;
use super::{Genre, Lesson, Names, Start, TeachConfig};
use crate::pack::shapes::prior_tensors;
use crate::pack::taught::{self, ARTIST_ROW, Card, GENRE_ROW, TAUGHT_FORMAT_VERSION};
use crate::pack::{FileEntry, Pack};
use crate::train::prior::initial::normal;
use crate::train::prior::{
    Initialisation, Network, Parameter, Parameters, PriorRecipe, Window, windows,
};
use crate::train::run::step_rng;
use crate::train::{Adam, Figures, TrainError, Trainee};

/// The stream of random numbers that thin matrices begin with; steps have lower ones.
const INITIAL: u64 = u64::MAX;
/// Where the matrices are that are adapted: those of the music's own layers.
const LAYERS: &str = "prior.transformer.";
const ARTISTS: &str = "y_emb.artist_emb.emb.weight";
const GENRES: &str = "y_emb.bow_genre_emb.emb.weight";
/// Share of windows that begin where their recording does.
const SONG_START_SHARE: f64 = 0.1;
/// What the best numbers so far are called in a kept state.
const BEST: &str = "best.";
const BEST_BITS: &str = "best_bits";

/// A prior whose weights stay, and what is learnt beside them.
pub struct TeachTrainee {
    recipe: PriorRecipe,
    config: TeachConfig,
    names: Names,
    lesson: Lesson,
    held_out: Vec<Window>,
    network: Network,
    adam: Adam,
    /// Bits per token of what is held out, and the numbers that got there.
    best: Option<(f64, BTreeMap<String, Tensor>)>,
}

impl TeachTrainee {
    /// Begins where the nearest artist is: nothing is changed before the first step.
    ///
    /// # Errors
    /// When the tensors are not those of the prior.
    pub fn new(
        pack: &Pack,
        names: &Names,
        start: &Start,
        lesson: &Lesson,
        config: TeachConfig,
    ) -> Result<Self, TrainError> {
        let mut prior = start.own.clone();
        let is_new_genre = matches!(names.genre, Genre::New(_));
        let (mut artist, mut genre) = (0, start.genre);
        if let Some(labels) = &mut prior.labels {
            artist = labels.artist_bins as u32;
            labels.artist_bins += 1;
            if is_new_genre {
                genre = labels.genre_bins as u32;
                labels.genre_bins += 1;
            }
        }
        let lesson = lesson.told(artist, genre);
        let mut tensors = start.tensors.clone();
        let mut grow = |name: &str, like: u32| -> Result<(), TrainError> {
            let missing = || TrainError::State { name: name.to_owned() };
            let table = tensors.get(name).ok_or_else(missing)?;
            let table = Tensor::cat(&[table, &table.narrow(0, like as usize, 1)?], 0)?;
            tensors.insert(name.to_owned(), table);
            Ok(())
        };
        grow(ARTISTS, start.artist)?;
        if is_new_genre {
            grow(GENRES, start.genre)?;
        }
        let matrices: BTreeMap<String, [usize; 2]> = prior_tensors(&prior)
            .into_iter()
            .filter(|tensor| tensor.name.starts_with(LAYERS))
            .filter_map(|tensor| Some((tensor.as_layer_matrix()?, tensor.name)))
            .map(|(shape, name)| (name, shape))
            .collect();
        let mut rng = step_rng(config.run.seed, INITIAL);
        let parameters = Parameters::each(&prior, &tensors, &Device::Cpu, |name, tensor| {
            if name == ARTISTS || (name == GENRES && is_new_genre) {
                let n = tensor.dim(0)? - 1;
                let rows = Var::from_tensor(&tensor.narrow(0, n, 1)?.copy()?)?;
                return Ok(Parameter::Extended { frozen: tensor.narrow(0, 0, n)?, rows });
            }
            let Some([n_in, n_out]) = matrices.get(name) else {
                return Ok(Parameter::Frozen(tensor));
            };
            let down = noise(*n_in, config.rank, &mut rng)?;
            let up = Var::zeros((config.rank, *n_out), tensor.dtype(), &Device::Cpu)?;
            Ok(Parameter::Adapted { frozen: tensor, down, up, scale: config.scale })
        })?;
        let adam = Adam::new(parameters.vars(), config.adam.clone())?;
        let held_out = lesson.held_out(&prior);
        let recipe = PriorRecipe {
            prior: prior.clone(),
            n_windows: config.n_windows,
            unlabelled_share: 0.0,
            song_start_share: SONG_START_SHARE,
            n_held_out_windows: held_out.len(),
            initial: Initialisation { scale: 1.0, by_depth: false },
            adam: config.adam.clone(),
            run: config.run.clone(),
            sampling: pack.manifest().sampling.clone(),
        };
        let network = Network { config: prior, parameters };
        let names = names.clone();
        Ok(Self { recipe, config, names, lesson, held_out, network, adam, best: None })
    }

    /// Bits per token of what is held out, as the prior is now.
    ///
    /// # Errors
    /// As a step.
    pub fn held_out_bits(&self) -> Result<f64, TrainError> {
        let (config, parameters) = (self.network.config.clone(), self.network.parameters.fixed());
        measure(&Network { config, parameters }, &self.held_out)
    }

    /// The least bits per token of what is held out that a step came to.
    pub fn best_bits(&self) -> Option<f64> {
        self.best.as_ref().map(|(bits, _)| *bits)
    }

    /// Writes the artist beside its pack, as it was where it was best, and returns its card's path.
    ///
    /// # Errors
    /// When the place cannot be written.
    pub fn write(&self, pack: &Pack, start: &Start) -> Result<PathBuf, TrainError> {
        let learnt = match &self.best {
            Some((_, best)) => best.clone(),
            None => self.adam.weights(),
        };
        let mut tensors = BTreeMap::new();
        for (name, tensor) in learnt {
            let name = match (name.strip_suffix(".down"), name.strip_suffix(".up")) {
                (Some(matrix), _) => format!("{matrix}.a"),
                (_, Some(matrix)) => format!("{matrix}.b"),
                _ if name.starts_with(GENRES) => GENRE_ROW.to_owned(),
                _ => ARTIST_ROW.to_owned(),
            };
            let is_row = name == GENRE_ROW || name == ARTIST_ROW;
            let tensor = tensor.detach();
            tensors.insert(name, if is_row { tensor.squeeze(0)? } else { tensor });
        }
        let nearest = || Some(pack.manifest().labels.genre_name(start.genre)?.to_owned());
        let genre = match &self.names.genre {
            Genre::Nearest => nearest().filter(|_| start.genre != 0),
            named => named.name().map(str::to_owned),
        };
        let card = Card {
            format_version: TAUGHT_FORMAT_VERSION,
            artist: self.names.artist.clone(),
            genre,
            artist_id: self.names.artist_id(pack)?,
            pack: pack.hash(),
            level: start.own.level,
            rank: self.config.rank,
            scale: self.config.scale,
            audio_seconds: self.lesson.seconds,
            n_steps: self.adam.n_steps(),
            file: FileEntry { sha256: String::new(), bytes: 0 }, // as it is once it is written
        };
        Ok(taught::write(pack, &card, &tensors).map_err(crate::pack::PackError::from)?)
    }
}

impl Trainee for TeachTrainee {
    fn step(&mut self, rng: &mut ChaCha8Rng) -> Result<Figures, TrainError> {
        let windows = windows::draw(&self.lesson.songs, &self.recipe, rng);
        let losses = self.network.losses(&windows)?;
        let stepped = self.adam.step(&losses.loss.backward()?)?;
        Ok(Figures::from([
            ("loss", losses.loss.to_scalar::<f32>()? as f64),
            ("bits_per_token", losses.music_bits),
            ("gradient_norm", stepped.grad_norm),
            ("rate", stepped.rate),
        ]))
    }

    fn n_steps(&self) -> u64 {
        self.adam.n_steps()
    }

    fn state(&self) -> Result<BTreeMap<String, Tensor>, TrainError> {
        let mut state = self.adam.state();
        if let Some((bits, best)) = &self.best {
            state.insert(BEST_BITS.into(), Tensor::new(&[*bits], &Device::Cpu)?);
            state.extend(best.iter().map(|(name, t)| (format!("{BEST}{name}"), t.clone())));
        }
        Ok(state)
    }

    fn restore(
        &mut self,
        n_steps: u64,
        state: &BTreeMap<String, Tensor>,
    ) -> Result<(), TrainError> {
        self.adam.restore(n_steps, state)?;
        let named =
            |(name, t): (&String, &Tensor)| Some((name.strip_prefix(BEST)?.to_owned(), t.clone()));
        let best = state.iter().filter_map(named).collect();
        let bits = state.get(BEST_BITS).and_then(|t| t.to_vec1::<f64>().ok()?.first().copied());
        self.best = bits.map(|bits| (bits, best));
        Ok(())
    }

    fn held_out(&mut self) -> Result<Option<Figures>, TrainError> {
        let bits = self.held_out_bits()?;
        if self.best_bits().is_none_or(|best| bits < best) {
            let copy = |(name, t): (String, Tensor)| Ok((name, t.detach().copy()?));
            let best = self.adam.weights().into_iter().map(copy);
            self.best = Some((bits, best.collect::<Result<_, TrainError>>()?));
        }
        Ok(Some(Figures::from([("bits_per_token", bits)])))
    }

    /// Nothing: an artist is written once, when it is learnt ([`Self::write`]).
    fn write_pack(&self, _: &Path) -> Result<(), TrainError> {
        Ok(())
    }
}

/// Numbers that keep the strength of what they are multiplied with.
fn noise(n_in: usize, rank: usize, rng: &mut ChaCha8Rng) -> Result<Var, TrainError> {
    let deviation = 1.0 / (n_in as f64).sqrt();
    let numbers: Vec<f32> = (0..n_in * rank).map(|_| normal(rng, deviation)).collect();
    Ok(Var::from_vec(numbers, (n_in, rank), &Device::Cpu)?)
}
