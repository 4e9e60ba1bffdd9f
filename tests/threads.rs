//! A plugin that is unloaded must take all its threads with it.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;

use candle_core::{DType, Device};
use candle_nn::{VarBuilder, VarMap};
use encore::jukebox::crew::{Crew, Urgency};
use encore::jukebox::{
    Advance, LabelConfig, LabelRow, LevelSampler, LevelState, Plan, Prior, PriorConfig,
    SamplerSettings, Song, TokenRng, Vqvae, VqvaeConfig,
};

/// Large enough that every shared-out operation is shared out.
fn vqvae_config() -> VqvaeConfig {
    VqvaeConfig {
        levels: 1,
        downs_t: vec![3],
        strides_t: vec![2],
        emb_width: 64,
        l_bins: 2048,
        width: 32,
        depth: 2,
        m_conv: 1.0,
        multipliers: vec![1],
        dilation_growth_rate: 3,
        dilation_cycle: None,
        reverse_decoder_dilation: true,
    }
}

fn prior_config() -> PriorConfig {
    PriorConfig {
        level: 0,
        n_ctx: 1024,
        width: 512,
        depth: 3,
        heads: 2,
        attn_order: 2,
        blocks: 16,
        m_attn: 0.25,
        m_mlp: 1.0,
        merged_decoder: false,
        res_scale: false,
        l_bins: 2048,
        labels: Some(LabelConfig {
            genre_bins: 4,
            artist_bins: 4,
            max_genre_words: 1,
            t_bins: 64,
            min_duration_seconds: 1.0,
            max_duration_seconds: 600.0,
            sample_rate: 44_100,
            hop: 8,
            timing: true,
        }),
        lyrics: None,
        conditioner: None,
    }
}

/// Names of this process's threads, and how many have each.
fn threads() -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        if let Ok(name) = std::fs::read_to_string(task.path().join("comm")) {
            *names.entry(name.trim().to_string()).or_default() += 1;
        }
    }
    names
}

/// Loading, encoding, continuing and decoding.
fn make_music() {
    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let vqvae = Vqvae::load(&vqvae_config(), &[0], vb.pp("vqvae")).unwrap();
    let config = prior_config();
    let prior = Prior::load(&config, vb.pp("top")).unwrap();

    let codes = vqvae.encode(&vec![0.25; 60_000], 0).unwrap();
    let labels = config.labels.as_ref().unwrap();
    let labels = LabelRow::clamped(labels, config.n_ctx, 441_000, 0, 1, vec![2]);
    let song = Song { labels, ..Song::default() };
    let plan = Plan::adding(1000, 40, config.n_ctx, 512);
    let state = LevelState::new(codes[..1000].to_vec(), TokenRng::new(1));
    let settings = SamplerSettings::default();
    let mut sampler = LevelSampler::new(&prior, song, plan, settings, state).unwrap();
    while sampler.advance().unwrap() != Advance::Finished {}
    vqvae.decode(sampler.codes(), 0).unwrap();
}

#[test]
fn no_thread_outlives_the_pool_that_the_networks_ran_in() {
    let before = threads();

    let mut crew = Crew::new(3, Urgency::BelowNormal);
    crew.install(make_music);
    drop(crew);
    let mut after = threads();
    for _ in 0..100 {
        if after == before {
            break; // a pool's threads end a little after it is dropped
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        after = threads();
    }

    assert_eq!(after, before);
}
