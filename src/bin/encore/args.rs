//! The command line as it is typed, with the checks that need no file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use encore::pack::Precision;
use encore::pack::convert::StoredAs;

/// Takes that can be asked for at once.
const MAX_TAKES: usize = 64;

/// Continues a recorded track in a chosen artist's style.
#[derive(Parser)]
#[command(name = "encore", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Print the result as JSON on stdout
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum Command {
    /// Say what is in a model pack, and check every file of it
    Info {
        #[command(flatten)]
        pack: PackArg,
    },
    /// Search the artists and genres that a pack knows
    Labels(LabelsArgs),
    /// Turn downloaded checkpoints into a model pack
    Convert(ConvertArgs),
    /// Turn a WAV file into codes
    Encode(EncodeArgs),
    /// Turn codes into a WAV file
    Decode(DecodeArgs),
    /// Continue a track: writes takes as WAV, codes, recipe and picture
    Continue(ContinueArgs),
    /// Write a checkpoint of random weights in a released shape, to measure with
    #[command(hide = true)]
    MakeCheckpoint(MakeCheckpointArgs),
    /// Load a prior and write one window with it, to measure with
    #[command(hide = true)]
    MeasureWindow(MeasureWindowArgs),
}

/// Where a command takes its pack as an argument.
#[derive(Args)]
pub struct PackArg {
    /// Folder of a model pack, or the folder name of an installed one
    #[arg(value_name = "PACK")]
    pub pack: PathBuf,
}

/// Where a command takes its pack as an option.
#[derive(Args)]
pub struct PackOption {
    /// Folder of a model pack, or the folder name of an installed one
    #[arg(long, value_name = "P")]
    pub pack: PathBuf,
}

#[derive(Args)]
pub struct LabelsArgs {
    #[command(flatten)]
    pub pack: PackArg,
    /// Only artists whose name contains this, else those that come close
    #[arg(long, value_name = "Q")]
    pub artist: Option<String>,
    /// Only genres whose name contains this, else those that come close
    #[arg(long, value_name = "Q")]
    pub genre: Option<String>,
}

#[derive(Args)]
#[command(
    after_help = "A folder of checkpoints can also be used as it is, wherever a pack can; a pack has \
    its files' hashes, and may be smaller."
)]
pub struct ConvertArgs {
    /// Folder with OpenAI's files (vqvae.pth.tar, prior_level_N.pth.tar) or Hugging Face's (config.json)
    #[arg(value_name = "SRC")]
    pub source: PathBuf,
    /// Folder for the pack; an older pack there is replaced
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How weights are stored: f32, f16, bf16, q8 or q4; left out, as they are given
    #[arg(long, value_name = "TYPE", default_value = "given", hide_default_value = true, value_parser = stored_as)]
    pub precision: StoredAs,
}

#[derive(Args)]
pub struct MakeCheckpointArgs {
    /// The shape: vqvae, upsampler_0, upsampler_1, 5b, 5b_lyrics or 1b_lyrics
    #[arg(long, value_name = "NAME")]
    pub shape: String,
    /// Where to write the checkpoint
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[derive(Args)]
pub struct MeasureWindowArgs {
    #[command(flatten)]
    pub pack: PackOption,
    /// The level whose prior writes; left out, the coarsest that the pack has
    #[arg(long, value_name = "L", value_parser = level, allow_negative_numbers = true)]
    pub level: Option<usize>,
    /// How the layers' matrices are held: f32, q8 or q4; what is stored quantised stays so
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = held_as)]
    pub precision: Precision,
    /// Tokens to write; left out, a whole window
    #[arg(long, value_name = "N")]
    pub tokens: Option<usize>,
}

#[derive(Args)]
pub struct EncodeArgs {
    /// The track: a WAV file at any sample rate; channels are averaged
    #[arg(value_name = "IN.wav")]
    pub input: PathBuf,
    #[command(flatten)]
    pub pack: PackOption,
    /// Where to write the codes (safetensors, `codes_l{L}`: i64 [1, t])
    #[arg(long, value_name = "C.safetensors")]
    pub out: PathBuf,
    /// The level to encode at; left out, the coarsest that the pack has
    #[arg(long, value_name = "L", value_parser = level, allow_negative_numbers = true)]
    pub level: Option<usize>,
}

#[derive(Args)]
pub struct DecodeArgs {
    /// The codes, as `encode` and `continue` write them
    #[arg(value_name = "C.safetensors")]
    pub input: PathBuf,
    #[command(flatten)]
    pub pack: PackOption,
    /// The level of the codes
    #[arg(long, value_name = "L", value_parser = level, allow_negative_numbers = true)]
    pub level: usize,
    /// Where to write the audio (24-bit mono at the model's rate)
    #[arg(long, value_name = "OUT.wav")]
    pub out: PathBuf,
}

#[derive(Args)]
#[command(after_help = "The end of the track is what gets continued. Each take is written as \
    take-N.wav (the prime, then the continuation), take-N.safetensors (their codes), take-N.json \
    (the recipe) and take-N.png (waveform and spectrogram, with the seam marked). The same command \
    writes the same bytes again.")]
pub struct ContinueArgs {
    /// The track: a WAV file at any sample rate; channels are averaged
    #[arg(value_name = "IN.wav")]
    pub input: PathBuf,
    #[command(flatten)]
    pub pack: PackOption,
    /// Artist whose style to continue in; `encore labels` lists them
    #[arg(long, value_name = "A")]
    pub artist: Option<String>,
    /// Genre to continue in, may be given again; left out, the one that suits the artist
    #[arg(long = "genre", value_name = "G")]
    pub genres: Vec<String>,
    /// How much of the track's end to listen to; left out, what the pack recommends
    #[arg(long, value_name = "S", value_parser = seconds, allow_negative_numbers = true)]
    pub prime_seconds: Option<f64>,
    /// Length of the continuation
    #[arg(long, value_name = "S", value_parser = seconds, allow_negative_numbers = true)]
    pub seconds: f64,
    /// Length of the whole song, as the model is told; left out, what the pack recommends
    #[arg(long, value_name = "S", value_parser = seconds, allow_negative_numbers = true)]
    pub total_seconds: Option<f64>,
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
    /// Folder for the takes; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

fn stored_as(text: &str) -> Result<StoredAs, String> {
    match text {
        "given" => Ok(StoredAs::Given),
        "f32" => Ok(StoredAs::F32),
        "f16" => Ok(StoredAs::F16),
        "bf16" => Ok(StoredAs::BF16),
        "q8" => Ok(StoredAs::Q8),
        "q4" => Ok(StoredAs::Q4),
        _ => Err("not f32, f16, bf16, q8 or q4".into()),
    }
}

fn held_as(text: &str) -> Result<Precision, String> {
    match text {
        "f32" => Ok(Precision::F32),
        "q8" => Ok(Precision::Q8),
        "q4" => Ok(Precision::Q4),
        _ => Err("not f32, q8 or q4".into()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let value = text.parse().unwrap_or(f64::NAN);
    let sound = value > 0.0 && value <= 86_400.0;
    sound.then_some(value).ok_or("not a number of seconds above 0, at most 86400".into())
}

fn temperature(text: &str) -> Result<f64, String> {
    let value = text.parse().unwrap_or(f64::NAN);
    let sound = value > 0.0 && value <= 100.0;
    sound.then_some(value).ok_or("not a number above 0, at most 100".into())
}

fn top_p(text: &str) -> Result<f64, String> {
    let value = text.parse().unwrap_or(f64::NAN);
    let sound = value > 0.0 && value <= 1.0;
    sound.then_some(value).ok_or("not a share above 0, at most 1".into())
}

fn top_k(text: &str) -> Result<usize, String> {
    let value = text.parse().ok().filter(|k| *k > 0);
    value.ok_or("not a whole number above 0".into())
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("not a whole number from 0 to {}", u64::MAX))
}

fn level(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "not a level (0 is the finest)".into())
}

fn n_takes(text: &str) -> Result<usize, String> {
    let value = text.parse().ok().filter(|n| (1..=MAX_TAKES).contains(n));
    value.ok_or(format!("not a whole number from 1 to {MAX_TAKES}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn nonsense_numbers_are_refused() {
        for text in ["0", "-1", "NaN", "inf", "1e9", "", "two"] {
            assert!(seconds(text).is_err(), "{text}");
            assert!(temperature(text).is_err(), "{text}");
            assert!(top_p(text).is_err(), "{text}");
            assert!(top_k(text).is_err(), "{text}");
            assert!(n_takes(text).is_err(), "{text}");
        }
        assert_eq!(seconds("2.5"), Ok(2.5));
        assert_eq!(n_takes("64"), Ok(64));
    }
}
