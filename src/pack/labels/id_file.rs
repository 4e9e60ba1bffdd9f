//! The files that give the released models their artists and genres: one `name;id` per line.

use std::io;
use std::path::{Path, PathBuf};

use crate::pack::source::read_small;

/// Longest file, in bytes, and most names in one: some ten times the longest that was released.
const MAX_BYTES: u64 = 4 << 20;
const MAX_NAMES: usize = 1 << 17;
/// Largest id, so that a wrong digit is a message and not a table that fills the memory.
pub const MAX_ID: u32 = (1 << 20) - 1;
/// Characters of a line that a message repeats.
const MAX_QUOTED: usize = 60;

/// Why a file of names and ids could not be used.
#[derive(Debug, thiserror::Error)]
pub enum IdFileError {
    /// The operating system refused.
    #[error("{path:?} cannot be read: {source}")]
    Io { path: PathBuf, source: io::Error },

    /// Not a table of names.
    #[error("{path:?} is longer than {MAX_BYTES} bytes, which no table of names is")]
    TooLong { path: PathBuf },

    #[error("{path:?} has more than {MAX_NAMES} names, which no table has")]
    TooMany { path: PathBuf },

    /// Some other encoding, or no text at all.
    #[error("{path:?}, line {line}: not UTF-8 text; download the file again")]
    NotText { path: PathBuf, line: usize },

    /// A line without exactly one semicolon.
    #[error("{path:?}, line {line}: {found:?} is not a name, a semicolon and an id")]
    NotPair { path: PathBuf, line: usize, found: String },

    /// Something else than a number where the id should be.
    #[error("{path:?}, line {line}: the id {found:?} is not a whole number from 0 to {MAX_ID}")]
    Id { path: PathBuf, line: usize, found: String },

    /// Nothing in it.
    #[error("{path:?} has no names in it; download the file again")]
    Empty { path: PathBuf },
}

/// The names of a file with their ids, in its order, in lower case. A name may come again: the last one
/// counts. Blank lines are passed over.
pub fn read(path: &Path) -> Result<Vec<(String, u32)>, IdFileError> {
    let bytes = read_small(path, MAX_BYTES)
        .map_err(|source| IdFileError::Io { path: path.into(), source })?
        .ok_or_else(|| IdFileError::TooLong { path: path.into() })?;
    from_bytes(path, &bytes)
}

/// The same of a file that was read already; `path` is for the messages.
pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Vec<(String, u32)>, IdFileError> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        IdFileError::NotText { path: path.into(), line }
    })?;
    parse(path, text)
}

fn parse(path: &Path, text: &str) -> Result<Vec<(String, u32)>, IdFileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let lines = lines.take(MAX_NAMES + 1);
    let names: Vec<_> =
        lines.map(|(i, line)| pair(path, i + 1, line.trim())).collect::<Result<_, _>>()?;
    if names.len() > MAX_NAMES {
        return Err(IdFileError::TooMany { path: path.into() });
    }
    if names.is_empty() {
        return Err(IdFileError::Empty { path: path.into() });
    }
    Ok(names)
}

fn pair(path: &Path, line: usize, text: &str) -> Result<(String, u32), IdFileError> {
    let quoted = |text: &str| text.chars().take(MAX_QUOTED).collect();
    let fields: Vec<_> = text.split(';').take(3).collect();
    let [name, id] = fields[..] else {
        return Err(IdFileError::NotPair { path: path.into(), line, found: quoted(text) });
    };
    match id.trim().parse() {
        Ok(id) if id <= MAX_ID => Ok((name.to_lowercase(), id)),
        _ => Err(IdFileError::Id { path: path.into(), line, found: quoted(id) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<(String, u32)>, String> {
        parse(Path::new("ids.txt"), text).map_err(|e| e.to_string())
    }

    #[test]
    fn names_come_in_lower_case_and_in_order() {
        let names =
            parsed("unknown;0\r\n;0\nMixed_Case; 5 \ncafé élan;3\ndup;5\ndup;6\n\n").unwrap();

        let names: Vec<_> = names.iter().map(|(name, id)| (name.as_str(), *id)).collect();
        let want =
            [("unknown", 0), ("", 0), ("mixed_case", 5), ("café élan", 3), ("dup", 5), ("dup", 6)];
        assert_eq!(names, want);
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let says = |text: &str| parsed(text).unwrap_err();

        assert!(says("a;0\nb\n").contains("\"ids.txt\", line 2: \"b\" is not a name"));
        assert!(says("a;0;1").contains("line 1: \"a;0;1\""));
        assert!(says("a;x").contains("the id \"x\""));
        assert!(says("a;-1").contains("the id \"-1\""));
        assert!(says("a;99999999999999999999").contains("0 to 1048575"));
        assert!(says("a;1048576").contains("the id \"1048576\""));
        assert!(says(" \n").contains("no names"));
        assert!(says(&format!("{};", ";".repeat(1000))).len() < 200);
    }

    #[test]
    fn text_in_another_encoding_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("v3_artist_ids.txt");
        std::fs::write(&path, b"unknown;0\ncaf\xe9;1\n").unwrap();

        let error = read(&path).unwrap_err().to_string();

        assert!(error.contains("v3_artist_ids.txt") && error.contains("line 2"), "{error}");
    }
}
