//! Where the keys and values of a position are kept, and which of them it reads (SPEC §3.5).
//!
//! Slots are laid out so that whatever a position reads lies side by side.

use std::ops::Range;

use crate::jukebox::config::StackShape;
use crate::jukebox::prior::attention::Attention;

/// The slots of one layer, for each head of each sequence.
#[derive(Debug, Clone, Copy)]
pub struct Slots {
    attention: Attention,
    block_len: usize,
    n_blocks: usize,
}

impl Slots {
    pub fn new(shape: &StackShape, attention: Attention) -> Self {
        Self { attention, block_len: shape.block_len(), n_blocks: shape.blocks }
    }

    /// How many there are; no more than the layer will look at again.
    pub fn capacity(&self) -> usize {
        match self.attention {
            Attention::Dense | Attention::Column => self.block_len * self.n_blocks,
            Attention::Block => self.block_len,
            Attention::PreviousBlock => 2 * self.block_len,
            Attention::Lyrics { n } | Attention::Prime { n } => n,
        }
    }

    /// Blocks in a window, and slots of a column.
    pub fn n_blocks(&self) -> usize {
        self.n_blocks
    }

    /// Slot of the position itself; none where nobody will look at it.
    pub fn write(&self, position: usize) -> Option<usize> {
        let (block, column) = (position / self.block_len, position % self.block_len);
        match self.attention {
            Attention::Dense => Some(position),
            Attention::Block => Some(column),
            Attention::Column => Some(column * self.n_blocks + block),
            Attention::PreviousBlock => Some(block % 2 * self.block_len + column),
            Attention::Prime { n } => Some(position).filter(|position| *position < n),
            Attention::Lyrics { .. } => None,
        }
    }

    /// Slots it reads once its own is written; none where it attends to zeros.
    pub fn read(&self, position: usize) -> Range<usize> {
        let (block, column) = (position / self.block_len, position % self.block_len);
        match self.attention {
            Attention::Dense => 0..position + 1,
            Attention::Block => 0..column + 1,
            Attention::Column => column * self.n_blocks..column * self.n_blocks + block + 1,
            Attention::PreviousBlock if block == 0 => 0..0,
            Attention::PreviousBlock => {
                let start = (block - 1) % 2 * self.block_len;
                start..start + self.block_len
            }
            Attention::Prime { n } => 0..n.min(position + 1),
            Attention::Lyrics { n } => 0..n,
        }
    }

    /// End of the positions from `first` on that read alike: the same slots up to their own,
    /// columns side by side, or the same slots for all.
    pub fn alike_until(&self, first: usize) -> usize {
        match self.attention {
            Attention::Prime { n } if first < n => n,
            Attention::Prime { .. } | Attention::Lyrics { .. } | Attention::Dense => usize::MAX,
            _ => (first / self.block_len + 1) * self.block_len,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_what_its_attention_sees_and_nothing_that_was_overwritten() {
        let (block_len, n_blocks) = (3, 4);
        use Attention::*;
        for attention in [Dense, Block, Column, PreviousBlock, Prime { n: 5 }] {
            let slots = Slots { attention, block_len, n_blocks };
            let mut kept = vec![None; slots.capacity()];
            for p in 0..block_len * n_blocks {
                if let Some(slot) = slots.write(p) {
                    kept[slot] = Some(p);
                }

                let seen: Vec<usize> =
                    kept[slots.read(p)].iter().map(|slot| slot.unwrap()).collect();

                let b = p / block_len;
                let want: Vec<usize> = match attention {
                    Dense => (0..=p).collect(),
                    Block => (b * block_len..=p).collect(),
                    Column => (p % block_len..=p).step_by(block_len).collect(),
                    PreviousBlock => (b.saturating_sub(1) * block_len..b * block_len).collect(),
                    Prime { n } => (0..n.min(p + 1)).collect(),
                    Lyrics { .. } => unreachable!("it reads no positions"),
                };
                assert_eq!(seen, want, "{attention:?} at {p}");
            }
        }
    }
}
