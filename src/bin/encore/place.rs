//! Where the priors of a job run: on the kernels, or on a device.

use encore::engine::room;
use encore::jukebox::{LevelPrior, OpenDevice};
use encore::pack::{Pack, Precision};

use crate::args::{DeviceOption, LoadOption};
use crate::failure::Failure;

/// What was asked for, ready to be used.
pub enum Place {
    Kernels(Precision),
    Device(OpenDevice, Precision),
}

impl Place {
    /// Opens the device, if one was asked for.
    pub fn open(load: &LoadOption, on: &DeviceOption) -> Result<Self, Failure> {
        match on.device {
            None => Ok(Self::Kernels(load.precision())),
            Some(choice) => Ok(Self::Device(choice.open()?, load.precision_on(choice))),
        }
    }

    /// The prior of a level, if there is room for it.
    pub fn load_prior(&self, pack: &Pack, level: usize) -> Result<Box<dyn LevelPrior>, Failure> {
        match self {
            Self::Kernels(precision) => {
                room::check(pack, level, *precision)?;
                Ok(Box::new(pack.load_prior_as(level, *precision)?))
            }
            Self::Device(device, precision) => {
                Ok(Box::new(pack.load_prior_on(level, device, *precision)?))
            }
        }
    }

    /// What the networks run on, for the recipe.
    pub fn backend(&self) -> String {
        match self {
            Self::Kernels(precision) => format!("cpu-{}", precision.name()),
            Self::Device(device, precision) => {
                format!("candle-{}-{}", device.choice().kind(), precision.name())
            }
        }
    }
}
