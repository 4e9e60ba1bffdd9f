//! A take on disk, and how it sounds.

use std::path::{Path, PathBuf};

use encore::pack::Pack;
use encore::takes::{FinerRecipe, PackedCodes, Recipe, TakeFiles, measure, picture, wav};
use encore::units::{FADE_SECONDS, frames_from_seconds, seconds_from_frames};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::finer_levels::{Song, seam_lines};

/// Around the seam, how far clicks are looked for.
const SEAM_SECONDS: f64 = 0.005;

/// What a model made of a song, at its rate.
#[derive(Default)]
pub struct Sound {
    /// The end of the prime as the model hears it.
    pub lead_in: Vec<f32>,
    /// The continuation.
    pub audio: Vec<f32>,
}

/// Files that were written.
pub struct Written {
    wav: PathBuf,
    codes: PathBuf,
    recipe: PathBuf,
    picture: PathBuf,
    seed: u64,
    seconds: f64,
    seam_seconds: f64,
    peak: f32,
    rms_db: f64,
    seam_step: f32,
    longest_silence_seconds: f64,
    finer: Option<FinerRecipe>,
}

/// Writes audio, codes, recipe and picture of take `number` into `folder`.
pub fn write(
    folder: &Path,
    number: usize,
    pack: &Pack,
    song: &Song,
    mut recipe: Recipe,
    sound: &Sound,
) -> Result<Written, Failure> {
    let path = |ending: &str| folder.join(format!("take-{number}.{ending}"));
    let (wav, picture) = (path("wav"), path("png"));
    let rate = f64::from(pack.sample_rate());
    let audio = join(&song.prime, &sound.lead_in, &sound.audio, rate);
    let seam_frame = song.prime.len();
    let seam_seconds = seconds_from_frames(seam_frame, rate);

    if let Some(finer) = &mut recipe.finer {
        finer.seams = song.heard_seams(&audio, rate);
    }
    for (level, codes) in &song.codes {
        let n_prime = (seam_frame / pack.hop(*level)?).min(codes.len());
        recipe.prime_codes.insert(*level, PackedCodes::of(&codes[..n_prime]));
    }
    wav::write(&wav, &audio, pack.sample_rate())?;
    let take = TakeFiles { codes: song.codes.clone(), recipe };
    take.write(&path("safetensors"), &path("json"))?;
    picture::write(&picture, &audio, rate, Some(seam_seconds), &title(number, &take.recipe))?;

    let n_around = (SEAM_SECONDS * rate) as usize;
    let around_seam = seam_frame.saturating_sub(n_around)..seam_frame + n_around;
    Ok(Written {
        wav,
        codes: path("safetensors"),
        recipe: path("json"),
        picture,
        seed: song.seed,
        seconds: seconds_from_frames(audio.len(), rate),
        seam_seconds,
        peak: measure::peak(&sound.audio),
        rms_db: measure::rms_db(&sound.audio),
        seam_step: measure::largest_step_in(&audio, around_seam),
        longest_silence_seconds: measure::longest_silence_seconds(&sound.audio, rate),
        finer: take.recipe.finer,
    })
}

/// The prime and then its continuation. Over the last milliseconds of the prime the recording gives way to
/// what the model heard of it, so that nothing steps at the seam.
pub fn join(prime: &[f32], lead_in: &[f32], continuation: &[f32], rate: f64) -> Vec<f32> {
    let mut audio = [prime, continuation].concat();
    let n_fade = frames_from_seconds(FADE_SECONDS, rate).min(lead_in.len()).min(prime.len());
    let heard = &lead_in[lead_in.len() - n_fade..];
    for (i, (frame, heard)) in audio[prime.len() - n_fade..].iter_mut().zip(heard).enumerate() {
        let share = (i + 1) as f32 / (n_fade + 1) as f32;
        *frame += share * (heard - *frame);
    }
    audio
}

fn title(number: usize, recipe: &Recipe) -> String {
    format!("{}   ·   take {number}   ·   seed {}", names(recipe), recipe.seed)
}

/// Artist and genres in one line.
pub fn names(recipe: &Recipe) -> String {
    let mut names = vec![recipe.artist.name.as_str()];
    names.extend(recipe.genres.iter().map(|genre| genre.name.as_str()));
    names.dedup();
    names.join(", ")
}

impl Written {
    pub fn json(&self) -> Value {
        json!({
            "wav": self.wav,
            "codes": self.codes,
            "recipe": self.recipe,
            "picture": self.picture,
            "seed": self.seed,
            "seconds": self.seconds,
            "seam_seconds": self.seam_seconds,
            "peak": self.peak,
            "rms_db": self.rms_db,
            "largest_step_at_seam": self.seam_step,
            "longest_silence_seconds": self.longest_silence_seconds,
            "finer": self.finer,
        })
    }

    pub fn lines(&self) -> Vec<String> {
        let take = format!(
            "{}: {:.2} s, the continuation from {:.2} s on, seed {}",
            self.wav.display(),
            self.seconds,
            self.seam_seconds,
            self.seed
        );
        let seams = seam_lines(self.finer.as_ref());
        std::iter::once(take).chain(seams.into_iter().map(|line| format!("  {line}"))).collect()
    }
}
