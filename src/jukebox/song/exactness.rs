//! A long song is the same on both backends, token by token.

use super::level::{LevelSampler, LevelState};
use super::told::Song;
use super::windows::Plan;
use crate::jukebox::prior::LabelRow;
use crate::jukebox::prior::tests::{prior_of_strength, rows, tiny, upsampler};
use crate::jukebox::{Advance, Chooser, Dice, Prior, PriorConfig, SamplerSettings, TokenRng};

const N_TOKENS: usize = 10_000;
const WINDOW: usize = 120;
const SETTINGS: SamplerSettings = SamplerSettings { temperature: 0.98, top_k: None, top_p: None };

/// Windows of 120 tokens, and weights under which every layer matters and no token comes again and again.
fn prior(config: PriorConfig) -> Prior {
    let config = PriorConfig { n_ctx: WINDOW, blocks: 10, ..config };
    prior_of_strength(&config, |name| match name {
        name if name.ends_with(".b") || name.ends_with("bias") => [0.0, 0.0],
        name if name.contains("ln_") || name.contains(".ln.") => [1.0, 0.0],
        _ => [0.0, 0.3],
    })
}

fn plan() -> Plan {
    Plan::adding(0, N_TOKENS, WINDOW, WINDOW / 2)
}

fn song(prior: &Prior) -> Song {
    let labels = LabelRow { lyrics: vec![], ..rows(prior.config(), 1).remove(0) };
    Song {
        labels,
        lyrics: Vec::new(),
        upper: (0..N_TOKENS as u32 / 4).map(|i| i * i * 5 % 9).collect(),
    }
}

/// Walks through the windows of a song as a sampler does, on both backends at once: whatever `choose` makes
/// of either one's logits must be the same, so each is always told what the other chose.
fn walk(prior: &Prior, mut choose: impl FnMut([&[f32]; 2]) -> [u32; 2]) -> Vec<u32> {
    let song = song(prior);
    let mut codes: Vec<u32> = Vec::new();
    for window in plan().windows(WINDOW, 0).unwrap() {
        let cond = song.told(prior, window.start).unwrap().condition(prior).unwrap();
        let mut fast = prior.start(cond.clone()).unwrap();
        let mut reference = prior.start_reference(cond).unwrap();
        for decoder in [&mut fast, &mut reference] {
            decoder.prefill(&[codes[window.start..].to_vec()]).unwrap();
        }
        while codes.len() < window.start + window.n_tokens {
            let logits = [fast.logits().unwrap(), reference.logits().unwrap()];
            let mut pairs = logits[0].iter().zip(logits[1]);
            let are_close = pairs.all(|(fast, reference)| (fast - reference).abs() < 1e-4);
            assert!(are_close, "logits of token {}: {logits:?}", codes.len());

            let symbols = choose(logits);
            assert_eq!(symbols[0], symbols[1], "token {}", codes.len());
            fast.push(&symbols[..1]).unwrap();
            reference.push(&symbols[1..]).unwrap();
            codes.push(prior.config().code_of(symbols[0]));
        }
    }
    codes
}

fn likeliest(logits: &[f32]) -> u32 {
    let higher = |best: usize, idx: usize| if logits[best] < logits[idx] { idx } else { best };
    (0..logits.len()).reduce(higher).unwrap() as u32
}

#[test]
fn ten_thousand_sampled_tokens_are_those_of_the_reference() {
    let prior = prior(PriorConfig { attn_order: 9, depth: 4, ..tiny() });
    let mut dice = TokenRng::new(7);
    let mut choosers = [(); 2].map(|()| Chooser::new(SETTINGS).unwrap());

    let codes = walk(&prior, |logits| {
        let u = dice.next_uniform();
        [0, 1].map(|i| choosers[i].choose(logits[i], u).unwrap())
    });

    let state = LevelState::new(Vec::new(), TokenRng::new(7));
    let mut sampler = LevelSampler::new(&prior, song(&prior), plan(), SETTINGS, state).unwrap();
    while sampler.advance().unwrap() != Advance::Finished {}
    assert!(sampler.codes() == codes, "a sampler walks through other windows");
}

#[test]
fn ten_thousand_likeliest_tokens_are_those_of_the_reference() {
    let prior = prior(PriorConfig { merged_decoder: true, depth: 3, ..upsampler() });

    let codes = walk(&prior, |logits| logits.map(likeliest));

    let mut kinds: Vec<&[u32]> = codes.windows(4).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert!(100 < kinds.len(), "a song of {} kinds of four tokens tests little", kinds.len());
}
