//! Where networks find their weights: small tensors whole, large matrices a few rows at a time.
//!
//! Names are the checkpoint's, put together as the networks descend into their parts.

use std::sync::Arc;

use candle_nn::VarBuilder;

use super::JukeboxError;
use super::kernels::{FillingMatrix, PackedMatrix, with_numbers};

pub use super::kernels::{GROUP, Group, Precision, Quantisation, Rows};

/// The large matrices of a network.
pub trait Matrices: Send + Sync {
    /// How a matrix is stored; `F32` as well where there is none.
    fn stored_as(&self, name: &str) -> Precision;

    /// Hands over a matrix `[n_in, n_out]` in order, a group of rows at a time.
    ///
    /// # Errors
    /// When there is none of this name and shape, it cannot be read, or has numbers that are none.
    fn read(
        &self,
        name: &str,
        shape: [usize; 2],
        take: &mut dyn FnMut(Rows),
    ) -> Result<(), JukeboxError>;
}

/// The weights of a network or of a part of it.
#[derive(Clone)]
pub struct Weights<'a> {
    /// Everything by name, as floats.
    pub tensors: VarBuilder<'a>,
    /// Where the matrices of the layers come from, if not from `tensors`.
    matrices: Option<Arc<dyn Matrices + 'a>>,
    /// How the layers' matrices are held, unless they are stored in fewer bits.
    held_as: Precision,
}

/// Held as they are stored.
impl<'a> From<VarBuilder<'a>> for Weights<'a> {
    fn from(tensors: VarBuilder<'a>) -> Self {
        Self { tensors, matrices: None, held_as: Precision::F32 }
    }
}

impl<'a> Weights<'a> {
    /// The same with another source of the layers' matrices, which knows how they are stored.
    pub fn with_matrices(self, matrices: Arc<dyn Matrices + 'a>) -> Self {
        Self { matrices: Some(matrices), ..self }
    }

    /// The same with the layers' matrices held like this, unless they are stored in fewer bits.
    pub fn held_as(self, held_as: Precision) -> Self {
        Self { held_as, ..self }
    }

    /// The part of this name.
    pub fn pp(&self, part: impl ToString) -> Self {
        Self { tensors: self.tensors.pp(part), ..self.clone() }
    }

    /// A dense layer of a transformer: `x · w + b`, with `w` stored as `(in, out)`; the checkpoint calls
    /// this Conv1D.
    pub fn dense(&self, n_in: usize, n_out: usize) -> Result<PackedMatrix, JukeboxError> {
        let bias = self.tensors.get(n_out, "b")?.to_vec1::<f32>()?;
        let name = format!("{}.w", self.tensors.prefix());
        let stored_as = self.matrices.as_ref().map(|matrices| matrices.stored_as(&name));
        let held_as = stored_as.unwrap_or(Precision::F32).held_as(self.held_as, n_in);
        let mut matrix = FillingMatrix::new(n_in, bias, held_as);
        match &self.matrices {
            Some(matrices) => {
                matrices.read(&name, [n_in, n_out], &mut |rows| matrix.push(rows))?;
            }
            None => with_numbers(&self.tensors.get((n_in, n_out), "w")?, |weights| {
                let groups = weights.chunks(GROUP * n_out);
                groups.for_each(|rows| matrix.push(Rows::Plain(rows)));
            })?,
        }
        let cut_short = || JukeboxError::Config(format!("{name} does not have {n_in} rows"));
        matrix.finish().ok_or_else(cut_short)
    }

    /// The numbers of the same layer: weights `[n_in, n_out]` in order, and biases. What is stored
    /// quantised is widened.
    ///
    /// # Errors
    /// When there are none of this name and shape, or they cannot be read.
    pub fn dense_numbers(
        &self,
        n_in: usize,
        n_out: usize,
    ) -> Result<(Vec<f32>, Vec<f32>), JukeboxError> {
        let bias = self.tensors.get(n_out, "b")?.to_vec1::<f32>()?;
        let Some(matrices) = &self.matrices else {
            return Ok((self.tensors.get((n_in, n_out), "w")?.flatten_all()?.to_vec1()?, bias));
        };
        let name = format!("{}.w", self.tensors.prefix());
        let mut weights = Vec::with_capacity(n_in * n_out);
        matrices.read(&name, [n_in, n_out], &mut |rows| match rows {
            Rows::Plain(rows) => weights.extend_from_slice(rows),
            Rows::Quantised(group) => {
                let n_done = weights.len();
                weights.resize(n_done + group.n_weights(), 0.0);
                group.dequantise(&mut weights[n_done..]);
            }
        })?;
        match weights.len() == n_in * n_out {
            true => Ok((weights, bias)),
            false => Err(JukeboxError::Config(format!("{name} does not have {n_in} rows"))),
        }
    }
}
