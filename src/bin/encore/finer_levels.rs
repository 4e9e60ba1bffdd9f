//! From the top of one or several songs to their finer levels, one prior at a time.

use std::collections::BTreeMap;

use encore::engine::finer::parallel::{self, Joined};
use encore::engine::{EngineError, finer, room};
use encore::jukebox::{LevelPrior, LevelState, Vqvae};
use encore::pack::Pack;
use encore::takes::seams::{self, SeamFigures};
use encore::takes::{FinerRecipe, LevelSeams, Levels, TakeError, Windows};
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
    /// What is known of its codes already.
    pub prime_codes: Levels,
    pub seed: u64,
    pub codes: Levels,
    /// Frames of each level's joints and handovers, as [`Joined`] has their tokens.
    pub seams: BTreeMap<usize, [Vec<usize>; 2]>,
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

/// What is written of songs.
pub struct Job<'a> {
    pub pack: &'a Pack,
    pub place: &'a Place,
    pub vqvae: &'a Vqvae,
    /// As [`finer::levels`] gives them.
    pub levels: &'a [usize],
    pub windows: Windows,
    pub told: &'a Told,
    pub total_seconds: f64,
}

impl Job<'_> {
    /// Writes all levels of all songs.
    pub fn write(&self, songs: &mut [Song]) -> Result<(), Failure> {
        for &level in self.levels {
            let spinner = Spinner::new("loading the model of a finer level");
            let prior = self.place.load_prior(self.pack, level)?;
            drop(spinner);
            let (artist, genres) = self.told.labels(self.pack, level)?;
            for song in songs.iter_mut() {
                let request = finer::Request {
                    upper: song.codes.get(&(level + 1)).cloned().unwrap_or_default(),
                    prime: match song.prime_codes.get(&level) {
                        Some(codes) => codes.clone(),
                        None => self.vqvae.encode(&song.prime, level)?,
                    },
                    artist,
                    genres: genres.clone(),
                    total_seconds: self.total_seconds,
                    seed: song.seed,
                };
                self.write_level(song, prior.as_ref(), request)?;
            }
        }
        Ok(())
    }

    fn write_level(
        &self,
        song: &mut Song,
        prior: &dyn LevelPrior,
        request: finer::Request,
    ) -> Result<(), Failure> {
        let (pack, level) = (self.pack, prior.config().level);
        let hop = pack.hop(level)?;
        let (n_prime, n_total) =
            (request.prime.len(), request.upper.len() * (pack.hop(level + 1)? / hop));
        let seconds =
            |n_tokens: usize| seconds_from_frames(n_tokens * hop, f64::from(pack.sample_rate()));
        let bar = SecondsBar::new("", seconds(n_total));
        bar.set_message(format!("{}: level {level}", song.name));
        let (saved, chains) = (song.progress.of_level(level), song.progress.chains_of(level));
        let mut pen = Pen {
            level,
            told_of: &|n_tokens| bar.set_seconds(seconds(n_tokens)),
            progress: &mut song.progress,
            pace: Pace::default(),
            failed: None,
        };
        let written = match self.windows {
            Windows::Exact => {
                finer::write(pack, prior, request, saved, &mut pen).and_then(|codes| {
                    let handovers = finer::handovers(pack, level, n_prime, n_total)?;
                    Ok(Joined { codes, joints: Vec::new(), handovers })
                })
            }
            Windows::Parallel => {
                let Some(prior) = prior.on_kernels() else { return Err(parallel_on_device()) };
                let n_at_once = room::windows_at_once(prior, parallel::MAX_CHAINS);
                parallel::write(pack, self.vqvae, prior, request, chains, n_at_once, &mut pen)
            }
        };
        if let Some(problem) = pen.failed {
            return Err(problem.into());
        }
        let Joined { codes, joints, handovers } = written?;
        let frames = |tokens: Vec<usize>| tokens.into_iter().map(|token| token * hop).collect();
        song.codes.insert(level, codes);
        song.seams.insert(level, [frames(joints), frames(handovers)]);
        Ok(())
    }
}

impl Song {
    /// How its seams sound in `audio`, which begins with the song.
    pub fn heard_seams(&self, audio: &[f32], rate: f64) -> BTreeMap<usize, LevelSeams> {
        let heard = |places: &[usize]| seams::measure(audio, rate, places);
        let of_level = |(level, [joints, handovers]): (&usize, &[Vec<usize>; 2])| {
            (*level, LevelSeams { joints: heard(joints), handovers: heard(handovers) })
        };
        self.seams.iter().map(of_level).collect()
    }
}

/// What there is to say about the seams, a line for each kind of a level's.
pub fn seam_lines(finer: Option<&FinerRecipe>) -> Vec<String> {
    let line = |level: usize, name: &str, seams: Option<&SeamFigures>| {
        let SeamFigures { n_seams, level_step_db, level_step_db_elsewhere, flux_z, .. } = seams?;
        Some(format!(
            "level {level}: {n_seams} {name}, the level steps by {level_step_db:.1} dB \
             ({level_step_db_elsewhere:.1} dB elsewhere), spectral flux {flux_z:+.1} deviations"
        ))
    };
    let seams = finer.iter().flat_map(|finer| &finer.seams);
    let lines = seams.flat_map(|(level, LevelSeams { joints, handovers })| {
        [("joints", joints), ("handovers", handovers)]
            .map(|(name, seams)| line(*level, name, seams.as_ref()))
    });
    lines.flatten().collect()
}

fn parallel_on_device() -> Failure {
    let problem = "--windows parallel runs on the processor; leave --device or --windows out";
    Failure::BadInput(problem.into())
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

    fn chains(&mut self, finished: &[LevelState]) -> Result<(), EngineError> {
        if self.pace.is_due() {
            self.failed = self.progress.keep_chains(self.level, finished).err();
        }
        if self.failed.is_some() { Err(EngineError::Stopped) } else { Ok(()) }
    }

    fn stopped(&self) -> bool {
        false // Ctrl-C ends the process; what was kept goes on
    }
}
