//! Where the numbers of a tensor lie in a file.

use crate::pack::pickle::{Dtype, TensorRef};

/// Part of a file, known to lie inside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub start: u64,
    pub n_bytes: u64,
}

/// A tensor's numbers in a part of a file, known to lie inside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    pub place: Place,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// First element, and elements from one index to the next per axis.
    pub offset: u64,
    pub strides: Vec<u64>,
}

impl Layout {
    /// One number after another, as safetensors have them.
    pub fn contiguous(place: Place, dtype: Dtype, shape: Vec<usize>) -> Self {
        let strides = contiguous_strides(&shape);
        Self { place, dtype, shape, offset: 0, strides }
    }

    /// As a pickle describes it; the pickle was checked against the size of the storage.
    pub fn of_tensor(tensor: &TensorRef, place: Place) -> Self {
        let TensorRef { dtype, offset, shape, strides, .. } = tensor.clone();
        Self { place, dtype, shape, offset, strides }
    }

    pub fn n_values(&self) -> u64 {
        self.shape.iter().map(|n| *n as u64).product()
    }

    /// Bytes of its numbers.
    pub fn n_bytes(&self) -> u64 {
        self.n_values().saturating_mul(self.dtype.size())
    }

    /// Whether its numbers lie one after another; axes of length 1 may have any stride.
    pub fn is_contiguous(&self) -> bool {
        let expected = contiguous_strides(&self.shape);
        let mut axes = self.shape.iter().zip(&self.strides).zip(&expected);
        self.n_values() == 0 || axes.all(|((n, stride), expected)| *n == 1 || stride == expected)
    }

    /// Byte of the file at which its first number lies; it has one.
    pub fn start(&self) -> u64 {
        self.place.start + self.offset * self.dtype.size()
    }
}

fn contiguous_strides(shape: &[usize]) -> Vec<u64> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * (shape[axis] as u64).max(1);
    }
    strides
}
