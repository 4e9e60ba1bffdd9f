//! Stereo frames by number, in blocks that are taken as they fill and given back as they are forgotten.
//! What was never put there is silence and takes no memory.

use std::{collections::VecDeque, ops::Range};

/// Frames of a block; 128 KiB.
pub const BLOCK_FRAMES: usize = 1 << 14;

type Block = Box<[[f32; 2]]>;

/// One lane of what was heard.
#[derive(Default)]
pub struct Blocks {
    /// Number of the first block.
    first: u64,
    blocks: VecDeque<Option<Block>>,
    /// A forgotten block, to be used again.
    spare: Option<Block>,
}

impl Blocks {
    /// Puts `frames` at number `at`; false where there was no memory for some of them, which are then silent.
    pub fn put(&mut self, at: u64, frames: &[[f32; 2]]) -> bool {
        if self.blocks.is_empty() {
            self.first = at / BLOCK_FRAMES as u64;
        }
        let n_before = (self.first * BLOCK_FRAMES as u64).saturating_sub(at);
        let (mut at, mut rest) = (at, frames);
        rest = rest.get(n_before as usize..).unwrap_or_default(); // what is forgotten already
        at += n_before;
        let mut has_room = true;
        while !rest.is_empty() {
            let (block, offset) = place(at);
            let n = rest.len().min(BLOCK_FRAMES - offset);
            match self.block(block) {
                Some(block) => block[offset..offset + n].copy_from_slice(&rest[..n]),
                None => has_room = false,
            }
            rest = &rest[n..];
            at += n as u64;
        }
        has_room
    }

    /// Frames before number `at` are not needed any more.
    pub fn forget_before(&mut self, at: u64) {
        let (block, _) = place(at);
        while self.first < block
            && let Some(old) = self.blocks.pop_front()
        {
            self.first += 1;
            if let Some(mut old) = old.filter(|_| self.spare.is_none()) {
                old.fill([0.0; 2]);
                self.spare = Some(old);
            }
        }
    }

    /// Gives back what is kept to be used again.
    pub fn shrink(&mut self) {
        self.spare = None;
        self.blocks.shrink_to_fit();
    }

    /// The frames of `range` in order.
    pub fn read(&self, range: Range<u64>) -> Vec<[f32; 2]> {
        let mut frames = Vec::with_capacity(range.end.saturating_sub(range.start) as usize);
        self.read_to(range, &mut frames);
        frames
    }

    /// Appends the frames of `range` to `frames`.
    pub fn read_to(&self, range: Range<u64>, frames: &mut Vec<[f32; 2]>) {
        for piece in self.pieces(range) {
            match piece {
                Piece::Frames(heard) => frames.extend_from_slice(heard),
                Piece::Silence(n) => frames.resize(frames.len() + n, [0.0; 2]),
            }
        }
    }

    /// The loudest sample of `range`, over both channels; what is no number is passed over.
    pub fn peak(&self, range: Range<u64>) -> f32 {
        let loudest = |frames: &[[f32; 2]]| {
            frames.iter().flatten().fold(0.0f32, |peak, sample| peak.max(sample.abs()))
        };
        self.pieces(range).fold(0.0, |peak, piece| match piece {
            Piece::Frames(frames) => peak.max(loudest(frames)),
            Piece::Silence(_) => peak,
        })
    }

    /// Memory that it takes.
    pub fn n_bytes(&self) -> usize {
        let n_blocks = self.blocks.iter().flatten().count() + self.spare.iter().count();
        n_blocks * size_of::<[[f32; 2]; BLOCK_FRAMES]>()
    }

    fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = Piece<'_>> {
        let mut at = range.start;
        std::iter::from_fn(move || {
            let n_left = usize::try_from(range.end.checked_sub(at)?).ok().filter(|n| 0 < *n)?;
            let (block, offset) = place(at);
            let n = n_left.min(BLOCK_FRAMES - offset);
            at += n as u64;
            let idx = block.checked_sub(self.first).map(|idx| idx as usize);
            let block = idx.and_then(|idx| self.blocks.get(idx)?.as_deref());
            Some(block.map_or(Piece::Silence(n), |block| Piece::Frames(&block[offset..offset + n])))
        })
    }

    /// The block of that number, made if need be.
    fn block(&mut self, number: u64) -> Option<&mut Block> {
        let idx = (number - self.first) as usize;
        if self.blocks.len() <= idx {
            self.blocks.resize_with(idx + 1, || None);
        }
        let block = &mut self.blocks[idx];
        if block.is_none() {
            *block = self.spare.take().or_else(new_block);
        }
        block.as_mut()
    }
}

enum Piece<'a> {
    Frames(&'a [[f32; 2]]),
    Silence(usize),
}

/// Number of the block that holds frame `at`, and where in it.
fn place(at: u64) -> (u64, usize) {
    (at / BLOCK_FRAMES as u64, (at % BLOCK_FRAMES as u64) as usize)
}

fn new_block() -> Option<Block> {
    let mut block = Vec::new();
    block.try_reserve_exact(BLOCK_FRAMES).ok()?;
    block.resize(BLOCK_FRAMES, [0.0; 2]);
    Some(block.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(from: u64, n: usize) -> Vec<[f32; 2]> {
        (from..from + n as u64).map(|i| [i as f32, -(i as f32)]).collect()
    }

    #[test]
    fn frames_are_found_under_their_number_and_gaps_are_silent() {
        let mut blocks = Blocks::default();
        let far = 5 * BLOCK_FRAMES as u64;
        assert!(blocks.put(10, &ramp(10, 40_000)) && blocks.put(far, &ramp(far, 3)));

        assert_eq!(blocks.read(10..40_010), ramp(10, 40_000));
        assert_eq!(
            blocks.read(far - 1..far + 4),
            [&[[0.0; 2]], &ramp(far, 3)[..], &[[0.0; 2]; 1]].concat()
        );
        assert_eq!(blocks.peak(0..100), 99.0);
        assert_eq!(blocks.n_bytes(), 4 * BLOCK_FRAMES * 8); // the gap takes none
    }

    #[test]
    fn what_is_forgotten_gives_its_memory_to_what_comes() {
        let mut blocks = Blocks::default();
        let mut at = 0;
        for _ in 0..100 {
            blocks.put(at, &ramp(at, 10_000));
            at += 10_000;
            blocks.forget_before(at.saturating_sub(30_000));
        }

        assert!(blocks.n_bytes() <= 5 * BLOCK_FRAMES * 8);
        assert_eq!(blocks.read(at - 30_000..at), ramp(at - 30_000, 30_000));
        blocks.put(0, &ramp(0, 10)); // long forgotten
        assert_eq!(blocks.read(at - 10..at), ramp(at - 10, 10));
    }
}
