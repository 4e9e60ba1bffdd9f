//! Models that the tests of this folder share, and what all kinds of them promise.

use candle_core::{DType, Device};
use candle_nn::{VarBuilder, VarMap};

use super::*;
use crate::jukebox::{
    AlignmentConfig, ConditionerConfig, Dice, EncoderConfig, LabelConfig, LyricsConfig, LyricsKind,
    TokenRng,
};

/// 24 tokens in blocks of 4, twelve codes, labelled.
pub fn tiny() -> PriorConfig {
    PriorConfig {
        level: 1,
        n_ctx: 24,
        width: 20,
        depth: 5,
        heads: 2,
        attn_order: 2,
        blocks: 6,
        m_attn: 0.5,
        m_mlp: 1.0,
        merged_decoder: true,
        res_scale: false,
        l_bins: 12,
        labels: Some(LabelConfig {
            genre_bins: 4,
            artist_bins: 5,
            max_genre_words: 2,
            t_bins: 8,
            min_duration_seconds: 0.01,
            max_duration_seconds: 10.0,
            sample_rate: 44_100,
            hop: 16,
            timing: true,
        }),
        lyrics: None,
        conditioner: None,
    }
}

fn lyrics(kind: LyricsKind, layer: usize) -> Option<LyricsConfig> {
    Some(LyricsConfig {
        n_tokens: 8,
        n_vocab: 7,
        kind,
        alignment: Some(AlignmentConfig { layer, head: 1 }),
        prime_loss_fraction: 0.4,
    })
}

/// Eight characters before the music, in blocks of 4: the prime is 16 long.
pub fn single_sequence() -> PriorConfig {
    PriorConfig {
        depth: 16,
        attn_order: 12,
        blocks: 8,
        merged_decoder: false,
        lyrics: lyrics(LyricsKind::SingleSequence, 15),
        ..tiny()
    }
}

/// Eight characters that an encoder of their own reads; layer 3 looks at them.
pub fn separate_encoder() -> PriorConfig {
    let encoder = EncoderConfig {
        width: 12,
        depth: 3,
        heads: 2,
        attn_order: 2,
        blocks: 2,
        m_attn: 0.5,
        m_mlp: 1.0,
        res_scale: false,
    };
    PriorConfig { attn_order: 6, lyrics: lyrics(LyricsKind::SeparateEncoder(encoder), 3), ..tiny() }
}

/// Hears a code of the level above for every four of its own.
pub fn upsampler() -> PriorConfig {
    PriorConfig {
        level: 0,
        merged_decoder: false,
        labels: tiny().labels.map(|labels| LabelConfig { timing: false, hop: 4, ..labels }),
        conditioner: Some(ConditionerConfig {
            width: 10,
            depth: 3,
            m_conv: 1.0,
            dilation_growth_rate: 3,
            dilation_cycle: Some(2),
            res_scale: true,
            downs_t: 2,
            strides_t: 2,
            l_bins: 9,
        }),
        ..tiny()
    }
}

/// Label rows that differ from each other.
pub fn rows(config: &PriorConfig, n: usize) -> Vec<LabelRow> {
    let labels = config.labels.as_ref().unwrap();
    let row = |i: usize| {
        let (offset, id) = (1000 * i as i64, i as u32);
        let row = LabelRow::clamped(labels, config.n_ctx, 20_000, offset, id % 5, vec![id % 4]);
        let lyrics = (0..config.n_lyric_tokens()).map(|j| (j * j + i) as u32 % 7).collect();
        LabelRow { lyrics, ..row }
    };
    (0..n).map(row).collect()
}

/// Everything that rows which differ from each other are told.
pub fn conditioning(prior: &Prior, n: usize) -> Conditioning {
    let upper = |row: usize, n: usize| (0..n).map(|i| (i * 5 + row) as u32 % 9).collect();
    let upper: Vec<_> =
        prior.n_upper().map_or(vec![], |n_upper| (0..n).map(|row| upper(row, n_upper)).collect());
    prior.condition_on(&rows(prior.config(), n), &upper).unwrap()
}

/// Weights of noise, always the same, and strong enough that every layer is felt in the logits.
pub fn random_prior(config: &PriorConfig) -> Prior {
    prior_of_strength(config, |_| [0.0, 0.3])
}

/// The same before they are loaded.
pub fn random_tensors(config: &PriorConfig) -> VarBuilder<'static> {
    tensors_of_strength(config, |_| [0.0, 0.3])
}

/// The same with a mean and a spread of its own for the weights of each name.
pub fn prior_of_strength(config: &PriorConfig, strength: impl Fn(&str) -> [f32; 2]) -> Prior {
    Prior::load_with_reference(config, tensors_of_strength(config, strength)).unwrap()
}

fn tensors_of_strength(
    config: &PriorConfig,
    strength: impl Fn(&str) -> [f32; 2],
) -> VarBuilder<'static> {
    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    Prior::load(config, vb.clone()).unwrap();
    for (name, var) in map.data().lock().unwrap().iter() {
        let seed = name.bytes().fold(0u64, |seed, byte| seed.wrapping_mul(31) + u64::from(byte));
        let (mut dice, [mean, spread]) = (TokenRng::new(seed), strength(name));
        let uniform = |_| mean + (dice.next_uniform() as f32 * 2.0 - 1.0) * 3f32.sqrt() * spread;
        let numbers: Vec<f32> = (0..var.elem_count()).map(uniform).collect();
        var.set(&Tensor::from_vec(numbers, var.shape(), &Device::Cpu).unwrap()).unwrap();
    }
    vb
}

fn difference(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

#[test]
fn a_shorter_sequence_has_the_same_logits() {
    for config in [tiny(), single_sequence(), separate_encoder(), upsampler()] {
        let prior = random_prior(&config);
        let cond = conditioning(&prior, 1);
        let tokens = Tensor::arange(0u32, 12, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let whole = prior.logits(&tokens, &cond).unwrap();

        let part = prior.logits(&tokens.narrow(1, 0, 7).unwrap(), &cond).unwrap();

        assert!(difference(&whole.narrow(1, 0, part.dim(1).unwrap()).unwrap(), &part) < 1e-5);
    }
}

#[test]
fn lyrics_reach_the_music_but_for_the_last_character_that_an_encoder_never_sees() {
    for (config, last_is_seen) in [(single_sequence(), true), (separate_encoder(), false)] {
        let prior = random_prior(&config);
        let codes = Tensor::zeros((1, 24), DType::U32, &Device::Cpu).unwrap();
        let music = |character: usize| {
            let mut row = rows(&config, 1).remove(0);
            row.lyrics[character] = (row.lyrics[character] + 1) % 7;
            let logits = prior.logits(&codes, &prior.condition(&[row]).unwrap()).unwrap();
            logits.narrow(1, logits.dim(1).unwrap() - 24, 24).unwrap()
        };
        let cond = prior.condition(&rows(&config, 1)).unwrap();
        let before = prior.logits(&codes, &cond).unwrap();
        let before = before.narrow(1, before.dim(1).unwrap() - 24, 24).unwrap();

        assert!(difference(&music(3), &before) > 1e-4);
        assert_eq!(difference(&music(7), &before) > 0.0, last_is_seen);
    }
}

#[test]
fn attention_to_lyrics_is_a_share_of_everything_that_is_seen() {
    for (config, sees_music_too) in [(single_sequence(), true), (separate_encoder(), false)] {
        let prior = random_prior(&config);
        let cond = conditioning(&prior, 2);

        let rows = prior.lyric_attention(&[vec![3; 24], vec![5; 24]], &cond).unwrap();

        assert_eq!(rows.len(), 2);
        let sums: Vec<f32> =
            rows.iter().flat_map(|row| row.chunks_exact(8)).map(|w| w.iter().sum()).collect();
        assert_eq!(sums.len(), 48);
        assert!(sums.iter().all(|sum| *sum > 0.0 && *sum < 1.00001));
        let n_whole = sums.iter().filter(|sum| **sum > 0.99999).count();
        assert_eq!(n_whole < 48, sees_music_too, "{sums:?}");
    }
}

#[test]
fn a_model_without_an_alignment_head_says_so() {
    let prior = random_prior(&tiny());
    let cond = conditioning(&prior, 1);

    let error = prior.lyric_attention(&[vec![0; 24]], &cond).unwrap_err().to_string();

    assert!(error.contains("no alignment head"), "{error}");
}

#[test]
fn bits_are_the_surprise_of_the_given_tokens() {
    let prior = random_prior(&single_sequence());
    let cond = conditioning(&prior, 2);
    let codes = vec![vec![1, 2, 3], vec![4, 5, 6]];
    let logits = prior.logits(&Tensor::new(codes.clone(), &Device::Cpu).unwrap(), &cond).unwrap();
    let log_p = candle_nn::ops::log_softmax(&logits, 2).unwrap().to_vec3::<f32>().unwrap();

    let bits = prior.token_bits(&codes, &cond).unwrap();

    assert_eq!((bits.music[0].len(), bits.lyrics[1].len()), (3, 8));
    let want = -log_p[1][8 + 2][7 + 6] as f64 / std::f64::consts::LN_2;
    assert!((bits.music[1][2] - want).abs() < 1e-4);
    let loss = (0.4 * 8.0 * bits.lyrics_mean() + 3.0 * bits.music_mean()) / 11.0;
    assert!((bits.loss() - loss).abs() < 1e-9);
}

#[test]
fn models_whose_lyrics_are_missing_are_refused_by_name() {
    let config = PriorConfig { attn_order: 12, depth: 16, ..tiny() };
    let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);

    let error = Prior::load(&config, vb).err().unwrap().to_string();

    assert!(error.contains("needs attention function 7"), "{error}");
}

#[test]
fn what_a_window_lacks_is_named() {
    let (lyrical, upsampler) = (random_prior(&single_sequence()), random_prior(&upsampler()));
    let mut row = rows(lyrical.config(), 1);
    let told = |rows: &[LabelRow]| lyrical.condition(rows).err().unwrap().to_string();

    row[0].lyrics[5] = 7;
    let unknown = told(&row);
    row[0].lyrics.pop();
    let short = told(&row);
    let row = rows(upsampler.config(), 1);
    let deaf = upsampler.condition(&row).err().unwrap().to_string();
    let upper = upsampler.condition_on(&row, &[vec![0; 5]]).err().unwrap().to_string();
    let code = upsampler.condition_on(&row, &[vec![9; 6]]).err().unwrap().to_string();

    assert_eq!(unknown, "a lyric token is 7, but this model takes 0 to 6");
    assert!(short.contains("lyric tokens in a window is 7, but this model takes 8"), "{short}");
    assert!(deaf.contains("rows of codes of the level above is 0"), "{deaf}");
    assert!(upper.contains("codes of the level above in a window is 5"), "{upper}");
    assert_eq!(code, "a code of the level above is 9, but this model takes 0 to 8");
}

#[test]
fn the_reference_is_there_only_for_who_asked_for_it() {
    let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
    let prior = Prior::load(&tiny(), vb).unwrap();
    let cond = conditioning(&prior, 1);

    let error = prior.start_reference(cond).err().unwrap().to_string();

    assert!(error.contains("without the reference"), "{error}");
}

#[test]
fn a_window_takes_the_memory_that_its_attention_looks_at_again() {
    let of_order = |attn_order| {
        let config = PriorConfig { attn_order, depth: 3, ..tiny() };
        random_prior(&config).window_bytes() / size_of::<f32>() - 24 * 20 // what tokens are told
    };

    assert_eq!(of_order(0), 3 * 2 * 24 * 10); // 24 positions, keys and values of 10 numbers
    assert_eq!(of_order(2), (4 + 24 + 2 * 4) * 2 * 10); // a block, columns, and two blocks of 4
}

#[test]
fn networks_can_move_to_another_thread() {
    fn assert_send<T: Send>() {}
    assert_send::<Prior>();
    assert_send::<Decoder<'static>>();
    assert_send::<crate::jukebox::Vqvae>();
}
