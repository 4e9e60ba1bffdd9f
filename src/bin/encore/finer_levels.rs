//! From the top of one or several songs to their finer levels, one prior at a time.

use encore::engine::{EngineError, finer};
use encore::jukebox::{LevelState, Vqvae};
use encore::pack::Pack;
use encore::takes::{Levels, TakeError};
use encore::units::seconds_from_frames;

use crate::args::song::Until;
use crate::failure::Failure;
use crate::place::Place;
use crate::progress::{SecondsBar, Spinner};
use crate::resume::{Pace, Progress};
use crate::told::Told;

/// A song whose coarser levels are there.
pub struct Song {
    pub name: String,
    /// What was recorded: mono, in whole tokens of the top level. Its codes are known at every level.
    pub prime: Vec<f32>,
    pub seed: u64,
    pub codes: Levels,
    pub progress: Progress,
}

/// The finest level that was asked for.
pub fn finest(until: Until, pack: &Pack) -> Result<usize, Failure> {
    let (top, present) = (pack.top_level(), &pack.manifest().vqvae.levels_present);
    let finest = match until {
        Until::Top => top,
        Until::Middle => top.saturating_sub(1),
        Until::Bottom => present.first().copied().unwrap_or(top),
    };
    if until != Until::Top && present.len() < 2 {
        let folder = pack.dir();
        return Err(Failure::BadInput(format!(
            "{folder:?} has no level below its top, so --until can only be top"
        )));
    }
    Ok(finest)
}

/// Writes `levels`, as [`finer::levels`] gives them, of all songs.
pub fn write(
    pack: &Pack,
    place: &Place,
    vqvae: &Vqvae,
    levels: &[usize],
    told: &Told,
    total_seconds: f64,
    songs: &mut [Song],
) -> Result<(), Failure> {
    for &level in levels {
        let (artist, genres) = told.labels(pack, level)?;
        let spinner = Spinner::new("loading the model of a finer level");
        let prior = place.load_prior(pack, level)?;
        drop(spinner);
        let hop = pack.hop(level)?;
        let seconds =
            |n_tokens: usize| seconds_from_frames(n_tokens * hop, f64::from(pack.sample_rate()));
        for song in songs.iter_mut() {
            let upper = song.codes.get(&(level + 1)).cloned().unwrap_or_default();
            let n_total = upper.len() * (pack.hop(level + 1)? / hop);
            let request = finer::Request {
                upper,
                prime: vqvae.encode(&song.prime, level)?,
                artist,
                genres: genres.clone(),
                total_seconds,
                seed: song.seed,
            };
            let bar = SecondsBar::new("", seconds(n_total));
            bar.set_message(format!("{}: level {level}", song.name));
            let saved = song.progress.of_level(level);
            let told_of = |n_tokens| bar.set_seconds(seconds(n_tokens));
            let mut pen = Pen {
                level,
                told_of: &told_of,
                progress: &mut song.progress,
                pace: Pace::default(),
                failed: None,
            };
            let written = finer::write(pack, prior.as_ref(), request, saved, &mut pen);
            if let Some(problem) = pen.failed {
                return Err(problem.into());
            }
            song.codes.insert(level, written?);
        }
    }
    Ok(())
}

/// Moves the bar and keeps every window.
struct Pen<'a> {
    level: usize,
    told_of: &'a dyn Fn(usize),
    progress: &'a mut Progress,
    pace: Pace,
    failed: Option<TakeError>,
}

impl finer::Listener for Pen<'_> {
    fn tokens(&mut self, n_done: usize, _n_total: usize) {
        (self.told_of)(n_done);
    }

    fn window(&mut self, finished: &LevelState) -> Result<(), EngineError> {
        if self.pace.is_due() {
            self.failed = self.progress.keep(self.level, finished).err();
        }
        if self.failed.is_some() { Err(EngineError::Stopped) } else { Ok(()) }
    }

    fn stopped(&self) -> bool {
        false // Ctrl-C ends the process; what was kept goes on
    }
}
