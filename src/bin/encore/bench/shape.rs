//! The shape of a prior as it is typed.

use encore::jukebox::PriorConfig;
use encore::pack::checkpoint::released;

/// Width and depth of a prior that is like the released ones otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriorShape {
    pub width: usize,
    pub depth: usize,
}

impl PriorShape {
    /// Like the top level of 5b in everything else, but with few heads and no labels.
    pub fn config(self) -> PriorConfig {
        PriorConfig {
            level: 0,
            width: self.width,
            depth: self.depth,
            heads: if self.width.is_multiple_of(8) { 2 } else { 1 },
            labels: None,
            ..released::top()
        }
    }
}
