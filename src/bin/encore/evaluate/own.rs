//! Songs to measure with where none are given: made once, of other seeds than training's, and kept.

use std::path::PathBuf;

use encore::corpus::{MakeConfig, artists, make};
use encore::pack::Pack;

use crate::failure::Failure;
use crate::progress::SecondsBar;

/// Far from the seeds that people type.
const SEED: u64 = 0x0045_7661_6c75;
/// Songs of each artist; every third is held out.
const SONGS_EACH: usize = 6;
const HELD_OUT_SHARE: f64 = 1.0 / 3.0;
const SONG_SECONDS: std::ops::Range<f64> = 40.0..60.0;

/// The folder of songs by those artists that the pack knows.
pub fn corpus(pack: &Pack) -> Result<PathBuf, Failure> {
    let labels = pack.labels();
    let is_told = pack.prior_config(pack.top_level())?.labels.is_some();
    let all = artists().into_iter().map(|artist| artist.name);
    let names: Vec<_> = all.filter(|name| !is_told || labels.artist_id(name).is_ok()).collect();
    if names.is_empty() {
        return Err(Failure::BadInput(format!(
            "{:?} knows none of the artists whose songs Encore can make; give songs with --corpus",
            pack.dir()
        )));
    }
    let cache = dirs::cache_dir().unwrap_or_else(std::env::temp_dir);
    let dir = cache.join("encore").join(format!("evaluation-{:x}", fingerprint(&names)));
    // one song fewer than all of them, so that the last round is begun and nothing beyond it
    let mean_seconds = 0.5 * (SONG_SECONDS.start + SONG_SECONDS.end);
    let n_seconds = (SONGS_EACH as f64 - 0.5) * names.len() as f64 * mean_seconds;
    let config = MakeConfig {
        seed: SEED,
        hours: n_seconds / 3600.0,
        held_out_share: HELD_OUT_SHARE,
        artists: names,
        song_seconds: SONG_SECONDS,
        sung: true,
        soundfont: None,
    };
    let bar = SecondsBar::new("making songs", n_seconds);
    make(&config, &dir, &|done, _| bar.set_seconds(done))?;
    Ok(dir)
}

/// A short name for a list of artists.
fn fingerprint(names: &[String]) -> u32 {
    let bytes = names.iter().flat_map(|name| name.bytes().chain([0]));
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
