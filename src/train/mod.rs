//! Teaching the networks: losses, the optimiser, and the runs that can be stopped and taken up again.
//!
//! Differentiable operations are in [`ops`]: on the processor each is one pass written for it, on a
//! graphics card the same in candle's own operations.

pub mod adam;
pub mod draft;
pub mod ops;
pub mod prior;
pub mod run;
pub mod teach;
pub mod vqvae;

pub use adam::{Adam, AdamConfig};
pub use draft::PackDraft;
pub use prior::{PriorRecipe, PriorTrainee};
pub use run::{Figures, RunConfig, TrainError, Trainee};
