//! Memory that is used again.
//!
//! Seconds of sound at every layer are megabytes, and asking the system for fresh ones costs as
//! much time as filling them.

/// Longest buffer that is kept, in floats; what is rarely needed is given back.
const MAX_KEPT: usize = 1 << 24;

/// Buffers that were used before.
#[derive(Default)]
pub struct Buffers {
    spare: Vec<Vec<f32>>,
}

impl Buffers {
    /// A buffer with anything in it.
    pub fn take(&mut self, len: usize) -> Vec<f32> {
        let fits = self.spare.iter().position(|buffer| len <= buffer.capacity());
        let mut buffer = fits.map(|idx| self.spare.swap_remove(idx)).unwrap_or_default();
        buffer.resize(len, 0.0);
        buffer
    }

    /// Keeps a buffer for later.
    pub fn give(&mut self, buffer: Vec<f32>) {
        if buffer.capacity() <= MAX_KEPT {
            self.spare.push(buffer);
            self.spare.sort_by_key(Vec::capacity); // so that the smallest that fits is taken
            if MAX_SPARE < self.spare.len() {
                self.spare.remove(0);
            }
        }
    }
}

/// More than a coder holds at a time.
const MAX_SPARE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_and_a_huge_one_is_not_kept() {
        let mut buffers = Buffers::default();
        let first = buffers.take(100);
        let address = first.as_ptr();
        buffers.give(first);
        buffers.give(vec![0.0; MAX_KEPT + 1]);

        let second = buffers.take(60);

        assert_eq!((second.as_ptr(), second.len()), (address, 60));
        assert!(buffers.spare.is_empty());
    }
}
