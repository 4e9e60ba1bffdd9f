//! Priors of all kinds: the kernels against plain tensors, steps and chunks against the whole.

use candle_core::{Device, Tensor};
use encore::jukebox::{
    ConditionerConfig, Conditioning, EncoderConfig, LabelConfig, LabelRow, LyricsConfig,
    LyricsKind, Prior, PriorConfig,
};

use crate::{Chance, difference, random_weights};

const N_SHAPES: u64 = 32;
/// Share of the largest number by which sums in another order may differ; the layer norms of narrow
/// networks make much of little.
const TOLERANCE: f32 = 1e-3;

/// Width, heads, share of attention and share of the MLP.
fn widths(chance: &mut Chance) -> (usize, usize, f64, f64) {
    let (heads, head_width, width) = (chance.size(1, 4), chance.size(1, 9), chance.size(3, 37));
    let m_attn = (heads * head_width) as f64 / width as f64;
    (width, heads, m_attn.next_up(), chance.one_of(&[0.5, 1.0, 2.0, 3.0]))
}

/// Blocks that a sequence of this length divides into.
fn blocks(chance: &mut Chance, n_positions: usize) -> usize {
    let divisors: Vec<_> = (1..=n_positions).filter(|n| n_positions.is_multiple_of(*n)).collect();
    chance.one_of(&divisors)
}

fn lyrics(chance: &mut Chance, kind: LyricsKind) -> Option<LyricsConfig> {
    let (n_tokens, n_vocab) = (chance.size(1, 21), chance.size(2, 80));
    Some(LyricsConfig { n_tokens, n_vocab, kind, alignment: None, prime_loss_fraction: 0.4 })
}

fn random_config(chance: &mut Chance) -> PriorConfig {
    let (width, heads, m_attn, m_mlp) = widths(chance);
    let kind = chance.size(0, 3);
    let (downs_t, strides_t) = (chance.size(1, 2), chance.one_of(&[2, 4]));
    let conditioner = (kind == 1).then(|| ConditionerConfig {
        width: chance.size(2, 20),
        depth: chance.size(1, 4),
        m_conv: chance.one_of(&[0.5, 1.0, 2.0]),
        dilation_growth_rate: chance.size(1, 3),
        dilation_cycle: chance.one_of(&[None, Some(2)]),
        res_scale: chance.truth(),
        downs_t,
        strides_t,
        l_bins: chance.size(2, 40),
    });
    let lyrics = match kind {
        2 => lyrics(chance, LyricsKind::SingleSequence),
        3 => {
            let (width, heads, m_attn, m_mlp) = widths(chance);
            let (depth, attn_order) = (chance.size(1, 4), chance.one_of(&[0, 1, 2, 9]));
            let encoder = EncoderConfig {
                width,
                depth,
                heads,
                attn_order,
                blocks: 1,
                m_attn,
                m_mlp,
                res_scale: chance.truth(),
            };
            lyrics(chance, LyricsKind::SeparateEncoder(encoder))
        }
        _ => None,
    };
    let attn_order = match kind {
        2 => 12,
        3 => chance.one_of(&[6, 7, 8, 10, 11]),
        _ => chance.one_of(&[0, 1, 2, 2, 9]),
    };
    let has_labels = lyrics.is_some() || chance.truth();
    let labels = has_labels.then(|| LabelConfig {
        genre_bins: chance.size(1, 9),
        artist_bins: chance.size(1, 9),
        max_genre_words: chance.size(0, 5),
        t_bins: chance.size(1, 40),
        min_duration_seconds: 0.01,
        max_duration_seconds: 10.0,
        sample_rate: 44_100,
        hop: 8,
        timing: kind != 1,
    });
    let mut config = PriorConfig {
        level: 0,
        n_ctx: conditioner.as_ref().map_or(1, ConditionerConfig::hop) * chance.size(2, 5),
        width,
        depth: if kind < 2 { chance.size(1, 6) } else { chance.size(16, 20) },
        heads,
        attn_order,
        blocks: 1,
        m_attn,
        m_mlp,
        merged_decoder: chance.truth(),
        res_scale: chance.truth(),
        l_bins: chance.size(2, 90),
        labels,
        lyrics,
        conditioner,
    };
    if kind != 1 {
        config.n_ctx = chance.size(3, 50);
    }
    config.blocks = blocks(chance, config.stack().n_positions);
    if let Some(LyricsConfig { kind: LyricsKind::SeparateEncoder(encoder), n_tokens, .. }) =
        &mut config.lyrics
    {
        encoder.blocks = blocks(chance, *n_tokens);
    }
    config
}

/// Rows of a batch that differ from each other.
fn told(prior: &Prior, chance: &mut Chance, n_rows: usize) -> Conditioning {
    let config = prior.config();
    let n_lyrics = config.n_lyric_tokens();
    let n_vocab = config.lyrics.as_ref().map_or(1, |lyrics| lyrics.n_vocab);
    let mut row = || {
        let lyrics = chance.ids(n_lyrics, n_vocab);
        let Some(labels) = &config.labels else {
            return LabelRow::default();
        };
        let (total, offset) = (chance.size(500, 440_000), chance.size(0, 400_000));
        let artist = chance.size(0, labels.artist_bins - 1) as u32;
        let n_genres = chance.size(0, labels.max_genre_words);
        let genres = chance.ids(n_genres, labels.genre_bins);
        let (total, offset) = (total as i64, offset as i64);
        let row = LabelRow::clamped(labels, config.n_ctx, total, offset, artist, genres);
        LabelRow { lyrics, ..row }
    };
    let rows: Vec<_> = (0..n_rows).map(|_| row()).collect();
    let upper = config.conditioner.as_ref().zip(prior.n_upper());
    let upper: Vec<_> = upper.map_or(vec![], |(conditioner, n)| {
        (0..n_rows).map(|_| chance.ids(n, conditioner.l_bins)).collect()
    });
    prior.condition_on(&rows, &upper).unwrap()
}

#[test]
fn priors_of_any_shape_write_alike_whole_in_chunks_and_step_by_step() {
    for seed in 0..N_SHAPES {
        let mut chance = Chance::new(seed);
        let config = random_config(&mut chance);
        let weights = random_weights(&mut chance, |vb| drop(Prior::load(&config, vb).unwrap()));
        let prior = Prior::load_with_reference(&config, weights).unwrap();
        let n_rows = chance.size(1, 3);
        let cond = told(&prior, &mut chance, n_rows);
        let codes: Vec<_> = (0..n_rows).map(|_| chance.ids(config.n_ctx, config.l_bins)).collect();
        let tensor = Tensor::new(codes.clone(), &Device::Cpu).unwrap();

        let want = prior.reference_logits(&tensor, &cond).unwrap();
        let off = difference(&prior.logits(&tensor, &cond).unwrap(), &want);
        assert!(off < TOLERANCE, "{off} in the whole of {config:?}, seed {seed}");
        for reference in [false, true] {
            let got = written(&prior, &cond, &codes, reference, &mut chance);
            let n_new = got.dim(1).unwrap();
            let n_before = want.dim(1).unwrap() - n_new;
            let off = difference(&got, &want.narrow(1, n_before, n_new).unwrap());
            assert!(off < TOLERANCE, "{off} by steps ({reference}) of {config:?}, seed {seed}");
        }
    }
}

/// Logits of the symbols after a prefill in chunks of all sizes, `[b, t, symbols]`.
fn written(
    prior: &Prior,
    cond: &Conditioning,
    codes: &[Vec<u32>],
    reference: bool,
    chance: &mut Chance,
) -> Tensor {
    let start = if reference { Prior::start_reference } else { Prior::start };
    let mut decoder = start(prior, cond.clone()).unwrap();
    let config = prior.config();
    let (n_ctx, first_code) = (config.n_ctx, config.first_code() as u32);
    let n_given = chance.size(0, n_ctx - 1);
    while 0 < decoder.n_lyrics_left() {
        decoder.prefill_lyrics(chance.size(1, 9)).unwrap();
    }
    while decoder.n_tokens() < n_given {
        let first = decoder.n_tokens();
        let last = n_given.min(first + chance.size(1, 20));
        let part: Vec<_> = codes.iter().map(|row| row[first..last].to_vec()).collect();
        decoder.prefill(&part).unwrap();
    }
    let mut steps = Vec::new();
    for i in n_given..n_ctx {
        let logits = decoder.logits().unwrap().to_vec();
        let shape = (codes.len(), 1, config.n_symbols());
        steps.push(Tensor::from_vec(logits, shape, &Device::Cpu).unwrap());
        let next: Vec<_> = codes.iter().map(|row| row[i] + first_code).collect();
        decoder.push(&next).unwrap();
    }
    Tensor::cat(&steps, 1).unwrap()
}
