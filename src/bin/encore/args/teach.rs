//! The arguments of teaching an artist.

use std::path::PathBuf;

use clap::Args;

use super::values::{least_one, minutes, seed};

#[derive(Args)]
#[command(
    after_help = "Writes a small file beside the pack, in the folder PACK.taught (or in the user's data where \
    that cannot be written); the pack itself stays as it is. `encore labels`, `encore continue --artist NAME` \
    and the editor know the artist from then on. It takes a minute of recordings at least; ten minutes or \
    more are better. A tenth of them is not learnt from, but measured on before and after. To forget the \
    artist, delete its two files. A run that was stopped goes on when the same command is given again."
)]
pub struct TeachArgs {
    /// Folder of a model pack, or the folder name of an installed one
    #[arg(value_name = "PACK")]
    pub pack: PathBuf,
    /// Folder with the recordings: WAV files at any sample rate; channels are averaged
    #[arg(long, value_name = "FOLDER")]
    pub audio: PathBuf,
    /// What the artist is to be called
    #[arg(long, value_name = "NAME")]
    pub artist: String,
    /// The genre that goes with it, one of the pack's or a new one; left out, that of the artist of the pack that
    /// comes nearest
    #[arg(long, value_name = "G")]
    pub genre: Option<String>,
    /// How long to learn, about
    #[arg(long, value_name = "M", default_value = "30", value_parser = minutes, allow_negative_numbers = true)]
    pub minutes: f64,
    /// Learn for this many steps, however long they take
    #[arg(long, value_name = "N", value_parser = least_one, allow_negative_numbers = true)]
    pub steps: Option<u64>,
    /// Width of what is learnt beside each matrix: more learns more, and takes more recordings
    #[arg(long, value_name = "R", default_value = "16", value_parser = least_one, allow_negative_numbers = true)]
    pub rank: u64,
    /// Where chance starts: the same seed learns the same
    #[arg(long, value_name = "K", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
}
