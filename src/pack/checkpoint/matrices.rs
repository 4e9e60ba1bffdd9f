//! The large matrices of a network, read from a checkpoint a group of rows at a time.
//!
//! A pack may hold a matrix `NAME` of `[n_in, n_out]` quantised (see [`Quantisation`]): its integers under
//! `NAME`, as `I8 [n_in, n_out]` or as pairs in `U8 [n_in / 2, n_out]`, and a scale for each group of 32
//! inputs of an output under `NAME.scale`, `BF16 [n_in / 32, n_out]`. A weight is its integer times the
//! scale: `NAME[i, o] * NAME.scale[i / 32, o]`. In a pair the lower four bits are input `2 i` and the upper
//! ones input `2 i + 1`, each with 8 added.

use half::bf16;

use super::weights::wrapped;
use super::{Checkpoint, CheckpointError, for_each_f32};
use crate::jukebox::JukeboxError;
use crate::jukebox::weights::{GROUP, Group, Matrices, Precision, Quantisation, Rows};
use crate::pack::pickle::Dtype;

/// Largest size of a quantised matrix's integers.
const LARGEST_INTEGER: f32 = 128.0;

/// Name of a matrix's scales.
pub fn scale_name(name: &str) -> String {
    format!("{name}.scale")
}

/// Type of a quantised matrix's integers.
pub fn ints_dtype(quantisation: Quantisation) -> Dtype {
    match quantisation {
        Quantisation::Q8 => Dtype::I8,
        Quantisation::Q4 => Dtype::U8,
    }
}

/// Shapes of a quantised matrix's integers and scales, if its inputs are whole groups.
pub fn quantised_shapes(
    quantisation: Quantisation,
    [n_in, n_out]: [usize; 2],
) -> Option<[Vec<usize>; 2]> {
    let rows_per_group = quantisation.group_bytes();
    let n_groups = n_in.is_multiple_of(GROUP).then_some(n_in / GROUP)?;
    Some([vec![n_groups * rows_per_group, n_out], vec![n_groups, n_out]])
}

impl Checkpoint {
    /// How a matrix is stored, unless as plain numbers.
    pub fn quantisation(&self, name: &str) -> Option<Quantisation> {
        let formats = [Quantisation::Q8, Quantisation::Q4];
        let dtype = self.dtype(name).filter(|_| self.contains(&scale_name(name)))?;
        formats.into_iter().find(|format| ints_dtype(*format) == dtype)
    }

    /// How a matrix is best held to lose nothing of what is stored.
    pub fn precision(&self, name: &str) -> Precision {
        match (self.quantisation(name), self.dtype(name)) {
            (Some(quantisation), _) => quantisation.into(),
            (None, Some(Dtype::F16)) => Precision::F16,
            (None, Some(Dtype::BF16)) => Precision::BF16,
            (None, _) => Precision::F32,
        }
    }

    /// `[n_in, n_out]` of a quantised matrix, as its scales have it and its integers agree.
    pub fn dequantised_shape(
        &self,
        name: &str,
        quantisation: Quantisation,
    ) -> Result<[usize; 2], CheckpointError> {
        match self.shape(&scale_name(name)) {
            Some([n_groups, n_out]) => {
                // before anything is allocated for so many weights
                self.check_shape(name, &[n_groups * quantisation.group_bytes(), *n_out])?;
                Ok([n_groups * GROUP, *n_out])
            }
            found => {
                let (path, found) = (self.path().into(), found.unwrap_or_default().to_vec());
                let expected = self.shape(name).unwrap_or_default().to_vec();
                Err(CheckpointError::Shape { path, name: scale_name(name), found, expected })
            }
        }
    }

    /// Hands over a matrix `[n_in, n_out]` in order, a group of rows at a time. Takes memory for one group,
    /// and for the scales where there are some.
    ///
    /// # Errors
    /// When there is none of this shape, it cannot be read, or has numbers that are none.
    pub fn read_rows<E: From<CheckpointError>>(
        &self,
        name: &str,
        shape: [usize; 2],
        mut take: impl FnMut(Rows) -> Result<(), E>,
    ) -> Result<(), E> {
        let [_, n_out] = shape;
        let Some(quantisation) = self.quantisation(name) else {
            self.check_shape(name, &shape)?;
            return self.read_plain_rows(name, n_out, take);
        };
        let Some([ints_shape, scales_shape]) = quantised_shapes(quantisation, shape) else {
            let problem = format!("of {shape:?} is quantised, but not in whole groups of {GROUP}");
            let (path, name) = (self.path().into(), name.into());
            return Err(CheckpointError::Tensor { path, name, problem }.into());
        };
        self.check_shape(name, &ints_shape)?;
        self.check_shape(&scale_name(name), &scales_shape)?;
        let scales = self.scales(name)?;
        let mut scales = scales.chunks_exact(n_out.max(1));
        let mut group = Group::new(quantisation, n_out);
        let mut n_filled = 0;
        self.read_parts(name, |mut part, _| {
            while !part.is_empty() {
                let n = part.len().min(group.ints.len() - n_filled);
                let (now, later) = part.split_at(n);
                group.ints[n_filled..n_filled + n].copy_from_slice(now);
                (part, n_filled) = (later, n_filled + n);
                if n_filled == group.ints.len() {
                    scales.next().into_iter().for_each(|of| group.scales.copy_from_slice(of));
                    take(Rows::Quantised(&group))?;
                    n_filled = 0;
                }
            }
            Ok::<_, E>(())
        })
    }

    fn read_plain_rows<E: From<CheckpointError>>(
        &self,
        name: &str,
        n_out: usize,
        mut take: impl FnMut(Rows) -> Result<(), E>,
    ) -> Result<(), E> {
        let n_group = GROUP * n_out;
        let mut rows = Vec::with_capacity(n_group);
        self.read_parts(name, |mut part, dtype| {
            while !part.is_empty() {
                let n_bytes = part.len().min((n_group - rows.len()) * dtype.size() as usize);
                let (now, later) = part.split_at(n_bytes);
                for_each_f32(now, dtype, |value| rows.push(value));
                if rows.len() == n_group {
                    self.check_finite(name, &rows)?;
                    take(Rows::Plain(&rows))?;
                    rows.clear();
                }
                part = later;
            }
            Ok::<_, E>(())
        })?;
        if !rows.is_empty() {
            self.check_finite(name, &rows)?;
            take(Rows::Plain(&rows))?;
        }
        Ok(())
    }

    /// All scales of a matrix; every one must be finite, and so must all that it scales.
    fn scales(&self, name: &str) -> Result<Vec<bf16>, CheckpointError> {
        let name = scale_name(name);
        let mut scales = Vec::new();
        self.read_parts(&name, |part, dtype| {
            if dtype != Dtype::BF16 {
                let problem = format!("is {dtype}, but scales are BF16");
                let (path, name) = (self.path().into(), name.clone());
                return Err(CheckpointError::Tensor { path, name, problem });
            }
            let pairs = part.as_chunks::<2>().0.iter();
            scales.extend(pairs.map(|bytes| bf16::from_le_bytes(*bytes)));
            Ok(())
        })?;
        let largest = scales.iter().map(|scale| scale.to_f32() * LARGEST_INTEGER);
        match largest.into_iter().find(|value| !value.is_finite()) {
            None => Ok(scales),
            Some(value) => {
                Err(CheckpointError::NotFinite { path: self.path().into(), name, value })
            }
        }
    }

    fn check_shape(&self, name: &str, expected: &[usize]) -> Result<(), CheckpointError> {
        let (path, what) = (self.path().to_owned(), "prior");
        match self.shape(name) {
            Some(found) if found == expected => Ok(()),
            Some(found) => {
                let (name, found, expected) = (name.into(), found.to_vec(), expected.to_vec());
                Err(CheckpointError::Shape { path, name, found, expected })
            }
            None => Err(CheckpointError::MissingTensor { path, name: name.into(), what }),
        }
    }
}

impl Matrices for Checkpoint {
    fn stored_as(&self, name: &str) -> Precision {
        self.precision(name)
    }

    fn read(
        &self,
        name: &str,
        shape: [usize; 2],
        take: &mut dyn FnMut(Rows),
    ) -> Result<(), JukeboxError> {
        let read = self.read_rows::<CheckpointError>(name, shape, |rows| {
            take(rows);
            Ok(())
        });
        Ok(read.map_err(wrapped)?)
    }
}
