//! Which character of the lyrics each token of a finished song sings (SPEC §5, end).

use super::lyrics::LyricWindow;
use super::told::Song;
use super::windows::starts;
use crate::jukebox::JukeboxError;
use crate::jukebox::prior::Prior;

/// How much each token looks at each character of the whole lyrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    pub n_tokens: usize,
    pub n_lyrics: usize,
    /// `[n_tokens, n_lyrics]`; zero outside of a token's window of lyrics.
    pub weights: Vec<f32>,
}

impl Alignment {
    /// Weights of one token, over all characters.
    pub fn of_token(&self, token_idx: usize) -> &[f32] {
        &self.weights[token_idx * self.n_lyrics..][..self.n_lyrics]
    }
}

/// Runs all windows over the codes of a finished top level, `hop_tokens` apart.
///
/// Where windows overlap, the earlier one is believed. `go_on` is asked before each window; if it
/// says no, there is no alignment.
pub fn align(
    prior: &Prior,
    song: &Song,
    codes: &[u32],
    hop_tokens: usize,
    mut go_on: impl FnMut(usize, usize) -> bool,
) -> Result<Option<Alignment>, JukeboxError> {
    let (n_ctx, n_lyrics) = (prior.config().n_ctx, song.lyrics.len());
    let mut padded = codes.to_vec();
    padded.resize(codes.len().max(n_ctx), 0);
    let mut weights = vec![0.0; codes.len() * n_lyrics];
    let starts: Vec<usize> = starts(padded.len(), n_ctx, hop_tokens).collect();
    for (n_done, start) in starts.iter().rev().enumerate() {
        if !go_on(n_done, starts.len()) {
            return Ok(None);
        }
        let told = song.told(prior, *start)?;
        let window = LyricWindow { tokens: told.labels.lyrics.clone(), first: told.first_lyric };
        let seen = &padded[*start..start + n_ctx];
        let rows = prior.lyric_attention(&[seen.to_vec()], &told.condition(prior)?)?;
        let n_window = window.tokens.len();
        for (i, row) in rows.iter().flat_map(|rows| rows.chunks_exact(n_window)).enumerate() {
            let Some(of_token) = weights.chunks_exact_mut(n_lyrics.max(1)).nth(start + i) else {
                break; // padding
            };
            for (idx, weight) in window.indices().zip(row) {
                if let Some(idx) = idx {
                    of_token[idx] = *weight;
                }
            }
        }
    }
    Ok(Some(Alignment { n_tokens: codes.len(), n_lyrics, weights }))
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

            let aligned = align(&prior, &song, &codes, 8, |_, _| true).unwrap().unwrap();

            let told = song.told(&prior, 0).unwrap();
            let cond = told.condition(&prior).unwrap();
            let first = prior.lyric_attention(&[codes[..24].to_vec()], &cond).unwrap().concat();
            let at = told.first_lyric as usize;
            assert_eq!(aligned.of_token(20)[at..at + 8], first[20 * 8..21 * 8]);
            assert_eq!((aligned.n_tokens, aligned.n_lyrics), (40, 40));
            assert!((0..40).all(|i| aligned.of_token(i).iter().any(|weight| 0.0 < *weight)));
        }
    }

    #[test]
    fn a_song_shorter_than_a_window_or_its_lyrics_is_aligned_too() {
        let prior = random_prior(&single_sequence());
        let short = Song { lyrics: vec![1, 2, 3], ..song(&prior) };

        let aligned = align(&prior, &short, &[5; 10], 8, |_, _| true).unwrap().unwrap();
        let stopped = align(&prior, &short, &[5; 10], 8, |_, _| false).unwrap();

        assert_eq!((aligned.weights.len(), aligned.of_token(9).len()), (30, 3));
        assert!(aligned.weights.iter().all(|weight| 0.0 < *weight));
        assert!(stopped.is_none());
    }
}
