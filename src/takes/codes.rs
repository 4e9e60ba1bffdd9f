//! Codes on disk: safetensors with `codes_l{L}`, `i64 [1, t]`, for each level `L` in the file.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};

use super::TakeError;
use super::file::write_bytes;

/// Codes by level.
pub type Levels = BTreeMap<usize, Vec<u32>>;

/// Writes the codes of some levels.
pub fn write_codes(path: &Path, levels: &Levels) -> Result<(), TakeError> {
    let not_codes = |problem: String| TakeError::NotCodes { path: path.into(), problem };
    let data = |codes: &Vec<u32>| -> Vec<u8> {
        codes.iter().flat_map(|code| i64::from(*code).to_le_bytes()).collect()
    };
    let data: Vec<_> = levels.iter().map(|(level, codes)| (*level, data(codes))).collect();
    let mut tensors = Vec::new();
    for (level, data) in &data {
        let shape = vec![1, data.len() / size_of::<i64>()];
        let tensor = TensorView::new(Dtype::I64, shape, data);
        tensors.push((name(*level), tensor.map_err(|e| not_codes(e.to_string()))?));
    }
    let bytes = serialize(tensors, None).map_err(|e| not_codes(e.to_string()))?;
    write_bytes(path, &bytes)
}

/// Reads the codes of one level.
pub fn read_codes(path: &Path, level: usize) -> Result<Vec<u32>, TakeError> {
    let not_codes = |problem: String| TakeError::NotCodes { path: path.into(), problem };
    let bytes = std::fs::read(path).map_err(TakeError::read(path))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| not_codes(e.to_string()))?;
    let Ok(tensor) = file.tensor(&name(level)) else {
        return Err(TakeError::NoLevel { path: path.into(), level, available: levels_of(&file) });
    };
    if tensor.dtype() != Dtype::I64 || tensor.shape().len() != 2 || tensor.shape()[0] != 1 {
        return Err(not_codes(format!(
            "{} is {:?} {:?}, expected I64 [1, t]",
            name(level),
            tensor.dtype(),
            tensor.shape()
        )));
    }
    let (values, _) = tensor.data().as_chunks::<8>();
    let values = values.iter().map(|bytes| i64::from_le_bytes(*bytes)).enumerate();
    values
        .map(|(token_idx, value)| {
            let bad = |_| not_codes(format!("token {token_idx} of {} is {value}", name(level)));
            u32::try_from(value).map_err(bad)
        })
        .collect()
}

/// Reads the codes of every level in the file.
pub fn read_levels(path: &Path) -> Result<Levels, TakeError> {
    let levels = levels_in(path)?.into_iter();
    levels.map(|level| Ok((level, read_codes(path, level)?))).collect()
}

/// The levels that a file has codes of, finest first.
pub fn levels_in(path: &Path) -> Result<Vec<usize>, TakeError> {
    let bytes = std::fs::read(path).map_err(TakeError::read(path))?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| TakeError::NotCodes { path: path.into(), problem: e.to_string() })?;
    Ok(levels_of(&file))
}

fn levels_of(file: &SafeTensors) -> Vec<usize> {
    let level = |name: &str| name.strip_prefix("codes_l").and_then(|level| level.parse().ok());
    let mut levels: Vec<_> = file.names().into_iter().filter_map(level).collect();
    levels.sort_unstable();
    levels
}

fn name(level: usize) -> String {
    format!("codes_l{level}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("codes.safetensors");

        let levels = Levels::from([(2, vec![0, 7, 2047]), (1, vec![3; 9])]);

        write_codes(&path, &levels).unwrap();

        assert_eq!(read_codes(&path, 2).unwrap(), [0, 7, 2047]);
        assert_eq!(levels_in(&path).unwrap(), [1, 2]);
        assert_eq!(read_levels(&path).unwrap(), levels);
    }

    #[test]
    fn a_level_that_is_not_there_is_answered_with_those_that_are() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("codes.safetensors");
        write_codes(&path, &Levels::from([(2, vec![1])])).unwrap();

        let error = read_codes(&path, 0).unwrap_err().to_string();

        assert!(error.ends_with("has no codes of level 0; it has level 2"), "{error}");
    }

    #[test]
    fn a_file_of_something_else_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("song.mp3");
        std::fs::write(&path, "not codes at all").unwrap();

        let error = read_codes(&path, 0).unwrap_err().to_string();

        assert!(error.contains("song.mp3") && error.contains("not a file of codes"), "{error}");
    }

    #[test]
    fn a_negative_code_is_refused_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("codes.safetensors");
        let data: Vec<u8> = [3i64, -1].iter().flat_map(|code| code.to_le_bytes()).collect();
        let tensor = TensorView::new(Dtype::I64, vec![1, 2], &data).unwrap();
        std::fs::write(&path, serialize([("codes_l0", tensor)], None).unwrap()).unwrap();

        let error = read_codes(&path, 0).unwrap_err().to_string();

        assert!(error.ends_with("token 1 of codes_l0 is -1"), "{error}");
    }
}
