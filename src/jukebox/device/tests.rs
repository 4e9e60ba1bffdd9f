//! The device's code on the CPU, held to the kernels.

use super::*;
use crate::jukebox::prior::tests::{
    conditioning, random_tensors, rows, separate_encoder, single_sequence, tiny, upsampler,
};
use crate::jukebox::sample::choose;
use crate::jukebox::yardstick::{device_prior_of_noise, prior_of_noise};
use crate::jukebox::{
    Advance, Dice, LevelSampler, LevelState, LevelWriter, LyricsConfig, Plan, Precision, Prior,
    PriorConfig, SamplerSettings, Song, TokenRng,
};

const SETTINGS: SamplerSettings = SamplerSettings { temperature: 0.95, top_k: None, top_p: None };

/// Every attention function, with and without a head of its own, with labels, upper codes and both kinds
/// of lyrics.
fn models() -> Vec<PriorConfig> {
    let plain = [(0, true), (1, false), (2, true), (2, false), (9, false)];
    let plain = plain.into_iter().map(|(attn_order, merged_decoder)| PriorConfig {
        attn_order,
        merged_decoder,
        res_scale: attn_order == 1,
        ..tiny()
    });
    let all_layers = PriorConfig { depth: 48, ..single_sequence() };
    let dense_and_lyrics = PriorConfig { attn_order: 11, depth: 48, ..separate_encoder() };
    let told = [single_sequence(), all_layers, separate_encoder(), dense_and_lyrics, upsampler()];
    plain.chain(told).collect()
}

/// The same with windows of some hundred tokens.
fn longer(config: PriorConfig) -> PriorConfig {
    let lyrics = |lyrics| LyricsConfig { n_tokens: 40, ..lyrics };
    PriorConfig { n_ctx: 96, lyrics: config.lyrics.map(lyrics), ..config }
}

fn cpu() -> OpenDevice {
    DeviceChoice::Cpu.open().unwrap()
}

/// The same weights in the kernels and as a device has them.
fn both(config: &PriorConfig, precision: Precision) -> (Prior, DevicePrior) {
    let tensors = random_tensors(config);
    let on_device = DevicePrior::load(config, tensors.clone(), &cpu(), precision).unwrap();
    (Prior::load(config, tensors).unwrap(), on_device)
}

/// Largest difference, as a share of the largest logit.
fn off(logits: &[f32], want: &[f32]) -> f32 {
    assert_eq!(logits.len(), want.len());
    let spread = want.iter().fold(1.0f32, |most, logit| most.max(logit.abs()));
    let off = logits.iter().zip(want).map(|(a, b)| (a - b).abs() / spread);
    off.fold(0.0, |most, off| if off <= most { most } else { off }) // what is no number stays
}

#[test]
fn every_order_has_the_logits_of_the_kernels_after_chunks_of_any_length() {
    let code = |row: u32, i: u32| (i * i * 7 + row * 3 + i) % 12;
    let codes: Vec<Vec<u32>> = (0..2).map(|row| (0..24).map(|i| code(row, i)).collect()).collect();
    for config in models() {
        let (prior, on_device) = both(&config, Precision::F32);
        let cond = conditioning(&prior, 2);
        for (n_prefill, chunk) in [(0, 1), (7, 7), (13, 5), (23, 16), (20, 20)] {
            let mut decoder = prior.start(cond.clone()).unwrap();
            let mut window = on_device.start(&cond).unwrap();
            for first in (0..n_prefill).step_by(chunk) {
                let last = n_prefill.min(first + chunk);
                let part: Vec<_> = codes.iter().map(|row| row[first..last].to_vec()).collect();
                decoder.prefill(&part).unwrap();
                window.prefill(&part).unwrap();
            }
            for p in n_prefill as u32..24 {
                let next = [0, 1].map(|row| code(row, p) + config.first_code() as u32);
                let want = decoder.logits().unwrap().to_vec();
                decoder.push(&next).unwrap();

                let logits = window.logits_before(&next).unwrap();

                let off = off(&logits, &want);
                assert!(off < 1e-5, "{off} at {p} of order {}", config.attn_order);
            }
        }
    }
}

/// The kernels are given the device's tokens, so that a token that rounding moved over the edge of the
/// dice does not hide those after it; there may be very few.
#[test]
fn every_order_writes_the_tokens_of_the_kernels_greedily_and_by_dice() {
    let greedy = SamplerSettings { top_k: Some(1), ..SETTINGS };
    let filtered = SamplerSettings { top_k: Some(9), top_p: Some(0.9), ..SETTINGS };
    let (mut n_tokens, mut n_moved) = (0, 0);
    for config in models().into_iter().map(longer) {
        let (prior, on_device) = both(&config, Precision::F32);
        let cond = conditioning(&prior, 3);
        for settings in [greedy, SETTINGS, filtered] {
            let known = [vec![5, 6, 7, 1, 2], vec![1, 2, 3, 0, 9], vec![4, 4, 4, 11, 10]];
            let (mut dice, mut same_dice) =
                ([1, 2, 3].map(TokenRng::new), [1, 2, 3].map(TokenRng::new));
            let mut window = on_device.start(&cond).unwrap();
            let mut decoder = prior.start(cond.clone()).unwrap();
            window.prefill(&known).unwrap();
            decoder.prefill(&known).unwrap();

            while window.n_tokens() < config.n_ctx {
                let n = STRETCH.min(config.n_ctx - window.n_tokens());
                let columns =
                    window.write(n, &settings, |column| dice[column].next_uniform()).unwrap();
                for i in 0..n {
                    let symbols: Vec<u32> = columns.iter().map(|column| column[i]).collect();
                    let logits = decoder.logits().unwrap().chunks_exact(config.n_symbols());
                    for ((logits, dice), symbol) in logits.zip(&mut same_dice).zip(&symbols) {
                        let want = choose(logits, &settings, dice.next_uniform()).unwrap();
                        n_moved += usize::from(want != *symbol);
                    }
                    n_tokens += symbols.len();
                    decoder.push(&symbols).unwrap();
                }
            }
            assert_eq!(dice, same_dice);
        }
    }
    assert!(n_moved <= n_tokens / 2000, "{n_moved} of {n_tokens}");
}

#[test]
fn columns_that_part_after_a_common_beginning_are_each_as_if_alone() {
    for config in [tiny(), single_sequence(), separate_encoder(), upsampler()] {
        let (prior, on_device) = both(&config, Precision::F32);
        let cond = conditioning(&prior, 1);
        let known = vec![vec![3, 1, 4, 1, 5, 9]];
        let mut together = on_device.start(&cond).unwrap();
        together.prefill(&known).unwrap();
        together.repeat(3).unwrap();
        let first_code = config.first_code() as u32;
        let of_column = |column: u32, i: u32| first_code + (column * 5 + i * i) % 12;
        let n = config.n_symbols();
        let mut alone = on_device.start(&cond).unwrap();
        alone.prefill(&known).unwrap();

        for i in 0..18 {
            let logits = together.logits_before(&[0, 1, 2].map(|c| of_column(c, i))).unwrap();
            let want = alone.logits_before(&[of_column(1, i)]).unwrap();
            assert!(off(&logits[n..2 * n], &want) < 1e-5);
        }
    }
}

#[test]
fn half_precision_is_near() {
    for config in [tiny(), single_sequence(), separate_encoder(), upsampler()] {
        let exact = prior_of_noise(&config, Precision::F32, false).unwrap();
        let halves = device_prior_of_noise(&config, &cpu(), Precision::F16).unwrap();
        let cond = conditioning(&exact, 2);
        let known = [vec![1, 2, 3, 4, 5, 6], vec![6, 5, 4, 3, 2, 1]];
        let mut decoder = exact.start(cond.clone()).unwrap();
        let mut window = halves.start(&cond).unwrap();
        decoder.prefill(&known).unwrap();
        window.prefill(&known).unwrap();

        for token in 0..12 {
            let next = [token, 11 - token].map(|code| code + config.first_code() as u32);
            let want = decoder.logits().unwrap().to_vec();
            decoder.push(&next).unwrap();
            let off = off(&window.logits_before(&next).unwrap(), &want);
            assert!(0.0 < off && off < 5e-3, "{off}");
        }
    }
}

#[test]
fn a_level_becomes_what_the_kernels_make_of_it_window_by_window() {
    for config in [tiny(), longer(single_sequence()), separate_encoder(), upsampler()] {
        let prior = prior_of_noise(&config, Precision::F32, false).unwrap();
        let on_device = device_prior_of_noise(&config, &cpu(), Precision::F32).unwrap();
        let n_ctx = config.n_ctx;
        let song = Song {
            labels: rows(&config, 1).remove(0),
            lyrics: (0..70).map(|i| i % 7).collect(),
            upper: (0..n_ctx as u32).map(|i| i % 9).collect(),
        };
        let plan = Plan { n_total: 2 * n_ctx, hop_tokens: n_ctx / 2 };
        let state = |seed| LevelState::new(vec![1, 2, 3, 4, 5], TokenRng::new(seed));
        let states: Vec<_> = (0..3).map(state).collect();
        let mut kernels =
            LevelSampler::of_takes(&prior, song.clone(), plan, SETTINGS, states.clone()).unwrap();
        while kernels.advance().unwrap() != Advance::Finished {}

        let mut level = DeviceLevel::new(&on_device, song.clone(), plan, SETTINGS, states).unwrap();
        let mut after_one = None;
        while level.advance().unwrap() != Advance::Finished {
            let finished = level.finished_of(2);
            if finished.n_windows == 1 && after_one.is_none() {
                after_one = Some(finished.clone());
            }
        }

        for take_idx in 0..3 {
            assert_eq!(level.codes_of(take_idx), kernels.codes_of(take_idx));
            assert_eq!(level.finished_of(take_idx), kernels.finished_of(take_idx));
        }
        let saved = vec![after_one.unwrap()];
        let mut later = DeviceLevel::new(&on_device, song, plan, SETTINGS, saved).unwrap();
        while later.advance().unwrap() != Advance::Finished {}
        assert_eq!(later.codes_of(0), kernels.codes_of(2));
    }
}

#[test]
fn what_a_window_has_no_place_for_is_refused() {
    let (prior, on_device) = both(&tiny(), Precision::F32);
    let cond = conditioning(&prior, 1);
    let mut window = on_device.start(&cond).unwrap();
    let said = |e: JukeboxError| e.to_string();

    let code = said(window.prefill(&[vec![1, 12]]).unwrap_err());
    let rows = said(window.prefill(&[vec![1], vec![2]]).unwrap_err());
    let symbol = said(window.logits_before(&[12]).unwrap_err());
    let cold = SamplerSettings { temperature: 0.0, ..SETTINGS };
    let cold = said(window.write(1, &cold, |_| 0.5).unwrap_err());
    let long = said(window.write(25, &SETTINGS, |_| 0.5).unwrap_err());
    window.write(24, &SETTINGS, |_| 0.5).unwrap();
    let full = said(window.write(1, &SETTINGS, |_| 0.5).unwrap_err());

    assert_eq!(code, "a code is 12, but this model takes 0 to 11");
    assert!(rows.contains("1 rows of one length"), "{rows}");
    assert_eq!(symbol, "a symbol is 12, but this model takes 0 to 11");
    assert!(cold.contains("temperature is 0"), "{cold}");
    assert!(long.contains("tokens in a window is 25"), "{long}");
    assert!(full.contains("tokens in a window is 25"), "{full}");
}

#[test]
fn devices_have_names_and_a_build_without_one_says_what_to_do() {
    let parsed: [DeviceChoice; 4] =
        ["cpu", "cuda", "cuda:3", "metal"].map(|text| text.parse().unwrap());
    let unknown = ["gpu", "cuda:", "cuda:x", "cpu:1", ""].map(|text| text.parse::<DeviceChoice>());

    assert_eq!(
        parsed,
        [DeviceChoice::Cpu, DeviceChoice::Cuda(0), DeviceChoice::Cuda(3), DeviceChoice::Metal]
    );
    assert!(unknown.iter().all(|parsed| matches!(parsed, Err(DeviceError::Unknown(_)))));
    if !cfg!(feature = "cuda") {
        let error = DeviceChoice::Cuda(0).open().unwrap_err();
        assert!(matches!(error, DeviceError::NotBuilt { feature: "cuda", .. }), "{error}");
        assert!(error.to_string().contains("has no CUDA"), "{error}");
    }
    if !cfg!(feature = "metal") {
        assert!(matches!(DeviceChoice::Metal.open(), Err(DeviceError::NotBuilt { .. })));
    }
}

#[test]
fn a_precision_that_the_device_has_not_is_refused() {
    for precision in [Precision::BF16, Precision::Q8, Precision::Q4] {
        let error = device_prior_of_noise(&tiny(), &cpu(), precision).err().unwrap().to_string();

        let name = precision.name();
        assert_eq!(error, format!("cpu cannot compute with {name}; choose f32 or f16"));
    }
}
