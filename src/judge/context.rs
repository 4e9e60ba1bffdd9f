//! What a model has to beat: codes guessed from the two before them.
//!
//! Counts of the training codes, smoothed as Kneser and Ney do it: each order takes a discount from what it
//! saw and gives it to the order below, which counts in how many contexts a code follows and not how often.

use std::collections::HashMap;

/// Guesses codes from the two before them.
pub struct ContextModel {
    n_bins: usize,
    /// By length of the context: 0, 1 and 2 codes.
    orders: [Order; 3],
}

/// What follows contexts of one length.
#[derive(Default)]
struct Order {
    /// By context and code.
    counts: HashMap<u64, u32>,
    /// By context: the sum of its counts, and how many codes have one.
    contexts: HashMap<u64, (u32, u32)>,
    /// Taken from each count.
    discount: f64,
}

/// Bits that a code takes in a key.
const CODE_BITS: u32 = 20;

/// Codes as one number, so that it can be looked up.
fn key(codes: &[u32]) -> u64 {
    codes.iter().fold(0, |key, code| (key << CODE_BITS) | u64::from(*code))
}

impl Order {
    /// `seen` holds every context followed by its code, with how often that counts.
    fn new(seen: impl Iterator<Item = (u64, u32)>) -> Self {
        let mut counts: HashMap<u64, u32> = HashMap::new();
        seen.for_each(|(key, n)| *counts.entry(key).or_default() += n);
        let mut contexts: HashMap<u64, (u32, u32)> = HashMap::new();
        for (key, n) in &counts {
            let (sum, n_kinds) = contexts.entry(key >> CODE_BITS).or_default();
            *sum += n;
            *n_kinds += 1;
        }
        let n_with = |n: u32| counts.values().filter(|count| **count == n).count() as f64;
        let (once, twice) = (n_with(1), n_with(2));
        let discount = (once / (once + 2.0 * twice).max(1.0)).clamp(0.05, 0.95);
        Self { counts, contexts, discount }
    }

    /// The chance of a code after its context, `below` being that after a shorter one.
    fn chance(&self, seen: &[u32], below: f64) -> f64 {
        let key = key(seen);
        let Some((sum, n_kinds)) = self.contexts.get(&(key >> CODE_BITS)) else {
            return below;
        };
        let count = self.counts.get(&key).map_or(0.0, |n| f64::from(*n) - self.discount);
        (count + self.discount * f64::from(*n_kinds) * below) / f64::from(*sum)
    }
}

impl ContextModel {
    /// Learns from songs of codes below `n_bins`, which is at most a million.
    pub fn train(songs: &[Vec<u32>], n_bins: usize) -> Self {
        let triples = songs.iter().flat_map(|codes| codes.windows(3)).map(|seen| (key(seen), 1));
        let of_two = Order::new(triples);
        let below = |order: &Order, n_codes: u32| {
            let kept = (1u64 << (n_codes * CODE_BITS)) - 1;
            Order::new(order.counts.keys().map(|key| (key & kept, 1)))
        };
        let of_one = below(&of_two, 2);
        let of_none = below(&of_one, 1);
        Self { n_bins, orders: [of_none, of_one, of_two] }
    }

    /// Bits of each code of a song, given those before it.
    pub fn bits(&self, codes: &[u32]) -> Vec<f64> {
        let bits = |i: usize| -self.chance(&codes[i.saturating_sub(2)..=i]).log2();
        (0..codes.len()).map(bits).collect()
    }

    /// The chance of the last of these codes after the others, of which there are at most two.
    fn chance(&self, seen: &[u32]) -> f64 {
        let flat = 1.0 / self.n_bins.max(1) as f64;
        let orders = self.orders.iter().take(seen.len()).enumerate();
        orders.fold(flat, |below, (n_before, order)| {
            order.chance(&seen[seen.len() - 1 - n_before..], below)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::stats::mean;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Codes of 8 that follow the sum of the two before with chance 0.9, else any.
    fn song(seed: u64, n_codes: usize) -> Vec<u32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut codes = vec![1u32, 2];
        while codes.len() < n_codes {
            let next = (codes[codes.len() - 1] + 3 * codes[codes.len() - 2] + 1) % 8;
            codes.push(if rng.random::<f64>() < 0.9 { next } else { rng.random_range(0..8) });
        }
        codes
    }

    #[test]
    fn a_source_of_order_two_costs_its_entropy() {
        let model = ContextModel::train(&[song(1, 40_000)], 8);

        let bits = mean(&model.bits(&song(2, 20_000)));

        let (likely, other) = (0.9 + 0.1 / 8.0, 0.1 / 8.0f64);
        let entropy: f64 = -likely * f64::log2(likely) - 7.0 * other * other.log2();
        assert!((bits - entropy).abs() < 0.02, "{bits} bits, the source has {entropy}");
    }

    #[test]
    fn chances_add_up_to_one_after_any_context() {
        let model = ContextModel::train(&[song(3, 300), song(4, 200)], 11);

        for context in [&[][..], &[3], &[10], &[1, 2], &[10, 10], &[10, 2]] {
            let with = |code| [context, &[code]].concat();
            let sum: f64 = (0..11).map(|code| model.chance(&with(code))).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{context:?}: {sum}");
        }
    }

    #[test]
    fn noise_costs_no_more_than_noise() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut noise = || (0..20_000).map(|_| rng.random_range(0..64)).collect::<Vec<u32>>();

        let bits = mean(&ContextModel::train(&[noise()], 64).bits(&noise()));

        assert!((6.0..6.4).contains(&bits), "{bits}");
    }

    #[test]
    fn without_songs_every_code_is_as_likely() {
        assert_eq!(ContextModel::train(&[], 16).bits(&[3, 4, 5]), [4.0, 4.0, 4.0]);
    }
}
