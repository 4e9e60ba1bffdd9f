//! Taught artists in the label tables, after the pack's own.

use super::{Found, Taught, TaughtArtists, TaughtError};
use crate::jukebox::PriorConfig;
use crate::pack::Labels;

/// Ids beyond the prior's own rows that a taught artist may have.
const MAX_TAUGHT: u32 = 4096;

/// Gives each artist its id and its place in the tables; ids are those that the cards say, so that a saved
/// project means the same artist after others were taught or removed.
pub fn place(found: &mut TaughtArtists, own: &Labels, prior: &PriorConfig, mut cards: Vec<Found>) {
    let Some(bins) = &prior.labels else { return };
    let (first_artist, first_genre) = (bins.artist_bins as u32, bins.genre_bins as u32);
    let mut labels = own.clone();
    labels.artists.resize(labels.artists.len().max(bins.artist_bins), String::new());
    let allowed = first_artist..first_artist + MAX_TAUGHT;
    // those with an id that cannot be theirs come last, and get the next one that is free
    let wanted = |one: &Found| Some(one.card.artist_id).filter(|id| allowed.contains(id));
    cards.sort_by_key(|one| (wanted(one).unwrap_or(u32::MAX), one.path.clone()));
    let mut taken: Vec<u32> = Vec::new();
    let (mut placed, mut rest) = (Vec::new(), Vec::new());
    for one in cards {
        match wanted(&one).filter(|id| !taken.contains(id)) {
            Some(id) => {
                taken.push(id);
                placed.push((id, one));
            }
            None => rest.push(one),
        }
    }
    let next = taken.iter().max().map_or(first_artist, |last| last + 1);
    placed.extend((next..).zip(rest));
    for (id, one) in placed {
        if labels.artist_id(&one.card.artist).is_ok() {
            let (path, artist) = (one.path, one.card.artist);
            found.problems.push(TaughtError::NameTaken { path, artist });
            continue;
        }
        add(&mut labels, &mut found.artists, id, one);
    }
    add_genres(&mut labels, &mut found.artists, own, first_genre);
    found.labels = Some(labels);
}

fn add(labels: &mut Labels, artists: &mut Vec<Taught>, id: u32, one: Found) {
    let Found { path, card, has_genre_row } = one;
    let n_rows = labels.artists.len().max(id as usize + 1);
    labels.artists.resize(n_rows, String::new());
    labels.artists[id as usize] = card.artist.clone();
    let key = labels.rule.artist_key(&card.artist);
    if key != card.artist.to_lowercase() {
        labels.more_artists.insert(key, id);
    }
    artists.push(Taught { card, artist_id: id, genre_id: None, has_genre_row, path });
}

/// Genres that the pack does not have, in the order of their artists.
fn add_genres(labels: &mut Labels, artists: &mut [Taught], own: &Labels, first: u32) {
    for taught in artists {
        let Some(genre) = taught.card.genre.clone() else { continue };
        if taught.has_genre_row && own.genre_id(&genre).is_err() {
            let id = labels.genre_id(&genre).unwrap_or_else(|_| {
                let id = labels.genres.len().max(first as usize);
                labels.genres.resize(id, String::new());
                labels.genres.push(genre.clone());
                let key = labels.rule.artist_key(&genre);
                if key != genre.to_lowercase() {
                    labels.more_genres.insert(key, id as u32);
                }
                id as u32
            });
            taught.genre_id = Some(id);
        }
        labels.genre_of_artist.insert(taught.card.artist.clone(), genre);
    }
}
