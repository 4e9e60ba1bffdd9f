//! Artists that a user taught to a pack: small files beside it, which the pack itself knows nothing of.
//!
//! Beside a pack `NAME` lies the folder `NAME.taught` (or, where that place cannot be written, a folder of
//! the user's data, see [`folders`]). An artist in there is a [`Card`] `SLUG.json` and the tensors
//! `SLUG.safetensors`: for adapted matrices `M` of `[n_in, n_out]` a pair `M.a` of `[n_in, r]` and `M.b` of
//! `[r, n_out]`, `y_emb.artist` of `[w]`, and `y_emb.genre` of `[w]` where the genre is new as well. The prior
//! that plays the artist has `M + scale · a · b` for `M`, and the rows in its tables.
//!
//! Files that are damaged or belong to another pack are left out and reported; they never keep a pack from
//! opening.

mod adapter;
mod card;
mod merge;
mod place;
mod tables;
mod told;

use std::path::{Path, PathBuf};

pub use adapter::{ARTIST_ROW, Adapter, GENRE_ROW, LowRank};
pub use card::{Card, TAUGHT_FORMAT_VERSION, name_problem};
pub use merge::merged;
pub use place::{folders, write};

use super::{Labels, Pack};
use crate::jukebox::PriorConfig;

/// Why a taught artist cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TaughtError {
    #[error("{path:?} cannot be read: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    /// Not the description of an artist, or one that makes no sense.
    #[error("{path:?} is no usable taught artist: {problem}")]
    Card { path: PathBuf, problem: String },
    /// Written for another Encore.
    #[error("{path:?} has format_version {found}, but this Encore reads version {supported}")]
    Version { path: PathBuf, found: u64, supported: u64 },
    /// Its tensors are not those that were written with it.
    #[error("{path:?} is damaged: {problem}; copy it again, or teach the artist again")]
    Damaged { path: PathBuf, problem: String },
    /// It was taught to other networks.
    #[error(
        "{path:?}: {artist:?} was taught to another pack, whose hash begins with {found}; this one's begins with {expected}"
    )]
    OtherPack { path: PathBuf, artist: String, found: String, expected: String },
    /// Two artists of one name.
    #[error("{path:?}: there is an artist {artist:?} already, so this one is left out")]
    NameTaken { path: PathBuf, artist: String },
    /// The folders beside the pack and in the user's data cannot be written.
    #[error("{path:?} cannot be written: {source}")]
    Write { path: PathBuf, source: std::io::Error },
}

/// An artist that was taught to this pack.
#[derive(Debug, Clone)]
pub struct Taught {
    pub card: Card,
    /// Its row in the artist table of its prior, and in the labels that the pack gives out.
    pub artist_id: u32,
    /// The same of its genre, where that is new.
    pub genre_id: Option<u32>,
    /// Whether its tensors have a row for its genre.
    has_genre_row: bool,
    /// Its tensors.
    pub path: PathBuf,
}

impl Taught {
    /// The shape of the prior that plays this artist: a few more rows in its tables.
    pub fn config(&self, own: &PriorConfig) -> PriorConfig {
        let mut config = own.clone();
        if let Some(labels) = &mut config.labels {
            labels.artist_bins = labels.artist_bins.max(self.artist_id as usize + 1);
            let n_genres = self.genre_id.map_or(0, |id| id as usize + 1);
            labels.genre_bins = labels.genre_bins.max(n_genres);
        }
        config
    }

    /// Reads its tensors, once their hash was compared.
    ///
    /// # Errors
    /// When they are not those that were written, or do not fit a prior of this shape.
    pub fn adapter(&self, own: &PriorConfig) -> Result<Adapter, TaughtError> {
        Adapter::read(&self.path, &self.card, own)
    }
}

/// All artists that were taught to a pack, and what was left out.
#[derive(Debug, Default)]
pub struct TaughtArtists {
    /// By id.
    pub artists: Vec<Taught>,
    pub problems: Vec<TaughtError>,
    /// The pack's own tables with these artists after them, where there are any.
    pub(super) labels: Option<Labels>,
}

impl TaughtArtists {
    /// Looks for the artists of a pack.
    pub(super) fn find(pack: &Pack) -> Self {
        let mut found = Self::default();
        let Ok(own) = pack.prior_config(pack.top_level()) else {
            return found; // nothing composes, so nothing can be taught
        };
        let mut cards = Vec::new();
        for path in place::cards(pack) {
            match read(&path, pack, own) {
                Ok(card) => cards.push(card),
                Err(problem) => found.problems.push(problem),
            }
        }
        if !cards.is_empty() {
            tables::place(&mut found, pack.labels(), own, cards);
        }
        found
    }

    /// The artist of this id, if it was taught.
    pub fn of(&self, artist_id: u32) -> Option<&Taught> {
        self.artists.iter().find(|taught| taught.artist_id == artist_id)
    }
}

/// A card that belongs to this pack and whose tensors are whole.
fn read(path: &Path, pack: &Pack, own: &PriorConfig) -> Result<Found, TaughtError> {
    let card = Card::read(path)?;
    let hash = pack.hash();
    if card.pack != hash {
        let (path, artist) = (path.to_owned(), card.artist.clone());
        let [found, expected] = [&card.pack, &hash].map(|hash| hash.chars().take(16).collect());
        return Err(TaughtError::OtherPack { path, artist, found, expected });
    }
    if card.level != own.level || own.labels.is_none() {
        let problem = match own.labels {
            None => "the pack's prior is told no artist".into(),
            Some(_) => format!("it is for level {}, not level {}", card.level, own.level),
        };
        return Err(TaughtError::Card { path: path.into(), problem });
    }
    let path = path.with_extension("safetensors");
    let has_genre_row = Adapter::read(&path, &card, own)?.genre.is_some();
    Ok(Found { path, card, has_genre_row })
}

/// A sound artist that has no place in the tables yet.
struct Found {
    path: PathBuf,
    card: Card,
    has_genre_row: bool,
}
