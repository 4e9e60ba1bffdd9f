//! The arguments of what works on a song.

use std::path::{Path, PathBuf};

use clap::Args;
use encore::pack::Precision;
use encore::takes::Windows;

use super::values::{
    held_as, level, n_takes, seconds, seed, temperature, top_k, top_p, until, windows,
};
use super::{DeviceOption, LoadOption};

/// What a model is told about the song.
#[derive(Args)]
pub struct ToldArgs {
    /// Artist whose style it has; `encore labels` lists them
    #[arg(long, value_name = "A")]
    pub artist: Option<String>,
    /// Genre that it has, may be given again; left out, the one that suits the artist
    #[arg(long = "genre", value_name = "G")]
    pub genres: Vec<String>,
    /// The words of the song, as UTF-8 text in any script, for models that sing
    #[arg(long, value_name = "FILE")]
    pub lyrics: Option<PathBuf>,
    /// Length of the whole song, as the model is told; left out, what the pack recommends
    #[arg(long, value_name = "S", value_parser = seconds, allow_negative_numbers = true)]
    pub total_seconds: Option<f64>,
}

/// Down to which level codes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    Top,
    Middle,
    Bottom,
}

#[derive(Args)]
#[command(after_help = "The end of the track is what gets continued. Each take is written as \
    take-N.wav (the prime, then the continuation), take-N.safetensors (their codes), take-N.json \
    (the recipe) and take-N.png (waveform and spectrogram, with the seam marked). The same command \
    writes the same bytes again. A job that was stopped goes on where it was, from take-N.progress, when \
    the same command is given again. The recipe holds the prime's codes: with --recipe it makes the take \
    again, the same codes with the same pack on the same backend, without the track.")]
pub struct ContinueArgs {
    /// The track: a WAV file at any sample rate; channels are averaged
    #[arg(value_name = "IN.wav", required_unless_present = "recipe")]
    input: Option<PathBuf>,
    /// Folder of a model pack, or the folder name of an installed one; left out, the recipe's own
    #[arg(long, value_name = "P", required_unless_present = "recipe")]
    pub pack: Option<PathBuf>,
    /// How the layers' matrices are held in memory: f32, f16, bf16, q8 (a quarter) or q4; what is stored smaller
    /// stays so; left out, as in the recipe, or f32, or what a device is fastest with
    #[arg(long, value_name = "TYPE", value_parser = held_as)]
    precision: Option<Precision>,
    #[command(flatten)]
    pub on: DeviceOption,
    /// Instead of a track, the recipe of a take (take-N.json), which says everything else
    #[arg(long, value_name = "FILE", conflicts_with_all = SAID_BY_RECIPE)]
    pub recipe: Option<PathBuf>,
    #[command(flatten)]
    pub told: ToldArgs,
    /// How much of the track's end to listen to; left out, what the pack recommends
    #[arg(long, value_name = "S", value_parser = seconds, allow_negative_numbers = true)]
    pub prime_seconds: Option<f64>,
    /// Length of the continuation
    #[arg(long, value_name = "S", required_unless_present = "recipe", value_parser = seconds, allow_negative_numbers = true)]
    seconds: Option<f64>,
    /// Number of takes; take i uses the seed K + i - 1
    #[arg(long, value_name = "N", default_value = "1", value_parser = n_takes, allow_negative_numbers = true)]
    pub takes: usize,
    /// Where chance starts: the same seed gives the same take
    #[arg(long, value_name = "K", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// How daring to be: below 1 safer, above 1 wilder; left out, what the pack recommends
    #[arg(long, value_name = "T", value_parser = temperature, allow_negative_numbers = true)]
    pub temperature: Option<f64>,
    /// Choose among the K likeliest codes only, instead of the filter that the pack recommends
    #[arg(long, value_name = "K", value_parser = top_k, allow_negative_numbers = true)]
    pub top_k: Option<usize>,
    /// Choose among the likeliest codes that make up this share, instead of the filter that the pack recommends
    #[arg(long, value_name = "P", value_parser = top_p, allow_negative_numbers = true)]
    pub top_p: Option<f64>,
    /// How fine the sound becomes: top, middle or bottom; finer takes longer
    #[arg(long, value_name = "LEVEL", default_value = "top", value_parser = until)]
    pub until: Until,
    /// In which order the windows of finer levels are written: exact, one after another, or parallel, several at
    /// once and joined afterwards, which takes a fraction of the time
    #[arg(long, value_name = "WAY", default_value = "exact", value_parser = windows)]
    pub windows: Windows,
    /// Folder for the takes; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// What a recipe says, so that it cannot be typed beside one.
const SAID_BY_RECIPE: [&str; 14] = [
    "input",
    "artist",
    "genres",
    "lyrics",
    "total_seconds",
    "prime_seconds",
    "seconds",
    "takes",
    "seed",
    "temperature",
    "top_k",
    "top_p",
    "until",
    "windows",
];

impl ContinueArgs {
    /// Where the networks are, and how they are held where `said` by a recipe and not typed.
    pub fn load(&self, said: Option<Precision>) -> LoadOption {
        let pack = self.pack.clone().unwrap_or_default();
        LoadOption { pack, precision: self.precision.or(said) }
    }

    /// The track; only a recipe can stand in for it.
    pub fn input(&self) -> &Path {
        self.input.as_deref().unwrap_or(Path::new(""))
    }

    /// Length of the continuation; only a recipe can stand in for it.
    pub fn seconds(&self) -> f64 {
        self.seconds.unwrap_or_default()
    }
}

#[derive(Args)]
#[command(
    after_help = "Artist, genres, lyrics and length are those of the recipe beside the codes \
    (C.json), where there is one and nothing else is given. Writes C-LEVEL.wav, .safetensors (the codes \
    of all levels), .json (the recipe) and .png. A job that was stopped goes on from its last window when \
    the same command is given again, and ends with the same bytes."
)]
pub struct UpsampleArgs {
    /// The codes, as `encode` and `continue` write them; what is finer than the finest of them is written
    #[arg(value_name = "C.safetensors")]
    pub input: PathBuf,
    #[command(flatten)]
    pub load: LoadOption,
    #[command(flatten)]
    pub on: DeviceOption,
    #[command(flatten)]
    pub told: ToldArgs,
    /// How fine the sound becomes: middle or bottom
    #[arg(long, value_name = "LEVEL", default_value = "bottom", value_parser = until)]
    pub until: Until,
    /// Where chance starts: the same seed gives the same codes
    #[arg(long, value_name = "K", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// In which order the windows of finer levels are written: exact, one after another, or parallel, several at
    /// once and joined afterwards, which takes a fraction of the time
    #[arg(long, value_name = "WAY", default_value = "exact", value_parser = windows)]
    pub windows: Windows,
    /// Folder for the results; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

#[derive(Args)]
#[command(
    after_help = "A model that finds a track unsurprising gives it few bits. Codes of noise take \
    as many bits as a code has."
)]
pub struct ScoreArgs {
    /// A track (WAV), or codes as `encode` and `continue` write them
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    #[command(flatten)]
    pub load: LoadOption,
    #[command(flatten)]
    pub told: ToldArgs,
    /// Only this level; left out, every level that the pack has a prior for
    #[arg(long, value_name = "L", value_parser = level, allow_negative_numbers = true)]
    pub level: Option<usize>,
}

#[derive(Args)]
#[command(
    after_help = "Artist, genres, lyrics and length are those of the recipe beside the codes \
    (IN.json), where there is one and nothing else is given. Writes IN.words.json and IN.lrc."
)]
pub struct AlignArgs {
    /// A track (WAV), or codes as `encode` and `continue` write them
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    #[command(flatten)]
    pub load: LoadOption,
    #[command(flatten)]
    pub told: ToldArgs,
    /// Folder for the results; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
