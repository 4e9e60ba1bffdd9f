//! Windows of songs, as steps learn from them.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::PriorRecipe;
use super::codes::CodedSong;
use crate::jukebox::song::LyricWindow;
use crate::jukebox::{LabelRow, PriorConfig};

/// The artist and genre that nobody named.
const UNKNOWN: u32 = 0;

/// Some codes of a song and what is told of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// As many as a window has, or fewer at the end of a song.
    pub codes: Vec<u32>,
    pub labels: LabelRow,
    /// Codes of the level above in the same span; none for a prior of the top level.
    pub upper: Vec<u32>,
}

impl Window {
    /// The window of a song from a token on.
    pub fn of(song: &CodedSong, config: &PriorConfig, start: usize, is_labelled: bool) -> Self {
        let end = song.codes.len().min(start + config.n_ctx);
        let codes = song.codes[start..end].to_vec();
        let upper = match &config.conditioner {
            None => Vec::new(),
            Some(above) => {
                let n_upper = config.n_ctx / above.hop();
                let first = start / above.hop();
                let known = song.upper.iter().skip(first).take(n_upper).copied();
                known.chain(std::iter::repeat(0)).take(n_upper).collect()
            }
        };
        let labels = config.labels.as_ref().map_or_else(LabelRow::default, |labels| {
            let (artist, genre) = match is_labelled {
                true => (song.artist, song.genre),
                false => (UNKNOWN, UNKNOWN),
            };
            let genres = if labels.max_genre_words == 0 { Vec::new() } else { vec![genre] };
            let (total, offset) = (song.n_frames as i64, (start * labels.hop) as i64);
            let mut row = LabelRow::clamped(labels, config.n_ctx, total, offset, artist, genres);
            let n = config.n_lyric_tokens();
            if 0 < n {
                let (offset, duration) = (row.offset, row.sample_length);
                let lyrics = LyricWindow::new(&song.lyrics, n, offset, duration, row.total_length);
                row.lyrics = lyrics.tokens;
            }
            row
        });
        Self { codes, labels, upper }
    }
}

/// Windows of a step, drawn at random: long songs more often, so that every token has the same chance.
pub fn draw(songs: &[CodedSong], recipe: &PriorRecipe, rng: &mut ChaCha8Rng) -> Vec<Window> {
    let n_tokens: usize = songs.iter().map(|song| song.codes.len()).sum();
    let window = |_| {
        let mut token = rng.random_range(0..n_tokens);
        let mut drawn = songs.iter().skip_while(|song| {
            let is_before = song.codes.len() <= token;
            token -= if is_before { song.codes.len() } else { 0 };
            is_before
        });
        let song = drawn.next().unwrap_or(&songs[0]);
        let n_starts = last_start(song, &recipe.prior) / step(&recipe.prior) + 1;
        let start = match rng.random_bool(recipe.song_start_share) {
            true => 0,
            false => rng.random_range(0..n_starts) * step(&recipe.prior),
        };
        let is_labelled = !rng.random_bool(recipe.unlabelled_share);
        Window::of(song, &recipe.prior, start, is_labelled)
    };
    (0..recipe.n_windows).map(window).collect()
}

/// Windows at equal distances over all songs, labelled, always the same.
pub fn spread(songs: &[CodedSong], config: &PriorConfig, n_windows: usize) -> Vec<Window> {
    if songs.is_empty() {
        return Vec::new();
    }
    let window = |idx: usize| {
        let song = &songs[idx * songs.len() / n_windows.max(songs.len())];
        let of_song = |other: usize| other * songs.len() / n_windows.max(songs.len());
        let (first, here) = (
            (0..n_windows).find(|other| of_song(*other) == of_song(idx)).unwrap_or(idx),
            (0..n_windows).filter(|other| of_song(*other) == of_song(idx)).count(),
        );
        let place = (idx - first) * last_start(song, config) / here.saturating_sub(1).max(1);
        Window::of(song, config, place / step(config) * step(config), true)
    };
    (0..n_windows).map(window).collect()
}

/// The latest place for a window.
fn last_start(song: &CodedSong, config: &PriorConfig) -> usize {
    song.codes.len().saturating_sub(config.n_ctx)
}

/// Windows of an upsampler begin where a token of the level above does.
fn step(config: &PriorConfig) -> usize {
    config.conditioner.as_ref().map_or(1, |above| above.hop())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::train::prior::tests::recipe;
    use rand::SeedableRng;

    pub fn song(n_tokens: usize, artist: u32) -> CodedSong {
        CodedSong {
            codes: (0..n_tokens as u32).map(|code| code % 16).collect(),
            upper: Vec::new(),
            n_frames: n_tokens * 128,
            artist,
            genre: artist,
            lyrics: Vec::new(),
        }
    }

    #[test]
    fn windows_are_told_where_they_lie_in_their_song() {
        let recipe = recipe();
        let songs = [song(500, 1), song(300, 2)];
        let mut rng = ChaCha8Rng::seed_from_u64(3);

        let windows: Vec<_> = (0..200).flat_map(|_| draw(&songs, &recipe, &mut rng)).collect();

        let n_ctx = recipe.prior.n_ctx;
        assert!(windows.iter().all(|window| window.codes.len() == n_ctx));
        for window in &windows {
            assert_eq!(window.codes[0], (window.labels.offset / 128) as u32 % 16);
            let n_tokens = if window.labels.artist == 1 { 500 } else { 300 };
            assert!(window.labels.artist == 0 || window.labels.total_length == n_tokens * 128);
        }
        let share = |is: &dyn Fn(&Window) -> bool| {
            windows.iter().filter(|window| is(window)).count() as f64 / windows.len() as f64
        };
        assert!((0.02..0.25).contains(&share(&|window| window.labels.artist == 0)));
        assert!((0.02..0.25).contains(&share(&|window| window.labels.offset == 0)));
        assert!(share(&|window| window.labels.artist == 2) < 0.5);
    }

    #[test]
    fn a_song_shorter_than_a_window_is_a_short_window() {
        let recipe = recipe();

        let window = Window::of(&song(10, 1), &recipe.prior, 0, true);

        assert_eq!(window.codes.len(), 10);
    }

    #[test]
    fn spread_windows_reach_from_the_start_to_the_end_of_every_song() {
        let recipe = recipe();
        let songs = [song(500, 1), song(300, 2)];

        let windows = spread(&songs, &recipe.prior, 6);

        let offsets: Vec<_> = windows.iter().map(|w| w.labels.offset / 128).collect();
        assert_eq!(windows.iter().filter(|w| w.labels.artist == 2).count(), 3);
        assert_eq!((offsets[0], offsets[3]), (0, 0));
        assert_eq!(offsets[2] as usize, 500 - recipe.prior.n_ctx);
    }
}
