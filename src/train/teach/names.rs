//! What an artist is to be called, and whether the pack can learn it.

use crate::jukebox::PriorConfig;
use crate::pack::Pack;
use crate::pack::taught::name_problem;
use crate::train::TrainError;

/// An artist that the pack does not have yet, and its genre.
#[derive(Debug, Clone, PartialEq)]
pub struct Names {
    pub artist: String,
    pub genre: Genre,
}

/// The genre that goes with an artist.
#[derive(Debug, Clone, PartialEq)]
pub enum Genre {
    /// One of the pack's own.
    Known(u32, String),
    /// A new one, which is learnt with the artist.
    New(String),
    /// That of the artist of the pack that comes nearest.
    Nearest,
}

impl Names {
    /// Names that somebody typed.
    ///
    /// # Errors
    /// When the pack has such an artist of its own, a name cannot be one, or the pack's prior is told no
    /// artists.
    pub fn new(pack: &Pack, artist: &str, genre: Option<&str>) -> Result<Self, TrainError> {
        let config = prior(pack)?;
        let Some(labels) = &config.labels else {
            let allowed = "a pack whose prior is told artists".into();
            let value = format!("{:?}", pack.name());
            return Err(TrainError::Range { what: "the pack", value, allowed });
        };
        let own = &pack.manifest().labels;
        let artist = artist.trim();
        let refused = |what, value: &str, allowed: String| {
            Err(TrainError::Range { what, value: format!("{value:?}"), allowed })
        };
        if let Some(problem) = name_problem(artist) {
            return refused("the artist's name", artist, format!("a name, but {problem}"));
        }
        if own.rule.artist_key(artist).is_empty() {
            let allowed = "a name with letters or digits that this pack's rule keeps".into();
            return refused("the artist's name", artist, allowed);
        }
        if own.artist_id(artist).is_ok() {
            let allowed = "one that the pack does not have itself".into();
            return refused("the artist's name", artist, allowed);
        }
        let genre = match genre.map(str::trim) {
            None => Genre::Nearest,
            Some(genre) if labels.max_genre_words == 0 => {
                return refused("the genre", genre, "none, as this pack is told none".into());
            }
            Some(genre) => match own.genre_id(genre) {
                Ok(id) => Genre::Known(id, genre.to_owned()),
                Err(_) => match name_problem(genre) {
                    None => Genre::New(genre.to_owned()),
                    Some(problem) => {
                        return refused("the genre", genre, format!("a name, but {problem}"));
                    }
                },
            },
        };
        Ok(Self { artist: artist.to_owned(), genre })
    }

    /// The id that the artist gets: the one it has where it was taught before, or the first that is free.
    pub fn artist_id(&self, pack: &Pack) -> Result<u32, TrainError> {
        let labels = pack.labels();
        let of_own = prior(pack)?.labels.as_ref().map_or(0, |labels| labels.artist_bins as u32);
        Ok(match labels.artist_id(&self.artist) {
            Ok(id) => id,
            Err(_) => of_own.max(labels.artists.len() as u32),
        })
    }
}

/// The shape of the prior that is adapted.
pub fn prior(pack: &Pack) -> Result<&PriorConfig, TrainError> {
    Ok(pack.prior_config(pack.top_level())?)
}
