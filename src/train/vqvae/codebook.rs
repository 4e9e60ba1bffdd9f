//! Codes that follow the encoder's outputs as running means (SPEC §9).

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::recipe::CodebookConfig;
use crate::train::ops::rows::{CHUNK_ROWS, Matrix, multiply};

/// Spread of what is added to an output that more than one code starts from.
const START_SPREAD: f32 = 0.01;
/// Distances that are compared side by side.
const N_LANES: usize = 16;

/// The vectors of codes, and the running sums that they are means of.
#[derive(Debug, Clone, PartialEq)]
pub struct Codebook {
    config: CodebookConfig,
    c: usize,
    n_bins: usize,
    pub vectors: Vec<f32>, // [bins, c]
    pub sums: Vec<f32>,    // [bins, c]
    /// Uses in a step; 0 for all of them before the first.
    pub counts: Vec<f32>, // [bins]
}

impl Codebook {
    /// Not started: the first outputs are to be given to [`Codebook::start`].
    pub fn new(config: &CodebookConfig, n_bins: usize, c: usize) -> Self {
        let zeros = vec![0.0; n_bins * c];
        let counts = vec![0.0; n_bins];
        Self { config: config.clone(), c, n_bins, vectors: zeros.clone(), sums: zeros, counts }
    }

    pub fn is_started(&self) -> bool {
        self.counts.iter().any(|count| *count != 0.0)
    }

    /// Begins with random outputs of the encoder, `[n, c]`.
    pub fn start(&mut self, outputs: &[f32], rng: &mut ChaCha8Rng) {
        let n = outputs.len() / self.c;
        let spread = START_SPREAD / (self.c as f32).sqrt();
        let mut order: Vec<usize> = (0..n).collect();
        for (code, vector) in self.vectors.chunks_exact_mut(self.c).enumerate() {
            if code < n {
                let other = rng.random_range(code..n);
                order.swap(code, other);
            }
            let from = &outputs[order[code % n] * self.c..][..self.c];
            for (to, x) in vector.iter_mut().zip(from) {
                let noise = if code < n { 0.0 } else { spread * rng.random_range(-1.0f32..1.0) };
                *to = x + noise;
            }
        }
        self.sums.copy_from_slice(&self.vectors);
        self.counts.fill(1.0);
    }

    /// Nearest code of each output, the first of equals: `[n, c]` to `[n]`.
    pub fn nearest(&self, outputs: &[f32]) -> Vec<u32> {
        let norm = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>();
        let code_norms: Vec<f32> = self.vectors.chunks_exact(self.c).map(norm).collect();
        let mut codes = vec![0u32; outputs.len() / self.c];
        let chunks = codes.par_chunks_mut(CHUNK_ROWS).zip(outputs.par_chunks(CHUNK_ROWS * self.c));
        let room = || vec![0.0; CHUNK_ROWS * self.n_bins];
        chunks.for_each_init(room, |products, (codes, outputs)| {
            let products = &mut products[..codes.len() * self.n_bins];
            let book = Matrix::of(&self.vectors, self.c).turned();
            let shape = (codes.len(), self.c, self.n_bins);
            multiply(shape, Matrix::of(outputs, self.c), book, false, products);
            let rows = products.chunks_exact_mut(self.n_bins).zip(outputs.chunks_exact(self.c));
            for (code, (row, output)) in codes.iter_mut().zip(rows) {
                let norm = norm(output);
                for (value, code_norm) in row.iter_mut().zip(&code_norms) {
                    *value = norm - 2.0 * *value + code_norm;
                }
                *code = first_smallest(row);
            }
        });
        codes
    }

    /// The vector of each code, `[n]` to `[n, c]`.
    pub fn vectors_of(&self, codes: &[u32]) -> Vec<f32> {
        let vector = |code: &u32| &self.vectors[*code as usize * self.c..][..self.c];
        codes.iter().flat_map(vector).copied().collect()
    }

    /// Follows the outputs `[n, c]` of one step and their codes; returns how many codes were revived.
    pub fn follow(&mut self, outputs: &[f32], codes: &[u32], rng: &mut ChaCha8Rng) -> usize {
        let (c, mu) = (self.c, self.config.mu as f32);
        let (mut sums, mut counts) = (vec![0.0; self.sums.len()], vec![0.0; self.n_bins]);
        for (output, code) in outputs.chunks_exact(c).zip(codes) {
            let code = *code as usize;
            counts[code] += 1.0;
            sums[code * c..][..c].iter_mut().zip(output).for_each(|(sum, x)| *sum += x);
        }
        let blend = |old: &mut [f32], new: &[f32]| {
            old.iter_mut().zip(new).for_each(|(old, new)| *old = mu * *old + (1.0 - mu) * new);
        };
        blend(&mut self.sums, &sums);
        blend(&mut self.counts, &counts);
        let mut n_revived = 0;
        for code in 0..self.n_bins {
            let at = code * c..(code + 1) * c;
            let count = self.counts[code];
            if f64::from(count) < self.config.revival_count {
                let from = rng.random_range(0..codes.len()) * c;
                self.vectors[at.clone()].copy_from_slice(&outputs[from..from + c]);
                if self.config.revival_is_whole {
                    self.sums[at].copy_from_slice(&outputs[from..from + c]);
                    self.counts[code] = 1.0;
                }
                n_revived += 1;
                continue;
            }
            let means = self.vectors[at.clone()].iter_mut().zip(&self.sums[at]);
            means.for_each(|(to, sum)| *to = sum / count);
        }
        n_revived
    }
}

/// Share of the codes that would do, were each used as often: perplexity over the size of the book.
pub fn use_share(codes: &[u32], n_bins: usize) -> f64 {
    let mut counts = vec![0u64; n_bins];
    codes.iter().for_each(|code| counts[*code as usize] += 1);
    let shares = counts.iter().filter(|n| 0 < **n).map(|n| *n as f64 / codes.len() as f64);
    let entropy: f64 = shares.map(|share| -share * share.ln()).sum();
    entropy.exp() / n_bins as f64
}

fn first_smallest(row: &[f32]) -> u32 {
    let mut least = [f32::INFINITY; N_LANES];
    let lanes = row.chunks_exact(N_LANES);
    for distance in lanes.remainder() {
        least[0] = least[0].min(*distance);
    }
    for lane in lanes {
        for (least, distance) in least.iter_mut().zip(lane) {
            *least = if distance < least { *distance } else { *least };
        }
    }
    let least = least.into_iter().fold(f32::INFINITY, f32::min);
    row.iter().position(|distance| *distance == least).unwrap_or(0) as u32
}
