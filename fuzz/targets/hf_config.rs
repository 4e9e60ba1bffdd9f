//! Hugging Face's `config.json`, beside weights that are sound: a VQ-VAE's, a prior's, or both.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use encore::pack::checkpoint::{Checkpoint, HfConfig};
use encore_fuzz::{checkpoint, model, sound};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

const VQVAE: &[u8] = include_bytes!("../../tests/fixtures/vqvae/hf/model.safetensors");
const PRIOR: &[u8] = include_bytes!("../../tests/fixtures/prior_unlabelled/hf/model.safetensors");

static WEIGHTS: LazyLock<[Option<Checkpoint>; 3]> = LazyLock::new(|| {
    let [vqvae, prior] = [VQVAE, PRIOR].map(|bytes| checkpoint("model.safetensors", bytes));
    let both = vqvae.as_ref().zip(prior.as_ref()).and_then(|(vqvae, prior)| whole(vqvae, prior));
    [vqvae, prior, both]
});

fuzz_target!(|bytes: &[u8]| {
    let Some(config) = sound(HfConfig::parse(Path::new("config.json"), bytes)) else { return };
    let [vqvae, prior, both] = &*WEIGHTS;
    let fitting = match config.is_whole_model() {
        true => [both, &None],
        false => [vqvae, prior],
    };
    for weights in fitting.into_iter().flatten() {
        model(weights.clone(), Some(&config));
    }
});

/// A whole model's file, of zeros: the VQ-VAE, and the prior three times.
fn whole(vqvae: &Checkpoint, prior: &Checkpoint) -> Option<Checkpoint> {
    let parts =
        [("vqvae.", vqvae), ("priors.0.", prior), ("priors.1.", prior), ("priors.2.", prior)];
    let (mut header, mut n_bytes) = (Map::new(), 0);
    for (prefix, part) in parts {
        for (name, dtype, shape) in part.tensors() {
            let end = n_bytes + shape.iter().product::<usize>() as u64 * dtype.size();
            let offsets = [n_bytes, end];
            let tensor =
                json!({"dtype": dtype.to_string(), "shape": shape, "data_offsets": offsets});
            header.insert(format!("{prefix}{name}"), tensor);
            n_bytes = end;
        }
    }
    let header = Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.resize(bytes.len() + n_bytes as usize, 0);
    checkpoint("model.safetensors", &bytes)
}
