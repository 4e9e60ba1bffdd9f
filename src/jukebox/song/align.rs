//! Which character of the lyrics each token of a finished song sings (SPEC §5, end).

use super::lyrics::LyricWindow;
use super::told::Song;
use super::windows::starts;
use crate::jukebox::JukeboxError;
use crate::jukebox::prior::Prior;

/// How much each moment looks at each character of the whole lyrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    pub n_moments: usize,
    pub n_lyrics: usize,
    /// `[n_moments, n_lyrics]`; zero outside of a moment's windows of lyrics.
    pub weights: Vec<f32>,
}

impl Alignment {
    /// Weights of one moment, over all characters.
    pub fn of_moment(&self, moment: usize) -> &[f32] {
        &self.weights[moment * self.n_lyrics..][..self.n_lyrics]
    }
}

/// Runs all windows over the codes of a finished top level, `hop_tokens` apart. A moment is the mean of
/// `tokens_per_moment` tokens.
///
/// Where windows overlap, the earlier one is believed. `go_on` is asked before each window; if it
/// says no, there is no alignment.
pub fn align(
    prior: &Prior,
    song: &Song,
    codes: &[u32],
    hop_tokens: usize,
    tokens_per_moment: usize,
    mut go_on: impl FnMut(usize, usize) -> bool,
) -> Result<Option<Alignment>, JukeboxError> {
    let (n_ctx, n_lyrics) = (prior.config().n_ctx, song.lyrics.len());
    let tokens_per_moment = tokens_per_moment.max(1);
    let mut padded = codes.to_vec();
    padded.resize(codes.len().max(n_ctx), 0);
    let n_moments = codes.len().div_ceil(tokens_per_moment);
    let mut weights = vec![0.0; n_moments * n_lyrics];
    let starts: Vec<usize> = starts(padded.len(), n_ctx, hop_tokens).collect();
    let mut n_told = 0usize; // tokens that an earlier window has told of
    for (n_done, start) in starts.iter().enumerate() {
        if !go_on(n_done, starts.len()) {
            return Ok(None);
        }
        let told = song.told(prior, *start)?;
        let window = LyricWindow { tokens: told.labels.lyrics.clone(), first: told.first_lyric };
        let seen = &padded[*start..start + n_ctx];
        let rows = prior.lyric_attention(&[seen.to_vec()], &told.condition(prior)?)?;
        let rows = rows.iter().flat_map(|rows| rows.chunks_exact(window.tokens.len()));
        for (token, row) in (*start..codes.len()).zip(rows).skip(n_told.saturating_sub(*start)) {
            let moment = token / tokens_per_moment;
            let n_of_moment = tokens_per_moment.min(codes.len() - moment * tokens_per_moment);
            let of_moment = &mut weights[moment * n_lyrics..][..n_lyrics];
            for (idx, weight) in window.indices().zip(row) {
                if let Some(idx) = idx {
                    of_moment[idx] += weight / n_of_moment as f32;
                }
            }
        }
        n_told = start + n_ctx;
    }
    Ok(Some(Alignment { n_moments, n_lyrics, weights }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jukebox::prior::LabelRow;
    use crate::jukebox::prior::tests::{random_prior, rows, separate_encoder, single_sequence};

    fn song(prior: &Prior) -> Song {
        let labels = LabelRow { lyrics: vec![], ..rows(prior.config(), 1).remove(0) };
        Song { labels, lyrics: (0..40).map(|i| i * i % 7).collect(), upper: vec![] }
    }

    #[test]
    fn where_windows_overlap_the_earlier_one_is_believed() {
        for config in [single_sequence(), separate_encoder()] {
            let prior = random_prior(&config);
            let (song, codes): (_, Vec<u32>) = (song(&prior), (0..40).map(|i| i % 12).collect());

            let aligned = align(&prior, &song, &codes, 8, 1, |_, _| true).unwrap().unwrap();

            let told = song.told(&prior, 0).unwrap();
            let cond = told.condition(&prior).unwrap();
            let first = prior.lyric_attention(&[codes[..24].to_vec()], &cond).unwrap().concat();
            let at = told.first_lyric as usize;
            assert_eq!(aligned.of_moment(20)[at..at + 8], first[20 * 8..21 * 8]);
            assert_eq!((aligned.n_moments, aligned.n_lyrics), (40, 40));
            assert!((0..40).all(|i| aligned.of_moment(i).iter().any(|weight| 0.0 < *weight)));
        }
    }

    #[test]
    fn a_song_shorter_than_a_window_or_its_lyrics_is_aligned_too() {
        let prior = random_prior(&single_sequence());
        let short = Song { lyrics: vec![1, 2, 3], ..song(&prior) };

        let aligned = align(&prior, &short, &[5; 10], 8, 1, |_, _| true).unwrap().unwrap();
        let stopped = align(&prior, &short, &[5; 10], 8, 1, |_, _| false).unwrap();

        assert_eq!((aligned.weights.len(), aligned.of_moment(9).len()), (30, 3));
        assert!(aligned.weights.iter().all(|weight| 0.0 < *weight));
        assert!(stopped.is_none());
    }

    #[test]
    fn a_moment_is_the_mean_of_its_tokens() {
        let prior = random_prior(&single_sequence());
        let (song, codes): (_, Vec<u32>) = (song(&prior), (0..31).map(|i| i % 12).collect());
        let aligned = |n| align(&prior, &song, &codes, 8, n, |_, _| true).unwrap().unwrap();

        let (each, fours) = (aligned(1), aligned(4));

        assert_eq!(fours.n_moments, 8);
        for moment in 0..8 {
            let tokens = 4 * moment..31.min(4 * moment + 4);
            for (idx, weight) in fours.of_moment(moment).iter().enumerate() {
                let sum: f32 = tokens.clone().map(|token| each.of_moment(token)[idx]).sum();
                assert!((sum / tokens.len() as f32 - weight).abs() < 1e-6);
            }
        }
    }
}
