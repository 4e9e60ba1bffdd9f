//! Teaching priors and upsamplers to go on writing codes.
//!
//! A [`PriorRecipe`] says what is trained and how; a [`PriorTrainee`] does a step at a time. The songs of a
//! corpus are encoded once, with the frozen VQ-VAE of a pack ([`codes`]); steps draw windows of them
//! ([`windows`]) and run the network that inference runs ([`network`]), on weights that are learnt, frozen or
//! adapted ([`parameters`]).

pub mod codes;
mod conditioner;
pub(super) mod initial;
pub mod network;
pub mod parameters;
mod recipe;
mod trainee;
pub mod windows;

pub use network::{Losses, Network};
pub use parameters::{Parameter, Parameters};
pub use recipe::{Initialisation, PriorRecipe};
pub use trainee::PriorTrainee;
pub use windows::Window;

#[cfg(test)]
mod tests;
