use std::ops::Range;

use candle_core::{Device, Tensor};

use super::Decoder;
use crate::jukebox::prior::tests::{
    conditioning, random_prior, rows, separate_encoder, single_sequence, tiny, upsampler,
};
use crate::jukebox::{JukeboxError, Prior, PriorConfig};

/// Orders whose functions are all built, at depths that reach each of them.
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

#[test]
fn steps_prefill_and_whole_sequences_agree_on_both_backends() {
    for config in models() {
        let prior = random_prior(&config);
        let cond = conditioning(&prior, 2);
        let first_code = config.first_code() as u32;
        let tokens: Vec<Vec<u32>> =
            (0..2).map(|row| (0..24).map(|i| (i * i * 7 + row * 3 + i) % 12).collect()).collect();
        let codes = Tensor::new(tokens.clone(), &Device::Cpu).unwrap();
        let whole = prior.reference_logits(&codes, &cond).unwrap();
        let fast = prior.logits(&codes, &cond).unwrap();
        let spread = whole.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        let off = (&whole - fast).unwrap().abs().unwrap().max_all().unwrap();
        assert!(off.to_scalar::<f32>().unwrap() < 1e-5 * spread, "order {}", config.attn_order);
        let whole = whole.to_vec3::<f32>().unwrap();

        for reference in [true, false] {
            for (n_prefill, chunk) in [(0, 1), (7, 7), (13, 5), (23, 16)] {
                let mut decoder = match reference {
                    true => prior.start_reference(cond.clone()).unwrap(),
                    false => prior.start(cond.clone()).unwrap(),
                };
                while 0 < decoder.n_lyrics_left() {
                    decoder.prefill_lyrics(chunk).unwrap();
                }
                for first in (0..n_prefill).step_by(chunk) {
                    let last = n_prefill.min(first + chunk);
                    let part: Vec<_> = tokens.iter().map(|t| t[first..last].to_vec()).collect();
                    decoder.prefill(&part).unwrap();
                }
                for p in n_prefill..24 {
                    let logits = decoder.logits().unwrap();
                    for (row, logits) in logits.chunks_exact(config.n_symbols()).enumerate() {
                        for (got, want) in logits.iter().zip(&whole[row][config.n_before() + p]) {
                            let off = (got - want).abs();
                            let order = config.attn_order;
                            assert!(off < 1e-5 * spread, "{off} at {p}, order {order}");
                        }
                    }
                    let next = [tokens[0][p], tokens[1][p]].map(|code| code + first_code);
                    decoder.push(&next).unwrap();
                }
            }
        }
    }
}

#[test]
fn lyrics_have_logits_of_their_own_where_they_stand_before_the_music() {
    let prior = random_prior(&single_sequence());
    let cond = conditioning(&prior, 1);
    let codes = Tensor::new(vec![vec![3u32]], &Device::Cpu).unwrap();
    let whole = prior.logits(&codes, &cond).unwrap().to_vec3::<f32>().unwrap().remove(0);
    let mut decoder = prior.start(cond).unwrap();

    for want in &whole[..8] {
        let logits = decoder.lyric_logits().unwrap().unwrap();
        assert!(logits.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-4));
    }

    assert!(decoder.lyric_logits().unwrap().is_none());
    let logits = decoder.logits().unwrap();
    assert!(logits.iter().zip(&whole[8]).all(|(got, want)| (got - want).abs() < 1e-4));
}

#[test]
fn a_sequence_is_the_same_alone_and_in_a_batch() {
    for config in [tiny(), single_sequence(), separate_encoder(), upsampler()] {
        let prior = random_prior(&config);
        let n = config.n_symbols();
        let cond = conditioning(&prior, 3);
        let mut alone = cond.clone();
        alone.y_cond = cond.y_cond.narrow(0, 1, 1).unwrap();
        alone.x_cond = cond.x_cond.narrow(0, 1, 1).unwrap();
        alone.lyrics = vec![cond.lyrics[1].clone()];
        alone.lyric_states = cond.lyric_states.as_ref().map(|s| s.narrow(0, 1, 1).unwrap());
        let mut together = prior.start(cond).unwrap();
        let mut alone = prior.start(alone).unwrap();

        for token in 0..10 {
            together.push(&[1, token, 2]).unwrap();
            alone.push(&[token]).unwrap();

            assert_eq!(together.logits().unwrap()[n..2 * n], *alone.logits().unwrap());
        }
    }
}

/// Brings a decoder to some place in its window.
type Prepare = fn(&mut Decoder);

#[test]
fn a_fork_goes_on_as_its_original_whatever_becomes_of_that() {
    let prepared: [(&str, Prepare); 6] = [
        ("at the beginning", |_| ()),
        ("amid the lyrics", |decoder| decoder.prefill_lyrics(3).unwrap()),
        ("amid a prefill", |decoder| decoder.prefill(&tokens(decoder.n_rows(), 0..9)).unwrap()),
        ("with its logits known", |decoder| {
            decoder.prefill(&tokens(decoder.n_rows(), 0..9)).unwrap();
            decoder.logits().unwrap();
        }),
        ("after a token", |decoder| {
            decoder.prefill(&tokens(decoder.n_rows(), 0..9)).unwrap();
            go_on(decoder, 9..14);
        }),
        ("after it was repeated", |decoder| {
            decoder.prefill(&tokens(1, 0..7)).unwrap();
            decoder.repeat(3).unwrap();
            go_on(decoder, 7..11);
        }),
    ];
    for config in models() {
        let prior = random_prior(&config);
        for (place, prepare) in prepared {
            for start in [Prior::start, Prior::start_reference] {
                let n_rows = if place.ends_with("repeated") { 1 } else { 2 };
                let cond = conditioning(&prior, n_rows);
                let mut decoders = [(); 2].map(|()| start(&prior, cond.clone()).unwrap());
                decoders.iter_mut().for_each(prepare);
                let [mut alone, mut original] = decoders;

                let mut same = original.fork().unwrap();
                let mut other = original.fork().unwrap();
                let first = original.n_tokens();
                for idx in first..first + 4 {
                    let wanted = go_on(&mut alone, idx..idx + 1);
                    let found = [&mut original, &mut same].map(|d| go_on(d, idx..idx + 1));
                    other.prefill(&tokens(other.n_rows(), idx + 1..idx + 2)).unwrap();

                    let order = config.attn_order;
                    assert!(found.iter().all(|f| *f == wanted), "{place}, {idx}, order {order}");
                }
            }
        }
    }
}

/// Codes of some tokens, different in every row.
fn tokens(n_rows: usize, span: Range<usize>) -> Vec<Vec<u32>> {
    let row = |row: usize| span.clone().map(|i| ((i * i * 7 + row * 5) % 12) as u32).collect();
    (0..n_rows).map(row).collect()
}

/// Writes the lyrics that are left and some tokens, one by one; the bits of all logits on the way.
fn go_on(decoder: &mut Decoder, span: Range<usize>) -> Vec<u32> {
    let mut bits = Vec::new();
    while let Some(logits) = decoder.lyric_logits().unwrap() {
        bits.extend(logits.iter().map(|logit| logit.to_bits()));
    }
    let first_code = decoder.prior.config().first_code() as u32;
    let codes = tokens(decoder.n_rows(), span.clone());
    for idx in 0..span.len() {
        bits.extend(decoder.logits().unwrap().iter().map(|logit| logit.to_bits()));
        let symbols: Vec<u32> = codes.iter().map(|row| first_code + row[idx]).collect();
        decoder.push(&symbols).unwrap();
    }
    bits
}

#[test]
fn tokens_beyond_the_window_or_the_vocabulary_are_refused() {
    let prior = random_prior(&tiny());
    let cond = prior.condition(&rows(&tiny(), 1)).unwrap();
    let mut decoder = prior.start(cond).unwrap();

    let unknown = decoder.push(&[12]).unwrap_err();
    let no_code = decoder.prefill(&[vec![1, 12]]).unwrap_err();
    decoder.prefill(&[vec![0; 24]]).unwrap();
    let full = decoder.logits().unwrap_err();

    assert_eq!(unknown.to_string(), "a symbol is 12, but this model takes 0 to 11");
    assert_eq!(no_code.to_string(), "a code is 12, but this model takes 0 to 11");
    assert!(matches!(full, JukeboxError::Range { .. }), "{full}");
}
