//! The shape of a prior as it is typed.

use encore::jukebox::PriorConfig;

/// Width and depth of a prior that is like the released ones otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriorShape {
    pub width: usize,
    pub depth: usize,
}

impl PriorShape {
    /// Window, heads and head as the released models have them; no labels.
    pub fn config(self) -> PriorConfig {
        PriorConfig {
            level: 0,
            n_ctx: 8192,
            width: self.width,
            depth: self.depth,
            heads: if self.width.is_multiple_of(8) { 2 } else { 1 },
            attn_order: 2,
            blocks: 128,
            m_attn: 0.25,
            m_mlp: 1.0,
            merged_decoder: true,
            res_scale: false,
            l_bins: 2048,
            labels: None,
            lyrics: None,
            conditioner: None,
        }
    }
}
