//! Which windows bring a level to its length (SPEC §5).

use crate::jukebox::JukeboxError;

/// One pass of a prior: which tokens it may see, and how many there are when it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First token of the window.
    pub start: usize,
    /// Tokens in the window at its end, old and new.
    pub n_tokens: usize,
}

/// The windows that bring a level with `n_present` tokens to `n_total`.
///
/// Where `n_total` is less than a window, it counts *additional* tokens, as in the reference.
/// Windows that have nothing to add are left out; every window adds at most what it has room for.
pub fn windows(n_total: usize, n_ctx: usize, hop: usize, n_present: usize) -> Vec<Window> {
    if n_total < n_ctx {
        let window = match n_present + n_total < n_ctx {
            true => Window { start: 0, n_tokens: n_present + n_total },
            false => Window { start: n_present + n_total - n_ctx, n_tokens: n_ctx },
        };
        return if n_total == 0 { vec![] } else { vec![window] };
    }
    starts(n_total, n_ctx, hop)
        .map(|start| Window { start, n_tokens: n_ctx })
        .filter(|window| n_present < window.start + window.n_tokens)
        .collect()
}

/// Where windows begin, a hop apart, until one of them reaches the end.
pub fn starts(n_total: usize, n_ctx: usize, hop: usize) -> impl Iterator<Item = usize> {
    let last = n_total - n_ctx;
    (0..last + hop).step_by(hop.max(1)).map(move |start| start.min(last))
}

/// How long a level becomes, and how its windows move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// Tokens of the level when it is done; less than a window counts additional tokens.
    pub n_total: usize,
    /// How far windows move: a smaller hop sees more of the past and costs more.
    pub hop_tokens: usize,
}

impl Plan {
    /// Exactly `n_new` tokens after those `n_present`, however few they are.
    pub fn adding(n_present: usize, n_new: usize, n_ctx: usize, hop_tokens: usize) -> Self {
        let n_total = n_present + n_new;
        Self { n_total: if n_total < n_ctx { n_new } else { n_total }, hop_tokens }
    }

    /// The windows after the first `n_present` tokens.
    pub fn windows(&self, n_ctx: usize, n_present: usize) -> Result<Vec<Window>, JukeboxError> {
        if self.hop_tokens == 0 || n_ctx < self.hop_tokens {
            let value = format!("{} tokens", self.hop_tokens);
            let allowed = format!("1 to {n_ctx} tokens");
            return Err(JukeboxError::range("the hop between windows", value, allowed));
        }
        Ok(windows(self.n_total, n_ctx, self.hop_tokens, n_present))
    }
}

/// Tokens that windows of a level move by: a share of a window, rounded down.
pub fn hop_tokens(hop_fraction: f64, n_ctx: usize) -> usize {
    ((hop_fraction * n_ctx as f64) as usize).clamp(1, n_ctx)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: usize, n_tokens: usize) -> Window {
        Window { start, n_tokens }
    }

    #[test]
    fn windows_start_where_the_reference_starts_them() {
        let all = |total, n_ctx, hop| starts(total, n_ctx, hop).collect::<Vec<_>>();

        assert_eq!(all(6144, 6144, 3072), [0]);
        assert_eq!(all(6890, 6144, 3072), [0, 746]);
        assert_eq!(all(20_000, 8192, 4096), [0, 4096, 8192, 11_808]);
        assert_eq!(all(27_560, 8192, 4096), [0, 4096, 8192, 12_288, 16_384, 19_368]);
        assert_eq!(all(8193, 8192, 1), [0, 1]);
    }

    #[test]
    fn windows_without_anything_to_add_are_left_out() {
        assert_eq!(windows(48, 32, 8, 0), [window(0, 32), window(8, 32), window(16, 32)]);
        assert_eq!(windows(48, 32, 8, 32), [window(8, 32), window(16, 32)]);
        assert_eq!(windows(48, 32, 8, 48), []);
    }

    #[test]
    fn a_prompt_and_a_longer_song_open_the_windows_of_the_reference() {
        let starts = |total, hop, present| -> Vec<usize> {
            windows(total, 32, hop, present).iter().map(|window| window.start).collect()
        };

        assert_eq!(starts(48, 8, 19), [0, 8, 16]);
        assert_eq!(starts(52, 8, 48), [20]);
        assert_eq!(starts(192, 16, 76), [48, 64, 80, 96, 112, 128, 144, 160]);
        assert_eq!(starts(208, 16, 192), [176]);
    }

    #[test]
    fn less_than_a_window_counts_additional_tokens() {
        assert_eq!(windows(10, 32, 8, 0), [window(0, 10)]);
        assert_eq!(windows(10, 32, 8, 21), [window(0, 31)]);
        assert_eq!(windows(10, 32, 8, 22), [window(0, 32)]);
        assert_eq!(windows(10, 32, 8, 40), [window(18, 32)]);
        assert_eq!(windows(0, 32, 8, 40), []);
    }
}
