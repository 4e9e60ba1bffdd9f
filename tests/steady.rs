//! A new token allocates nothing, however many takes are written and however they are chosen.

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use encore::jukebox::song::{ChainSampler, chains};
use encore::jukebox::yardstick::prior_of_noise;
use encore::jukebox::{
    Advance, LevelSampler, LevelState, Plan, Precision, PriorConfig, SamplerSettings, Song,
    TokenRng,
};

/// Aborts the process when `assert_no_alloc` is broken.
#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const WINDOW: usize = 64;
const HOP: usize = 16;
const N_NEW: usize = 99;
/// Windows that write so many tokens after nine.
const N_WINDOWS: usize = 4;

/// The attention of all released models, and dense attention, in widths that can be quantised.
fn config() -> PriorConfig {
    PriorConfig {
        level: 0,
        n_ctx: WINDOW,
        width: 64,
        depth: 8,
        heads: 2,
        attn_order: 9,
        blocks: 8,
        m_attn: 0.5,
        m_mlp: 1.0,
        merged_decoder: false,
        res_scale: false,
        l_bins: 40,
        labels: None,
        lyrics: None,
        conditioner: None,
    }
}

#[test]
fn a_new_token_allocates_nothing() {
    let filters = [(None, None), (Some(7), None), (None, Some(0.8)), (Some(20), Some(0.5))];
    for held_as in [Precision::F32, Precision::Q8] {
        let prior = prior_of_noise(&config(), held_as, false).unwrap();
        for ((top_k, top_p), n_takes) in filters.into_iter().flat_map(|f| [(f, 1), (f, 3)]) {
            let settings = SamplerSettings { temperature: 0.9, top_k, top_p };
            let takes = (0..n_takes).map(|seed| LevelState::new(vec![3; 9], TokenRng::new(seed)));
            let (song, plan) = (Song::default(), Plan::adding(9, N_NEW, WINDOW, HOP));
            let mut sampler =
                LevelSampler::of_takes(&prior, song, plan, settings, takes.collect()).unwrap();
            let (mut last, mut n_steady) = (None, 0);

            while last != Some(Advance::Finished) {
                let n_left = sampler.window().map_or(0, |(window, _)| {
                    window.start + window.n_tokens - sampler.codes().len()
                });
                last = Some(match last {
                    Some(Advance::Token(_)) if 1 < n_left => {
                        n_steady += 1;
                        assert_no_alloc(|| sampler.advance()).unwrap()
                    }
                    _ => sampler.advance().unwrap(),
                });
            }

            assert_eq!(n_steady, N_NEW - 2 * N_WINDOWS, "all but the first and last of windows");
        }
    }
}

#[test]
fn a_new_token_of_several_chains_allocates_nothing() {
    let prior = prior_of_noise(&config(), Precision::Q8, false).unwrap();
    let settings = SamplerSettings { temperature: 0.9, top_k: None, top_p: Some(0.8) };
    let cut = chains(0, 300, WINDOW, 1, 3);
    let states = (0..3).map(|seed| LevelState::new(Vec::new(), TokenRng::new(seed))).collect();
    let mut sampler = ChainSampler::new(&prior, Song::default(), cut, settings, states, 3).unwrap();

    (0..2).for_each(|_| assert!(sampler.advance().unwrap())); // windows are opened, and the first token
    for _ in 1..WINDOW {
        assert!(assert_no_alloc(|| sampler.advance()).unwrap());
    }

    assert_eq!(sampler.n_tokens().0, 3 * WINDOW);
}
