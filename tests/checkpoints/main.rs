//! Whatever form a model is in, the same numbers and the same shape come out of it.
//!
//! The fixtures are looked for where `ENCORE_FIXTURES` says, beside the repository, or in
//! `tests/fixtures`; forms that a set does not have are passed over.

mod forms;
mod odd;
#[path = "../common/pickles.rs"]
mod pickles;
#[path = "../parity/shapes.rs"]
mod shapes;
