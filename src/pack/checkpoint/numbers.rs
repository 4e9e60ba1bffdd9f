//! Numbers as they are stored, and as the networks take them.

use half::{bf16, f16};

use crate::pack::pickle::Dtype;

/// A tensor as it is stored: its numbers one after another, little-endian.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub bytes: Vec<u8>,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
}

/// Hands over each number as `f32`. Half precision is widened exactly; `f64` and integers are rounded.
pub fn for_each_f32(bytes: &[u8], dtype: Dtype, mut take: impl FnMut(f32)) {
    macro_rules! each {
        ($number:ty, $n:literal, $to_f32:expr) => {
            for chunk in bytes.chunks_exact($n) {
                let bytes: [u8; $n] = std::array::from_fn(|i| chunk[i]);
                take($to_f32(<$number>::from_le_bytes(bytes)));
            }
        };
    }
    match dtype {
        Dtype::F32 => each!(f32, 4, |x| x),
        Dtype::F16 => each!(f16, 2, f16::to_f32),
        Dtype::BF16 => each!(bf16, 2, bf16::to_f32),
        Dtype::F64 => each!(f64, 8, |x| x as f32),
        Dtype::I8 => each!(i8, 1, f32::from),
        Dtype::U8 | Dtype::Bool => each!(u8, 1, f32::from),
        Dtype::I16 => each!(i16, 2, f32::from),
        Dtype::I32 => each!(i32, 4, |x| x as f32),
        Dtype::I64 => each!(i64, 8, |x| x as f32),
    }
}
