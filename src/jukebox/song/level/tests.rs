use super::*;
use crate::jukebox::prior::LabelRow;
use crate::jukebox::prior::tests::{random_prior, rows, single_sequence, tiny, upsampler};

const SETTINGS: SamplerSettings = SamplerSettings { temperature: 1.0, top_k: None, top_p: None };

fn song(prior: &Prior) -> Song {
    let labels = LabelRow { lyrics: vec![], ..rows(prior.config(), 1).remove(0) };
    Song {
        labels,
        lyrics: (0..40).map(|i| i * i % 7).collect(),
        upper: (0..15).map(|i| i * 5 % 9).collect(),
    }
}

fn sampler(prior: &Prior, n_prime: u32, n_new: usize, seed: u64) -> LevelSampler<'_> {
    let prime = (0..n_prime).map(|i| i * 5 % 12).collect();
    let plan = Plan::adding(n_prime as usize, n_new, 24, 8);
    let state = LevelState::new(prime, TokenRng::new(seed));
    LevelSampler::new(prior, song(prior), plan, SETTINGS, state).unwrap()
}

/// Runs to the end; the tokens that were announced, and the most that a window knew before.
fn run(sampler: &mut LevelSampler) -> (Vec<u32>, usize) {
    let (mut tokens, mut largest_prefill) = (Vec::new(), 0);
    loop {
        match sampler.advance().unwrap() {
            Advance::Opened(_) => {}
            Advance::Prefilled { n_total, .. } => largest_prefill = largest_prefill.max(n_total),
            Advance::Token(token) => tokens.push(token),
            Advance::Finished => return (tokens, largest_prefill),
        }
    }
}

#[test]
fn a_song_gets_exactly_the_tokens_asked_for_after_its_prime() {
    for config in [tiny(), single_sequence()] {
        let prior = random_prior(&config);
        for (n_prime, n_new) in [(0, 5), (7, 10), (7, 17), (7, 60), (24, 1), (30, 10), (50, 31)] {
            let mut sampler = sampler(&prior, n_prime, n_new, 1);

            let (tokens, largest_prefill) = run(&mut sampler);

            assert_eq!(tokens.len(), n_new, "prime of {n_prime}");
            assert_eq!(sampler.codes().len(), n_prime as usize + n_new);
            assert_eq!(sampler.codes()[n_prime as usize..], tokens);
            assert!(tokens.iter().all(|code| *code < 12));
            assert!(largest_prefill < 24 + config.n_before());
            assert_eq!(sampler.advance().unwrap(), Advance::Finished);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_song_and_another_seed_another() {
    let prior = random_prior(&tiny());

    let [a, b, c] = [3, 3, 4].map(|seed| run(&mut sampler(&prior, 9, 40, seed)).0);

    assert_eq!(a, b);
    assert_ne!(a, c);
}

#[test]
fn a_level_that_was_stopped_anywhere_ends_as_it_would_have() {
    for (config, n_new) in [(tiny(), 45), (single_sequence(), 45), (upsampler(), 36)] {
        let prior = random_prior(&config);
        let mut whole = sampler(&prior, 8, n_new, 5);
        run(&mut whole);

        for n_calls in [0, 1, 2, 10, 17, 25, 40, 60] {
            let mut stopped = sampler(&prior, 8, n_new, 5);
            for _ in 0..n_calls {
                stopped.advance().unwrap();
            }
            let saved = serde_json::to_string(stopped.finished()).unwrap();
            let state: LevelState = serde_json::from_str(&saved).unwrap();
            let plan = Plan::adding(8, n_new, 24, 8);
            let mut resumed =
                LevelSampler::new(&prior, song(&prior), plan, SETTINGS, state).unwrap();
            run(&mut resumed);

            assert_eq!(resumed.codes(), whole.codes(), "stopped after {n_calls} calls");
            assert_eq!(resumed.finished(), whole.finished());
        }
    }
}

#[test]
fn what_was_saved_must_fit_the_plan() {
    let prior = random_prior(&tiny());
    let plan = Plan::adding(8, 45, 24, 8);
    let new = |state| LevelSampler::new(&prior, song(&prior), plan, SETTINGS, state);
    let state = LevelState::new(vec![0; 8], TokenRng::new(0));

    let shorter = new(LevelState { n_windows: 1, ..state.clone() }).err().unwrap().to_string();
    let later = new(LevelState { n_windows: 99, ..state }).err().unwrap().to_string();

    assert_eq!(shorter, "the number of saved codes is 8, but this model takes 24");
    assert!(later.contains("finished windows is 99"), "{later}");
}

#[test]
fn each_window_of_an_upsampler_hears_the_codes_above_it() {
    let prior = random_prior(&upsampler());
    let mut sampler = sampler(&prior, 0, 44, 1);
    let mut heard = Vec::new();

    loop {
        match sampler.advance().unwrap() {
            Advance::Opened(_) => heard.push(sampler.window().unwrap().1.upper.clone()),
            Advance::Finished => break,
            _ => {}
        }
    }

    let upper = song(&prior).upper;
    assert_eq!(heard, [0..6, 2..8, 4..10, 5..11].map(|span| upper[span].to_vec()));
}

#[test]
fn too_few_codes_above_are_named_before_anything_is_written() {
    let prior = random_prior(&upsampler());
    let new = |n_total, hop_tokens| {
        let state = LevelState::new(vec![], TokenRng::new(0));
        let plan = Plan { n_total, hop_tokens };
        LevelSampler::new(&prior, song(&prior), plan, SETTINGS, state).err().unwrap().to_string()
    };

    let beyond = new(64, 8);
    let between = new(30, 6);

    assert!(beyond.contains("codes of the level above is 15"), "{beyond}");
    assert!(beyond.contains("at least 16, as a window that begins at token 40"), "{beyond}");
    assert!(between.contains("first token of a window is 6"), "{between}");
}

#[test]
fn a_song_that_outgrows_its_labels_is_told_its_end_from_there_on() {
    let prior = random_prior(&tiny());
    let song = song(&prior);

    let offset = |start| song.told(&prior, start).unwrap().labels.offset;

    assert_eq!(offset(100), offset(0) + 1600);
    assert_eq!(offset(1_000_000), offset(100_000));
    assert!(offset(1_000_000) < song.labels.total_length);
}

#[test]
fn takes_that_are_written_together_become_what_they_would_have_become_alone() {
    for (config, n_new) in [(tiny(), 45), (single_sequence(), 45), (upsampler(), 36)] {
        let prior = random_prior(&config);
        let alone: Vec<_> = (5..8)
            .map(|seed| {
                let mut alone = sampler(&prior, 8, n_new, seed);
                run(&mut alone);
                alone.finished().clone()
            })
            .collect();

        let prime: Vec<u32> = (0..8).map(|i| i * 5 % 12).collect();
        let states = (5..8).map(|seed| LevelState::new(prime.clone(), TokenRng::new(seed)));
        let plan = Plan::adding(8, n_new, 24, 8);
        let mut together =
            LevelSampler::of_takes(&prior, song(&prior), plan, SETTINGS, states.collect()).unwrap();
        run(&mut together);

        for (take_idx, alone) in alone.iter().enumerate() {
            assert_eq!(together.finished_of(take_idx), alone);
            assert_eq!(together.codes_of(take_idx), alone.codes);
        }
    }
}

#[test]
fn a_prime_that_becomes_known_by_and_by_is_continued_as_if_it_had_been_known() {
    for config in [tiny(), single_sequence(), upsampler()] {
        let prior = random_prior(&config);
        let known: Vec<u32> = (0..14).map(|i| i * 5 % 12).collect();
        let state = |prime: Vec<u32>| LevelState::new(prime, TokenRng::new(7));
        let plan = Plan::adding(14, 36 - 14, 24, 8);
        let begin = |prime| LevelSampler::new(&prior, song(&prior), plan, SETTINGS, state(prime));
        let mut whole = begin(known.clone()).unwrap();
        run(&mut whole);

        let mut growing = begin(vec![0; 14]).unwrap();
        for (n_taken, n_known) in [(0, 3), (3, 4), (4, 9)] {
            growing.correct(n_taken, &known[n_taken..n_known]).unwrap();
            while !growing.take_in(n_known).unwrap() {}
        }
        assert!(growing.correct(8, &known[8..9]).is_err(), "it was taken in already");
        assert!(growing.correct(9, &[0; 6]).is_err(), "the prime is not that long");
        growing.correct(9, &known[9..]).unwrap();
        run(&mut growing);

        assert_eq!(growing.codes(), whole.codes());
        assert_eq!(growing.finished(), whole.finished());
    }
}
