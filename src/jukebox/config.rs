//! Shapes of the networks, as packs and checkpoints state them.

use serde::{Deserialize, Serialize};

/// Shape of a hierarchical VQ-VAE (SPEC §2). Level 0 is the finest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VqvaeConfig {
    /// Number of levels, trained or not.
    pub levels: usize,
    /// Down-sampling layers of each level's own block, finest first.
    pub downs_t: Vec<usize>,
    /// Stride of each of those layers.
    pub strides_t: Vec<usize>,
    /// Channels of a code vector.
    pub emb_width: usize,
    /// Codes in a codebook.
    pub l_bins: usize,
    /// Channels of the residual blocks, before the level's multiplier.
    pub width: usize,
    /// Residual blocks in a stack, before the level's multiplier.
    pub depth: usize,
    /// Hidden channels of a residual block, as a share of its width.
    #[serde(default = "one")]
    pub m_conv: f64,
    /// Per-level factor on `width` and `depth`.
    pub multipliers: Vec<usize>,
    /// Dilation of block `i` is `dilation_growth_rate` to the power of `i`.
    pub dilation_growth_rate: usize,
    /// Where set, the power starts again after this many blocks.
    #[serde(default)]
    pub dilation_cycle: Option<usize>,
    /// Decoders count their dilations downwards.
    #[serde(default = "yes")]
    pub reverse_decoder_dilation: bool,
}

impl VqvaeConfig {
    /// Frames covered by one token of `level`.
    pub fn hop(&self, level: usize) -> usize {
        (0..=level).map(|l| self.strides_t[l].pow(self.downs_t[l] as u32)).product()
    }

    /// Why these numbers cannot describe a network, if they cannot.
    pub fn problem(&self) -> Option<String> {
        let n = self.levels;
        let per_level = [self.downs_t.len(), self.strides_t.len(), self.multipliers.len()];
        if n == 0 || n > 8 || per_level.iter().any(|len| *len != n) {
            return Some(format!(
                "{n} levels with {} downs_t, {} strides_t and {} multipliers (1 to 8 levels, one of each per level)",
                per_level[0], per_level[1], per_level[2]
            ));
        }
        let sizes =
            [self.emb_width, self.l_bins, self.width, self.depth, self.dilation_growth_rate];
        if sizes.contains(&0) || self.multipliers.contains(&0) || self.strides_t.contains(&0) {
            return Some("a size of 0".into());
        }
        let hop = (0..n).try_fold(1usize, |hop, l| {
            hop.checked_mul(self.strides_t[l].checked_pow(self.downs_t[l].try_into().ok()?)?)
        });
        match hop {
            Some(hop) if hop <= 1 << 16 => None,
            _ => Some("more than 65536 frames per token".into()),
        }
    }
}

/// Shape of a prior: an autoregressive transformer over one level's codes (SPEC §3, §4.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorConfig {
    /// The level whose codes it writes.
    pub level: usize,
    /// Tokens in a window.
    pub n_ctx: usize,
    /// Channels of the transformer.
    pub width: usize,
    pub depth: usize,
    pub heads: usize,
    /// Which attention function each layer uses (SPEC §3.4).
    pub attn_order: usize,
    /// Blocks that a window is cut into for attention functions 1 to 3.
    pub blocks: usize,
    /// Width of queries, keys and values, as a share of `width`.
    pub m_attn: f64,
    /// Hidden width of the MLP, as a share of `width`.
    pub m_mlp: f64,
    /// The head is a matrix of its own and the conditioning is added only once.
    pub merged_decoder: bool,
    /// Residual branches divided by the depth (off in every released model).
    #[serde(default)]
    pub res_scale: bool,
    /// Codes in the vocabulary.
    pub l_bins: usize,
    /// Labels and timing; without them a learned start token is used.
    #[serde(default)]
    pub labels: Option<LabelConfig>,
}

/// What a labelled prior is told about the song (SPEC §4.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelConfig {
    /// Rows of the genre table.
    pub genre_bins: usize,
    /// Rows of the artist table.
    pub artist_bins: usize,
    /// Genre words that may be given at once.
    pub max_genre_words: usize,
    /// Rows of each timing table.
    pub t_bins: usize,
    pub min_duration_seconds: f64,
    pub max_duration_seconds: f64,
    /// Rate in which lengths and offsets are counted, in Hz.
    pub sample_rate: u32,
    /// Audio frames per token of this prior.
    pub hop: usize,
    /// Whether timing is told (top level only).
    #[serde(default = "yes")]
    pub timing: bool,
}

impl PriorConfig {
    /// Channels of queries, of keys and of values.
    pub fn attn_width(&self) -> usize {
        (self.m_attn * self.width as f64) as usize
    }

    /// Hidden channels of the MLP.
    pub fn mlp_width(&self) -> usize {
        (self.m_mlp * self.width as f64) as usize
    }

    /// Positions in one attention block.
    pub fn block_len(&self) -> usize {
        self.n_ctx / self.blocks
    }

    /// Why these numbers cannot describe a network, if they cannot.
    pub fn problem(&self) -> Option<String> {
        let sizes = [self.n_ctx, self.width, self.depth, self.heads, self.blocks, self.l_bins];
        if sizes.contains(&0) || self.attn_width() == 0 || self.mlp_width() == 0 {
            return Some("a size of 0".into());
        }
        if !self.n_ctx.is_multiple_of(self.blocks) {
            return Some(format!(
                "{} tokens do not divide into {} blocks",
                self.n_ctx, self.blocks
            ));
        }
        if !self.attn_width().is_multiple_of(self.heads) {
            return Some(format!(
                "{} attention channels do not divide into {} heads",
                self.attn_width(),
                self.heads
            ));
        }
        if self.attn_order > 12 {
            return Some(format!("attn_order {} is unknown (0 to 12)", self.attn_order));
        }
        None
    }
}

fn one() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}
