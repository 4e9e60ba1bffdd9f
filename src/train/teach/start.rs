//! Where learning begins: the artist of the pack that comes nearest to the recordings.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use super::names::prior;
use super::{Genre, Lesson, Names};
use crate::jukebox::PriorConfig;
use crate::pack::Pack;
use crate::train::TrainError;
use crate::train::prior::{Network, Parameter, Parameters, Window, windows};

/// Windows that artists are compared on.
const N_PROBES: usize = 4;
/// Artists that are compared; a pack with more of them begins with the unknown one.
const MAX_COMPARED: usize = 24;
/// The artist and genre that nobody named.
const UNKNOWN: u32 = 0;

/// The pack's prior, and what it makes of the recordings.
pub struct Start {
    pub own: PriorConfig,
    pub tensors: BTreeMap<String, Tensor>,
    /// Id of the artist that comes nearest.
    pub artist: u32,
    /// Id of the genre that goes with it, or of the one that was asked for.
    pub genre: u32,
    /// Bits per token of the recordings, told as that artist.
    pub bits_per_token: f64,
}

impl Start {
    /// Reads the pack's prior and compares its artists.
    ///
    /// # Errors
    /// When the prior cannot be read.
    pub fn find(pack: &Pack, names: &Names, lesson: &Lesson) -> Result<Self, TrainError> {
        let own = prior(pack)?.clone();
        let tensors = pack.prior_tensors(own.level)?;
        let parameters =
            Parameters::each(&own, &tensors, &Device::Cpu, |_, t| Ok(Parameter::Frozen(t)))?;
        let network = Network { config: own.clone(), parameters: parameters.fixed() };
        let probes = windows::spread(&lesson.songs, &own, N_PROBES);
        let labels = &pack.manifest().labels;
        let named = (0u32..).zip(&labels.artists).filter(|(_, name)| !name.is_empty());
        let named: Vec<u32> = named.map(|(id, _)| id).filter(|id| *id != UNKNOWN).collect();
        let compared = if named.len() <= MAX_COMPARED { &named[..] } else { &[] };
        let mut best: Option<(f64, u32, u32)> = None;
        for artist in std::iter::once(UNKNOWN).chain(compared.iter().copied()) {
            let genre = match names.genre {
                Genre::Known(id, _) => id,
                _ => labels.genre_of(artist).unwrap_or(UNKNOWN),
            };
            let bits = measure(&network, &told(&probes, artist, genre))?;
            if best.is_none_or(|(least, ..)| bits < least) {
                best = Some((bits, artist, genre));
            }
        }
        let (bits_per_token, artist, genre) = best.unwrap_or((f64::NAN, UNKNOWN, UNKNOWN));
        Ok(Self { own, tensors, artist, genre, bits_per_token })
    }
}

/// The same windows, told as another artist.
fn told(windows: &[Window], artist: u32, genre: u32) -> Vec<Window> {
    let mut told = windows.to_vec();
    for window in &mut told {
        window.labels.artist = artist;
        window.labels.genres.iter_mut().for_each(|id| *id = genre);
    }
    told
}

/// Bits per token of windows, one window at a time.
pub fn measure(network: &Network, windows: &[Window]) -> Result<f64, TrainError> {
    let (mut bits, mut n_tokens) = (0.0, 0);
    for window in windows {
        let n = window.codes.len();
        bits += network.losses(std::slice::from_ref(window))?.music_bits * n as f64;
        n_tokens += n;
    }
    Ok(bits / n_tokens.max(1) as f64)
}
