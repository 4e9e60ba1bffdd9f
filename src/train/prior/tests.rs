use std::path::Path;

use candle_core::{DType, Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::codes::{CodedCorpus, labels_of};
use super::windows::tests::song;
use super::*;
use crate::corpus::Listing;
use crate::corpus::listing::Artist;
use crate::jukebox::{
    ConditionerConfig, EncoderConfig, LabelConfig, LabelRow, LyricsConfig, LyricsKind, Prior,
    PriorConfig,
};
use crate::pack::Sampling;
use crate::train::run::step_rng;
use crate::train::{AdamConfig, RunConfig, Trainee};

pub fn config() -> PriorConfig {
    PriorConfig {
        level: 0,
        n_ctx: 64,
        width: 24,
        depth: 3,
        heads: 2,
        attn_order: 2,
        blocks: 8,
        m_attn: 0.5,
        m_mlp: 1.0,
        merged_decoder: true,
        res_scale: false,
        l_bins: 16,
        labels: Some(LabelConfig {
            genre_bins: 3,
            artist_bins: 3,
            max_genre_words: 1,
            t_bins: 8,
            min_duration_seconds: 0.1,
            max_duration_seconds: 20.0,
            sample_rate: 44_100,
            hop: 128,
            timing: true,
        }),
        lyrics: None,
        conditioner: None,
    }
}

pub fn recipe() -> PriorRecipe {
    PriorRecipe {
        prior: config(),
        n_windows: 2,
        unlabelled_share: 0.1,
        song_start_share: 0.1,
        n_held_out_windows: 3,
        initial: Initialisation { scale: 1.0, by_depth: true },
        adam: AdamConfig { rate: 1e-2, n_warmup_steps: 5, mean_share: 0.9, ..Default::default() },
        run: RunConfig {
            seed: 1,
            n_steps: 40,
            metrics_every: 10,
            held_out_every: 20,
            checkpoint_every: 40,
        },
        sampling: Sampling {
            temperature: 1.0,
            top_p: None,
            top_k: None,
            prime_seconds: 1.0,
            total_seconds: 10.0,
            hop_fraction: 0.5,
        },
    }
}

fn trainee() -> PriorTrainee {
    let artist = |name: &str| Artist { name: name.into(), genre: format!("{name}'s genre") };
    let listing = Listing {
        seed: 1,
        sample_rate: 44_100,
        artists: vec![artist("one"), artist("two")],
        songs: Vec::new(),
        credits: Vec::new(),
    };
    let corpus = CodedCorpus {
        labels: labels_of(&listing),
        songs: vec![song(500, 1), song(300, 2)],
        held_out: vec![song(200, 1)],
    };
    PriorTrainee::of_codes(recipe(), corpus, Path::new("nowhere")).unwrap()
}

fn tensors(config: &PriorConfig) -> std::collections::BTreeMap<String, Tensor> {
    let initial = Initialisation { scale: 4.0, by_depth: false };
    super::initial::tensors(config, &initial, &mut ChaCha8Rng::seed_from_u64(5)).unwrap()
}

fn windows(config: &PriorConfig) -> Vec<Window> {
    let window = |idx: u32| Window {
        codes: (0..config.n_ctx as u32).map(|i| (i * (3 + idx) + idx) % 16).collect(),
        labels: LabelRow {
            total_length: 100_000,
            offset: 20_000 * idx as i64,
            sample_length: config.n_ctx as i64 * 128,
            artist: idx,
            genres: vec![2],
            lyrics: (0..config.n_lyric_tokens() as u32).map(|i| (i * 7 + idx) % 79).collect(),
        },
        upper: match &config.conditioner {
            None => Vec::new(),
            Some(above) => {
                (0..(config.n_ctx / above.hop()) as u32).map(|i| (i * 5 + idx) % 16).collect()
            }
        },
    };
    vec![window(1), window(2)]
}

/// The losses of the network that learns, and of the one that inference runs.
fn losses(config: &PriorConfig) -> [(f64, f64, f64); 2] {
    let (tensors, windows) = (tensors(config), windows(config));
    let parameters = Parameters::learnt(config, &tensors, &Device::Cpu).unwrap();
    let network = Network { config: config.clone(), parameters };
    let ours = network.losses(&windows).unwrap();

    let vb = candle_nn::VarBuilder::from_tensors(
        tensors.into_iter().collect(),
        DType::F32,
        &Device::Cpu,
    );
    let prior = Prior::load(config, vb).unwrap();
    let rows: Vec<_> = windows.iter().map(|window| window.labels.clone()).collect();
    let upper: Vec<_> = windows.iter().map(|window| window.upper.clone()).collect();
    let upper = if config.conditioner.is_some() { upper } else { Vec::new() };
    let cond = prior.condition_on(&rows, &upper).unwrap();
    let codes: Vec<_> = windows.iter().map(|window| window.codes.clone()).collect();
    let theirs = prior.token_bits(&codes, &cond).unwrap();
    let loss = ours.loss.to_scalar::<f32>().unwrap() as f64;
    [
        (loss, ours.music_bits, ours.lyrics_bits.unwrap_or_default()),
        (theirs.loss(), theirs.music_mean(), theirs.lyrics_mean()),
    ]
}

fn assert_same_losses(config: &PriorConfig) {
    let [ours, theirs] = losses(config);
    let off = [ours.0 - theirs.0, ours.1 - theirs.1, ours.2 - theirs.2];
    assert!(off.iter().all(|off| off.abs() < 1e-4), "{ours:?} instead of {theirs:?}");
}

fn with_lyrics(kind: LyricsKind) -> Option<LyricsConfig> {
    Some(LyricsConfig {
        n_tokens: 12,
        n_vocab: 79,
        kind,
        alignment: None,
        prime_loss_fraction: 0.4,
    })
}

#[test]
fn what_learns_is_what_inference_runs() {
    assert_same_losses(&config());
    assert_same_losses(&PriorConfig { merged_decoder: false, res_scale: true, ..config() });
    assert_same_losses(&PriorConfig { labels: None, ..config() });
}

#[test]
fn what_learns_with_lyrics_is_what_inference_runs() {
    let single = with_lyrics(LyricsKind::SingleSequence);
    let shape = PriorConfig { n_ctx: 68, attn_order: 12, depth: 17, lyrics: single, ..config() };
    assert_same_losses(&PriorConfig { merged_decoder: false, ..shape });
    let encoder = EncoderConfig {
        width: 16,
        depth: 2,
        heads: 1,
        attn_order: 2,
        blocks: 4,
        m_attn: 0.5,
        m_mlp: 1.0,
        res_scale: false,
    };
    let separate = with_lyrics(LyricsKind::SeparateEncoder(encoder));
    assert_same_losses(&PriorConfig { attn_order: 6, depth: 4, lyrics: separate, ..config() });
}

#[test]
fn an_upsampler_that_learns_is_what_inference_runs() {
    let conditioner = ConditionerConfig {
        width: 20,
        depth: 3,
        m_conv: 0.5,
        dilation_growth_rate: 3,
        dilation_cycle: Some(2),
        res_scale: true,
        downs_t: 2,
        strides_t: 2,
        l_bins: 16,
    };
    let mut config =
        PriorConfig { merged_decoder: false, conditioner: Some(conditioner), ..config() };
    if let Some(labels) = &mut config.labels {
        labels.timing = false;
    }

    assert_same_losses(&config);
}

#[test]
fn a_prior_learns_and_goes_on_to_the_bit_after_a_stop() {
    let mut whole = trainee();
    let mut losses = Vec::new();
    for step in 0..30 {
        losses.push(whole.step(&mut step_rng(1, step)).unwrap()["loss"]);
    }

    let mut stopped = trainee();
    (0..10).for_each(|step| drop(stopped.step(&mut step_rng(1, step)).unwrap()));
    let state = stopped.state().unwrap();
    let state = state.into_iter().map(|(name, x)| (name, x.copy().unwrap())).collect();
    let mut again = trainee();
    again.restore(10, &state).unwrap();
    let after: Vec<_> =
        (10..30).map(|step| again.step(&mut step_rng(1, step)).unwrap()["loss"]).collect();

    assert_eq!(after, losses[10..]);
    assert!(losses[29] < 0.5 * losses[0], "{losses:?}");
    let held_out = again.held_out().unwrap().unwrap()["bits_per_token"];
    assert!(held_out < losses[0], "{held_out}");
}

#[test]
fn adapters_learn_and_leave_the_rest_as_it_is() {
    let (config, tensors) = (config(), tensors(&config()));
    let adapted = "prior.transformer._attn_mods.1.mlp.c_fc.w";
    let table = "y_emb.artist_emb.emb.weight";
    let parameters = Parameters::each(&config, &tensors, &Device::Cpu, |name, tensor| {
        let var = |shape: (usize, usize), value: f32| {
            let numbers = Tensor::full(value, shape, &Device::Cpu)?;
            candle_core::Var::from_tensor(&numbers)
        };
        Ok(match name {
            _ if name == adapted => Parameter::Adapted {
                down: var((24, 2), 0.1)?,
                up: var((2, 24), 0.0)?,
                frozen: tensor,
                scale: 0.5,
            },
            _ if name == table => {
                Parameter::Extended { frozen: tensor.narrow(0, 0, 2)?, rows: var((1, 24), 0.0)? }
            }
            _ => Parameter::Frozen(tensor),
        })
    });
    let parameters = parameters.unwrap();
    let network = Network { config: config.clone(), parameters };

    let grads = network.losses(&windows(&config)).unwrap().loss.backward().unwrap();

    let vars = network.parameters.vars();
    assert_eq!(vars.len(), 3);
    let moves = |end: &str| {
        let (_, var) = vars.iter().find(|(name, _)| name.ends_with(end)).unwrap();
        grads.get(var).unwrap().abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap()
    };
    assert!(moves(".up") > 0.0 && moves(".rows") > 0.0);
    let written = network.parameters.tensors(&Default::default()).unwrap();
    assert_eq!(written[table].dims(), tensors[table].dims());
    let frozen = "prior.pos_emb.pos_emb";
    assert!(!written[frozen].is_variable());
}
