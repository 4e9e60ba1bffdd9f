//! Weights for the networks, read from a checkpoint when a network asks for them.

use std::sync::Arc;

use candle_core::{DType, Device, Error, Result, Shape, Tensor};
use candle_nn::VarBuilder;
use candle_nn::var_builder::SimpleBackend;

use super::{Checkpoint, CheckpointError};
use crate::jukebox::Weights;
use crate::jukebox::weights::{Group, Quantisation, Rows};

/// Weights by name, as `f32`. Each is read when it is asked for, so that loading a network never holds
/// more than the network and one tensor.
pub fn weights(checkpoint: Checkpoint) -> VarBuilder<'static> {
    VarBuilder::from_backend(Box::new(Lazy(checkpoint)), DType::F32, Device::Cpu)
}

/// The same for a prior, whose large matrices are read a few rows at a time and keep the quantisation that
/// they are stored in.
pub fn all_weights(checkpoint: Checkpoint) -> Weights<'static> {
    let matrices = Arc::new(checkpoint.clone());
    Weights::from(weights(checkpoint)).with_matrices(matrices)
}

struct Lazy(Checkpoint);

impl SimpleBackend for Lazy {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: candle_nn::Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        match *tensor.shape() == shape {
            true => Ok(tensor),
            false => Err(Error::UnexpectedShape {
                msg: format!("{:?}: tensor {name:?}", self.0.path()),
                expected: shape,
                got: tensor.shape().clone(),
            }),
        }
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        let tensor = match self.0.quantisation(name) {
            None => self.0.tensor(name).map_err(wrapped)?,
            Some(quantisation) => dequantised(&self.0, name, quantisation)?,
        };
        tensor.to_dtype(dtype)?.to_device(device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// The weights that a quantised matrix stands for.
fn dequantised(checkpoint: &Checkpoint, name: &str, quantisation: Quantisation) -> Result<Tensor> {
    let shape = checkpoint.dequantised_shape(name, quantisation).map_err(wrapped)?;
    let mut values = Vec::with_capacity(shape.iter().product());
    let read = checkpoint.read_rows::<CheckpointError>(name, shape, |rows| {
        match rows {
            Rows::Plain(rows) => values.extend_from_slice(rows),
            Rows::Quantised(group) => push_group(&mut values, group),
        }
        Ok(())
    });
    read.map_err(wrapped)?;
    Tensor::from_vec(values, shape.as_slice(), &Device::Cpu)
}

/// As candle's own, but without a trace of calls, which is no part of a sentence.
pub(super) fn wrapped(error: CheckpointError) -> Error {
    Error::Wrapped(Box::new(error))
}

fn push_group(values: &mut Vec<f32>, group: &Group) {
    let n_before = values.len();
    values.resize(n_before + group.n_weights(), 0.0);
    group.dequantise(&mut values[n_before..]);
}
