//! Bytes that are read by position: a file, or memory in tests.
//!
//! Nothing is mapped: a mapped file that is cut short under us would end the host's process, where a
//! read that fails is an error like any other.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

/// A file of known length.
pub struct Source {
    path: PathBuf,
    len: u64,
    bytes: Bytes,
}

enum Bytes {
    File(Mutex<File>),
    Memory(Vec<u8>),
}

impl Source {
    /// Opens a file; its length is taken now, and reading beyond it fails.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = open_file(path)?;
        let len = file.metadata()?.len();
        Ok(Self { path: path.into(), len, bytes: Bytes::File(Mutex::new(file)) })
    }

    /// The same over bytes that are in memory; `path` is only for messages.
    pub fn from_memory(path: &Path, bytes: Vec<u8>) -> Self {
        Self { path: path.into(), len: bytes.len() as u64, bytes: Bytes::Memory(bytes) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `buffer` from the bytes at `offset`.
    pub fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.len);
        if end.is_none() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match &self.bytes {
            Bytes::File(file) => {
                let mut file = file.lock();
                file.seek(SeekFrom::Start(offset))?;
                file.read_exact(buffer)
            }
            Bytes::Memory(bytes) => {
                let start = offset as usize; // within `len`, which is a usize here
                buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
                Ok(())
            }
        }
    }
}

/// All bytes of a file that is small by its nature; nothing if it has more than `limit`.
pub fn read_small(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    open_file(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// Opens what is a file. Looks first, because opening a pipe waits for somebody to write into it.
fn open_file(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file"));
    }
    File::open(path)
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("path", &self.path).field("len", &self.len).finish()
    }
}
