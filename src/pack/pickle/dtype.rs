//! Types of numbers in checkpoints.

use std::fmt;

/// How a number is stored, always little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    F16,
    BF16,
    F32,
    F64,
    I8,
    U8,
    I16,
    I32,
    I64,
    Bool,
}

impl Dtype {
    /// Bytes per number.
    pub fn size(self) -> u64 {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    /// From the name of one of PyTorch's storage classes; `UntypedStorage` counts bytes.
    pub fn of_storage(class: &str) -> Option<Self> {
        Some(match class {
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::BF16,
            "FloatStorage" => Self::F32,
            "DoubleStorage" => Self::F64,
            "CharStorage" => Self::I8,
            "ByteStorage" | "UntypedStorage" => Self::U8,
            "ShortStorage" => Self::I16,
            "IntStorage" => Self::I32,
            "LongStorage" => Self::I64,
            "BoolStorage" => Self::Bool,
            _ => return None,
        })
    }

    /// From PyTorch's name of a type, as in `torch.float16`.
    pub fn of_torch(name: &str) -> Option<Self> {
        Some(match name {
            "float16" | "half" => Self::F16,
            "bfloat16" => Self::BF16,
            "float32" | "float" => Self::F32,
            "float64" | "double" => Self::F64,
            "int8" => Self::I8,
            "uint8" => Self::U8,
            "int16" | "short" => Self::I16,
            "int32" | "int" => Self::I32,
            "int64" | "long" => Self::I64,
            "bool" => Self::Bool,
            _ => return None,
        })
    }

    /// From the header of a safetensors file.
    pub fn of_safetensors(name: &str) -> Option<Self> {
        Some(match name {
            "F16" => Self::F16,
            "BF16" => Self::BF16,
            "F32" => Self::F32,
            "F64" => Self::F64,
            "I8" => Self::I8,
            "U8" => Self::U8,
            "I16" => Self::I16,
            "I32" => Self::I32,
            "I64" => Self::I64,
            "BOOL" => Self::Bool,
            _ => return None,
        })
    }
}

/// As safetensors write it.
impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::F32 => "F32",
            Self::F64 => "F64",
            Self::I8 => "I8",
            Self::U8 => "U8",
            Self::I16 => "I16",
            Self::I32 => "I32",
            Self::I64 => "I64",
            Self::Bool => "BOOL",
        })
    }
}
