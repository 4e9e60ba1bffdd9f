//! What the released models do that nobody would expect (SPEC §8), and what a well-known port gets
//! wrong (SPEC §7), as far as no other test would notice.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use encore::jukebox::{LabelRow, Prior, PriorConfig, Song};
use encore::pack::checkpoint::released;
use encore::pack::shapes::prior_tensors;

/// A released prior with its numbers made small: a few tokens, channels and layers.
fn small(name: &str) -> PriorConfig {
    let mut config = released::prior(name).unwrap();
    (config.n_ctx, config.width, config.depth, config.heads) = (16, 12, 3, 1);
    (config.blocks, config.l_bins) = (4, 9);
    if let Some(conditioner) = &mut config.conditioner {
        (conditioner.width, conditioner.depth, conditioner.l_bins) = (6, 2, 9);
    }
    if let Some(labels) = &mut config.labels {
        (labels.artist_bins, labels.genre_bins) = (5, 4);
    }
    config
}

/// Weights that differ from each other; the head is equal to the embedding.
fn weights(config: &PriorConfig) -> VarBuilder<'static> {
    let numbers = |n: usize, seed: usize| -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 + seed * 104_729) % 1013) as f32 / 1013.0 - 0.5).collect()
    };
    let tensors = prior_tensors(config).into_iter().enumerate();
    let tensors = tensors.map(|(seed, tensor)| {
        let seed = if tensor.name == "prior.x_out.weight" { 0 } else { seed };
        let numbers = numbers(tensor.shape.iter().product(), seed);
        (tensor.name, Tensor::from_vec(numbers, tensor.shape, &Device::Cpu).unwrap())
    });
    VarBuilder::from_tensors(tensors.collect(), DType::F32, &Device::Cpu)
}

fn row() -> LabelRow {
    LabelRow { total_length: 9_000_000, offset: 640, artist: 3, genres: vec![1], ..row_of_window() }
}

fn row_of_window() -> LabelRow {
    LabelRow { sample_length: 16 * 128, ..LabelRow::default() }
}

#[test]
fn conditioning_is_added_before_the_layers_and_once_more_after_them_unless_the_head_is_its_own() {
    let merged = small("5b");
    let plain = PriorConfig { merged_decoder: false, ..merged.clone() };
    let weights = weights(&merged); // "prior.x_emb.weight" is the first tensor
    let [merged, plain] =
        [merged, plain].map(|config| Prior::load(&config, weights.clone()).unwrap());
    let cond = plain.condition(&[row()]).unwrap();
    let codes = Tensor::new(vec![(0..16).map(|i| i * 5 % 9).collect::<Vec<u32>>()], &Device::Cpu);
    let codes = codes.unwrap();

    let once = merged.logits(&codes, &cond).unwrap();
    let twice = plain.logits(&codes, &cond).unwrap();

    let embedding = weights.get((9, 12), "prior.x_emb.weight").unwrap();
    let more = cond.x_cond.squeeze(0).unwrap().matmul(&embedding.t().unwrap()).unwrap();
    let off = (twice - (once + more.unsqueeze(0).unwrap()).unwrap()).unwrap();
    assert!(off.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-4);
    assert!(more.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() > 0.1);
}

#[test]
fn windows_are_told_the_songs_own_length_and_where_they_begin_in_it() {
    let config = small("5b");
    let prior = Prior::load(&config, weights(&config)).unwrap();
    let song = Song { labels: row(), lyrics: vec![], upper: vec![] };

    let told = song.told(&prior, 24).unwrap().labels;

    assert_eq!((told.total_length, told.offset), (9_000_000, 640 + 24 * 128));
    assert_eq!(told.sample_length, 16 * 128, "a whole window, however little of it is written");
}

#[test]
fn symbols_of_lyrics_in_the_middle_of_music_become_code_0() {
    let config = released::prior("1b_lyrics").unwrap();

    assert_eq!(config.n_symbols(), 2127);
    assert_eq!([0, 78, 79, 80, 2126].map(|symbol| config.code_of(symbol)), [0, 0, 0, 1, 2047]);
}

#[test]
fn blocks_of_the_smaller_lyrics_model_do_not_begin_where_its_music_does() {
    let config = released::prior("1b_lyrics").unwrap();

    assert_eq!((config.stack().block_len(), config.n_before()), (102, 3 * 102 + 78));
}

#[test]
fn only_the_upsampler_of_the_middle_level_scales_its_residuals() {
    let conditioner = |name| released::prior(name).unwrap().conditioner.unwrap();

    let scaled = ["upsampler_0", "upsampler_1"].map(|name| conditioner(name).res_scale);

    assert_eq!(scaled, [false, true]);
}
