//! Codes and the vectors they stand for.

use crate::jukebox::JukeboxError;
use crate::jukebox::kernels::dense::{Finish, Reading};
use crate::jukebox::kernels::float_matrix::FloatMatrix;

/// Vectors that are compared with the book in one go.
const QUANTISE_CHUNK: usize = 512;

/// The vectors that codes stand for.
pub struct Codebook {
    vectors: Vec<f32>, // [bins, c]
    columns: FloatMatrix,
    norms: Vec<f32>, // [bins], squared
    c: usize,
}

impl Codebook {
    pub fn new(vectors: Vec<f32>, c: usize) -> Self {
        let columns = FloatMatrix::from_rows(&vectors, c);
        let norms = vectors.chunks_exact(c).map(squared_norm).collect();
        Self { vectors, columns, norms, c }
    }

    /// The vector of each code, `[t]` to `[t, c]`; the codes are known to be in the book.
    pub fn vectors_of(&self, codes: &[u32]) -> Vec<f32> {
        let vector = |code: &u32| &self.vectors[*code as usize * self.c..][..self.c];
        codes.iter().flat_map(vector).copied().collect()
    }

    /// Code of each vector, `[t, c]` to `[t]`.
    pub fn nearest(&self, vectors: &[f32]) -> Result<Vec<u32>, JukeboxError> {
        let reading = Reading { row_stride: self.c, tap_stride: 0, n_taps: 1 };
        let n_bins = self.norms.len();
        let mut codes = Vec::with_capacity(vectors.len() / self.c);
        for vectors in vectors.chunks(QUANTISE_CHUNK * self.c) {
            let mut products = vec![0.0; vectors.len() / self.c * n_bins]; // [t, bins]
            self.columns.multiply_rows(vectors, reading, Finish::Write, &mut products);
            for (vector, row) in vectors.chunks_exact(self.c).zip(products.chunks_exact_mut(n_bins))
            {
                let norm = squared_norm(vector);
                for (value, code_norm) in row.iter_mut().zip(&self.norms) {
                    *value = norm - 2.0 * *value + code_norm;
                }
                codes.push(nearest(row)?);
            }
        }
        Ok(codes)
    }
}

fn squared_norm(vector: &[f32]) -> f32 {
    vector.iter().map(|x| x * x).sum()
}

/// First index of the smallest distance.
fn nearest(distances: &[f32]) -> Result<u32, JukeboxError> {
    let mut best = (0, f32::INFINITY);
    for (code, distance) in distances.iter().enumerate() {
        if !distance.is_finite() {
            return Err(JukeboxError::NotFinite("code vectors"));
        }
        if *distance < best.1 {
            best = (code, *distance);
        }
    }
    Ok(best.0 as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_distances_choose_the_first_code() {
        assert_eq!(nearest(&[3.0, 1.0, 1.0]).unwrap(), 1);
    }

    #[test]
    fn the_vectors_of_codes_are_nearest_to_themselves() {
        let vectors: Vec<f32> = (0..40 * 6).map(|i| (i * 7919 % 1013) as f32 / 100.0).collect();
        let book = Codebook::new(vectors, 6);
        let codes: Vec<u32> = (0..40).rev().collect();

        assert_eq!(book.nearest(&book.vectors_of(&codes)).unwrap(), codes);
    }
}
