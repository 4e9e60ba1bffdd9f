//! The arguments of what makes music to train on.

use std::ops::Range;
use std::path::PathBuf;

use clap::Args;

use super::values::{seed, share};

#[derive(Args)]
#[command(
    after_help = "Writes DIR/corpus.json (the list), and for each song DIR/songs/NNNN_ARTIST.wav (mono, \
    16 bits, 44.1 kHz) and .json (tempo, key, form, lyrics and when they are sung). The same command writes \
    the same bytes again, and goes on where it was stopped. Instruments come from Debian's SoundFont \
    FluidR3_GM (package fluid-soundfont-gm), where neither --soundfont nor the variable ENCORE_SOUNDFONT \
    names another."
)]
pub struct CorpusArgs {
    /// Folder for the corpus; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Where chance starts: the same seed gives the same songs
    #[arg(long, value_name = "S", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// How much music, about
    #[arg(long, value_name = "H", default_value = "1", value_parser = hours, allow_negative_numbers = true)]
    pub hours: f64,
    /// Share of the songs that is kept from training, to measure with
    #[arg(long, value_name = "SHARE", default_value = "0.1", value_parser = share, allow_negative_numbers = true)]
    pub held_out: f64,
    /// Only songs of this artist; may be given again
    #[arg(long = "artist", value_name = "A")]
    pub artists: Vec<String>,
    /// How long songs are, from A to B seconds, about
    #[arg(long, value_name = "A..B", default_value = "40..90", value_parser = song_seconds)]
    pub song_seconds: Range<f64>,
    /// Let an instrument play what would be sung
    #[arg(long)]
    pub no_singing: bool,
    /// The General MIDI SoundFont that instruments come from
    #[arg(long, value_name = "FILE")]
    pub soundfont: Option<PathBuf>,
}

fn hours(text: &str) -> Result<f64, String> {
    let value = text.parse().unwrap_or(f64::NAN);
    let sound = value > 0.0 && value <= 1000.0;
    sound.then_some(value).ok_or("not a number of hours above 0, at most 1000".into())
}

fn song_seconds(text: &str) -> Result<Range<f64>, String> {
    let ends = text.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    let sound =
        |range: &Range<f64>| 5.0 <= range.start && range.start <= range.end && range.end <= 600.0;
    ends.filter(sound).ok_or("not A..B, such as 40..90, from 5 to 600 seconds".into())
}
