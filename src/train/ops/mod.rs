//! Differentiable operations.
//!
//! On the processor each is one pass written for it; elsewhere the same is composed of candle's own. One
//! function per operation decides which.

pub mod conv;
pub mod numbers;
pub mod res_stack;
pub mod rows;

pub use conv::{down_conv, down_conv_of_data, up_conv, wide_conv};
pub use res_stack::{ResBlockVars, ResStackShape, res_stack};

#[cfg(test)]
mod conv_tests;
