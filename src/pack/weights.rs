//! Safetensors, read once: hashed, checked against the expected shapes, and turned into tensors.
//!
//! The file is read and not mapped, because a mapped file that is cut short under us would end the
//! host's process. Tensors are read one after another, so the peak is the tensors and one buffer.
//!
//! A damaged file is reported as damaged, whatever else its damage looks like: the hash of the bytes
//! that were really read is compared first.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use sha2::{Digest, Sha256};

use super::manifest::FileEntry;
use super::shapes::TensorShape;
use super::{PackError, hex};

/// Longest header that a file may have, in bytes (the format's own limit).
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Reads the `wanted` tensors of a file as `f32`; whatever else it holds is hashed and dropped.
pub(super) fn read(
    path: &Path,
    stated: &FileEntry,
    wanted: &[TensorShape],
) -> Result<HashMap<String, Tensor>, PackError> {
    let mut file = Hashed::open(path, stated)?;
    let tensors = read_tensors(path, &mut file, wanted);
    file.finish(path, stated)?;
    tensors
}

/// Reads a file to its end and compares its hash.
pub(super) fn verify(path: &Path, stated: &FileEntry) -> Result<(), PackError> {
    Hashed::open(path, stated)?.finish(path, stated)
}

fn read_tensors(
    path: &Path,
    file: &mut Hashed,
    wanted: &[TensorShape],
) -> Result<HashMap<String, Tensor>, PackError> {
    let malformed = |problem: String| PackError::Malformed { path: path.into(), problem };
    let metadata = read_header(file).map_err(&malformed)?;
    check_shapes(path, &metadata, wanted)?;
    if metadata.data_len() as u64 != file.n_left {
        return Err(malformed(format!(
            "its header describes {} bytes of tensors, but {} follow",
            metadata.data_len(),
            file.n_left
        )));
    }

    let shapes: HashMap<_, _> = wanted.iter().map(|t| (t.name.as_str(), &t.shape)).collect();
    let mut tensors = HashMap::with_capacity(wanted.len());
    let mut bytes = Vec::new();
    for name in metadata.offset_keys() {
        let Some(info) = metadata.info(&name) else {
            continue;
        };
        bytes.resize(info.data_offsets.1 - info.data_offsets.0, 0);
        file.read_exact(&mut bytes)
            .map_err(|source| PackError::Io { path: path.into(), source })?;
        if let Some(shape) = shapes.get(name.as_str()) {
            let tensor = to_f32(&bytes, info.dtype, shape)
                .map_err(|problem| malformed(format!("tensor {name:?}: {problem}")))?;
            tensors.insert(name, tensor);
        }
    }
    Ok(tensors)
}

fn read_header(file: &mut Hashed) -> Result<Metadata, String> {
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| "it is too short to have a header".to_string())?;
    let n_bytes = u64::from_le_bytes(length);
    if n_bytes > file.n_left.min(MAX_HEADER_BYTES) {
        return Err(format!("its header claims {n_bytes} bytes"));
    }
    let mut header = vec![0; n_bytes as usize];
    file.read_exact(&mut header).map_err(|e| e.to_string())?;
    serde_json::from_slice(&header).map_err(|e| format!("its header is not valid: {e}"))
}

fn check_shapes(path: &Path, metadata: &Metadata, wanted: &[TensorShape]) -> Result<(), PackError> {
    for TensorShape { name, shape } in wanted {
        let Some(info) = metadata.info(name) else {
            return Err(PackError::MissingTensor { path: path.into(), name: name.clone() });
        };
        if info.shape != *shape {
            return Err(PackError::Shape {
                path: path.into(),
                name: name.clone(),
                found: info.shape.clone(),
                expected: shape.clone(),
            });
        }
    }
    Ok(())
}

fn to_f32(bytes: &[u8], dtype: Dtype, shape: &[usize]) -> Result<Tensor, String> {
    let dtype = match dtype {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        other => return Err(format!("weights are F32, F16 or BF16, not {other:?}")),
    };
    Tensor::from_raw_buffer(bytes, dtype, shape, &Device::Cpu)
        .and_then(|tensor| tensor.to_dtype(DType::F32))
        .map_err(|e| e.to_string())
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
