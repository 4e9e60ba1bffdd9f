//! The numbers of a taught artist.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::Tensor;
use sha2::{Digest, Sha256};

use super::{Card, TaughtError};
use crate::jukebox::PriorConfig;
use crate::pack::checkpoint::Checkpoint;
use crate::pack::shapes::{TensorShape, prior_tensors};
use crate::pack::source::Source;
use crate::pack::{brief, hex};

/// Name of the artist's row, `[w]`.
pub const ARTIST_ROW: &str = "y_emb.artist";
/// Name of the row of a genre that is new, `[w]`.
pub const GENRE_ROW: &str = "y_emb.genre";

/// A change of a matrix `[n_in, n_out]`: the product of two thin ones.
#[derive(Debug, Clone)]
pub struct LowRank {
    pub n_in: usize,
    pub n_out: usize,
    pub rank: usize,
    a: Vec<f32>, // [n_in, rank], times the scale
    b: Vec<f32>, // [rank, n_out]
}

impl LowRank {
    /// Adds the change of some rows, from row `first` on, to those rows `[n, n_out]`.
    pub fn add_rows(&self, first: usize, rows: &mut [f32]) {
        let a = self.a.chunks_exact(self.rank).skip(first);
        for (row, a) in rows.chunks_exact_mut(self.n_out).zip(a) {
            for (a, b) in a.iter().zip(self.b.chunks_exact(self.n_out)) {
                row.iter_mut().zip(b).for_each(|(w, b)| *w += a * b);
            }
        }
    }
}

/// All numbers of a taught artist.
#[derive(Debug, Clone)]
pub struct Adapter {
    /// By the name of the matrix that they change.
    pub matrices: BTreeMap<String, LowRank>,
    pub artist: Vec<f32>, // [w]
    pub genre: Option<Vec<f32>>,
}

impl Adapter {
    /// Reads a file of tensors, compares its hash with what the card states, and checks that it fits a prior.
    pub(super) fn read(path: &Path, card: &Card, own: &PriorConfig) -> Result<Self, TaughtError> {
        let damaged =
            |problem: String| TaughtError::Damaged { path: path.into(), problem: brief(&problem) };
        let io = |source| TaughtError::Io { path: path.into(), source };
        let n_bytes = fs::metadata(path).map_err(io)?.len();
        if n_bytes != card.file.bytes {
            let expected = card.file.bytes;
            return Err(damaged(format!("it has {n_bytes} bytes, but its card says {expected}")));
        }
        let bytes = fs::read(path).map_err(io)?;
        let found = hex(&Sha256::digest(&bytes));
        if found != card.file.sha256 {
            let expected = &card.file.sha256;
            return Err(damaged(format!("its SHA-256 is {found}, but its card says {expected}")));
        }
        let file = Checkpoint::from_safetensors(Source::from_memory(path, bytes))
            .map_err(|e| damaged(e.to_string()))?;
        Self::of(&file, card, own).map_err(damaged)
    }

    fn of(file: &Checkpoint, card: &Card, own: &PriorConfig) -> Result<Self, String> {
        let row = |name: &str| numbers(file, name, &[own.width]);
        let genre = file.contains(GENRE_ROW).then(|| row(GENRE_ROW)).transpose()?;
        let mut matrices = BTreeMap::new();
        let mut n_known = 1 + usize::from(genre.is_some());
        for TensorShape { name, shape } in adapted(own) {
            let [a_name, b_name] = pair_names(&name);
            if !file.contains(&a_name) && !file.contains(&b_name) {
                continue;
            }
            let [n_in, n_out] = [shape[0], shape[1]];
            let rank = card.rank;
            let mut a = numbers(file, &a_name, &[n_in, rank])?;
            let b = numbers(file, &b_name, &[rank, n_out])?;
            a.iter_mut().for_each(|a| *a *= card.scale as f32);
            matrices.insert(name, LowRank { n_in, n_out, rank, a, b });
            n_known += 2;
        }
        let n_found = file.tensors().count();
        if n_found != n_known {
            return Err(format!("{n_known} of its {n_found} tensors belong to this pack's prior"));
        }
        Ok(Self { matrices, artist: row(ARTIST_ROW)?, genre })
    }
}

/// The matrices of a prior that can be adapted, `[n_in, n_out]` each.
pub fn adapted(config: &PriorConfig) -> impl Iterator<Item = TensorShape> {
    prior_tensors(config).into_iter().filter(|tensor| tensor.as_layer_matrix().is_some())
}

/// Names of the two thin matrices that change a matrix.
pub fn pair_names(name: &str) -> [String; 2] {
    [format!("{name}.a"), format!("{name}.b")]
}

fn numbers(file: &Checkpoint, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    match file.shape(name) {
        Some(found) if found == shape => {}
        Some(found) => return Err(format!("tensor {name:?} is {found:?}, expected {shape:?}")),
        None => return Err(format!("it has no tensor {name:?}")),
    }
    let flat = |tensor: Tensor| tensor.flatten_all()?.to_vec1::<f32>();
    let tensor = file.tensor(name).map_err(|e| e.to_string())?;
    flat(tensor).map_err(|e| e.to_string())
}
