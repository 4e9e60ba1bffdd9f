//! What the shapes of a prior's tensors show.

use super::super::Checkpoint;

/// Sizes of a prior.
#[derive(Debug, Clone, PartialEq)]
pub struct PriorShapes {
    /// Symbols: codes, and the lyrics' where they stand in the same sequence.
    pub n_symbols: usize,
    pub n_positions: usize,
    pub width: usize,
    pub depth: usize,
    pub attn_width: usize,
    pub mlp_width: usize,
    /// Rows of the artist and genre tables.
    pub labels: Option<(usize, usize)>,
    /// Rows of the timing tables.
    pub t_bins: Option<usize>,
    pub conditioner: Option<ConditionerShapes>,
    pub encoder: Option<EncoderShapes>,
}

/// Sizes of the network that turns upper codes into conditioning.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionerShapes {
    pub width: usize,
    pub hidden: usize,
    pub depth: usize,
    pub n_stages: usize,
    pub stride: usize,
    pub l_bins: usize,
}

/// Sizes of the transformer that reads lyrics.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderShapes {
    pub n_tokens: usize,
    pub n_vocab: usize,
    pub width: usize,
    pub depth: usize,
    pub attn_width: usize,
    pub mlp_width: usize,
}

impl PriorShapes {
    /// Nothing if a tensor is missing that every prior has.
    pub fn of(checkpoint: &Checkpoint) -> Option<Self> {
        let axis = |name: &str, axis: usize| checkpoint.shape(name)?.get(axis).copied();
        let (depth, attn_width, mlp_width) = transformer(checkpoint, "prior")?;
        let rows = |table: &str| axis(&format!("y_emb.{table}_emb.emb.weight"), 0);
        Some(Self {
            n_symbols: axis("prior.x_emb.weight", 0)?,
            width: axis("prior.x_emb.weight", 1)?,
            n_positions: axis("prior.pos_emb.pos_emb", 0)?,
            depth,
            attn_width,
            mlp_width,
            labels: rows("artist").zip(rows("bow_genre")),
            t_bins: rows("total_length"),
            conditioner: ConditionerShapes::of(checkpoint),
            encoder: EncoderShapes::of(checkpoint),
        })
    }
}

impl ConditionerShapes {
    fn of(checkpoint: &Checkpoint) -> Option<Self> {
        let at = "conditioner_blocks.0";
        let shape = |name: String| checkpoint.shape(&name);
        let stages = count(|i| checkpoint.contains(&format!("{at}.cond.model.{}.1.weight", i + 1)));
        let blocks = count(|j| {
            checkpoint.contains(&format!("{at}.cond.model.1.0.blocks.{j}.model.1.weight"))
        });
        let first = shape(format!("{at}.cond.model.0.weight"))?;
        let hidden = shape(format!("{at}.cond.model.1.0.blocks.0.model.1.weight"))?;
        let up = shape(format!("{at}.cond.model.1.1.weight"))?;
        Some(Self {
            width: *first.first()?,
            hidden: *hidden.first()?,
            depth: blocks,
            n_stages: stages,
            stride: up.get(2)? / 2,
            l_bins: *shape(format!("{at}.x_emb.weight"))?.first()?,
        })
    }
}

impl EncoderShapes {
    fn of(checkpoint: &Checkpoint) -> Option<Self> {
        let axis = |name: &str, axis: usize| checkpoint.shape(name)?.get(axis).copied();
        let (depth, attn_width, mlp_width) = transformer(checkpoint, "prime_prior")?;
        Some(Self {
            n_tokens: axis("prime_prior.pos_emb.pos_emb", 0)?,
            n_vocab: axis("prime_prior.x_emb.weight", 0)?,
            width: axis("prime_prior.x_emb.weight", 1)?,
            depth,
            attn_width,
            mlp_width,
        })
    }
}

/// Layers, and the widths of a layer's queries and of its MLP.
fn transformer(checkpoint: &Checkpoint, at: &str) -> Option<(usize, usize, usize)> {
    let at = format!("{at}.transformer._attn_mods");
    let depth = count(|d| checkpoint.contains(&format!("{at}.{d}.mlp.c_fc.w")));
    let attn_width = *checkpoint.shape(&format!("{at}.0.attn.c_proj.w"))?.first()?;
    let mlp_width = *checkpoint.shape(&format!("{at}.0.mlp.c_fc.w"))?.get(1)?;
    Some((depth, attn_width, mlp_width))
}

/// How many from 0 on.
pub fn count(is_there: impl Fn(usize) -> bool) -> usize {
    (0..).take_while(|i| is_there(*i)).count()
}

/// `hidden` as a share of `width`, such that the networks round it to `hidden` again.
pub fn share(hidden: usize, width: usize) -> f64 {
    let share = hidden as f64 / width as f64;
    if (share * width as f64) as usize == hidden { share } else { share.next_up() }
}

/// The share that was told, unless it is one that was rounded (as 32 bits do) and misses `hidden` by
/// that. One that means something else is kept, so that the contradiction shows.
pub fn told_share(told: Option<f64>, hidden: usize, width: usize) -> f64 {
    let is_rounded = |told: f64| {
        let product = told * width as f64;
        product as usize != hidden && (product - hidden as f64).abs() < 1e-3
    };
    told.filter(|told| !is_rounded(*told)).unwrap_or_else(|| share(hidden, width))
}

/// Frames per token of a level.
pub fn hop(downs: &[usize], strides: &[usize], level: usize) -> Option<usize> {
    let steps = downs.iter().zip(strides).take(level + 1);
    steps.take(8).try_fold(1usize, |hop, (down, stride)| {
        let hop = hop.checked_mul(stride.checked_pow((*down).try_into().ok()?)?)?;
        (hop <= 1 << 16).then_some(hop)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_was_rounded_gives_the_width_of_the_tensor() {
        let width = |told| (told_share(told, 14, 33) * 33.0) as usize;

        assert_eq!([Some(14.0 / 33.0), Some(0.424_242_4), None].map(width), [14; 3]);
        assert_eq!(told_share(Some(0.25), 14, 33), 0.25);
    }
}
