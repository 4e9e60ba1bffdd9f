//! Which part of the lyrics a window is told (SPEC §4.3).

/// As many characters of a song as a window has room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LyricWindow {
    pub tokens: Vec<u32>,
    /// Index in the whole lyrics of the first of them; below 0 lies padding.
    pub first: i64,
}

impl LyricWindow {
    /// The `n` characters around the middle of the window, all times in frames.
    pub fn new(full: &[u32], n: usize, offset: i64, duration: i64, total_length: i64) -> Self {
        if full.len() < n {
            let n_padding = n - full.len();
            let mut tokens = vec![0; n_padding];
            tokens.extend_from_slice(full);
            return Self { tokens, first: -(n_padding as i64) };
        }
        let middle = midpoint(full.len(), offset, duration, total_length);
        let last_first = (full.len() - n) as i64;
        let first = middle.saturating_sub((n / 2) as i64).clamp(0, last_first);
        Self { tokens: full[first as usize..first as usize + n].to_vec(), first }
    }

    /// Index in the whole lyrics of each character; none for padding.
    pub fn indices(&self) -> impl Iterator<Item = Option<usize>> {
        let first = self.first;
        (0..self.tokens.len() as i64).map(move |i| usize::try_from(first + i).ok())
    }
}

/// The character that is sung in the middle of a window, if the song is sung evenly.
///
/// In 32-bit arithmetic, like the reference: a character more or less would be told otherwise.
pub fn midpoint(n_full: usize, offset: i64, duration: i64, total_length: i64) -> i64 {
    let middle = offset as f32 + duration as f32 / 2.0;
    (n_full as f32 * middle / total_length as f32) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lyrics_are_padded_before_and_long_ones_cut_around_the_middle() {
        let full: Vec<u32> = (1..=10).collect();
        let window = |n, offset| LyricWindow::new(&full, n, offset, 200, 1000);

        assert_eq!(window(12, 0).tokens, [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(window(12, 0).indices().collect::<Vec<_>>()[1..3], [None, Some(0)]);
        assert_eq!(window(10, 700), LyricWindow { tokens: full.clone(), first: 0 });
        assert_eq!(window(4, 0), LyricWindow { tokens: vec![1, 2, 3, 4], first: 0 });
        assert_eq!(window(4, 400), LyricWindow { tokens: vec![4, 5, 6, 7], first: 3 });
        assert_eq!(window(4, 900), LyricWindow { tokens: vec![7, 8, 9, 10], first: 6 });
        assert_eq!(LyricWindow::new(&[], 3, 0, 200, 1000).tokens, [0, 0, 0]);
    }

    #[test]
    fn the_middle_is_found_in_32_bit_arithmetic() {
        assert_eq!(midpoint(2641, 6_859_422, 786_432, 12_215_700), 1568); // 1567.99 in 64 bits
    }
}
