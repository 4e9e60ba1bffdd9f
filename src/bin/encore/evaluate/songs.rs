//! The songs that a pack is measured with, and what it is told of them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use encore::corpus::listing::{LISTING_FILE, SungLyrics, SungWord};
use encore::corpus::{Listing, SongLabels};
use encore::engine::model::Model;
use encore::engine::session::label_row;
use encore::jukebox::{PriorConfig, Song as ToldSong};
use encore::lyrics::{Vocabulary, clean};
use encore::pack::Pack;
use encore::units::{frames_from_seconds, seconds_from_frames};

use crate::failure::{Failure, note};
use crate::open;

/// No more of a song is listened to.
const LONGEST_SECONDS: f64 = 60.0;

/// An artist by the pack's tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Artist {
    pub name: String,
    pub id: u32,
    pub genres: Vec<u32>,
}

impl Artist {
    /// The model that plays this artist, where it was taught to the pack; none where the pack's own does.
    pub fn model(&self, own: &Model) -> Result<Option<Model>, Failure> {
        let is_taught = own.pack.taught().iter().any(|taught| taught.artist_id == self.id);
        Ok(is_taught.then(|| own.for_artist(self.id)).transpose()?)
    }
}

/// One song on disk.
#[derive(Debug, Clone)]
pub struct Song {
    pub path: PathBuf,
    /// Index in [`Songs::artists`].
    pub artist_idx: usize,
    pub seconds: f64,
    /// None of a song from elsewhere.
    pub labels: Option<SongLabels>,
}

/// Songs of artists that the pack knows.
pub struct Songs {
    pub artists: Vec<Artist>,
    /// Both in an order in which the artists take turns.
    pub training: Vec<Song>,
    pub held_out: Vec<Song>,
}

impl Songs {
    /// The songs of a corpus. Artists that the pack does not know are left out, with a note.
    pub fn of_corpus(dir: &Path, pack: &Pack) -> Result<Self, Failure> {
        if !dir.join(LISTING_FILE).is_file() {
            return Err(Failure::BadInput(format!(
                "{dir:?} is no corpus: there is no {LISTING_FILE} in it"
            )));
        }
        let listing = Listing::open(dir)?;
        let (mut artists, mut strangers) = (Vec::new(), Vec::new());
        for artist in &listing.artists {
            match known(pack, &artist.name, &artist.genre)? {
                Some(known) => artists.push(known),
                None => strangers.push(artist.name.as_str()),
            }
        }
        let strangers = strangers.join(", ");
        if artists.is_empty() {
            return Err(Failure::BadInput(format!(
                "{:?} knows none of the artists in {dir:?}: {strangers}",
                pack.dir()
            )));
        }
        if !strangers.is_empty() {
            note(&format!("the pack does not know {strangers}, who are left out"));
        }
        let mut songs = [Vec::new(), Vec::new()];
        for entry in &listing.songs {
            let of_entry = |artist: &Artist| artist.name == entry.artist;
            let Some(artist_idx) = artists.iter().position(of_entry) else { continue };
            let labels = Some(entry.labels(dir)?);
            let (path, seconds) = (dir.join(&entry.file), entry.seconds);
            let song = Song { path, artist_idx, seconds, labels };
            songs[usize::from(entry.held_out)].push(song);
        }
        let [training, held_out] = songs.map(|songs| taking_turns(songs, artists.len()));
        for (of, what) in [(&training, "to learn from"), (&held_out, "held out")] {
            if of.is_empty() {
                return Err(Failure::BadInput(format!(
                    "{dir:?} has no songs that are {what}, by an artist that the pack knows"
                )));
            }
        }
        Ok(Self { artists, training, held_out })
    }
}

impl Song {
    /// Its beginning as the networks take it: mono, at the pack's rate.
    pub fn listen(&self, pack: &Pack) -> Result<Vec<f32>, Failure> {
        let mut audio = open::track(&self.path, pack)?;
        audio.truncate(frames_from_seconds(LONGEST_SECONDS, pack.sample_rate().into()));
        Ok(audio)
    }

    /// Seconds that [`Self::listen`] gives.
    pub fn heard_seconds(&self) -> f64 {
        self.seconds.min(LONGEST_SECONDS)
    }

    /// What a prior is told of all of it.
    pub fn told(&self, artist: &Artist, config: &PriorConfig, rate: f64) -> ToldSong {
        let n_frames = frames_from_seconds(self.seconds, rate);
        let labels = label_row(config, n_frames + 1, artist.id, artist.genres.clone());
        let lyrics = self.sung().map_or_else(Vec::new, |sung| as_read(&sung.text, config));
        ToldSong { labels, lyrics, upper: Vec::new() }
    }

    /// The words that are sung in this part of it, in seconds, as a prior reads them.
    pub fn sung_in(&self, part: Range<f64>, config: &PriorConfig) -> Vec<u32> {
        let words = self.sung().map_or(&[][..], |sung| &sung.words);
        let is_heard =
            |word: &&SungWord| part.start < word.end_seconds && word.start_seconds < part.end;
        let words: Vec<&str> =
            words.iter().filter(is_heard).map(|word| word.text.as_str()).collect();
        as_read(&words.join(" "), config)
    }

    fn sung(&self) -> Option<&SungLyrics> {
        self.labels.as_ref()?.lyrics.as_ref()
    }
}

/// Lyrics as tokens; none for a prior that reads none.
fn as_read(lyrics: &str, config: &PriorConfig) -> Vec<u32> {
    let vocabulary = config.lyrics.as_ref().and_then(|read| Vocabulary::of_size(read.n_vocab));
    vocabulary.map_or_else(Vec::new, |vocabulary| clean(lyrics, vocabulary).tokens())
}

/// Songs from elsewhere: the WAV files of a folder, by name. Where a name begins with an artist of the
/// pack, the pack is told so; the others are by nobody it knows.
pub fn unseen(folder: &Path, pack: &Pack) -> Result<(Vec<Artist>, Vec<Song>), Failure> {
    let unread = |e| Failure::BadInput(format!("{folder:?}: {e}"));
    let entries = std::fs::read_dir(folder).map_err(unread)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = paths.map_err(unread)?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("wav")));
    paths.sort();
    if paths.is_empty() {
        return Err(Failure::BadInput(format!("{folder:?} has no WAV files")));
    }
    let (mut artists, mut songs) = (Vec::new(), Vec::new());
    for path in paths {
        let seconds =
            seconds_from_frames(open::track(&path, pack)?.len(), pack.sample_rate().into());
        artists.push(named_by(&path, pack)?);
        songs.push(Song { path, artist_idx: artists.len() - 1, seconds, labels: None });
    }
    Ok((artists, songs))
}

/// The artist that a file is named after, or nobody.
fn named_by(path: &Path, pack: &Pack) -> Result<Artist, Failure> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let names = pack.labels().artists.iter().skip(1).filter(|name| !name.is_empty());
    let longest =
        names.filter(|name| stem.starts_with(&name.to_lowercase())).max_by_key(|n| n.len());
    let named = longest.map(|name| known(pack, name, "")).transpose()?.flatten();
    let genres = vec![0; n_genres(pack)?.min(1)];
    Ok(named.unwrap_or(Artist { name: "unknown".into(), id: 0, genres }))
}

/// An artist of the pack, with the genre if the pack knows it too; any artist where none is told.
fn known(pack: &Pack, name: &str, genre: &str) -> Result<Option<Artist>, Failure> {
    let level = pack.top_level();
    if pack.prior_config(level)?.labels.is_none() {
        return Ok(Some(Artist { name: name.into(), id: 0, genres: Vec::new() }));
    }
    let (labels, n_genres) = (pack.labels_of(level), n_genres(pack)?);
    if labels.artist_id(name).is_err() {
        return Ok(None);
    }
    let genres =
        if labels.genre_id(genre).is_ok() && 0 < n_genres { vec![genre.into()] } else { vec![] };
    let chosen = labels.choose(Some(name), &genres, n_genres)?;
    Ok(Some(Artist { name: name.into(), id: chosen.artist, genres: chosen.genres }))
}

fn n_genres(pack: &Pack) -> Result<usize, Failure> {
    let labels = pack.prior_config(pack.top_level())?.labels.as_ref();
    Ok(labels.map_or(0, |labels| labels.max_genre_words))
}

/// The first song of each artist, then the second of each, and so on.
fn taking_turns(songs: Vec<Song>, n_artists: usize) -> Vec<Song> {
    let mut n_of = vec![0; n_artists];
    let mut placed: Vec<(usize, Song)> = Vec::with_capacity(songs.len());
    for song in songs {
        placed.push((n_of[song.artist_idx], song.clone()));
        n_of[song.artist_idx] += 1;
    }
    placed.sort_by_key(|(turn, song)| (*turn, song.artist_idx));
    placed.into_iter().map(|(_, song)| song).collect()
}

/// The first songs of a list that together have this much music, at least one.
pub fn within(songs: &[Song], seconds: f64) -> &[Song] {
    let mut left = seconds;
    let n_songs = songs.iter().take_while(|song| {
        let has_room = 0.0 < left;
        left -= song.heard_seconds();
        has_room
    });
    &songs[..n_songs.count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn song(artist_idx: usize, seconds: f64) -> Song {
        Song { path: PathBuf::new(), artist_idx, seconds, labels: None }
    }

    #[test]
    fn artists_take_turns_and_songs_stop_when_there_is_enough() {
        let songs = [0, 0, 0, 1, 2, 2].map(|artist| song(artist, 30.0));

        let songs = taking_turns(songs.into(), 3);

        assert_eq!(
            songs.iter().map(|song| song.artist_idx).collect::<Vec<_>>(),
            [0, 1, 2, 0, 2, 0]
        );
        assert_eq!(within(&songs, 61.0).len(), 3);
        assert_eq!(within(&songs, 1e9).len(), 6);
    }
}
