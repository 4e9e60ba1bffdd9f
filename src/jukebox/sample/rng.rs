//! Random numbers for tokens: the same on every machine, and resumable from a saved state.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use super::Dice;

/// Uniform numbers from a seed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "State", into = "State")]
pub struct TokenRng {
    state: State,
    stream: ChaCha8Rng,
}

/// Enough to start again at the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    seed: u64,
    /// Which of the seed's streams.
    #[serde(default)]
    stream: u64,
    n_drawn: u64,
}

impl TokenRng {
    pub fn new(seed: u64) -> Self {
        Self::of_stream(seed, 0)
    }

    /// One of many streams of a seed that have nothing to do with each other.
    pub fn of_stream(seed: u64, stream: u64) -> Self {
        State { seed, stream, n_drawn: 0 }.into()
    }
}

impl Dice for TokenRng {
    /// In steps of 2⁻⁵³.
    fn next_uniform(&mut self) -> f64 {
        self.state.n_drawn += 1;
        (self.stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl PartialEq for TokenRng {
    fn eq(&self, other: &Self) -> bool {
        self.state == other.state
    }
}

impl Eq for TokenRng {}

impl From<State> for TokenRng {
    fn from(state: State) -> Self {
        let mut stream = ChaCha8Rng::seed_from_u64(state.seed);
        stream.set_stream(state.stream);
        stream.set_word_pos(2 * state.n_drawn as u128); // two words make one number
        Self { state, stream }
    }
}

impl From<TokenRng> for State {
    fn from(rng: TokenRng) -> Self {
        rng.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_state_goes_on_with_the_same_numbers() {
        for n_before in [0, 1, 7, 33, 1000] {
            let mut rng = TokenRng::of_stream(u64::MAX - 3, n_before);
            (0..n_before).for_each(|_| _ = rng.next_uniform());
            let saved = serde_json::to_string(&rng).unwrap();

            let mut restored: TokenRng = serde_json::from_str(&saved).unwrap();

            let next = |rng: &mut TokenRng| [(); 50].map(|_| rng.next_uniform());
            assert_eq!(next(&mut restored), next(&mut rng));
        }
    }

    #[test]
    fn numbers_are_uniform_and_depend_on_the_seed() {
        let mut rng = TokenRng::new(1);
        let numbers: Vec<f64> = (0..10_000).map(|_| rng.next_uniform()).collect();

        assert!(numbers.iter().all(|u| (0.0..1.0).contains(u)));
        assert!((numbers.iter().sum::<f64>() / 1e4 - 0.5).abs() < 0.01);
        assert_ne!(numbers[0], TokenRng::new(2).next_uniform());
        assert_ne!(numbers[0], TokenRng::of_stream(1, 1).next_uniform());
    }

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        let mut rng = TokenRng::new(42);

        let first = rng.next_uniform();

        assert_eq!(first, FIRST_OF_SEED_42);
    }

    /// Recipes that were saved with a seed rely on it.
    const FIRST_OF_SEED_42: f64 = 0.6818961923066714;
}
