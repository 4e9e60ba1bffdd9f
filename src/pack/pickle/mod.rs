//! A pickle interpreter that can construct tensors and plain values, and call nothing.
//!
//! A pickle is a program for a stack machine. Python runs it with the power to call any function; this
//! machine knows a short list of constructors (dictionaries, tensors, numpy scalars) and turns every
//! other call into an opaque value, so that a checkpoint's optimiser state does no harm.
//!
//! Every value lies in one table and names others by index. So shared and cyclic values cost nothing,
//! nothing recurses, and what a pickle may take is counted in one place ([`Limits`]). Tensors are
//! descriptions: which storage, where in it, which shape. Their numbers are read elsewhere.

mod dtype;
mod error;
mod input;
mod machine;
mod opcode;
mod rebuild;
mod storage;
mod table;
mod value;

pub use dtype::Dtype;
pub use error::{PickleError, Problem};
pub use input::Input;
pub use table::{Limits, Storage, TensorRef};
pub use value::{Pickle, Value};

/// Runs the pickle at the input's position and leaves the input after its end.
///
/// # Errors
/// With the offset in the file, when it is cut short, malformed or larger than the limits.
pub fn read(input: &mut Input, limits: &Limits) -> Result<Pickle, PickleError> {
    machine::Machine::new(*limits).run(input)
}
