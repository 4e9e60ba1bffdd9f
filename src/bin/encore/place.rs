//! Where the priors of a job run: on the kernels, or on a device.

use encore::engine::room;
use encore::jukebox::{Floats, LevelPrior, OpenDevice};
use encore::pack::{Pack, Precision};

use crate::args::{DeviceOption, LoadOption};
use crate::failure::Failure;

/// What was asked for, ready to be used.
pub enum Place {
    Kernels(Precision),
    Device(OpenDevice, Floats),
}

impl Place {
    /// Opens the device, if one was asked for.
    pub fn open(load: &LoadOption, on: &DeviceOption) -> Result<Self, Failure> {
        let Some(choice) = on.device else { return Ok(Self::Kernels(load.precision)) };
        Ok(Self::Device(choice.open()?, on.floats.unwrap_or(choice.best())))
    }

    /// The prior of a level, if there is room for it.
    pub fn load_prior(&self, pack: &Pack, level: usize) -> Result<Box<dyn LevelPrior>, Failure> {
        match self {
            Self::Kernels(precision) => {
                room::check(pack, level, *precision)?;
                Ok(Box::new(pack.load_prior_as(level, *precision)?))
            }
            Self::Device(device, floats) => {
                Ok(Box::new(pack.load_prior_on(level, device, *floats)?))
            }
        }
    }

    /// What the networks run on, for the recipe.
    pub fn backend(&self) -> String {
        match self {
            Self::Kernels(Precision::F32) => "cpu-f32".into(),
            Self::Kernels(Precision::Q8) => "cpu-q8".into(),
            Self::Kernels(Precision::Q4) => "cpu-q4".into(),
            Self::Device(device, floats) => format!("candle-{}-{floats}", device.choice().kind()),
        }
    }
}
