//! One safetensors file of a pack: which type each tensor gets, and how it is written.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use half::{bf16, f16};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{ConvertError, StoredAs};
use crate::jukebox::Quantisation;
use crate::jukebox::weights::{Group, Rows};
use crate::pack::checkpoint::{Checkpoint, for_each_f32, ints_dtype, quantised_shapes, scale_name};
use crate::pack::hex;
use crate::pack::manifest::FileEntry;
use crate::pack::pickle::Dtype;
use crate::pack::shapes::TensorShape;

/// A tensor of the checkpoint, and how it will be stored.
pub struct Planned {
    name: String,
    shape: Vec<usize>,
    form: Form,
}

enum Form {
    Plain(Dtype),
    /// Integers and then scales, of these shapes.
    Quantised(Quantisation, [Vec<usize>; 2]),
}

impl Planned {
    /// What is written for it, in order: names, types and shapes.
    fn entries(&self) -> Vec<(String, Dtype, &[usize])> {
        match &self.form {
            Form::Plain(dtype) => vec![(self.name.clone(), *dtype, &self.shape)],
            Form::Quantised(format, [ints, scales]) => vec![
                (self.name.clone(), ints_dtype(*format), ints),
                (scale_name(&self.name), Dtype::BF16, scales),
            ],
        }
    }

    pub fn n_bytes(&self) -> u64 {
        self.entries().iter().map(|(_, dtype, shape)| n_bytes(*dtype, shape)).sum()
    }
}

fn n_bytes(dtype: Dtype, shape: &[usize]) -> u64 {
    shape.iter().map(|n| *n as u64).product::<u64>() * dtype.size()
}

/// Matrices take the wanted type; vectors (biases and norms) weigh nothing and stay exact.
///
/// In order of the size of their numbers, so that all are aligned.
pub fn plan(checkpoint: &Checkpoint, tensors: &[TensorShape], stored_as: StoredAs) -> Vec<Planned> {
    let planned = |tensor: &TensorShape| {
        let given = match checkpoint.dtype(&tensor.name) {
            Some(given @ (Dtype::F32 | Dtype::F16 | Dtype::BF16)) => given,
            _ => Dtype::F32,
        };
        let is_matrix = tensor.shape.len() > 1;
        let quantised =
            |format| Some((format, quantised_shapes(format, tensor.as_layer_matrix()?)?));
        let quantised = match stored_as {
            StoredAs::Q8 => quantised(Quantisation::Q8),
            StoredAs::Q4 => quantised(Quantisation::Q4),
            _ => None,
        };
        let form = match (quantised, stored_as) {
            (Some((format, shapes)), _) => Form::Quantised(format, shapes),
            (None, StoredAs::F32) => Form::Plain(Dtype::F32),
            (None, StoredAs::F16) if is_matrix => Form::Plain(Dtype::F16),
            (None, StoredAs::BF16) if is_matrix => Form::Plain(Dtype::BF16),
            _ => Form::Plain(given),
        };
        Planned { name: tensor.name.clone(), shape: tensor.shape.clone(), form }
    };
    let size = |planned: &Planned| match planned.form {
        Form::Plain(dtype) => dtype.size(),
        Form::Quantised(..) => 1,
    };
    let mut planned: Vec<_> = tensors.iter().map(planned).collect();
    planned.sort_by(|a, b| size(b).cmp(&size(a)).then(a.name.cmp(&b.name)));
    planned
}

/// Writes one safetensors file, and says what it became. `report` hears of bytes that were written.
pub fn write_file(
    path: &Path,
    checkpoint: &Checkpoint,
    planned: &[Planned],
    mut report: impl FnMut(u64),
) -> Result<FileEntry, ConvertError> {
    let write_error = |source| ConvertError::Write { path: path.into(), source };
    let mut file = Hashing {
        file: BufWriter::with_capacity(1 << 20, File::create(path).map_err(write_error)?),
        hash: Sha256::new(),
        n_bytes: 0,
    };
    file.put(&header(planned)).map_err(write_error)?;
    for tensor in planned {
        let put = |bytes: &[u8]| {
            report(bytes.len() as u64);
            file.put(bytes).map_err(write_error)
        };
        match (&tensor.form, tensor.shape.as_slice()) {
            (Form::Plain(dtype), _) => write_plain(checkpoint, &tensor.name, *dtype, put)?,
            (Form::Quantised(format, _), [n_in, n_out]) => {
                write_quantised(checkpoint, &tensor.name, [*n_in, *n_out], *format, put)?;
            }
            (Form::Quantised(..), _) => {} // only matrices are planned so
        }
    }
    let (sha256, bytes) = file.finish().map_err(write_error)?;
    Ok(FileEntry { sha256, bytes })
}

fn write_plain(
    checkpoint: &Checkpoint,
    name: &str,
    dtype: Dtype,
    mut put: impl FnMut(&[u8]) -> Result<(), ConvertError>,
) -> Result<(), ConvertError> {
    let (mut values, mut bytes) = (Vec::new(), Vec::new());
    let mut overflow = None;
    checkpoint.read_parts(name, |part, given| {
        values.clear();
        bytes.clear();
        for_each_f32(part, given, |value| values.push(value));
        checkpoint.check_finite(name, &values)?;
        for value in &values {
            let mut is_finite = true;
            match dtype {
                Dtype::F16 => {
                    let half = f16::from_f32(*value);
                    is_finite = half.is_finite();
                    bytes.extend_from_slice(&half.to_le_bytes());
                }
                Dtype::BF16 => {
                    let half = bf16::from_f32(*value);
                    is_finite = half.is_finite();
                    bytes.extend_from_slice(&half.to_le_bytes());
                }
                _ => bytes.extend_from_slice(&value.to_le_bytes()),
            }
            overflow = overflow.or((!is_finite).then_some(*value));
        }
        put(&bytes)
    })?;
    match overflow {
        None => Ok(()),
        Some(value) => {
            let (path, name) = (checkpoint.path().to_owned(), name.to_owned());
            Err(ConvertError::TooLargeForF16 { path, name, value })
        }
    }
}

/// Writes the integers as they come, and remembers the scales until then.
fn write_quantised(
    checkpoint: &Checkpoint,
    name: &str,
    shape: [usize; 2],
    format: Quantisation,
    mut put: impl FnMut(&[u8]) -> Result<(), ConvertError>,
) -> Result<(), ConvertError> {
    let mut group = Group::new(format, shape[1]);
    let mut scales = Vec::new();
    checkpoint.read_rows(name, shape, |rows| {
        let group = match rows {
            Rows::Quantised(group) => group,
            Rows::Plain(weights) => {
                group.quantise(weights);
                &group
            }
        };
        scales.extend(group.scales.iter().flat_map(|scale| scale.to_le_bytes()));
        put(&group.ints)
    })?;
    put(&scales)
}

/// A safetensors header: where each tensor will lie. Padded so that numbers are aligned.
fn header(planned: &[Planned]) -> Vec<u8> {
    let mut tensors = serde_json::Map::new();
    let mut offset = 0;
    for (name, dtype, shape) in planned.iter().flat_map(Planned::entries) {
        let end = offset + n_bytes(dtype, shape);
        let entry = json!({
            "dtype": dtype.to_string(), "shape": shape, "data_offsets": [offset, end],
        });
        tensors.insert(name, entry);
        offset = end;
    }
    let mut text = serde_json::Value::Object(tensors).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut header = (text.len() as u64).to_le_bytes().to_vec();
    header.extend(text);
    header
}

/// A file that is hashed while it is written.
struct Hashing {
    file: BufWriter<File>,
    hash: Sha256,
    n_bytes: u64,
}

impl Hashing {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.n_bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn finish(self) -> io::Result<(String, u64)> {
        self.file.into_inner().map_err(|e| e.into_error())?.sync_all()?;
        Ok((hex(&self.hash.finalize()), self.n_bytes))
    }
}
