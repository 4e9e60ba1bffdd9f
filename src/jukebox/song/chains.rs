//! How a level is cut so that its parts can be written side by side.

/// Share of a window that it has in common, at least, with the next one.
const OVERLAP: f64 = 0.125;

/// Windows that follow one another, each going on from the end of the one before. They begin at these tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub starts: Vec<usize>,
}

/// Cuts what comes after the first `n_present` of `n_total` tokens into at most `n_max` chains, from left to
/// right, of almost the same length. The first one sees up to half a window of what is there.
///
/// Windows begin at multiples of `per_upper`, as a level needs it that hears codes above; `n_total` and
/// `n_ctx` are such multiples, and `n_total` is at least `n_ctx`. Nothing to write takes no chain.
pub fn chains(
    n_present: usize,
    n_total: usize,
    n_ctx: usize,
    per_upper: usize,
    n_max: usize,
) -> Vec<Chain> {
    if n_total <= n_present {
        return Vec::new();
    }
    let whole = |n_tokens: usize| n_tokens / per_upper * per_upper;
    let last = n_total.saturating_sub(n_ctx);
    let first = whole(n_present.saturating_sub(n_ctx / 2)).min(last);
    let overlap = whole((OVERLAP * n_ctx as f64).ceil() as usize + per_upper - 1);
    let stride = n_ctx.saturating_sub(overlap).max(per_upper);
    let n_steps = (last - first).div_ceil(stride);
    let start = |idx: usize| first + whole((last - first) * idx / n_steps.max(1));
    let starts: Vec<usize> = (0..=n_steps).map(start).collect();

    let n_each = starts.len().div_ceil(n_max.max(1));
    let n_chains = starts.len().div_ceil(n_each);
    let edge = |idx: usize| starts.len() * idx / n_chains;
    let chain = |idx| Chain { starts: starts[edge(idx)..edge(idx + 1)].to_vec() };
    (0..n_chains).map(chain).collect()
}

impl Chain {
    /// Where a window of it ends, if each has `n_ctx` tokens.
    pub fn end(&self, window_idx: usize, n_ctx: usize) -> usize {
        self.starts[window_idx] + n_ctx
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(n_present: usize, n_total: usize, n_max: usize) -> Vec<Vec<usize>> {
        chains(n_present, n_total, 64, 4, n_max).into_iter().map(|chain| chain.starts).collect()
    }

    #[test]
    fn chains_share_the_song_out_evenly() {
        assert_eq!(starts(0, 64, 8), [[0]]);
        assert_eq!(starts(0, 68, 8), [[0], [4]]);
        assert_eq!(starts(0, 344, 8), [[0], [56], [112], [168], [224], [280]]);
        assert_eq!(starts(0, 344, 3), [[0, 56], [112, 168], [224, 280]]);
        assert_eq!(starts(0, 344, 4), [[0, 56], [112, 168], [224, 280]]);
        assert_eq!(starts(0, 344, 1), [[0, 56, 112, 168, 224, 280]]);
    }

    #[test]
    fn the_first_chain_sees_half_a_window_of_what_is_there() {
        assert_eq!(starts(33, 344, 1)[0][0], 0);
        assert_eq!(starts(70, 344, 1)[0][0], 36);
        assert_eq!(starts(340, 344, 1), [[280]]);
        assert!(starts(344, 344, 1).is_empty());
    }

    #[test]
    fn windows_cover_everything_and_share_an_eighth() {
        for n_total in (64..700).step_by(4) {
            for n_present in [0, 9, 40, 63] {
                let windows = starts(n_present, n_total, 3).concat();

                assert!(windows[0] <= n_present && windows[0].is_multiple_of(4));
                assert_eq!(windows.last().map(|start| start + 64), Some(n_total));
                for pair in windows.windows(2) {
                    assert!(pair[1].is_multiple_of(4));
                    assert!((1..=56).contains(&(pair[1] - pair[0])), "{pair:?} of {n_total}");
                }
            }
        }
    }
}
