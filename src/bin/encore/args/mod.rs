//! The command line as it is typed, with the checks that need no file.

pub mod corpus;
pub mod evaluate;
pub mod song;
pub mod teach;
pub mod train;
mod values;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use encore::jukebox::DeviceChoice;
use encore::pack::Precision;
use encore::pack::convert::StoredAs;

use corpus::CorpusArgs;
use song::{AlignArgs, ContinueArgs, ScoreArgs, UpsampleArgs};
use values::{device, held_as, level, prior_shape, stored_as};

use crate::bench::shape::PriorShape;

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
    /// Write the finer levels of codes that are there: the same music, clearer
    Upsample(UpsampleArgs),
    /// Say how surprising a model finds a track, in bits
    Score(ScoreArgs),
    /// Say when each word of the lyrics is sung
    Align(AlignArgs),
    /// Compose and render music to train on
    Corpus(CorpusArgs),
    /// Train networks on music that `encore corpus` made
    Train(train::TrainArgs),
    /// Say how good a pack's music is: its sound, its styles and how it continues songs
    Evaluate(evaluate::EvaluateArgs),
    /// Teach a pack an artist from your own recordings
    Teach(teach::TeachArgs),
    /// Measure how fast this machine decodes, beside how fast it reads memory
    Bench(BenchArgs),
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

/// Where a command takes the networks of its pack.
#[derive(Args)]
pub struct LoadOption {
    /// Folder of a model pack, or the folder name of an installed one
    #[arg(long, value_name = "P")]
    pub pack: PathBuf,
    /// How the layers' matrices are held in memory: f32, f16, bf16, q8 (a quarter) or q4; what is stored smaller
    /// stays so; left out, f32, or what a device is fastest with
    #[arg(long, value_name = "TYPE", value_parser = held_as)]
    precision: Option<Precision>,
}

impl LoadOption {
    /// How the kernels are to hold matrices.
    pub fn precision(&self) -> Precision {
        self.precision.unwrap_or(Precision::F32)
    }

    /// In what this device is to compute.
    pub fn precision_on(&self, device: DeviceChoice) -> Precision {
        self.precision.unwrap_or(device.best())
    }
}

/// Where a command can have codes written on a device.
#[derive(Args)]
pub struct DeviceOption {
    /// Write codes on a device: cuda, cuda:N (for card N), metal, or cpu with the same code
    #[arg(long, value_name = "DEVICE", value_parser = device)]
    pub device: Option<DeviceChoice>,
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
pub struct BenchArgs {
    /// A model pack, or folder of checkpoints
    #[arg(value_name = "PACK")]
    pub pack: Option<PathBuf>,
    /// Instead of a pack, a prior of this width and depth with random weights, such as 2048x72
    #[arg(long, value_name = "WIDTHxDEPTH", value_parser = prior_shape)]
    pub shape: Option<PriorShape>,
    /// How the layers' matrices are held while a continuation is measured: f32, f16, bf16, q8 (as the plugin
    /// holds them) or q4
    #[arg(long, value_name = "TYPE", default_value = "q8", value_parser = held_as)]
    pub precision: Precision,
    /// A track (WAV) on which smaller weights are compared with whole ones; the pack may stand before it
    #[arg(long, value_names = ["PACK", "IN.wav"], num_args = 1..=2)]
    pub quality: Vec<PathBuf>,
    /// Measure decoding on a device too: cuda, cuda:N (for card N), metal, or cpu with the same code
    #[arg(long, value_name = "DEVICE", value_parser = device)]
    pub device: Option<DeviceChoice>,
    /// Threads that keep the machine busy beside the measurement
    #[arg(long, value_name = "N", default_value = "0")]
    pub load: usize,
}

impl BenchArgs {
    /// The pack, wherever it stands.
    pub fn pack(&self) -> Option<&Path> {
        let before_track = || self.quality.split_last()?.1.first();
        self.pack.as_ref().or_else(before_track).map(PathBuf::as_path)
    }

    /// What quality is told on.
    pub fn track(&self) -> Option<&Path> {
        self.quality.last().map(PathBuf::as_path)
    }
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
    pub load: LoadOption,
    /// The level whose prior writes; left out, the coarsest that the pack has
    #[arg(long, value_name = "L", value_parser = level, allow_negative_numbers = true)]
    pub level: Option<usize>,
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

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        super::Cli::command().debug_assert();
    }
}
