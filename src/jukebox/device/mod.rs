//! Priors on a graphics card: layers, caches and dice all there.
//!
//! A [`DevicePrior`] holds its layers on a device, a [`DeviceWindow`] writes tokens with them. Everything
//! of a token happens on the device: a chosen token is looked up for the next step without being read,
//! and tokens are read a stretch at a time. What tells a window about its song ([`super::Teller`]) runs
//! once per window and stays on the CPU.
//!
//! It is candle throughout, some 17 kernels per layer and token, of which the starts are what takes the
//! time for one sequence on a fast card: 72 layers are about 1300 starts, of a few microseconds each,
//! where reading a billion weights in half precision takes less than one millisecond of an H100. With
//! tens of columns the products dominate. Only fused kernels or recorded graphs would change that;
//! positions are known to the host alone, so a graph would have to be recorded for each.
//!
//! The same code runs on the CPU, where the tests hold it to the kernels.

mod attend;
mod cache;
mod choose;
mod layer;
mod level;
mod prior;
mod window;

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};

pub use self::level::DeviceLevel;
pub use self::prior::DevicePrior;
pub use self::window::{DeviceWindow, STRETCH};

use super::{JukeboxError, Precision};

/// Bytes of a copy that measures a device's memory, and how often it is made.
const COPY_BYTES: usize = 512 << 20;
const N_COPIES: usize = 9;

/// Where the layers of a prior run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// On the processor, with the same code as on a card: for tests, and slower than the kernels.
    Cpu,
    /// A card of NVIDIA's, by its number; in builds with the feature `cuda`.
    Cuda(usize),
    /// Apple's graphics; in builds with the feature `metal`.
    Metal,
}

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The name is not that of a device.
    #[error("{0:?} is not a device (cpu, cuda, cuda:N for card N, or metal)")]
    Unknown(String),
    /// The build lacks the kind of device.
    #[error(
        "this build of Encore has no {kind}; build it with `cargo build --release --features \
         {feature}`, or choose another device"
    )]
    NotBuilt { kind: &'static str, feature: &'static str },
    /// There is no such device, or its driver refuses.
    #[error("{choice} cannot be used: {problem}; look whether the card and its driver are there")]
    Refused { choice: DeviceChoice, problem: String },
    /// The device cannot compute with such numbers.
    #[error("{choice} cannot compute with {precision}; choose {instead}")]
    Precision { choice: DeviceChoice, precision: &'static str, instead: &'static str },
}

/// A device that can be used.
#[derive(Debug, Clone)]
pub struct OpenDevice {
    choice: DeviceChoice,
    device: Device,
}

impl DeviceChoice {
    /// The device itself.
    ///
    /// # Errors
    /// When this build cannot use it, or it is not there.
    pub fn open(self) -> Result<OpenDevice, DeviceError> {
        let refused =
            |e: candle_core::Error| DeviceError::Refused { choice: self, problem: first_line(&e) };
        let device = match self {
            Self::Cpu => Device::Cpu,
            Self::Cuda(_) if !cfg!(feature = "cuda") => {
                return Err(DeviceError::NotBuilt { kind: "CUDA", feature: "cuda" });
            }
            Self::Metal if !cfg!(feature = "metal") => {
                return Err(DeviceError::NotBuilt { kind: "Metal", feature: "metal" });
            }
            Self::Cuda(idx) => Device::new_cuda(idx).map_err(refused)?,
            Self::Metal => Device::new_metal(0).map_err(refused)?,
        };
        Ok(OpenDevice { choice: self, device })
    }

    /// What sort of device it is, without its number.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda(_) => "cuda",
            Self::Metal => "metal",
        }
    }

    /// The precision with which it is fastest.
    pub fn best(self) -> Precision {
        if self == Self::Cpu { Precision::F32 } else { self.halves() }
    }

    /// The half precision that it is good at.
    pub fn halves(self) -> Precision {
        match self {
            Self::Cuda(_) => Precision::BF16,
            Self::Cpu | Self::Metal => Precision::F16,
        }
    }
}

impl OpenDevice {
    pub fn choice(&self) -> DeviceChoice {
        self.choice
    }

    /// The type of tensors in which layers are held like that: weights, activations and caches. Labels, the
    /// head, and choosing a token are always in single precision or better, as in the original.
    fn dtype(&self, precision: Precision) -> Result<DType, DeviceError> {
        let (choice, name) = (self.choice, precision.name());
        let refused = |instead| DeviceError::Precision { choice, precision: name, instead };
        match (precision, choice) {
            (Precision::F32, _) => Ok(DType::F32),
            (Precision::F16, _) => Ok(DType::F16),
            (Precision::BF16, DeviceChoice::Cpu) => Err(refused("f32 or f16")),
            (Precision::BF16, _) => Ok(DType::BF16),
            (Precision::Q8 | Precision::Q4, DeviceChoice::Cpu) => Err(refused("f32 or f16")),
            (Precision::Q8 | Precision::Q4, _) => Err(refused("f32, f16 or bf16")),
        }
    }

    /// Bytes per second that the device's memory reads and writes, measured by large copies: their median.
    ///
    /// # Errors
    /// When the device has no room for two times half a gigabyte.
    pub fn bandwidth(&self) -> Result<f64, JukeboxError> {
        let numbers = Tensor::ones(COPY_BYTES / 4, DType::F32, &self.device)?;
        let mut rates = Vec::with_capacity(N_COPIES);
        for _ in 0..N_COPIES {
            self.device.synchronize()?;
            let begun = Instant::now();
            let copied = numbers.copy()?;
            self.device.synchronize()?;
            rates.push(2.0 * COPY_BYTES as f64 / begun.elapsed().as_secs_f64());
            drop(copied);
        }
        rates.sort_by(f64::total_cmp);
        Ok(rates[N_COPIES / 2])
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.to_owned());
        match text.split_once(':') {
            None => match text {
                "cpu" => Ok(Self::Cpu),
                "cuda" => Ok(Self::Cuda(0)),
                "metal" => Ok(Self::Metal),
                _ => Err(unknown()),
            },
            Some(("cuda", idx)) => idx.parse().map(Self::Cuda).map_err(|_| unknown()),
            Some(_) => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(idx) => write!(f, "cuda:{idx}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

/// What the tensor library says, without the trace that it may carry.
fn first_line(e: &candle_core::Error) -> String {
    e.to_string().lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests;
