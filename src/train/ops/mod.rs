//! Differentiable operations.
//!
//! On the processor each is one node of candle's graph with passes written for it, because a graph of
//! candle's own operations spends as long on zeroing and adding gradients as on products. On a graphics
//! card the same is composed of candle's operations. One function per operation decides which.
//!
//! Whatever is summed up by several threads is summed in an order that does not depend on them, so a run
//! that is taken up again goes on to the bit.

pub mod attention;
pub mod buffers;
pub mod conv;
pub mod dense;
pub mod gelu;
pub mod lanes;
pub mod lookup;
pub mod machine;
pub mod node;
pub mod norm;
pub mod numbers;
pub mod product;
pub mod res_stack;
pub mod rows;
pub mod stack;
pub mod surprise;

pub use conv::{down_conv, down_conv_of_data, up_conv, wide_conv};
pub use res_stack::{ResBlockVars, ResStackShape, res_stack};

#[cfg(test)]
mod conv_tests;
#[cfg(test)]
pub(crate) mod tests;
