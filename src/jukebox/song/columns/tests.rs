use super::*;
use crate::jukebox::prior::LabelRow;
use crate::jukebox::prior::tests::{random_prior, rows, single_sequence, tiny, upsampler};
use crate::jukebox::song::chains::chains;

const SETTINGS: SamplerSettings = SamplerSettings { temperature: 1.0, top_k: None, top_p: None };
const N_TOTAL: usize = 120;

fn song(prior: &Prior) -> Song {
    let labels = LabelRow { lyrics: vec![], ..rows(prior.config(), 1).remove(0) };
    let upper = (0..N_TOTAL as u32 / 4).map(|i| i * 5 % 9).collect();
    Song { labels, lyrics: (0..40).map(|i| i * i % 7).collect(), upper }
}

/// Three chains of two windows, of which the first knows `n_prime` tokens.
fn cut(n_prime: usize) -> (Vec<Chain>, Vec<LevelState>) {
    let cut = chains(n_prime, N_TOTAL, 24, 4, 3);
    let states = cut.iter().enumerate().map(|(idx, chain)| {
        let known = (chain.starts[0]..n_prime).map(|i| i as u32 * 5 % 12).collect();
        LevelState::new(known, TokenRng::of_stream(5, idx as u64))
    });
    let states = states.collect();
    (cut, states)
}

fn sampler(prior: &Prior, n_prime: usize, n_at_once: usize) -> ChainSampler<'_> {
    let (chains, states) = cut(n_prime);
    ChainSampler::new(prior, song(prior), chains, SETTINGS, states, n_at_once).unwrap()
}

fn run<'s>(sampler: &'s mut ChainSampler) -> &'s [LevelState] {
    while sampler.advance().unwrap() {}
    sampler.finished()
}

#[test]
fn chains_reach_their_ends_and_are_the_same_however_many_are_written_at_once() {
    for config in [tiny(), single_sequence(), upsampler()] {
        let prior = random_prior(&config);
        for n_prime in [0, 7, 30] {
            let alone = run(&mut sampler(&prior, n_prime, 1)).to_vec();

            for n_at_once in [2, 3, 9] {
                let mut together = sampler(&prior, n_prime, n_at_once);

                assert_eq!(run(&mut together), alone, "{n_at_once} at once, prime of {n_prime}");
                let (n_done, n_total) = together.n_tokens();
                assert_eq!(n_done, n_total);
            }
            for (chain, state) in cut(n_prime).0.iter().zip(&alone) {
                let last = chain.starts.len() - 1;
                assert_eq!(state.codes.len(), chain.end(last, 24) - chain.starts[0]);
            }
        }
    }
}

#[test]
fn a_chain_is_what_a_song_of_its_own_would_have_been_there() {
    let prior = random_prior(&upsampler());
    let mut whole = sampler(&prior, 0, 3);
    let written = run(&mut whole).to_vec();

    let (mut chains, mut states) = cut(0);
    let (chain, state) = (chains.remove(1), states.remove(1));
    let mut alone =
        ChainSampler::new(&prior, song(&prior), vec![chain], SETTINGS, vec![state], 1).unwrap();

    assert_eq!(run(&mut alone)[0], written[1]);
    assert_ne!(written[0].codes, written[1].codes);
}

#[test]
fn chains_that_were_stopped_anywhere_end_as_they_would_have() {
    let prior = random_prior(&upsampler());
    let whole = run(&mut sampler(&prior, 7, 2)).to_vec();

    for n_calls in [0, 1, 20, 26, 40, 60, 80, 100] {
        let mut stopped = sampler(&prior, 7, 2);
        for _ in 0..n_calls {
            stopped.advance().unwrap();
        }
        let saved = serde_json::to_string(stopped.finished()).unwrap();
        let states = serde_json::from_str(&saved).unwrap();
        let chains = cut(7).0;
        let mut resumed =
            ChainSampler::new(&prior, song(&prior), chains, SETTINGS, states, 3).unwrap();

        assert_eq!(run(&mut resumed), whole, "stopped after {n_calls} calls");
    }
}

#[test]
fn what_was_saved_must_fit_its_chain() {
    let prior = random_prior(&upsampler());
    let new = |change: fn(&mut Vec<LevelState>)| {
        let (chains, mut states) = cut(0);
        change(&mut states);
        let new = ChainSampler::new(&prior, song(&prior), chains, SETTINGS, states, 1);
        new.err().unwrap().to_string()
    };

    let fewer = new(|states| drop(states.pop()));
    let shorter = new(|states| states[1].n_windows = 1);
    let later = new(|states| states[1].n_windows = 9);

    assert!(fewer.contains("saved chains is 2"), "{fewer}");
    assert!(shorter.contains("saved codes of a chain is 0, but this model takes 24"), "{shorter}");
    assert!(later.contains("finished windows is 9"), "{later}");
}
