//! Rows shared out to threads, so that sums over them come out the same on any number of threads.

use rayon::prelude::*;

use super::buffers::Buffer;
use super::machine::add;

/// Parts that rows are cut into; each has sums of its own, which are added up in the end.
const N_LANES: usize = 16;
/// Rows that are worked on at once: little enough to stay in a core's cache.
const TILE: usize = 256;

/// Calls `work` with each lane's sums and the range of rows of each of its tiles, in order, and adds the sums
/// of all lanes up.
///
/// `n_sums` are the lengths of the sums; they start at 0.
pub fn sum_over_rows<S: Send>(
    n_rows: usize,
    n_sums: &[usize],
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(std::ops::Range<usize>, &mut [Buffer], &mut S) + Sync,
) -> Vec<Buffer> {
    let n_tiles = n_rows.div_ceil(TILE);
    let n_lanes = N_LANES.min(n_tiles).max(1);
    let lane = |lane_idx: usize| {
        let mut sums: Vec<Buffer> = n_sums.iter().map(|n| Buffer::zeros(*n)).collect();
        let mut scratch = scratch();
        let first = |idx: usize| idx * n_tiles / n_lanes;
        for tile in first(lane_idx)..first(lane_idx + 1) {
            work(tile * TILE..n_rows.min((tile + 1) * TILE), &mut sums, &mut scratch);
        }
        sums
    };
    let lanes: Vec<_> = (0..n_lanes).into_par_iter().with_max_len(1).map(lane).collect();
    let mut lanes = lanes.into_iter();
    let mut total = lanes.next().unwrap_or_default();
    let others: Vec<_> = lanes.collect();
    for (sum_idx, total) in total.iter_mut().enumerate() {
        total.par_chunks_mut(TILE * TILE).enumerate().for_each(|(chunk_idx, total)| {
            for other in &others {
                let first = chunk_idx * TILE * TILE;
                add(total, &other[sum_idx][first..first + total.len()]);
            }
        });
    }
    total
}

/// Numbers that several threads write to, each to places of its own.
#[derive(Clone, Copy)]
pub struct Shared {
    first: *mut f32,
    len: usize,
}

// SAFETY: it is only ever written through `slice_mut` and `at`, whose callers vouch for their places
unsafe impl Send for Shared {}
// SAFETY: as above
unsafe impl Sync for Shared {}

impl Shared {
    pub fn new(numbers: &mut [f32]) -> Self {
        Self { first: numbers.as_mut_ptr(), len: numbers.len() }
    }

    /// Numbers `start..start + len`.
    ///
    /// # Safety
    /// The numbers that this was made of are still there, and nobody else reads or writes these.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn slice_mut(&self, start: usize, len: usize) -> &mut [f32] {
        assert!(start + len <= self.len);
        // SAFETY: within the numbers; the caller vouches for the rest
        unsafe { std::slice::from_raw_parts_mut(self.first.add(start), len) }
    }

    /// Where number `start` lies, with `len` numbers from there on.
    pub fn at(&self, start: usize, len: usize) -> *mut f32 {
        assert!(start + len <= self.len);
        self.first.wrapping_add(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_summed_once() {
        for n_rows in [0, 1, TILE, TILE + 1, 40 * TILE + 3] {
            let sums = sum_over_rows(
                n_rows,
                &[1, 2],
                || (),
                |rows, sums, _| {
                    sums[0][0] += rows.len() as f32;
                    sums[1][1] += rows.start as f32;
                },
            );

            assert_eq!(sums[0][0], n_rows as f32);
            assert_eq!(sums[1].len(), 2);
        }
    }
}
