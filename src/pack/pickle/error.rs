//! What can be wrong with a pickle, and where.

use std::io;

use crate::pack::brief;

/// Why a pickle could not be read, and the offset in the file at which that showed.
#[derive(Debug, thiserror::Error)]
#[error("at byte {offset}: {problem}")]
pub struct PickleError {
    pub offset: u64,
    pub problem: Problem,
}

#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("the file ends here, but {wanted} more bytes are called for; fetch the file again")]
    Truncated { wanted: u64 },

    #[error("reading failed: {0}")]
    Io(io::Error),

    #[error("{what}: {found} is more than the {limit} that any checkpoint needs")]
    TooMuch { what: &'static str, found: u64, limit: u64 },

    #[error("pickle protocol {0} is unknown (2 to 5)")]
    Protocol(u8),

    #[error("opcode 0x{0:02x} has no place in a checkpoint")]
    Opcode(u8),

    #[error("{opcode} needs {wanted} on the stack, which has {found}")]
    Stack { opcode: &'static str, wanted: &'static str, found: &'static str },

    #[error("memo {0} is read before it is written")]
    Memo(u64),

    #[error("{0}")]
    Malformed(String),
}

impl Problem {
    pub(super) fn at(self, offset: u64) -> PickleError {
        let problem = match self {
            Self::Malformed(problem) => Self::Malformed(brief(&problem)),
            problem => problem,
        };
        PickleError { offset, problem }
    }
}
