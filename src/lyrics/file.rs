//! Reading lyrics from a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Longest file of lyrics, in bytes: some hundred times the longest song.
pub const MAX_BYTES: u64 = 1 << 20;

/// Why lyrics could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LyricsError {
    /// The operating system refused.
    #[error("{path:?} cannot be read: {source}")]
    Io { path: PathBuf, source: io::Error },

    /// Not the words of one song.
    #[error("{path:?} is longer than {MAX_BYTES} bytes; give it the words of one song")]
    TooLong { path: PathBuf },

    /// Some other encoding, or no text at all.
    #[error("{path:?} is not UTF-8 text: byte {at} of it does not fit; save it as UTF-8")]
    NotText { path: PathBuf, at: usize },
}

/// The words of a song from a text file in UTF-8.
pub fn read(path: &Path) -> Result<String, LyricsError> {
    let refused = |source| LyricsError::Io { path: path.into(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(refused)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(refused)?;
    from_bytes(path, bytes)
}

/// The same of a file that was read already; `path` is for the messages.
pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<String, LyricsError> {
    if MAX_BYTES < bytes.len() as u64 {
        return Err(LyricsError::TooLong { path: path.into() });
    }
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        LyricsError::NotText { path: path.into(), at }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_text_is_refused_with_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("words.txt");
        std::fs::write(&path, b"na\xefve").unwrap();

        let error = read(&path).unwrap_err().to_string();

        assert!(error.contains("words.txt") && error.contains("byte 2"), "{error}");
    }

    #[test]
    fn a_file_that_never_ends_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("words.txt");
        std::fs::write(&path, vec![b'a'; MAX_BYTES as usize + 1]).unwrap();

        let error = read(&path).unwrap_err();

        assert!(matches!(error, LyricsError::TooLong { .. }), "{error}");
    }
}
