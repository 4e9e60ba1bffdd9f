//! A song that is judged and not made: a track, or codes of one, with what the model is told of it.

use std::ffi::OsStr;
use std::path::Path;

use encore::engine::session::label_row;
use encore::jukebox::{PriorConfig, Song};
use encore::pack::Pack;
use encore::takes::{Levels, read_levels};
use encore::units::frames_from_seconds;

use crate::failure::Failure;
use crate::open;
use crate::progress::Spinner;
use crate::told::Told;

/// Codes of these levels: those of a file of codes, or of a track once it is encoded.
pub fn codes(input: &Path, pack: &Pack, levels: &[usize]) -> Result<Levels, Failure> {
    if input.extension().is_some_and(|ending| ending == OsStr::new("safetensors")) {
        let mut given = read_levels(input)?;
        given.retain(|level, _| levels.contains(level));
        return Ok(given);
    }
    let track = open::track(input, pack)?;
    let _spinner = Spinner::new("encoding");
    let vqvae = pack.load_vqvae()?;
    levels.iter().map(|level| Ok((*level, vqvae.encode(&track, *level)?))).collect()
}

/// What the prior of this shape is told about a song of `seconds`, but for its lyrics.
pub fn song(pack: &Pack, config: &PriorConfig, told: &Told, seconds: f64) -> Result<Song, Failure> {
    let total = frames_from_seconds(told.total_seconds(pack, seconds)?, pack.sample_rate().into());
    let (artist, genres) = told.labels(pack, config.level)?;
    Ok(Song { labels: label_row(config, total + 1, artist, genres), ..Song::default() })
}
