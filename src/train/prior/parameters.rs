//! A network's tensors by their names in checkpoints, and which of them are learnt.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};

use crate::jukebox::PriorConfig;
use crate::pack::shapes::{TensorShape, prior_tensors};
use crate::train::TrainError;

/// A tensor of a network that learns.
#[derive(Clone)]
pub enum Parameter {
    Learnt(Var),
    /// Stays as it is, and costs nothing on the way back.
    Frozen(Tensor),
    /// A matrix that stays, plus `down · up · scale`, which are learnt: `[n, r]` and `[r, m]`.
    Adapted {
        frozen: Tensor,
        down: Var,
        up: Var,
        scale: f64,
    },
    /// A table whose first rows stay and whose last are learnt.
    Extended {
        frozen: Tensor,
        rows: Var,
    },
}

impl Parameter {
    fn tensor(&self) -> Result<Tensor, TrainError> {
        Ok(match self {
            Self::Learnt(var) => var.as_tensor().clone(),
            Self::Frozen(tensor) => tensor.clone(),
            Self::Adapted { frozen, down, up, scale } => (frozen + (down.matmul(up)? * *scale)?)?,
            Self::Extended { frozen, rows } => Tensor::cat(&[frozen, rows.as_tensor()], 0)?,
        })
    }

    /// What is learnt, each with what its name ends with.
    fn vars(&self) -> Vec<(&'static str, &Var)> {
        match self {
            Self::Learnt(var) => vec![("", var)],
            Self::Frozen(_) => Vec::new(),
            Self::Adapted { down, up, .. } => vec![(".down", down), (".up", up)],
            Self::Extended { rows, .. } => vec![(".rows", rows)],
        }
    }
}

/// All tensors of a network.
#[derive(Clone, Default)]
pub struct Parameters {
    all: BTreeMap<String, Parameter>,
    /// Nobody asks for gradients.
    is_fixed: bool,
}

impl Parameters {
    /// Everything that a prior is made of, to be learnt.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn learnt(
        config: &PriorConfig,
        tensors: &BTreeMap<String, Tensor>,
        device: &Device,
    ) -> Result<Self, TrainError> {
        Self::each(config, tensors, device, |_, tensor| {
            Ok(Parameter::Learnt(Var::from_tensor(&tensor)?))
        })
    }

    /// Everything that a prior is made of, each as `choose` makes of its name and numbers.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn each(
        config: &PriorConfig,
        tensors: &BTreeMap<String, Tensor>,
        device: &Device,
        mut choose: impl FnMut(&str, Tensor) -> Result<Parameter, TrainError>,
    ) -> Result<Self, TrainError> {
        let mut all = BTreeMap::new();
        for TensorShape { name, shape } in prior_tensors(config) {
            let found = tensors.get(&name).filter(|found| found.dims() == shape);
            let Some(found) = found else {
                return Err(TrainError::State { name });
            };
            let tensor = found.to_dtype(DType::F32)?.to_device(device)?.contiguous()?;
            let parameter = choose(&name, tensor)?;
            all.insert(name, parameter);
        }
        Ok(Self { all, is_fixed: false })
    }

    /// The same numbers for those who only want to know, without anything kept for the way back.
    pub fn fixed(&self) -> Self {
        Self { is_fixed: true, ..self.clone() }
    }

    /// A tensor as the network uses it.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn get(&self, name: &str) -> Result<Tensor, TrainError> {
        let missing = || TrainError::State { name: name.to_owned() };
        let tensor = self.all.get(name).ok_or_else(missing)?.tensor()?;
        Ok(if self.is_fixed { tensor.detach() } else { tensor })
    }

    /// What the optimiser moves, by name.
    pub fn vars(&self) -> Vec<(String, Var)> {
        let of = |(name, parameter): (&String, &Parameter)| {
            let named = |(end, var): (&str, &Var)| (format!("{name}{end}"), var.clone());
            parameter.vars().into_iter().map(named).collect::<Vec<_>>()
        };
        self.all.iter().flat_map(of).collect()
    }

    /// Every tensor as a pack holds it; `values` are what goes in the place of the variables, by the names of
    /// [`Self::vars`].
    ///
    /// # Errors
    /// When a value has another shape than its variable.
    pub fn tensors(
        &self,
        values: &BTreeMap<String, Tensor>,
    ) -> Result<BTreeMap<String, Tensor>, TrainError> {
        let pick = |name: String, var: &Var| -> Result<Var, TrainError> {
            match values.get(&name) {
                None => Ok(var.clone()),
                Some(value) if value.dims() == var.dims() => Ok(Var::from_tensor(&value.detach())?),
                Some(_) => Err(TrainError::State { name }),
            }
        };
        let mut tensors = BTreeMap::new();
        for (name, parameter) in &self.all {
            let part = |end: &str, var: &Var| pick(format!("{name}{end}"), var);
            let with_values = match parameter {
                Parameter::Learnt(var) => Parameter::Learnt(part("", var)?),
                Parameter::Frozen(tensor) => Parameter::Frozen(tensor.clone()),
                Parameter::Adapted { frozen, down, up, scale } => Parameter::Adapted {
                    frozen: frozen.clone(),
                    down: part(".down", down)?,
                    up: part(".up", up)?,
                    scale: *scale,
                },
                Parameter::Extended { frozen, rows } => {
                    Parameter::Extended { frozen: frozen.clone(), rows: part(".rows", rows)? }
                }
            };
            let tensor = with_values.tensor()?.detach().to_device(&Device::Cpu)?;
            tensors.insert(name.clone(), tensor);
        }
        Ok(tensors)
    }
}
