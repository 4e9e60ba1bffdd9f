//! What can be wrong with a take's files, each with the file and what to do.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why a file of a take could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The operating system refused to read.
    #[error("{path:?} cannot be read: {}", reason(.source))]
    Read { path: PathBuf, source: io::Error },

    /// The operating system refused to write; nothing was left behind.
    #[error("{path:?} cannot be written: {}", reason(.source))]
    Write { path: PathBuf, source: io::Error },

    /// Some other kind of file.
    #[error("{path:?} is not a WAV file that can be read: {problem}")]
    NotWav { path: PathBuf, problem: String },

    /// It ends before it should.
    #[error("{path:?} is cut short: it promises {expected} frames but has {found}")]
    Truncated { path: PathBuf, found: usize, expected: usize },

    /// A sound file without sound.
    #[error("{path:?} has no audio in it (0 {what})")]
    Empty { path: PathBuf, what: &'static str },

    /// A rate at which nothing is recorded.
    #[error("{path:?} has a sample rate of {rate_hz} Hz; {allowed} can be read")]
    Rate { path: PathBuf, rate_hz: u32, allowed: &'static str },

    /// NaN or infinity in a file that was read.
    #[error("{path:?} has a sample that is not a number, at frame {frame_idx}; export it again")]
    NotFinite { path: PathBuf, frame_idx: usize },

    /// NaN or infinity in audio that should have been written.
    #[error(
        "{path:?} was not written: the audio has a sample that is not a number, at frame {frame_idx}"
    )]
    UnwritableSample { path: PathBuf, frame_idx: usize },

    /// Not a file of codes.
    #[error("{path:?} is not a file of codes: {problem}")]
    NotCodes { path: PathBuf, problem: String },

    /// Codes, but not of the level that was asked for.
    #[error("{path:?} has no codes of level {level}; it has {}", levels(.available))]
    NoLevel { path: PathBuf, level: usize, available: Vec<usize> },

    /// Not a recipe, or one from another Encore.
    #[error("{path:?} is not a recipe that this Encore can read: {problem}")]
    NotRecipe { path: PathBuf, problem: String },

    /// The picture could not be drawn.
    #[error("the picture {path:?} could not be drawn: {problem}")]
    Picture { path: PathBuf, problem: String },
}

impl TakeError {
    /// Whether a path or file that was given is at fault, and not the machine.
    pub fn is_bad_input(&self) -> bool {
        use ErrorKind::*;
        match self {
            Self::Write { source, .. } => matches!(
                source.kind(),
                NotFound | NotADirectory | IsADirectory | PermissionDenied | ReadOnlyFilesystem
            ),
            Self::UnwritableSample { .. } | Self::Picture { .. } => false,
            _ => true,
        }
    }

    pub(super) fn read(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Read { path: path.into(), source }
    }

    pub(super) fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Write { path: path.into(), source }
    }
}

/// An error of the operating system in words that say what to do.
fn reason(e: &io::Error) -> String {
    match e.kind() {
        ErrorKind::NotFound => "there is no such file or folder".into(),
        ErrorKind::PermissionDenied => "you have no permission".into(),
        ErrorKind::StorageFull => "the disk is full; make room and try again".into(),
        ErrorKind::QuotaExceeded => "your disk quota is used up; make room and try again".into(),
        ErrorKind::ReadOnlyFilesystem => "the disk is read-only".into(),
        ErrorKind::IsADirectory => "it is a folder".into(),
        ErrorKind::NotADirectory => "part of its path is not a folder".into(),
        _ => e.to_string(),
    }
}

fn levels(levels: &[usize]) -> String {
    let names: Vec<_> = levels.iter().map(|level| format!("level {level}")).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_with_the_file_and_what_to_do() {
        let full = io::Error::from(ErrorKind::StorageFull);

        let sentence = TakeError::write(Path::new("out/take-1.wav"))(full).to_string();

        assert_eq!(
            sentence,
            "\"out/take-1.wav\" cannot be written: the disk is full; make room and try again"
        );
    }
}
