//! How surprising a level finds codes that are already there.

use super::told::Song;
use super::windows::Plan;
use crate::jukebox::JukeboxError;
use crate::jukebox::prior::Prior;

/// Bits of each token, `[t]`, given the tokens that a sampler would have seen before it.
///
/// Windows move as they do in sampling, so later tokens are judged with at least `n_ctx -
/// hop_tokens` tokens before them. `go_on` is asked before each window with the number of tokens
/// that are done; if it says no, there is no score.
pub fn score(
    prior: &Prior,
    song: &Song,
    codes: &[u32],
    hop_tokens: usize,
    mut go_on: impl FnMut(usize) -> bool,
) -> Result<Option<Vec<f64>>, JukeboxError> {
    let n_ctx = prior.config().n_ctx;
    let plan = Plan::adding(0, codes.len(), n_ctx, hop_tokens);
    let mut bits = Vec::with_capacity(codes.len());
    for window in plan.windows(n_ctx, 0)? {
        if !go_on(bits.len()) {
            return Ok(None);
        }
        let seen = codes[window.start..window.start + window.n_tokens].to_vec();
        let cond = song.told(prior, window.start)?.condition(prior)?;
        let of_window = prior.token_bits(&[seen], &cond)?.music.concat();
        bits.extend_from_slice(&of_window[bits.len() - window.start..]);
    }
    Ok(Some(bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jukebox::prior::LabelRow;
    use crate::jukebox::prior::tests::{random_prior, rows, single_sequence};

    #[test]
    fn every_token_is_scored_once_in_the_window_that_would_have_written_it() {
        let prior = random_prior(&single_sequence());
        let labels = LabelRow { lyrics: vec![], ..rows(prior.config(), 1).remove(0) };
        let song = Song { labels, lyrics: vec![1; 30], upper: vec![] };
        let codes: Vec<u32> = (0..30).map(|i| i * 5 % 12).collect();

        let bits = score(&prior, &song, &codes, 8, |_| true).unwrap().unwrap();

        let window = |start: usize| {
            let cond = song.told(&prior, start).unwrap().condition(&prior).unwrap();
            let seen = codes[start..start + 24].to_vec();
            prior.token_bits(&[seen], &cond).unwrap().music.concat()
        };
        assert_eq!(bits[..24], window(0));
        assert_eq!(bits[24..], window(6)[18..]);
        assert!(score(&prior, &song, &codes, 8, |_| false).unwrap().is_none());
    }
}
