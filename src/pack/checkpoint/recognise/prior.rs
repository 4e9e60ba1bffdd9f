//! A prior's shape, put together from all that is known of it.

use super::super::{Checkpoint, CheckpointError};
use super::shapes::{PriorShapes, share};
use super::told::ToldPrior;
use super::{hps, released};
use crate::jukebox::{
    AlignmentConfig, ConditionerConfig, EncoderConfig, LabelConfig, LyricsConfig, LyricsKind,
    PriorConfig, VqvaeConfig,
};

/// Songs that a model without timing can be told of, in seconds: it does not look at lengths.
const ANY_DURATION: (f64, f64) = (0.0, 600.0);

/// The shape of the prior in a checkpoint, and its name if it is a released one.
///
/// `told` is what a file beside it tells, `vqvae` the VQ-VAE that it goes with.
///
/// # Errors
/// When something is told nowhere, with all that is missing.
pub fn prior(
    checkpoint: &Checkpoint,
    told: ToldPrior,
    vqvae: Option<&VqvaeConfig>,
) -> Result<(PriorConfig, Option<&'static str>), CheckpointError> {
    let path = checkpoint.path();
    let unusable = |problem: String| CheckpointError::Config { path: path.into(), problem };
    let shapes = PriorShapes::of(checkpoint).ok_or_else(|| {
        let name = "prior.transformer._attn_mods.0.attn.c_proj.w".into();
        CheckpointError::MissingTensor { path: path.into(), name, what: "prior" }
    })?;
    if shapes.width == 0 {
        return Err(unusable("its embedding is 0 wide".into()));
    }
    let (name, released) = released::prior(&shapes).unzip();
    let file_level = level_in_name(&path.file_stem().unwrap_or_default().to_string_lossy());
    let told = told
        .or(hps::prior(checkpoint.hps(), shapes.n_symbols))
        .or(released.unwrap_or_default())
        .or(ToldPrior { level: file_level, ..ToldPrior::default() });

    let mut missing = Missing(Vec::new());
    let level = missing.need(told.level, "which level it is for (name it prior_level_N.pth.tar)");
    let sample_rate = told.sample_rate.unwrap_or(released::SAMPLE_RATE);
    let hop = vqvae
        .filter(|vqvae| level < vqvae.levels)
        .map(|vqvae| vqvae.hop(level))
        .or(told.hop)
        .or_else(|| released::hop(level));
    let lyrics = lyrics(&shapes, &told, &mut missing);
    let (n_before, n_lyric_symbols) = match &lyrics {
        Some(LyricsConfig { kind: LyricsKind::SingleSequence, n_tokens, n_vocab, .. }) => {
            (*n_tokens, *n_vocab)
        }
        _ => (0, 0),
    };
    let labels = shapes.labels.map(|(artist_bins, genre_bins)| {
        let timing = shapes.t_bins.is_some();
        let (any_min, any_max) = ANY_DURATION;
        let (min, max) = match timing {
            false => ANY_DURATION,
            true => (
                missing.need(told.min_duration_seconds, "the shortest song (min_duration)"),
                missing.need(told.max_duration_seconds, "the longest song (max_duration)"),
            ),
        };
        LabelConfig {
            genre_bins,
            artist_bins,
            max_genre_words: missing.need(told.max_genre_words, "max_bow_genre_size"),
            t_bins: shapes.t_bins.or(told.t_bins).filter(|n| *n > 0).unwrap_or(1),
            min_duration_seconds: if timing { min } else { any_min },
            max_duration_seconds: if timing { max } else { any_max },
            sample_rate,
            hop: missing.need(hop, "how many frames a code covers (put vqvae.pth.tar beside it)"),
            timing,
        }
    });
    let conditioner = conditioner(&shapes, &told, level, &mut missing);
    let config = PriorConfig {
        level,
        n_ctx: shapes.n_positions.saturating_sub(n_before),
        width: shapes.width,
        depth: shapes.depth,
        heads: missing.need(told.heads, "heads"),
        attn_order: missing.need(told.attn_order, "attn_order"),
        blocks: missing.need(told.blocks, "blocks"),
        m_attn: told.m_attn.unwrap_or_else(|| share(shapes.attn_width, shapes.width)),
        m_mlp: told.m_mlp.unwrap_or_else(|| share(shapes.mlp_width, shapes.width)),
        merged_decoder: missing
            .need(told.merged_decoder.or_else(|| tied_head(checkpoint)), "merged_decoder"),
        res_scale: told.res_scale.unwrap_or(false),
        l_bins: shapes.n_symbols.saturating_sub(n_lyric_symbols),
        labels,
        lyrics,
        conditioner,
    };
    missing.or_else_missing(path)?;
    match crate::pack::limits::prior_problem(&config) {
        None => Ok((config, name)),
        Some(problem) => Err(unusable(problem)),
    }
}

/// No, where the head is the embedding itself; two matrices may still be equal, so they tell nothing.
fn tied_head(checkpoint: &Checkpoint) -> Option<bool> {
    let head = "prior.x_out.weight";
    let is_tied = !checkpoint.contains(head) || checkpoint.are_tied("prior.x_emb.weight", head);
    is_tied.then_some(false)
}

fn lyrics(shapes: &PriorShapes, told: &ToldPrior, missing: &mut Missing) -> Option<LyricsConfig> {
    let alignment = told.alignment_layer.zip(told.alignment_head);
    let alignment = alignment
        .filter(|(layer, _)| *layer < shapes.depth)
        .map(|(layer, head)| AlignmentConfig { layer, head });
    let (n_tokens, n_vocab, kind) = match &shapes.encoder {
        Some(encoder) => {
            let kind = EncoderConfig {
                width: encoder.width,
                depth: encoder.depth,
                heads: missing.need(told.prime_heads, "prime_heads"),
                attn_order: missing.need(told.prime_attn_order, "prime_attn_order"),
                blocks: missing.need(told.prime_blocks, "prime_blocks"),
                m_attn: told
                    .prime_m_attn
                    .unwrap_or_else(|| share(encoder.attn_width, encoder.width)),
                m_mlp: told.prime_m_mlp.unwrap_or_else(|| share(encoder.mlp_width, encoder.width)),
                res_scale: told.prime_res_scale.unwrap_or(false),
            };
            (encoder.n_tokens, encoder.n_vocab, LyricsKind::SeparateEncoder(kind))
        }
        None => {
            let n_tokens = told.n_tokens.filter(|n| *n > 0)?;
            if told.single_enc_dec != Some(true) {
                return None;
            }
            (n_tokens, missing.need(told.n_vocab, "n_vocab"), LyricsKind::SingleSequence)
        }
    };
    let prime_loss_fraction = told.prime_loss_fraction.unwrap_or(0.0);
    Some(LyricsConfig { n_tokens, n_vocab, kind, alignment, prime_loss_fraction })
}

fn conditioner(
    shapes: &PriorShapes,
    told: &ToldPrior,
    level: usize,
    missing: &mut Missing,
) -> Option<ConditionerConfig> {
    let found = shapes.conditioner.as_ref()?;
    let is_released = released::prior(shapes).is_some();
    let res_scale =
        told.cond_res_scale.or_else(|| is_released.then(|| released::cond_res_scale(level)));
    Some(ConditionerConfig {
        width: found.width,
        depth: found.depth,
        m_conv: told.cond_m_conv.unwrap_or_else(|| share(found.hidden, found.width.max(1))),
        dilation_growth_rate: missing.need(told.cond_growth_rate, "cond_dilation_growth_rate"),
        dilation_cycle: told.cond_cycle,
        res_scale: missing.need(res_scale, "cond_res_scale"),
        downs_t: found.n_stages,
        strides_t: found.stride,
        l_bins: found.l_bins,
    })
}

/// Gathers what is told nowhere, so that one error names all of it.
struct Missing(Vec<String>);

impl Missing {
    fn need<T: Default>(&mut self, value: Option<T>, what: &str) -> T {
        value.unwrap_or_else(|| {
            self.0.push(what.into());
            T::default()
        })
    }

    fn or_else_missing(self, path: &std::path::Path) -> Result<(), CheckpointError> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(CheckpointError::Untold { path: path.into(), missing: self.0 }),
        }
    }
}

/// The level in a name such as `prior_level_1.pth`.
fn level_in_name(name: &str) -> Option<usize> {
    let digits = name.split("level_").nth(1)?;
    let digit = digits.chars().next()?.to_digit(10)?;
    Some(digit as usize)
}
