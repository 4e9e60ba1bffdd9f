//! How good music is, in numbers: audio, codes and labels in, numbers out.
//!
//! Nothing here knows a network, a pack or a file. Audio is mono at a rate in Hz; a *prime* is what was
//! continued, the *seam* is where it ends. What a number is compared with (other models, real songs, a
//! goal) is the caller's business, but for [`context`] and [`style`], which learn from what they are given.

pub mod chroma;
mod classifier;
pub mod codebook;
pub mod context;
pub mod defects;
pub mod mel;
pub mod onsets;
pub mod seam;
pub mod spectrum;
pub mod stats;
pub mod style;
pub mod tempo;

pub use classifier::Classifier;
