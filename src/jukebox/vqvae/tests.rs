use std::collections::BTreeMap;

use super::*;
use crate::jukebox::{Dice, TokenRng};
use candle_core::DType;
use candle_nn::VarMap;

/// Two levels with hops of 4 and 16.
pub fn tiny() -> VqvaeConfig {
    VqvaeConfig {
        levels: 2,
        downs_t: vec![1, 2],
        strides_t: vec![4, 2],
        emb_width: 6,
        l_bins: 24,
        width: 8,
        depth: 2,
        m_conv: 1.0,
        multipliers: vec![2, 1],
        dilation_growth_rate: 3,
        dilation_cycle: None,
        reverse_decoder_dilation: true,
    }
}

/// Random weights, the same every time, strong enough that every layer is felt in the output.
pub fn random_vqvae(config: &VqvaeConfig) -> Vqvae {
    let map = VarMap::new();
    let levels: Vec<usize> = (0..config.levels).collect();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    Vqvae::load(config, &levels, vb.clone()).unwrap();
    let mut dice = TokenRng::new(1);
    let vars = map.data().lock().unwrap().clone();
    for (_, var) in vars.into_iter().collect::<BTreeMap<_, _>>() {
        let fan_in = var.elem_count() / var.dim(0).unwrap();
        let spread = 3.0 / (fan_in as f64).sqrt();
        let mut number = |_| ((dice.next_uniform() - 0.5) * spread) as f32;
        let numbers: Vec<f32> = (0..var.elem_count()).map(&mut number).collect();
        var.set(&Tensor::from_vec(numbers, var.shape(), &Device::Cpu).unwrap()).unwrap();
    }
    Vqvae::load(config, &levels, vb).unwrap()
}

fn codes(config: &VqvaeConfig, n_tokens: usize) -> Vec<u32> {
    (0..n_tokens).map(|i| (i * i % 23 % config.l_bins) as u32).collect()
}

#[test]
fn a_span_sounds_as_it_does_in_the_whole() {
    for config in [tiny(), VqvaeConfig { dilation_cycle: Some(1), depth: 3, ..tiny() }] {
        let vqvae = random_vqvae(&config);
        for level in 0..2 {
            let codes = codes(&config, 160);
            let hop = config.hop(level);
            let whole = vqvae.decode(&codes, level).unwrap();

            for span in [0..160, 0..1, 70..71, 50..83, 140..160] {
                let part = vqvae.decode_span(&codes, span.clone(), level).unwrap();

                let want = &whole[span.start * hop..span.end * hop];
                assert_eq!(part.len(), want.len());
                let worst = part.iter().zip(want).map(|(a, b)| (a - b).abs());
                assert!(worst.fold(0.0, f32::max) <= 1e-5, "level {level}, tokens {span:?}");
            }
        }
    }
}

#[test]
fn the_reach_is_no_longer_than_it_has_to_be() {
    let config = tiny();
    let vqvae = random_vqvae(&config);
    for level in 0..2 {
        let reach = vqvae.decoder_reach_tokens(level).unwrap();
        let mut codes = codes(&config, 2 * reach + 1);
        let hop = config.hop(level);
        let middle = reach * hop..(reach + 1) * hop;
        let before = vqvae.decode(&codes, level).unwrap();

        let n_codes = codes.len();
        codes[0] = (codes[0] + 1) % 24;
        codes[n_codes - 1] = (codes[n_codes - 1] + 1) % 24;
        let after = vqvae.decode(&codes, level).unwrap();

        assert_ne!(before[middle.clone()], after[middle], "level {level}");
    }
}

fn sound(n_frames: usize) -> Vec<f32> {
    (0..n_frames).map(|i| 3.0 * ((i * i % 101) as f32 * 0.37).sin()).collect()
}

#[test]
fn a_span_is_written_down_as_it_is_in_the_whole() {
    for config in [tiny(), VqvaeConfig { dilation_cycle: Some(1), depth: 3, ..tiny() }] {
        let vqvae = random_vqvae(&config);
        for level in 0..2 {
            let hop = config.hop(level);
            let sound = sound(160 * hop + hop / 2);
            let whole = vqvae.encode(&sound, level).unwrap();
            assert!(whole.iter().any(|code| *code != whole[0]), "nothing to tell apart");

            for span in [0..160, 0..1, 70..71, 50..83, 140..160, 7..7] {
                let part = vqvae.encode_span(&sound, span.clone(), level).unwrap();

                assert_eq!(part, whole[span.clone()], "level {level}, tokens {span:?}");
            }
        }
    }
}

#[test]
fn the_encoders_reach_is_no_longer_than_it_has_to_be() {
    let config = tiny();
    for level in 0..2 {
        let hop = config.hop(level);
        let mut is_felt = [false; 4];
        for _ in 0..20 {
            let vqvae = random_vqvae(&config); // a single one may be deaf at its edges
            let (before, after) = vqvae.encoder_reach_tokens(level).unwrap();
            let sound = sound((before + after + 3) * hop);
            let vectors = |sound: &[f32]| -> Vec<f32> {
                let shape = (1, 1, sound.len());
                let sound = Tensor::from_slice(sound, shape, &Device::Cpu).unwrap();
                let all = vqvae.encoder_output(&sound, level).unwrap();
                let one = all.narrow(2, before + 1, 1).unwrap();
                one.flatten_all().unwrap().to_vec1().unwrap()
            };
            let unchanged = vectors(&sound);
            let tokens = [0, 1, 1 + before + after, 2 + before + after];
            for (token, is_felt) in tokens.into_iter().zip(&mut is_felt) {
                let mut other = sound.clone();
                other[token * hop..(token + 1) * hop].iter_mut().for_each(|s| *s *= -9.0);
                *is_felt |= vectors(&other) != unchanged;
            }
        }
        assert_eq!(is_felt, [false, true, true, false], "level {level}");
    }
}

#[test]
fn a_remainder_of_audio_has_no_code_of_its_own() {
    let vqvae = random_vqvae(&tiny());

    assert_eq!(vqvae.encode(&[0.1; 16 * 5 + 15], 1).unwrap().len(), 5);
    assert!(vqvae.encode(&[0.1; 15], 1).unwrap().is_empty());
}

#[test]
fn a_single_code_has_a_sound() {
    let vqvae = random_vqvae(&tiny());

    assert_eq!([0, 1].map(|level| vqvae.decode(&[5], level).unwrap().len()), [4, 16]);
}

#[test]
fn codes_levels_and_spans_that_do_not_exist_are_named() {
    let vqvae = random_vqvae(&tiny());

    let code = vqvae.decode(&[3, 24], 1).unwrap_err().to_string();
    let level = vqvae.encode(&[0.0; 64], 2).unwrap_err().to_string();
    let span = vqvae.decode_span(&[1, 2], 1..3, 1).unwrap_err().to_string();
    let tokens = vqvae.encode_span(&[0.0; 64], 3..5, 1).unwrap_err().to_string();
    let sound = vqvae.encode(&[f32::NAN; 64], 0).unwrap_err();

    assert_eq!(code, "a code is 24, but this model takes 0 to 23");
    assert_eq!(level, "level is 2, but this model takes levels [0, 1]");
    assert!(span.contains("1..3") && span.contains("0..2"), "{span}");
    assert!(tokens.contains("3..5") && tokens.contains("0..4"), "{tokens}");
    assert!(matches!(sound, JukeboxError::NotFinite(_)));
}
