//! The models of this process: the pack's own, and those of taught artists that were asked for last.

use super::{EngineError, model::Model, queue::Job};
use crate::link::Phase;

/// Taught artists whose priors are kept beside the pack's own.
const MAX_TAUGHT: usize = 2;

/// One pack with several priors.
pub struct Models {
    own: Model,
    taught: Vec<Model>, // the one that was asked for last comes last
}

impl Models {
    pub fn new(own: Model) -> Self {
        Self { own, taught: Vec::new() }
    }

    /// What listens: codes are the same for every artist.
    pub fn own(&self) -> &Model {
        &self.own
    }

    /// The model that plays the artist of a request; loads it where it is not there yet, and says so.
    ///
    /// # Errors
    /// When a taught artist's files were changed since the pack was opened, or there is no room.
    pub fn of(&mut self, job: &Job) -> Result<&Model, EngineError> {
        let artist = job.place.settings.artist;
        if self.own.pack.taught().iter().all(|taught| taught.artist_id != artist) {
            return Ok(&self.own);
        }
        let plays = |model: &Model| model.pack.plays().is_some_and(|own| own.artist_id == artist);
        let model = match self.taught.iter().position(plays) {
            Some(at) => self.taught.remove(at),
            None => {
                job.seat.publish(|status| status.phase = Phase::Loading);
                self.load(artist)?
            }
        };
        self.taught.push(model);
        Ok(self.taught.last().unwrap_or(&self.own))
    }

    /// Makes room first: for one more, and for as much memory as it takes.
    fn load(&mut self, artist: u32) -> Result<Model, EngineError> {
        if MAX_TAUGHT <= self.taught.len() {
            self.taught.remove(0);
        }
        match self.own.for_artist(artist) {
            Err(EngineError::NoRoom { .. }) if !self.taught.is_empty() => {
                self.taught.clear();
                self.own.for_artist(artist)
            }
            loaded => loaded,
        }
    }
}
