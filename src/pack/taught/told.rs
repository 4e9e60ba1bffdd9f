//! What the prior of a level is told, where artists were taught.

use crate::pack::{Chosen, LabelsError, Pack};

impl Pack {
    /// As [`Labels::choose`](crate::pack::Labels::choose) for the prior of a level. Finer priors were taught no
    /// artist: what they do not know is unknown to them, with a note.
    ///
    /// # Errors
    /// When a name is unknown, there are too many genres, or a taught genre stands without its artist.
    pub fn choose(
        &self,
        level: usize,
        artist: Option<&str>,
        genres: &[String],
        max_genre_words: usize,
    ) -> Result<Chosen, LabelsError> {
        let taught = |name: &str| {
            let id = self.labels().artist_id(name).ok()?;
            self.taught().iter().find(|taught| taught.artist_id == id)
        };
        let chosen_artist = artist.and_then(taught);
        if level != self.top_level() {
            let own = self.labels_of(level);
            let is_new = |genre: &&String| {
                let id = self.labels().genre_id(genre).ok();
                self.taught().iter().any(|taught| id.is_some() && taught.genre_id == id)
            };
            let known: Vec<_> = genres.iter().filter(|genre| !is_new(genre)).cloned().collect();
            let artist = artist.filter(|_| chosen_artist.is_none());
            let mut chosen = own.choose(artist, &known, max_genre_words)?;
            if let Some(taught) = chosen_artist {
                let name = &taught.card.artist;
                chosen.notes.push(format!("{name:?} was taught to the coarsest prior alone, so this level goes on as unknown"));
            }
            return Ok(chosen);
        }
        let chosen = self.labels().choose(artist, genres, max_genre_words)?;
        for id in &chosen.genres {
            let mut owners = self.taught().iter().filter(|taught| taught.genre_id == Some(*id));
            let Some(first) = owners.next() else { continue };
            let is_its = |id: u32| id == chosen.artist;
            if !is_its(first.artist_id) && !owners.any(|taught| is_its(taught.artist_id)) {
                let genre = self.labels().genre_name(*id).unwrap_or_default().to_owned();
                let artist = first.card.artist.clone();
                return Err(LabelsError::TaughtGenre { genre, artist });
            }
        }
        Ok(chosen)
    }
}
