//! How a command ends when it cannot do its job: one sentence and an exit code.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use encore::corpus::CorpusError;
use encore::engine::EngineError;
use encore::jukebox::{DeviceError, JukeboxError};
use encore::lyrics::LyricsError;
use encore::pack::checkpoint::CheckpointError;
use encore::pack::convert::ConvertError;
use encore::pack::taught::TaughtError;
use encore::pack::{LabelsError, PackError};
use encore::takes::TakeError;
use encore::train::TrainError;

/// Why a command stopped.
#[derive(Debug)]
pub enum Failure {
    /// Something that was asked for or given is wrong: exit code 2.
    BadInput(String),
    /// The machine or the model let us down: exit code 1.
    Failed(String),
    /// Nobody reads the output any more, as in `encore labels … | head`.
    Unread,
}

impl Failure {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::BadInput(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::from(1),
            Self::Unread => ExitCode::SUCCESS,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadInput(sentence) | Self::Failed(sentence) => f.write_str(sentence),
            Self::Unread => Ok(()),
        }
    }
}

impl From<PackError> for Failure {
    fn from(e: PackError) -> Self {
        match e {
            PackError::Io { .. }
            | PackError::Checkpoint(CheckpointError::Io { .. })
            | PackError::Taught(TaughtError::Io { .. } | TaughtError::Write { .. }) => {
                Self::Failed(e.to_string())
            }
            _ => Self::BadInput(e.to_string()),
        }
    }
}

impl From<ConvertError> for Failure {
    fn from(e: ConvertError) -> Self {
        match e {
            ConvertError::Checkpoint(e) => PackError::from(e).into(),
            ConvertError::Write { .. } => Self::Failed(e.to_string()),
            ConvertError::Occupied { .. } | ConvertError::TooLargeForF16 { .. } => {
                Self::BadInput(e.to_string())
            }
        }
    }
}

impl From<TakeError> for Failure {
    fn from(e: TakeError) -> Self {
        if e.is_bad_input() { Self::BadInput(e.to_string()) } else { Self::Failed(e.to_string()) }
    }
}

impl From<JukeboxError> for Failure {
    fn from(e: JukeboxError) -> Self {
        match e {
            JukeboxError::Range { .. } | JukeboxError::Device(_) => Self::BadInput(e.to_string()),
            _ => Self::Failed(e.to_string()),
        }
    }
}

impl From<DeviceError> for Failure {
    fn from(e: DeviceError) -> Self {
        Self::BadInput(e.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(e: EngineError) -> Self {
        use EngineError::{BadPrime, Jukebox, Length, NoPack, Pack, TooLittleHeard, TooShort};
        match e {
            Pack(e) => e.into(),
            Jukebox(e) => e.into(),
            NoPack(_) | BadPrime { .. } | Length(_) | TooLittleHeard { .. } | TooShort { .. } => {
                Self::BadInput(e.to_string())
            }
            _ => Self::Failed(e.to_string()),
        }
    }
}

impl From<CorpusError> for Failure {
    fn from(e: CorpusError) -> Self {
        match e {
            CorpusError::Io { .. } => Self::Failed(e.to_string()),
            _ => Self::BadInput(e.to_string()),
        }
    }
}

impl From<TrainError> for Failure {
    fn from(e: TrainError) -> Self {
        match e {
            TrainError::Corpus(e) => e.into(),
            TrainError::Pack(e) => e.into(),
            TrainError::Jukebox(e) => e.into(),
            TrainError::Range { .. } | TrainError::TooLittle(_) | TrainError::Run { .. } => {
                Self::BadInput(e.to_string())
            }
            _ => Self::Failed(e.to_string()),
        }
    }
}

impl From<LyricsError> for Failure {
    fn from(e: LyricsError) -> Self {
        Self::BadInput(e.to_string())
    }
}

impl From<LabelsError> for Failure {
    fn from(e: LabelsError) -> Self {
        Self::BadInput(match e {
            LabelsError::Unknown(e) => format!("{e} (encore labels lists them all)"),
            e => e.to_string(),
        })
    }
}

/// Says something on stderr that changes nothing, but should be known.
pub fn note(sentence: &str) {
    let _ = writeln!(io::stderr(), "note: {sentence}"); // nobody listening is no reason to stop
}

/// Writes a result to stdout.
pub fn print(text: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{text}").map_err(|e| match e.kind() {
        ErrorKind::BrokenPipe => Failure::Unread,
        _ => Failure::Failed(format!("the result cannot be written: {e}")),
    })
}

/// Writes a machine-readable result to stdout.
pub fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{value:#}"))
}
