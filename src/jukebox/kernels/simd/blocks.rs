//! Rows in blocks: as many at a time as there are registers for.

/// Calls `$block` with `$n` rows and their sums until all have had their turn, for the first of these sizes
/// that there are still rows for; with one row where there are fewer.
macro_rules! by_blocks {
    ([$($size:literal),+], $rows:ident, $sums:ident, |$n:ident| $block:expr) => {
        assert_eq!($rows.len(), $sums.len());
        let (mut later, mut of_later) = ($rows, $sums);
        while let Some(n) = [$($size,)+ 1].into_iter().find(|n| *n <= later.len()) {
            let ($rows, after) = later.split_at(n);
            let ($sums, of_after) = of_later.split_at_mut(n);
            match n {
                $($size => {
                    const $n: usize = $size;
                    $block
                })+
                _ => {
                    const $n: usize = 1;
                    $block
                }
            }
            (later, of_later) = (after, of_after);
        }
    };
}

pub(super) use by_blocks;
