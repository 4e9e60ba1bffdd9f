//! A pack of two levels that sings, small enough to be made in every test.

use std::fs;
use std::path::Path;

use encore::pack::Manifest;
use encore::pack::shapes::{prior_tensors, vqvae_tensors};
use serde_json::{Value, json};

use crate::common::{seal, write_tensors};

/// Frames per token of the finer and of the coarser level.
pub const HOPS: [usize; 2] = [4, 8];
/// Tokens in a window of the finer level.
pub const FINER_WINDOW: usize = 32;

/// How the lyrics reach the music.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// They stand before it.
    SingleSequence,
    /// A transformer of their own reads them.
    SeparateEncoder,
}

/// Writes the pack into `dir`.
pub fn write(dir: &Path, kind: Kind) {
    let manifest = manifest(kind);
    let typed: Manifest = serde_json::from_value(manifest.clone()).unwrap();
    let vqvae = vqvae_tensors(&typed.vqvae.config, &typed.vqvae.levels_present);
    fs::create_dir_all(dir).unwrap();
    write_tensors(&dir.join("vqvae.safetensors"), &vqvae);
    for prior in &typed.priors {
        write_tensors(&dir.join(&prior.file), &prior_tensors(&prior.config));
    }
    seal(dir, manifest);
}

fn manifest(kind: Kind) -> Value {
    let labels = |hop: usize, timing: bool| {
        json!({
            "genre_bins": 4, "artist_bins": 4, "max_genre_words": 1, "t_bins": 8,
            "min_duration_seconds": 0.1, "max_duration_seconds": 60.0,
            "sample_rate": 8000, "hop": hop, "timing": timing,
        })
    };
    let (attn_order, depth, sung) = match kind {
        Kind::SingleSequence => (12, 16, json!("single_sequence")),
        Kind::SeparateEncoder => (
            6,
            4,
            json!({ "separate_encoder": {
                "width": 16, "depth": 2, "heads": 2, "attn_order": 0, "blocks": 1,
                "m_attn": 0.5, "m_mlp": 1.0,
            }}),
        ),
    };
    json!({
        "format_version": 1,
        "name": "Singer",
        "licence": "CC0-1.0",
        "sample_rate": 8000,
        "vqvae": {
            "file": "vqvae.safetensors",
            "levels_present": [0, 1],
            "config": {
                "levels": 2, "downs_t": [2, 1], "strides_t": [2, 2], "emb_width": 8, "l_bins": 16,
                "width": 8, "depth": 1, "multipliers": [1, 1], "dilation_growth_rate": 3,
            },
        },
        "priors": [
            {
                "file": "finer.safetensors",
                "config": {
                    "level": 0, "n_ctx": FINER_WINDOW, "width": 16, "depth": 3, "heads": 2,
                    "attn_order": 2, "blocks": 4, "m_attn": 0.5, "m_mlp": 1.0,
                    "merged_decoder": true, "l_bins": 16, "labels": labels(HOPS[0], false),
                    "conditioner": {
                        "width": 8, "depth": 2, "dilation_growth_rate": 3, "downs_t": 1,
                        "strides_t": 2, "l_bins": 16,
                    },
                },
            },
            {
                "file": "prior.safetensors",
                "config": {
                    "level": 1, "n_ctx": 32, "width": 16, "depth": depth, "heads": 2,
                    "attn_order": attn_order, "blocks": 4, "m_attn": 0.5, "m_mlp": 1.0,
                    "merged_decoder": true, "l_bins": 16, "labels": labels(HOPS[1], true),
                    "lyrics": {
                        "n_tokens": 12, "n_vocab": 79, "kind": sung,
                        "alignment": { "layer": depth - 1, "head": 1 },
                    },
                },
            },
        ],
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
