//! Where one chain of codes can become the next one, so that nobody hears it.
//!
//! Neighbours have written the same stretch of the song, each in its own way, and under the same codes above.
//! Both ways are decoded, and the change is made where they are most alike, or quiet.

use crate::{
    engine::EngineError,
    jukebox::Vqvae,
    units::{frames_from_seconds, frames_from_tokens},
};

/// How much of both is compared around a token.
const COMPARED_SECONDS: f64 = 0.025;

/// Codes of a level that are joined chain by chain, from left to right.
pub struct Joining<'v> {
    vqvae: &'v Vqvae,
    level: usize,
    rate: f64,
    /// The song as far as it is joined; its last tokens are also the next chain's first.
    pub codes: Vec<u32>,
    /// First tokens of the chains that were joined on.
    pub joints: Vec<usize>,
}

impl<'v> Joining<'v> {
    /// Begins with the song up to the end of its first chain; `rate` is that of the model's audio, in Hz.
    pub fn new(vqvae: &'v Vqvae, level: usize, rate: f64, codes: Vec<u32>) -> Self {
        Self { vqvae, level, rate, codes, joints: Vec::new() }
    }

    /// Goes on with a chain whose codes are those from token `first` on.
    ///
    /// # Errors
    /// When a code is none of the codebook's.
    pub fn join(&mut self, first: usize, chain: &[u32]) -> Result<(), EngineError> {
        let shared = self.joints.last().map_or(first, |joint| first.max(*joint))..self.codes.len();
        let left = [&self.codes[..], &chain[shared.end - first..]].concat(); // as late as can be
        let right = [&self.codes[..shared.start], &chain[shared.start - first..]].concat();
        let heard = |codes: &[u32]| self.vqvae.decode_span(codes, shared.clone(), self.level);
        let hop = self.vqvae.config().hop(self.level);
        let n_compared = frames_from_seconds(COMPARED_SECONDS, self.rate);
        let joint = shared.start + most_alike(&heard(&left)?, &heard(&right)?, hop, n_compared);
        self.codes.truncate(joint);
        self.codes.extend_from_slice(&chain[joint - first..]);
        self.joints.push(joint);
        Ok(())
    }
}

/// The token at which two versions of some audio, `[tokens * hop]`, differ least in about `n_compared` frames:
/// measured by their loudness there and in the mean, so that what is quiet may differ.
fn most_alike(left: &[f32], right: &[f32], hop: usize, n_compared: usize) -> usize {
    let n_tokens = left.len() / hop;
    let n_around = (n_compared / 2 / hop).min(n_tokens / 2).max(1); // tokens on either side
    if n_tokens < 2 * n_around {
        return n_tokens / 2;
    }
    let n_frames = frames_from_tokens(2 * n_around, hop);
    let hann = |i: usize| 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / n_frames as f64).cos();
    let window: Vec<f64> = (0..n_frames).map(hann).collect();
    let energy = |left: f32, right: f32| f64::from(left).powi(2) + f64::from(right).powi(2);
    let whole: f64 = left.iter().zip(right).map(|(left, right)| energy(*left, *right)).sum();
    let usual = whole / left.len() as f64 * n_frames as f64 / 2.0; // under such a window
    let difference = |token: &usize| {
        let from = frames_from_tokens(token - n_around, hop);
        let frames = left[from..].iter().zip(&right[from..]).zip(&window);
        let (mut apart, mut loud) = (0.0, 0.0);
        for ((left, right), weight) in frames {
            apart += weight * f64::from(left - right).powi(2);
            loud += weight * energy(*left, *right);
        }
        apart / (loud + usual + f64::MIN_POSITIVE)
    };
    let tokens = n_around..=n_tokens - n_around;
    let alike = tokens.map(|token| (difference(&token), token));
    alike.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(n_tokens / 2, |(_, token)| token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jukebox::vqvae::tests::{random_vqvae, tiny};

    const HOP: usize = 8;

    fn tone(n_tokens: usize, hz: f64) -> Vec<f32> {
        let wave = |i: usize| (std::f64::consts::TAU * hz * i as f64 / 8000.0).sin() as f32;
        (0..n_tokens * HOP).map(wave).collect()
    }

    #[test]
    fn what_becomes_another_does_so_where_both_are_the_same() {
        let (left, mut right) = (tone(100, 440.0), tone(100, 610.0));
        right[60 * HOP..72 * HOP].copy_from_slice(&left[60 * HOP..72 * HOP]);

        let joint = most_alike(&left, &right, HOP, 8 * HOP);

        assert!((64..=68).contains(&joint), "{joint}");
    }

    #[test]
    fn where_nothing_is_the_same_it_is_done_in_a_pause() {
        let (mut left, mut right) = (tone(100, 440.0), tone(100, 610.0));
        for version in [&mut left, &mut right] {
            version[20 * HOP..32 * HOP].iter_mut().for_each(|frame| *frame *= 0.01);
        }

        let joint = most_alike(&left, &right, HOP, 8 * HOP);

        assert!((24..=28).contains(&joint), "{joint}");
    }

    #[test]
    fn chains_are_joined_among_the_codes_that_they_share() {
        let vqvae = random_vqvae(&tiny());
        let reach = vqvae.decoder_reach_tokens(1).unwrap();
        let code = |by: usize| move |i: usize| (i * i * by % 23) as u32;
        let alike = 300 - reach..310 + reach; // what both decode alike ends where they differ within reach
        let left: Vec<u32> = (0..600).map(code(1)).collect();
        let right: Vec<u32> =
            (100..900).map(|i| if alike.contains(&i) { code(1)(i) } else { code(3)(i) }).collect();
        let mut joining = Joining::new(&vqvae, 1, 0.0, left.clone());

        joining.join(100, &right).unwrap();

        let joint = joining.joints[0];
        assert!((300..=310).contains(&joint), "{joint}");
        assert_eq!(joining.codes[..joint], left[..joint]);
        assert_eq!(joining.codes[joint..], right[joint - 100..]);
    }

    #[test]
    fn any_length_has_a_place() {
        for n_tokens in 0..6 {
            for n_compared in [0, HOP, 100 * HOP] {
                let (left, right) = (tone(n_tokens, 440.0), tone(n_tokens, 610.0));

                assert!(most_alike(&left, &right, HOP, n_compared) <= n_tokens);
            }
        }
    }
}
