//! Weights for the networks, read from a checkpoint when a network asks for them.

use candle_core::{DType, Device, Error, Result, Shape, Tensor};
use candle_nn::VarBuilder;
use candle_nn::var_builder::SimpleBackend;

use super::Checkpoint;

/// Weights by name, as `f32`. Each is read when it is asked for, so that loading a network never holds
/// more than the network and one tensor.
pub fn weights(checkpoint: Checkpoint) -> VarBuilder<'static> {
    VarBuilder::from_backend(Box::new(Lazy(checkpoint)), DType::F32, Device::Cpu)
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
            }
            .bt()),
        }
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        self.0.tensor(name).map_err(Error::wrap)?.to_dtype(dtype)?.to_device(device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}
