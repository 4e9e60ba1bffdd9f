//! Chance, from a seed: the same seed draws the same mutations for each instance.

use rand::{Rng, SeedableRng, rngs::StdRng};
use rand_chacha::ChaCha8Rng;

use crate::host::Param;

/// Draws for one instance, or for the main thread.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// `stream` tells apart what draws from one seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability)
    }

    /// A whole number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n.max(1))
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.random::<f64>()
    }

    /// Each order of magnitude is as likely as the next; both ends are positive.
    pub fn of_any_size(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn bits(&mut self) -> u64 {
        self.0.random()
    }

    /// A value for `param`: mostly in its range, often at its ends, at times one that no host should send.
    pub fn value(&mut self, param: &Param) -> f64 {
        match self.below(100) {
            0..70 => self.between(param.min, param.max),
            70..78 => param.min,
            78..86 => param.max,
            86..92 => self.between(param.min, param.max).round(),
            _ => self.pick(&[
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::MAX,
                -f64::MAX,
                f64::MIN_POSITIVE,
                5e-324,
                -0.0,
                param.min - 1.0,
                param.max + 1.0,
            ]),
        }
    }

    /// A sample rate in Hz: one that studios use, or any from 1 kHz to 768 kHz.
    pub fn rate(&mut self) -> f64 {
        match self.below(10) {
            0..6 => self.pick(&[44_100.0, 48_000.0, 48_000.0, 48_000.0, 88_200.0, 96_000.0]),
            6..8 => self.of_any_size(1_000.0, 768_000.0).round(),
            8 => self.of_any_size(1_000.0, 768_000.0),
            _ => self.pick(&[1_000.0, 7_999.0, 8_000.0, 22_050.0, 192_000.0, 768_000.0]),
        }
    }

    /// Bytes that were a state until something happened to them.
    pub fn damaged(&mut self, state: &[u8]) -> Vec<u8> {
        let mut bytes = state.to_vec();
        match self.below(4) {
            0 => bytes.truncate(self.below(state.len().max(1))),
            1 => {
                for _ in 0..1 + self.below(8) {
                    let at = self.below(bytes.len());
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << self.below(8);
                    }
                }
            }
            2 => bytes = self.noise(4096),
            _ => {
                let (from, noise) = (self.below(bytes.len()), self.noise(64));
                bytes.splice(from.min(bytes.len()).., noise);
            }
        }
        bytes
    }

    fn noise(&mut self, n_max: usize) -> Vec<u8> {
        let mut noise = vec![0; self.below(n_max)];
        StdRng::seed_from_u64(self.bits()).fill(&mut noise[..]);
        noise
    }
}
