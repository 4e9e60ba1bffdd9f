//! The innermost products, for each kind of processor.
//!
//! Weights are in tiles of [`TILE`] outputs, so every output has a lane of its own and is summed in the same
//! order whatever the width of the vectors is, alone or among other rows. Products of floats give the same
//! bits with all instructions but the portable ones, those of [integers](ints) on every processor.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod blocks;
mod floats;
mod ints;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
mod neon_ints;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
mod x86_ints;

#[cfg(target_arch = "aarch64")]
use std::arch::is_aarch64_feature_detected;
use std::sync::OnceLock;

use half::{bf16, f16};

use super::rows::RowFunctions;

pub use self::ints::{IntRow, IntTile, LINE, Line, Q4_LINES, Q8_LINES, QUAD, QUADS};

#[cfg(test)]
pub use self::ints::{Q4_ABOVE, Q8_ABOVE, scales_of};

/// Outputs worked on together.
pub const TILE: usize = 16;

/// Rows of floats, `[n_in]` each, any number of them, times two tiles, `[n_in][TILE]` each, on top of `sums`.
pub type FloatProduct<T> = fn(rows: &[&[f32]], tiles: [&[T]; 2], sums: &mut [[f32; 2 * TILE]]);

/// Rows of small integers, any number of them, times one tile; a result for each row.
pub type IntProduct = fn(rows: &[IntRow], tile: IntTile, sums: &mut [[f32; TILE]]);

/// A row to integers, as [`IntRow`] tells.
pub type Quantise = fn(x: &[f32], quads: &mut [i32], scales: &mut [f32], sums: &mut [i32]);

/// Everything that has instructions of its own.
pub struct Products {
    pub cpu: Cpu,
    pub f32: FloatProduct<f32>,
    pub f16: FloatProduct<f16>,
    pub bf16: FloatProduct<bf16>,
    pub rows: RowFunctions,
    pub quantise: Quantise,
    pub q8: IntProduct,
    pub q4: IntProduct,
}

/// Instructions that there are products for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cpu {
    /// AVX-512 with VNNI.
    Avx512,
    /// AVX2 with FMA and F16C.
    Avx2,
    /// NEON with the dot products of ARMv8.2.
    NeonDot,
    /// NEON.
    Neon,
    /// Whatever the compiler takes for granted.
    Portable,
}

/// The environment variable that asks for others than the fastest, by name.
const ASKED: &str = "ENCORE_CPU";

impl Cpu {
    /// All of them, the fastest first.
    const ALL: [Self; 5] = [Self::Avx512, Self::Avx2, Self::NeonDot, Self::Neon, Self::Portable];

    /// As [`ASKED`] takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::NeonDot => "neondot",
            Self::Neon => "neon",
            Self::Portable => "portable",
        }
    }

    /// What this processor can run, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|cpu| cpu.is_available())
    }

    #[cfg(target_arch = "x86_64")]
    fn is_available(self) -> bool {
        match self {
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vnni")
                    && Self::Avx2.is_available()
            }
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c")
            }
            Self::NeonDot | Self::Neon => false,
            Self::Portable => true,
        }
    }

    #[cfg(target_arch = "aarch64")]
    fn is_available(self) -> bool {
        match self {
            Self::Avx512 | Self::Avx2 => false,
            Self::NeonDot => is_aarch64_feature_detected!("dotprod") && Self::Neon.is_available(),
            Self::Neon => is_aarch64_feature_detected!("neon"),
            Self::Portable => true,
        }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn is_available(self) -> bool {
        self == Self::Portable
    }

    /// Its products; the portable ones where this processor cannot run them.
    pub fn products(self) -> &'static Products {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.is_available() => &x86::AVX512,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if self.is_available() => &x86::AVX2,
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot if self.is_available() => &neon::NEON_DOT,
            #[cfg(target_arch = "aarch64")]
            Self::Neon if self.is_available() => &neon::NEON,
            _ => &floats::PORTABLE,
        }
    }
}

/// The fastest products that this processor can run, or those that the environment asks for.
pub fn products() -> &'static Products {
    static CHOSEN: OnceLock<&Products> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let asked = std::env::var(ASKED).unwrap_or_default();
        let fastest = Cpu::available().next().unwrap_or(Cpu::Portable);
        Cpu::available().find(|cpu| cpu.name() == asked).unwrap_or(fastest).products()
    })
}

#[cfg(test)]
mod tests;
