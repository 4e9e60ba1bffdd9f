//! The networks, losses and codebooks against the reference implementation's figures.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use rand::Rng;
use serde_json::Value;

use super::codebook::Codebook;
use super::loss::Loss;
use super::net::{Decoder, Encoder, Maker, Vars};
use super::recipe::{Bandwidth, CodebookConfig, LossConfig};
use crate::jukebox::VqvaeConfig;
use crate::train::run::step_rng;

const TOLERANCE: f64 = 1e-4;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vqvae")
}

fn expected() -> HashMap<String, Tensor> {
    candle_core::safetensors::load(fixtures().join("expected.safetensors"), &Device::Cpu).unwrap()
}

fn meta() -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join("meta.json")).unwrap()).unwrap()
}

fn config() -> VqvaeConfig {
    VqvaeConfig {
        levels: 3,
        downs_t: vec![3, 2, 2],
        strides_t: vec![2, 2, 2],
        emb_width: 12,
        l_bins: 64,
        width: 8,
        depth: 2,
        m_conv: 1.0,
        multipliers: vec![2, 1, 1],
        dilation_growth_rate: 3,
        dilation_cycle: None,
        reverse_decoder_dilation: true,
    }
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Largest difference.
fn apart(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}

/// A weight's name in the files of the fixtures (SPEC §6.2).
fn stored_name(name: &str, config: &VqvaeConfig) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    if parts[2] == "out" {
        return name.to_owned();
    }
    let b: usize = parts[3].parse().unwrap();
    let i: usize = parts[5].parse().unwrap();
    let is_encoder = parts[0] == "encoders";
    let (edge, side, inner, shift) = match is_encoder {
        true => (config.downs_t[b], "downsample_block", "proj_out", 0),
        false => (0, "upsample_block", "proj_in", 1),
    };
    let stem = parts[..4].join(".");
    let last = parts[parts.len() - 1];
    if i == edge {
        return format!("{stem}.{inner}.{last}");
    }
    let i = i - shift;
    let is_stack = 8 < parts.len();
    let at = 2 * i + usize::from(is_stack == is_encoder);
    if !is_stack {
        return format!("{stem}.{side}.{at}.{last}");
    }
    let conv = if parts[10] == "1" { "conv1d_1" } else { "conv1d_2" };
    format!("{stem}.{side}.{at}.resnet_block.{}.{conv}.{last}", parts[8])
}

#[test]
fn networks_give_the_reference_s_outputs_for_its_weights() {
    let (config, expected) = (config(), expected());
    let stored =
        candle_core::safetensors::load(fixtures().join("hf/model.safetensors"), &Device::Cpu)
            .unwrap();
    for level in 0..3 {
        let (mut vars, mut rng) = (Vars::new(), step_rng(0, 0));
        let mut maker = Maker { vars: &mut vars, rng: &mut rng, device: &Device::Cpu };
        let encoder = Encoder::new(&config, level, &mut maker).unwrap();
        let decoder = Decoder::new(&config, level, &mut maker).unwrap();
        for (name, var) in &vars {
            var.set(&stored[&stored_name(name, &config)]).unwrap();
        }
        let outputs = encoder.forward(&expected["x"]).unwrap();
        let want = expected[&format!("enc_out_l{level}")].transpose(1, 2).unwrap();
        assert!(apart(&numbers(&outputs), &numbers(&want)) < TOLERANCE, "encoder {level}");

        let mut book = Codebook::new(&CodebookConfig::default(), config.l_bins, config.emb_width);
        book.vectors = numbers(&stored[&format!("bottleneck.level_blocks.{level}.codebook")]);
        let codes = book.nearest(&numbers(&outputs));
        let want = expected[&format!("codes_l{level}")].flatten_all().unwrap();
        assert_eq!(codes, numbers_of_codes(&want), "codes {level}");

        let vectors = Tensor::from_vec(book.vectors_of(&codes), outputs.shape(), &Device::Cpu);
        let rebuilt = decoder.forward(&vectors.unwrap()).unwrap();
        let want = &expected[&format!("dec_l{level}")];
        assert!(apart(&numbers(&rebuilt), &numbers(want)) < TOLERANCE, "decoder {level}");
    }
}

fn numbers_of_codes(codes: &Tensor) -> Vec<u32> {
    codes.to_dtype(candle_core::DType::U32).unwrap().to_vec1().unwrap()
}

fn reference_loss() -> Loss {
    let config = LossConfig { spectral: 1.0, ..LossConfig::default() };
    Loss::new(&config, Bandwidth { l2: 0.05, spec: 50.0 })
}

#[test]
fn losses_are_the_reference_s() {
    let (expected, meta) = (expected(), meta());
    let want = |name: String| meta["losses_eval"][name].as_f64().unwrap();
    for level in 0..3 {
        let (x, y) = (&expected["x"], &expected[&format!("dec_l{level}")]);
        let (losses, _) = reference_loss().measure(&numbers(x), &numbers(y), 2);
        let close = |ours: f64, name: &str| {
            let want = want(format!("{name}_l{}", level + 1));
            assert!(
                (ours / want - 1.0).abs() < TOLERANCE,
                "{name} of level {level}: {ours}, not {want}"
            );
        };
        close(losses.l2 + 0.02 * losses.linf, "recons_loss");
        close(losses.spectral, "spectral_loss");
        close(losses.multispectral, "multispectral_loss");
    }
}

#[test]
fn a_code_follows_its_outputs_as_the_reference_s_does() {
    let expected = expected();
    let off = CodebookConfig { mu: 0.99, revival_count: 0.0, revival_is_whole: false };
    let mut book = Codebook::new(&off, 64, 12);
    book.sums = numbers(&expected["ema_k_sum_before"]);
    book.counts = numbers(&expected["ema_k_elem_before"]);
    let outputs = numbers(&expected["enc_out_l2"].transpose(1, 2).unwrap());
    let codes = numbers_of_codes(&expected["codes_l2"].flatten_all().unwrap());

    book.follow(&outputs, &codes, &mut step_rng(0, 0));

    assert!(apart(&book.sums, &numbers(&expected["ema_k_sum_after"])) < TOLERANCE);
    assert!(apart(&book.counts, &numbers(&expected["ema_k_elem_after"])) < TOLERANCE);
    assert!(apart(&book.vectors, &numbers(&expected["ema_k_after"])) < TOLERANCE);
}

#[test]
fn the_gradient_of_every_loss_is_its_slope() {
    let config = LossConfig {
        spectral: 0.5,
        relative_l2: 0.3,
        convergence: 1.0,
        log_magnitude: 0.4,
        ..LossConfig::default()
    };
    let loss = Loss::new(&config, Bandwidth { l2: 0.05, spec: 50.0 });
    let mut rng = step_rng(5, 0); // noise, so that no magnitude is near nothing, where there is no slope
    let mut noise =
        |size: f32| (0..8192).map(|_| rng.random_range(-size..size)).collect::<Vec<_>>();
    let (x, y) = (noise(0.5), noise(0.2));
    let (at, grad) = loss.measure(&x, &y, 2);
    let step = 1e-3 / grad.iter().map(|g| g * g).sum::<f32>().sqrt();
    let moved = |by: f32| y.iter().zip(&grad).map(|(y, g)| y + by * g).collect::<Vec<_>>();
    let (up, down) = (loss.measure(&x, &moved(step), 2).0, loss.measure(&x, &moved(-step), 2).0);
    let slope = (up.total - down.total) / f64::from(2.0 * step);
    let want: f64 = grad.iter().map(|g| f64::from(g * g)).sum();
    assert!((slope / want - 1.0).abs() < 2e-2, "{slope}, not {want}, at {}", at.total);
}

#[test]
fn the_last_two_convolutions_together_are_the_two_one_after_the_other() {
    let mut tensors = BTreeMap::new();
    let (mut vars, mut rng) = (Vars::new(), step_rng(3, 0));
    let config = VqvaeConfig { strides_t: vec![8, 2, 2], downs_t: vec![1, 1, 1], ..config() };
    let mut maker = Maker { vars: &mut vars, rng: &mut rng, device: &Device::Cpu };
    let decoder = Decoder::new(&config, 0, &mut maker).unwrap();
    let x = Tensor::randn(0f32, 1.0, (2, 9, 12), &Device::Cpu).unwrap();
    let [together, apart_] =
        [decoder.forward(&x), decoder.forward_in_two(&x)].map(|result| result.unwrap());
    assert!(apart(&numbers(&together), &numbers(&apart_)) < TOLERANCE);
    let target = Tensor::randn(0f32, 1.0, together.shape(), &Device::Cpu).unwrap();
    let [a, b] =
        [&together, &apart_].map(|y| (y * &target).unwrap().sum_all().unwrap().backward().unwrap());
    for (name, var) in &vars {
        let (a, b) = (numbers(a.get(var).unwrap()), numbers(b.get(var).unwrap()));
        tensors.insert(name.clone(), apart(&a, &b));
    }
    assert!(tensors.values().all(|apart| *apart < 1e-3), "{tensors:?}");
}
