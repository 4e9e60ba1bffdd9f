//! What a level is told about its song, window by window (SPEC §4.2).

use super::lyrics::LyricWindow;
use crate::jukebox::prior::{Conditioning, LabelRow, Teller};
use crate::jukebox::{JukeboxError, PriorConfig};

/// Everything about a song that does not change from window to window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Song {
    /// Labels of the level's first token; what belongs to a window is filled in for each.
    pub labels: LabelRow,
    /// The whole lyrics; none leaves a model that reads them with padding.
    pub lyrics: Vec<u32>,
    /// All codes of the level above; none for the top level.
    pub upper: Vec<u32>,
}

/// What one window is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Labels, with the lyrics of the window.
    pub labels: LabelRow,
    /// Codes of the level above; none for the top level.
    pub upper: Vec<u32>,
    /// Index in the whole lyrics of the window's first character.
    pub first_lyric: i64,
}

impl Song {
    /// What the window of `prior` is told that begins at token `start`.
    ///
    /// # Errors
    /// When the window breaks a limit of the labels, or its codes of the level above are not all
    /// there.
    pub fn told(&self, prior: &impl AsRef<Teller>, start: usize) -> Result<Told, JukeboxError> {
        let prior = prior.as_ref();
        let labels = window_labels(prior.config(), &self.labels, start);
        prior.check_labels(&labels)?;
        let LabelRow { offset, sample_length, total_length, .. } = labels;
        let n = prior.config().n_lyric_tokens();
        let lyrics = LyricWindow::new(&self.lyrics, n, offset, sample_length, total_length);
        let upper = match prior.config().conditioner.as_ref().zip(prior.n_upper()) {
            None => Vec::new(),
            Some((conditioner, n_upper)) => {
                self.upper_codes(start, conditioner.hop(), n_upper)?.to_vec()
            }
        };
        let labels = LabelRow { lyrics: lyrics.tokens, ..labels };
        Ok(Told { labels, upper, first_lyric: lyrics.first })
    }

    /// The `n_upper` codes above the window that begins at `start`, `hop` tokens of this level each.
    fn upper_codes(
        &self,
        start: usize,
        hop: usize,
        n_upper: usize,
    ) -> Result<&[u32], JukeboxError> {
        if !start.is_multiple_of(hop) {
            let allowed = format!("multiples of {hop}, so that it begins with a code above");
            return Err(JukeboxError::range("the first token of a window", start, allowed));
        }
        let first = start / hop;
        self.upper.get(first..first + n_upper).ok_or_else(|| {
            let what = "the number of codes of the level above";
            let allowed = format!(
                "at least {}, as a window that begins at token {start} hears {n_upper} of them",
                first + n_upper
            );
            JukeboxError::range(what, self.upper.len(), allowed)
        })
    }
}

impl Told {
    /// As the prior takes it.
    pub fn condition(&self, prior: &impl AsRef<Teller>) -> Result<Conditioning, JukeboxError> {
        let prior = prior.as_ref();
        let upper = prior.n_upper().map(|_| self.upper.clone());
        prior.condition(std::slice::from_ref(&self.labels), upper.as_slice())
    }
}

/// Labels of the window that begins at token `start`. A window beyond the longest song that the model
/// knows is told to be that song's end; the reference refuses it.
fn window_labels(config: &PriorConfig, song: &LabelRow, start: usize) -> LabelRow {
    let hop = config.labels.as_ref().map_or(0, |labels| labels.hop);
    let offset = song.offset.saturating_add((start * hop) as i64);
    let sample_length = (config.n_ctx * hop) as i64;
    let row = LabelRow { sample_length, ..song.clone() };
    match &config.labels {
        Some(labels) => row.at(labels, offset),
        None => LabelRow { offset, ..row },
    }
}
