//! What the reference gave, and which of it was asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use candle_core::{DType, Device, Tensor};

use crate::Tally;

/// The tensors of `expected.safetensors`. What nobody asks for is named in the end, so that nothing is
/// left out in silence.
pub struct Expected {
    tensors: BTreeMap<String, Tensor>,
    used: RefCell<BTreeSet<String>>,
}

impl Expected {
    pub fn load(set: &Path) -> candle_core::Result<Self> {
        let path = set.join("expected.safetensors");
        let tensors = candle_core::safetensors::load(path, &Device::Cpu)?.into_iter().collect();
        Ok(Self { tensors, used: RefCell::default() })
    }

    pub fn get(&self, name: &str) -> Result<&Tensor, String> {
        self.find(name).ok_or_else(|| format!("expected.safetensors has no {name}"))
    }

    /// The same for what a set need not have.
    pub fn find(&self, name: &str) -> Option<&Tensor> {
        self.used.borrow_mut().insert(name.into());
        self.tensors.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Names whatever was not asked for.
    pub fn report_unused(&self, tally: &mut Tally) {
        let used = self.used.borrow();
        let unused: Vec<&str> = self.names().filter(|name| !used.contains(*name)).collect();
        if !unused.is_empty() {
            tally.aside(
                &unused.join(", "),
                "nothing here computes it (training compares what is its own)",
            );
        }
    }
}

/// Integers of a fixture as codes.
pub fn codes(tensor: &Tensor) -> candle_core::Result<Vec<Vec<u32>>> {
    let rows = tensor.to_dtype(DType::I64)?.to_vec2::<i64>()?;
    Ok(rows.into_iter().map(|row| row.into_iter().map(|code| code as u32).collect()).collect())
}
