//! A pack's weight files: their hashes, and whether they hold what the networks call for.
//!
//! Files are read and not mapped, because a mapped file that is cut short under us would end the host's
//! process. A first pass compares the hash, so a damaged file is reported as damaged, whatever else its
//! damage looks like; then each tensor is read when a network asks for it, so that loading holds the
//! network and one tensor.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::checkpoint::{Checkpoint, CheckpointError, ints_dtype, quantised_shapes, scale_name};
use super::manifest::FileEntry;
use super::pickle::Dtype;
use super::shapes::TensorShape;
use super::source::Source;
use super::{PackError, hex};
use crate::jukebox::Quantisation;

/// Checks a file's hash, then opens it; it must hold the `wanted` tensors.
pub(super) fn open(
    path: &Path,
    stated: &FileEntry,
    wanted: &[TensorShape],
) -> Result<Checkpoint, PackError> {
    verify(path, stated)?;
    let malformed = |problem: String| PackError::Malformed { path: path.into(), problem };
    let source =
        Source::open(path).map_err(|source| PackError::Io { path: path.into(), source })?;
    let file = Checkpoint::from_safetensors(source).map_err(|e| match e {
        CheckpointError::Safetensors { problem, .. } => malformed(problem),
        e => e.into(),
    })?;
    wanted.iter().try_for_each(|tensor| check(&file, tensor))?;
    Ok(file)
}

/// Whether a tensor is there in its shape and a type that it may have.
fn check(file: &Checkpoint, tensor: &TensorShape) -> Result<(), PackError> {
    let TensorShape { name, shape } = tensor;
    let formats = [Quantisation::Q8, Quantisation::Q4];
    let stored_as =
        formats.into_iter().find(|format| file.dtype(name) == Some(ints_dtype(*format)));
    let shapes = stored_as.zip(tensor.as_layer_matrix());
    match shapes.and_then(|(stored_as, shape)| quantised_shapes(stored_as, shape)) {
        None => check_one(file, name, shape, &[Dtype::F32, Dtype::F16, Dtype::BF16]),
        Some([ints, scales]) => {
            check_one(file, name, &ints, &[Dtype::I8, Dtype::U8])?;
            check_one(file, &scale_name(name), &scales, &[Dtype::BF16])
        }
    }
}

fn check_one(
    file: &Checkpoint,
    name: &str,
    expected: &[usize],
    dtypes: &[Dtype],
) -> Result<(), PackError> {
    let (path, name) = (file.path().to_owned(), name.to_owned());
    match file.dtype(&name).zip(file.shape(&name)) {
        None => Err(PackError::MissingTensor { path, name }),
        Some((_, found)) if found != expected => {
            let (found, expected) = (found.to_vec(), expected.to_vec());
            Err(PackError::Shape { path, name, found, expected })
        }
        Some((dtype, _)) if !dtypes.contains(&dtype) => {
            let allowed: Vec<_> = dtypes.iter().map(Dtype::to_string).collect();
            let allowed = allowed.join(" or ");
            let problem = format!("tensor {name:?} is {dtype}, but can only be {allowed}");
            Err(PackError::Malformed { path, problem })
        }
        Some(_) => Ok(()),
    }
}

/// Reads a file to its end and compares its hash.
pub(super) fn verify(path: &Path, stated: &FileEntry) -> Result<(), PackError> {
    Hashed::open(path, stated)?.finish(path, stated)
}

/// A file of known size that hashes whatever is read from it.
struct Hashed {
    file: File,
    hash: Sha256,
    n_left: u64,
}

impl Hashed {
    fn open(path: &Path, stated: &FileEntry) -> Result<Self, PackError> {
        let file = File::open(path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => PackError::MissingFile { path: path.into() },
            _ => PackError::Io { path: path.into(), source },
        })?;
        check_size(path, &file.metadata(), stated)?;
        Ok(Self { file, hash: Sha256::new(), n_left: stated.bytes })
    }

    /// Reads what is left and compares the hash of everything with what was stated.
    fn finish(mut self, path: &Path, stated: &FileEntry) -> Result<(), PackError> {
        let mut buffer = vec![0; 1 << 18];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(PackError::Io { path: path.into(), source });
                }
            }
        }
        let found = hex(&self.hash.finalize());
        if self.n_left > 0 {
            let found = stated.bytes - self.n_left; // it shrank while it was read
            return Err(PackError::Size { path: path.into(), found, expected: stated.bytes });
        }
        if found != stated.sha256 {
            let expected = stated.sha256.clone();
            return Err(PackError::Hash { path: path.into(), found, expected });
        }
        Ok(())
    }
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_max = buffer.len().min(usize::try_from(self.n_left).unwrap_or(usize::MAX));
        let n_read = self.file.read(&mut buffer[..n_max])?;
        self.hash.update(&buffer[..n_read]);
        self.n_left -= n_read as u64;
        Ok(n_read)
    }
}

/// Compares a file's size with what the manifest states.
pub(super) fn check_size(
    path: &Path,
    found: &io::Result<std::fs::Metadata>,
    stated: &FileEntry,
) -> Result<(), PackError> {
    match found {
        Ok(found) if found.is_file() && found.len() == stated.bytes => Ok(()),
        Ok(found) if found.is_file() => {
            Err(PackError::Size { path: path.into(), found: found.len(), expected: stated.bytes })
        }
        Err(e) if e.kind() != ErrorKind::NotFound => {
            let source = io::Error::new(e.kind(), e.to_string());
            Err(PackError::Io { path: path.into(), source })
        }
        _ => Err(PackError::MissingFile { path: path.into() }),
    }
}
