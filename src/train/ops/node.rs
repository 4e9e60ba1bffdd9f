//! One node of candle's graph over any number of tensors.
//!
//! candle knows operations of up to three tensors. A node of more is tied together: the tensors beyond the
//! first hang on small nodes of their own, whose gradients the large one leaves for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Storage, Tensor, bail};

use super::buffers::Buffer;

/// Gradients of the tensors of a node, in their order; none where it is not asked for.
pub type Gradients = Vec<Option<Vec<f32>>>;
type Backward = Box<dyn FnOnce(&[f32]) -> Gradients + Send>;

/// A tensor of these numbers that depends on `args`; `backward` makes their gradients of that of the result.
///
/// Nothing is kept if nobody asks for a gradient of any of them.
pub fn node(
    args: &[&Tensor],
    numbers: Vec<f32>,
    shape: impl Into<Shape>,
    backward: impl FnOnce(&[f32]) -> Gradients + Send + 'static,
) -> Result<Tensor> {
    let shape = shape.into();
    let Some(device) = args.first().map(|arg| arg.device()) else {
        bail!("a node of nothing");
    };
    let tracked: Vec<_> = args.iter().enumerate().filter(|(_, arg)| arg.track_op()).collect();
    if tracked.is_empty() {
        return Tensor::from_vec(numbers, shape, device);
    }
    let stash = Stash::default();
    let mut ties: Option<Tensor> = None;
    for (idx, arg) in &tracked {
        let tie = Tie { arg_idx: *idx, stash: stash.clone() };
        ties = Some(match ties {
            None => arg.apply_op1(tie)?,
            Some(ties) => ties.apply_op2(arg, tie)?,
        });
    }
    let Some(ties) = ties else {
        bail!("a node of nothing");
    };
    let made = Mutex::new(Some((numbers, shape)));
    ties.apply_op1(Made { made, backward: Mutex::new(Some(Box::new(backward))), stash })
}

/// Whether each of these has a gradient that somebody asks for.
pub fn wanted(args: &[&Tensor]) -> Vec<bool> {
    args.iter().map(|arg| arg.track_op()).collect()
}

/// The numbers of a tensor, row by row.
pub fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

/// The same in a buffer that is used again.
pub fn buffer(tensor: &Tensor) -> Result<Buffer> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => {
            let numbers = &storage.as_slice::<f32>()?[layout.start_offset()..];
            Ok(Buffer::of(&numbers[..layout.shape().elem_count()]))
        }
        _ => bail!("numbers that are not in the processor's memory"),
    }
}

#[derive(Clone, Default)]
struct Stash(Arc<Mutex<HashMap<usize, Vec<f32>>>>);

impl Stash {
    fn open(&self) -> MutexGuard<'_, HashMap<usize, Vec<f32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was computed, and how to go back.
struct Made {
    made: Mutex<Option<(Vec<f32>, Shape)>>,
    backward: Mutex<Option<Backward>>,
    stash: Stash,
}

impl CustomOp1 for Made {
    fn name(&self) -> &'static str {
        "node"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        match self.made.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some((numbers, shape)) => Ok((CpuStorage::F32(numbers), shape)),
            None => bail!("a node that was made twice"),
        }
    }

    fn bwd(&self, ties: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let backward = self.backward.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(backward) = backward else {
            bail!("a node can be gone back through once");
        };
        let gradients = backward(&buffer(grad)?);
        let gradients = gradients.into_iter().enumerate();
        self.stash.open().extend(gradients.filter_map(|(idx, grad)| Some((idx, grad?))));
        ties.zeros_like().map(Some)
    }
}

/// Hands a gradient to the tensor that it is of, and passes the rest on.
struct Tie {
    arg_idx: usize,
    stash: Stash,
}

impl Tie {
    fn gradient(&self, arg: &Tensor) -> Result<Option<Tensor>> {
        let grad = self.stash.open().remove(&self.arg_idx);
        grad.map(|grad| Tensor::from_vec(grad, arg.shape(), arg.device())).transpose()
    }

    fn nothing() -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(1)))
    }
}

impl CustomOp1 for Tie {
    fn name(&self) -> &'static str {
        "tie"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Self::nothing()
    }

    fn bwd(&self, arg: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        self.gradient(arg)
    }
}

impl CustomOp2 for Tie {
    fn name(&self) -> &'static str {
        "tie"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Self::nothing()
    }

    fn bwd(
        &self,
        ties: &Tensor,
        arg: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(ties.zeros_like()?), self.gradient(arg)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn every_tensor_of_a_node_gets_its_gradient() {
        let vars: Vec<Var> =
            (0..5).map(|i| Var::new(&[i as f32, 1.0], &Device::Cpu).unwrap()).collect();
        let frozen = Tensor::new(&[7f32, 7.0], &Device::Cpu).unwrap();
        let doubled = (vars[1].as_tensor() * 2.0).unwrap();
        let args = [vars[0].as_tensor(), &frozen, &doubled, &vars[2], &vars[3], &vars[4]];

        let sum: Vec<f32> = vec![1.0, 2.0];
        let made = node(&args, sum, 2, |grad| {
            (0..6).map(|i| Some(grad.iter().map(|g| g * (i + 1) as f32).collect())).collect()
        });
        let grads = (made.unwrap() * 10.0).unwrap().sum_all().unwrap().backward().unwrap();

        let of = |var: &Var| grads.get(var).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(of(&vars[0]), [10.0, 10.0]);
        assert_eq!(of(&vars[1]), [60.0, 60.0]);
        assert_eq!(of(&vars[4]), [60.0, 60.0]);
        assert!(grads.get(&frozen).is_none());
    }
}
