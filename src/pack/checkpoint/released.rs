//! The released models in full (SPEC §1), for measuring with files of their size.

use crate::jukebox::{
    AlignmentConfig, ConditionerConfig, EncoderConfig, LabelConfig, LyricsConfig, LyricsKind,
    PriorConfig, VqvaeConfig,
};
use crate::pack::shapes::{TensorShape, prior_tensors, vqvae_tensors};

/// What a released file holds.
#[derive(Debug)]
pub struct Released {
    pub tensors: Vec<TensorShape>,
    /// Whether the weights of dense layers are stored in half precision.
    pub half_dense: bool,
}

/// The file of a released model: `vqvae`, `upsampler_0`, `upsampler_1`, `5b`, `5b_lyrics` or
/// `1b_lyrics`.
pub fn by_name(name: &str) -> Option<Released> {
    let half_dense = name.starts_with("5b");
    let tensors = match name {
        "vqvae" => vqvae_tensors(&vqvae(), &[0, 1, 2]),
        _ => prior_tensors(&prior(name)?),
    };
    Some(Released { tensors, half_dense })
}

/// The VQ-VAE of all released models.
pub fn vqvae() -> VqvaeConfig {
    VqvaeConfig {
        levels: 3,
        downs_t: vec![3, 2, 2],
        strides_t: vec![2, 2, 2],
        emb_width: 64,
        l_bins: 2048,
        width: 32,
        depth: 4,
        m_conv: 1.0,
        multipliers: vec![2, 1, 1],
        dilation_growth_rate: 3,
        dilation_cycle: None,
        reverse_decoder_dilation: true,
    }
}

/// A released prior.
pub fn prior(name: &str) -> Option<PriorConfig> {
    Some(match name {
        "upsampler_0" => upsampler(0),
        "upsampler_1" => upsampler(1),
        "5b" => top(),
        "5b_lyrics" => PriorConfig {
            depth: 79,
            attn_order: 10,
            labels: Some(LabelConfig { min_duration_seconds: 23.8, ..labels(2) }),
            lyrics: Some(LyricsConfig {
                n_tokens: 512,
                n_vocab: 80,
                kind: LyricsKind::SeparateEncoder(EncoderConfig {
                    width: 1280,
                    depth: 18,
                    heads: 4,
                    attn_order: 2,
                    blocks: 32,
                    m_attn: 0.25,
                    m_mlp: 1.0,
                    res_scale: false,
                }),
                alignment: Some(AlignmentConfig { layer: 68, head: 2 }),
                prime_loss_fraction: 0.4,
            }),
            ..top()
        },
        "1b_lyrics" => PriorConfig {
            n_ctx: 6144,
            width: 2048,
            heads: 2,
            attn_order: 12,
            blocks: 64,
            merged_decoder: false,
            labels: Some(LabelConfig {
                genre_bins: 604,
                artist_bins: 7898,
                max_genre_words: 1,
                t_bins: 64,
                min_duration_seconds: 17.84,
                ..labels(2)
            }),
            lyrics: Some(LyricsConfig {
                n_tokens: 384,
                n_vocab: 79,
                kind: LyricsKind::SingleSequence,
                alignment: Some(AlignmentConfig { layer: 63, head: 0 }),
                prime_loss_fraction: 0.4,
            }),
            ..top()
        },
        _ => return None,
    })
}

/// The top level's prior of 5b.
pub fn top() -> PriorConfig {
    PriorConfig {
        level: 2,
        n_ctx: 8192,
        width: 4800,
        depth: 72,
        heads: 8,
        attn_order: 2,
        blocks: 128,
        m_attn: 0.25,
        m_mlp: 1.0,
        merged_decoder: true,
        res_scale: false,
        l_bins: 2048,
        labels: Some(labels(2)),
        lyrics: None,
        conditioner: None,
    }
}

fn upsampler(level: usize) -> PriorConfig {
    PriorConfig {
        level,
        width: 1920,
        heads: 1,
        merged_decoder: false,
        labels: Some(LabelConfig { min_duration_seconds: 0.0, timing: false, ..labels(level) }),
        conditioner: Some(ConditionerConfig {
            width: 1024,
            depth: 16,
            m_conv: 1.0,
            dilation_growth_rate: 3,
            dilation_cycle: Some(8),
            res_scale: level == 1,
            downs_t: 2,
            strides_t: 2,
            l_bins: 2048,
        }),
        ..top()
    }
}

fn labels(level: usize) -> LabelConfig {
    LabelConfig {
        genre_bins: 120,
        artist_bins: 4111,
        max_genre_words: 5,
        t_bins: 128,
        min_duration_seconds: 60.0,
        max_duration_seconds: 600.0,
        sample_rate: 44_100,
        hop: vqvae().hop(level),
        timing: level == 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::shapes::n_parameters;

    #[test]
    fn every_released_model_has_as_many_parameters_as_the_original() {
        let originals = [
            ("vqvae", 1_485_763 + 393_216),
            ("upsampler_0", 981_298_176),
            ("upsampler_1", 981_298_176),
            ("5b", 5_060_452_800),
            ("5b_lyrics", 5_640_506_800),
            ("1b_lyrics", 942_643_200),
        ];
        for (name, n) in originals {
            let released = by_name(name).unwrap();
            assert_eq!(n_parameters(&released.tensors), n, "{name}");
        }
    }
}
