//! Shape of a VQ-VAE.

use serde::{Deserialize, Serialize};

use super::{one, yes};

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
