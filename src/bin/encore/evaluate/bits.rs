//! How surprising held-out songs are to the prior, and to a model that looks back two codes.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use encore::engine::model::Model;
use encore::judge::context::ContextModel;
use encore::judge::stats::mean;
use encore::jukebox::song::score;
use encore::units::{frames_from_tokens, seconds_from_frames};
use serde::Serialize;

use super::codec::Heard;
use super::songs::{Artist, Song};
use crate::failure::Failure;
use crate::progress::SecondsBar;

/// Tokens that are judged, about: the last song is judged whole.
const MAX_TOKENS: usize = 150_000;

/// Bits of a token, on average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BitsPerToken {
    pub prior: f64,
    pub order2: f64,
}

impl BitsPerToken {
    /// By how much the prior needs fewer.
    pub fn saved(&self) -> f64 {
        1.0 - self.prior / self.order2
    }
}

/// Both models on the same codes.
pub fn measure(
    model: &Model,
    contexts: &ContextModel,
    artists: &[Artist],
    songs: &[Song],
    heard: &[Heard],
) -> Result<BitsPerToken, Failure> {
    let level = model.level();
    let mut n_left = MAX_TOKENS;
    let mut jobs = Vec::new();
    for (song, heard) in songs.iter().zip(heard) {
        let Some(codes) = heard.codes.get(&level).filter(|codes| !codes.is_empty()) else {
            continue;
        };
        jobs.push((song, codes));
        n_left = n_left.saturating_sub(codes.len());
        if n_left == 0 {
            break;
        }
    }
    let n_tokens: usize = jobs.iter().map(|(_, codes)| codes.len()).sum();
    let seconds = |n| seconds_from_frames(frames_from_tokens(n, model.hop()), model.rate());
    let bar = SecondsBar::new("guessing codes", seconds(n_tokens));
    let (mut prior, mut order2) = (Vec::new(), Vec::new());
    let mut taught = BTreeMap::new(); // by artist; none where the pack's own prior plays it
    for (song, codes) in jobs {
        let artist = &artists[song.artist_idx];
        let of_artist = match taught.entry(artist.id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(artist.model(model)?),
        };
        let model = of_artist.as_ref().unwrap_or(model);
        let told = song.told(artist, model.prior.config(), model.rate());
        let n_before = prior.len();
        let bits = score(&model.prior, &told, codes, model.hop_tokens(), |n_done| {
            bar.set_seconds(seconds(n_before + n_done));
            true
        })?;
        prior.extend(bits.unwrap_or_default());
        order2.extend(contexts.bits(codes));
    }
    Ok(BitsPerToken { prior: mean(&prior), order2: mean(&order2) })
}
