//! A pack small enough to be made, changed and broken in every test.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use encore::pack::shapes::{TensorShape, prior_tensors, vqvae_tensors};
use encore::pack::{FileEntry, MANIFEST_FILE, Manifest};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Frames per token of the tiny pack.
pub const HOP: usize = 8;

/// Writes the tiny pack into `dir`: one level of 16 codes, windows of 64 tokens, rate 8 kHz.
///
/// Its weights are arbitrary but always the same, and strong enough to be felt.
pub fn write_tiny_pack(dir: &Path) {
    let manifest = tiny_manifest();
    let typed: Manifest = serde_json::from_value(manifest.clone()).unwrap();
    let vqvae = vqvae_tensors(&typed.vqvae.config, &typed.vqvae.levels_present);
    fs::create_dir_all(dir).unwrap();
    write_tensors(&dir.join("vqvae.safetensors"), &vqvae);
    write_tensors(&dir.join("prior.safetensors"), &prior_tensors(&typed.priors[0].config));
    seal(dir, manifest);
}

/// Writes `pack.json` with the sizes and hashes that the folder's weights have now.
pub fn seal(dir: &Path, mut manifest: Value) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let Some(file) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !file.ends_with(".safetensors") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let entry = FileEntry { sha256, bytes: bytes.len() as u64 };
        manifest["files"][file] = serde_json::to_value(entry).unwrap();
    }
    let text = serde_json::to_string_pretty(&manifest).unwrap();
    fs::write(dir.join(MANIFEST_FILE), text).unwrap();
}

/// What the tiny pack says of itself, but for its files.
pub fn tiny_manifest() -> Value {
    json!({
        "format_version": 1,
        "name": "Tiny",
        "licence": "CC0-1.0",
        "sample_rate": 8000,
        "vqvae": {
            "file": "vqvae.safetensors",
            "levels_present": [0],
            "config": {
                "levels": 1, "downs_t": [3], "strides_t": [2], "emb_width": 8, "l_bins": 16,
                "width": 8, "depth": 1, "multipliers": [1], "dilation_growth_rate": 3,
            },
        },
        "priors": [{
            "file": "prior.safetensors",
            "config": {
                "level": 0, "n_ctx": 64, "width": 16, "depth": 3, "heads": 2, "attn_order": 2,
                "blocks": 8, "m_attn": 0.5, "m_mlp": 1.0, "merged_decoder": true, "l_bins": 16,
                "labels": {
                    "genre_bins": 4, "artist_bins": 4, "max_genre_words": 1, "t_bins": 8,
                    "min_duration_seconds": 0.1, "max_duration_seconds": 60.0,
                    "sample_rate": 8000, "hop": HOP,
                },
            },
        }],
        "labels": {
            "artists": ["unknown", "Ada", "Grace"],
            "genres": ["unknown", "loops", "noise"],
            "genre_of_artist": { "Ada": "loops", "Grace": "noise" },
        },
        "sampling": {
            "temperature": 1.0, "prime_seconds": 0.02, "total_seconds": 10.0, "hop_fraction": 0.5,
        },
        "files": {},
    })
}

/// Writes `f32` tensors of these shapes.
pub fn write_tensors(path: &Path, tensors: &[TensorShape]) {
    let mut dice = 1u32;
    let mut weight = |fan_in: usize| {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let uniform = (dice >> 8) as f32 / (1 << 23) as f32 - 1.0;
        uniform * 1.5 / (fan_in as f32).sqrt()
    };
    let data: HashMap<&str, Vec<u8>> = tensors
        .iter()
        .map(|TensorShape { name, shape }| {
            let n_values: usize = shape.iter().product();
            let fan_in = n_values / shape[0];
            let values = (0..n_values).flat_map(|_| weight(fan_in).to_le_bytes());
            (name.as_str(), values.collect())
        })
        .collect();
    let views = tensors.iter().map(|TensorShape { name, shape }| {
        let view = TensorView::new(Dtype::F32, shape.clone(), &data[name.as_str()]).unwrap();
        (name.as_str(), view)
    });
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}
