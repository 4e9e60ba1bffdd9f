//! The arguments of `encore evaluate`.

use std::path::PathBuf;

use clap::Args;
use encore::pack::Precision;

use super::song::Until;
use super::values::{held_as, n_takes, seconds, seed, until};

#[derive(Args)]
#[command(
    after_help = "The songs that are held out of a corpus are what a pack is measured with; the \
    others teach the classifier of styles and the model of two codes that the prior is compared with. \
    Takes continue held-out songs. They are written to the folder as WAV, some of them as pictures, \
    beside evaluation.json with the figures of each and confusion.png."
)]
pub struct EvaluateArgs {
    /// Folder of a model pack, or the folder name of an installed one
    #[arg(value_name = "PACK")]
    pub pack: PathBuf,
    /// Folder of a corpus, with held-out songs; left out, songs are made for it and kept for the next time
    #[arg(long, value_name = "DIR")]
    pub corpus: Option<PathBuf>,
    /// Folder of WAV files from elsewhere, which are continued too
    #[arg(long, value_name = "FOLDER")]
    pub unseen: Option<PathBuf>,
    /// Number of takes, evenly over the artists
    #[arg(long, value_name = "N", default_value = "60", value_parser = n_takes, allow_negative_numbers = true)]
    pub takes: usize,
    /// Length of each take
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds, allow_negative_numbers = true)]
    pub seconds: f64,
    /// How fine the takes become: top, middle or bottom; finer takes longer
    #[arg(long, value_name = "LEVEL", default_value = "top", value_parser = until)]
    pub until: Until,
    /// Where chance starts: the same seed gives the same figures
    #[arg(long, value_name = "K", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// How the layers' matrices are held in memory: f32, f16, bf16, q8 (as the plugin holds them) or q4
    #[arg(long, value_name = "TYPE", default_value = "q8", value_parser = held_as)]
    pub precision: Precision,
    /// Folder for takes and pictures; it is made if it is not there
    #[arg(long, value_name = "DIR", default_value = "evaluation")]
    pub out: PathBuf,
}
