//! Packs and checkpoints on disk.

pub mod hf;
