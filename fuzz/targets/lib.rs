//! What the fuzz targets share: a checkpoint is opened and used as one from a folder would be.

use std::path::Path;

use encore::pack::checkpoint::{Checkpoint, CheckpointError, HfConfig, Model, weights};
use encore::pack::source::Source;
use encore::pack::{Pack, Precision};

/// Longest error that a user should have to read, in bytes: paths and names in it are short here.
const MAX_SENTENCE: usize = 4096;
/// Most numbers that are read of one input, so that inputs stay fast.
const MAX_READ: usize = 1 << 20;

/// Opens bytes as the file of a checkpoint.
pub fn checkpoint(name: &str, bytes: &[u8]) -> Option<Checkpoint> {
    sound(Checkpoint::from_source(Source::from_memory(Path::new(name), bytes.to_vec())))
}

/// Reads every tensor in all ways.
pub fn read_all(checkpoint: &Checkpoint) {
    let names: Vec<_> =
        checkpoint.tensors().map(|(name, _, shape)| (name.to_owned(), shape.to_vec())).collect();
    let mut n_read = 0;
    for (name, shape) in &names {
        n_read += shape.iter().product::<usize>();
        if n_read > MAX_READ {
            break;
        }
        if let Some(tensor) = sound(checkpoint.tensor(name)) {
            assert_eq!(tensor.dims(), shape);
        }
        sound(checkpoint.read(name));
        sound(checkpoint.read_parts(name, |_, _| Ok::<(), CheckpointError>(())));
        sound(checkpoint.sample(name, 64));
        sound(weights(checkpoint.clone()).get_unchecked(name));
        if let [n_in, n_out] = shape[..] {
            for shape in [[n_in, n_out], [2 * n_in, n_out]] {
                sound(checkpoint.read_rows(name, shape, |_| Ok::<(), CheckpointError>(())));
            }
        }
    }
}

/// Takes a checkpoint for a model, and that for a pack.
pub fn model(checkpoint: Checkpoint, config: Option<&HfConfig>) {
    let Some(model) = sound(Model::from_checkpoint(checkpoint, config)) else { return };
    if let Some(pack) = sound(Pack::from_model(model)) {
        pack.hash();
        pack.memory_bytes(Precision::Q8);
    }
}

/// What came out, if it did; a refusal must be one sentence of bearable length.
pub fn sound<T, E: std::fmt::Display>(result: Result<T, E>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.len() <= MAX_SENTENCE, "{} bytes", sentence.len());
            assert!(!sentence.contains(char::is_control), "{sentence:?}");
            None
        }
    }
}
