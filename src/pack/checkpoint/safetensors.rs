//! Safetensors: a header that says where each tensor lies, checked against the file.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de::IgnoredAny};

use super::error::CheckpointError;
use super::places::{Layout, Place};
use crate::pack::brief;
use crate::pack::pickle::Dtype;
use crate::pack::source::Source;

/// Longest header; the largest released model needs a tenth of it.
const MAX_HEADER_BYTES: u64 = 2 << 20;
/// Largest tensor, in bytes.
const MAX_TENSOR_BYTES: u64 = 1 << 40;
/// Most axes of a tensor.
const MAX_AXES: usize = 8;

/// Whether a file that begins like this may be safetensors: a length, then an object.
pub fn is_safetensors(first: &[u8]) -> bool {
    first.get(8) == Some(&b'{') && first[7] == 0
}

/// Every tensor of the file by name.
pub fn open(source: &Source) -> Result<Vec<(String, Layout)>, CheckpointError> {
    let bad = |problem: String| {
        let (path, problem) = (source.path().into(), brief(&problem));
        CheckpointError::Safetensors { path, problem }
    };
    let mut length = [0; 8];
    source.read_exact_at(0, &mut length).map_err(|_| bad("it is too short for a header".into()))?;
    let n_header = u64::from_le_bytes(length);
    if n_header > MAX_HEADER_BYTES || n_header > source.len() - 8 {
        return Err(bad(format!("its header claims {n_header} bytes")));
    }
    let mut header = vec![0; n_header as usize];
    source.read_exact_at(8, &mut header).map_err(|e| bad(e.to_string()))?;
    let Header(tensors) = serde_json::from_slice(&header)
        .map_err(|e| bad(format!("its header is not valid: {e}")))?;
    let data = Place { start: 8 + n_header, n_bytes: source.len() - 8 - n_header };
    let mut taken = Vec::with_capacity(tensors.len());
    let mut layouts = Vec::with_capacity(tensors.len());
    for (name, info) in tensors {
        let layout = info.layout(data).map_err(|problem| bad(format!("{name:?} {problem}")))?;
        taken.push((layout.place.start, layout.place.start + layout.place.n_bytes));
        layouts.push((name, layout));
    }
    taken.sort_unstable();
    if taken.windows(2).any(|pair| pair[0].1 > pair[1].0) {
        return Err(bad("its tensors overlap".into()));
    }
    let mut names: Vec<_> = layouts.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(bad(format!("it has two tensors {:?}", pair[0]))),
        None => Ok(layouts),
    }
}

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl Info {
    fn layout(self, data: Place) -> Result<Layout, String> {
        let Self { dtype, shape, data_offsets: (begin, end) } = self;
        let dtype = Dtype::of_safetensors(&dtype)
            .ok_or_else(|| format!("is of the unknown type {dtype:?}"))?;
        if shape.len() > MAX_AXES {
            return Err(format!("has {} axes (at most {MAX_AXES})", shape.len()));
        }
        if begin > end || end > data.n_bytes {
            let n_bytes = data.n_bytes;
            return Err(format!(
                "lies at {begin} to {end}, outside the {n_bytes} bytes that follow"
            ));
        }
        // an axis of none counts as one here, so that whatever is computed with a shape has a limit
        let largest = shape.iter().try_fold(dtype.size(), |n, size| n.checked_mul((*size).max(1)));
        let largest = largest.filter(|n| *n <= MAX_TENSOR_BYTES);
        let n_bytes = if shape.contains(&0) { largest.map(|_| 0) } else { largest };
        if n_bytes != Some(end - begin) {
            return Err(format!("of shape {shape:?} and type {dtype} has {} bytes", end - begin));
        }
        let place = Place { start: data.start + begin, n_bytes: end - begin };
        let shape = shape.into_iter().map(|n| n as usize).collect();
        Ok(Layout::contiguous(place, dtype, shape))
    }
}

/// The header's tensors in order, each as often as it is there.
struct Header(Vec<(String, Info)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tensors;
        impl<'de> Visitor<'de> for Tensors {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut tensors = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "__metadata__" => drop(map.next_value::<IgnoredAny>()?),
                        _ => tensors.push((name, map.next_value()?)),
                    }
                }
                Ok(Header(tensors))
            }
        }
        deserializer.deserialize_map(Tensors)
    }
}
