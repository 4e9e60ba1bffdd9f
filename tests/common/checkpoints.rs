//! A folder of checkpoints in PyTorch's legacy format, of any shape, with arbitrary weights.

#![allow(dead_code)] // each test uses a part of it

use std::fs;
use std::path::Path;

use encore::jukebox::{ConditionerConfig, LabelConfig, PriorConfig, VqvaeConfig};
use encore::pack::shapes::{TensorShape, prior_tensors, vqvae_tensors};
use half::f16;

use crate::pickles::{Pickle, View, legacy};

/// Rate of the audio, in Hz.
const RATE: u32 = 8000;

/// One level of 16 codes, eight frames each.
pub fn vqvae() -> VqvaeConfig {
    VqvaeConfig {
        levels: 1,
        downs_t: vec![3],
        strides_t: vec![2],
        emb_width: 8,
        l_bins: 16,
        width: 8,
        depth: 1,
        m_conv: 1.0,
        multipliers: vec![1],
        dilation_growth_rate: 3,
        dilation_cycle: None,
        reverse_decoder_dilation: true,
    }
}

/// A labelled prior with windows of 64 tokens.
pub fn prior(width: usize, depth: usize) -> PriorConfig {
    PriorConfig {
        level: 0,
        n_ctx: 64,
        width,
        depth,
        heads: 2,
        attn_order: 2,
        blocks: 8,
        m_attn: 0.5,
        m_mlp: 1.0,
        merged_decoder: true,
        res_scale: false,
        l_bins: 16,
        labels: Some(LabelConfig {
            genre_bins: 4,
            artist_bins: 4,
            max_genre_words: 1,
            t_bins: 8,
            min_duration_seconds: 0.1,
            max_duration_seconds: 60.0,
            sample_rate: RATE,
            hop: 8,
            timing: true,
        }),
        lyrics: None,
        conditioner: None,
    }
}

/// One that hears a code of a level above for every four of its own.
pub fn upsampler(width: usize, depth: usize) -> PriorConfig {
    let prior = prior(width, depth);
    let conditioner = ConditionerConfig {
        width,
        depth: 1,
        m_conv: 1.0,
        dilation_growth_rate: 3,
        dilation_cycle: None,
        res_scale: true,
        downs_t: 1,
        strides_t: 4,
        l_bins: 16,
    };
    PriorConfig {
        merged_decoder: false,
        labels: prior.labels.map(untimed),
        conditioner: Some(conditioner),
        ..prior
    }
}

/// Nothing is told of lengths, so songs of any length are taken.
fn untimed(labels: LabelConfig) -> LabelConfig {
    let (min_duration_seconds, max_duration_seconds) = (0.0, 600.0);
    LabelConfig { timing: false, t_bins: 1, min_duration_seconds, max_duration_seconds, ..labels }
}

/// Writes `vqvae.pth.tar` and `prior_level_0.pth.tar`, whose dense layers have half precision.
pub fn write(folder: &Path, prior: &PriorConfig) {
    fs::create_dir_all(folder).unwrap();
    let vqvae = vqvae();
    let told = |pickle: Pickle| pickle.text("dilation_growth_rate").int(3);
    write_one(&folder.join("vqvae.pth.tar"), &vqvae_tensors(&vqvae, &[0]), told);
    let labels = prior.labels.as_ref().unwrap();
    let told = |pickle: Pickle| {
        let pickle = pickle.text("heads").int(prior.heads as i64);
        let pickle = pickle.text("attn_order").int(prior.attn_order as i64);
        let pickle = pickle.text("blocks").int(prior.blocks as i64);
        let pickle = pickle.text("merged_decoder").int(prior.merged_decoder.into());
        let pickle = pickle.text("max_bow_genre_size").int(1);
        let pickle = match &prior.conditioner {
            None => pickle,
            Some(conditioner) => {
                let growth = conditioner.dilation_growth_rate as i64;
                let pickle = pickle.text("cond_dilation_growth_rate").int(growth);
                pickle.text("cond_res_scale").int(conditioner.res_scale.into())
            }
        };
        let pickle = float(pickle.text("min_duration"), labels.min_duration_seconds);
        let pickle = float(pickle.text("max_duration"), labels.max_duration_seconds);
        pickle.text("sr").int(labels.sample_rate.into())
    };
    write_one(&folder.join("prior_level_0.pth.tar"), &prior_tensors(prior), told);
}

fn float(pickle: Pickle, value: f64) -> Pickle {
    pickle.raw(b"G").raw(&value.to_be_bytes())
}

fn write_one(path: &Path, tensors: &[TensorShape], told: impl Fn(Pickle) -> Pickle) {
    let mut dice = 1u32;
    let mut storages = Vec::new();
    let mut pickle = Pickle::new().raw(b"}(").text("model").raw(b"}(");
    for (key, TensorShape { name, shape }) in tensors.iter().enumerate() {
        let (n, key) = (shape.iter().product::<usize>() as i64, key.to_string());
        let is_half = name.ends_with(".w");
        let fan_in = if is_half { shape[0] } else { n as usize / shape[0] };
        let mut bytes = Vec::with_capacity(4 * n as usize);
        for _ in 0..n {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let uniform = (dice >> 8) as f32 / (1 << 23) as f32 - 1.0;
            let value = uniform * 1.5 / (fan_in as f32).sqrt();
            match is_half {
                true => bytes.extend(f16::from_f32(value).to_le_bytes()),
                false => bytes.extend(value.to_le_bytes()),
            }
        }
        let shape: Vec<_> = shape.iter().map(|n| *n as i64).collect();
        let strides: Vec<_> = (1..=shape.len()).map(|i| shape[i..].iter().product()).collect();
        let class = if is_half { "HalfStorage" } else { "FloatStorage" };
        let view = View { key: &key, class, n, offset: 0, shape: &shape, strides: &strides };
        pickle = pickle.text(name).tensor(&view);
        storages.push((key, n, bytes));
    }
    let object = told(pickle.raw(b"u").text("hps").raw(b"}(")).raw(b"uu").stop();
    let storages: Vec<_> =
        storages.iter().map(|(key, n, bytes)| (key.as_str(), *n, bytes.as_slice())).collect();
    fs::write(path, legacy(&object, &storages)).unwrap();
}
