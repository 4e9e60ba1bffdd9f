//! The innermost product, for each kind of processor.
//!
//! A tile is `[n_in][TILE]`, so every output has a lane of its own and is summed in the same order
//! whatever the vector width is: AVX2 and AVX-512 give the same bits.

mod quantised;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
mod x86_quantised;

pub use self::quantised::{best_dequantise, best_quantised};

/// Outputs worked on together.
pub const TILE: usize = 16;

/// Partial sums per output, to keep the multipliers busy.
const PARTS: usize = 4;

/// Rows that share the weights while they are in registers.
pub const BLOCK_ROWS: usize = 6;

/// One row, `[n_in]`, times one tile.
pub type TileProduct = fn(&[f32], &[f32]) -> [f32; TILE];

/// The fastest that this processor can run.
pub fn best() -> TileProduct {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return |x, tile| {
                // SAFETY: the processor was just asked for what the function is compiled for.
                unsafe { x86::product_avx512(x, tile) }
            };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return |x, tile| {
                // SAFETY: the processor was just asked for what the function is compiled for.
                unsafe { x86::product_avx2(x, tile) }
            };
        }
    }
    product_portable
}

/// A block of rows, `[n_in]` each, times two tiles, on top of `sums`.
pub type BlockProduct =
    fn(rows: &[&[f32]; BLOCK_ROWS], tiles: [&[f32]; 2], sums: &mut [[f32; 2 * TILE]; BLOCK_ROWS]);

/// The fastest that this processor can run.
pub fn best_block() -> BlockProduct {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return |rows, tiles, sums| {
                // SAFETY: the processor was just asked for what the function is compiled for.
                unsafe { x86::block_avx512(rows, tiles, sums) }
            };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return |rows, tiles, sums| {
                // SAFETY: the processor was just asked for what the function is compiled for.
                unsafe { x86::block_avx2(rows, tiles, sums) }
            };
        }
    }
    block_portable
}

fn block_portable(
    rows: &[&[f32]; BLOCK_ROWS],
    tiles: [&[f32]; 2],
    sums: &mut [[f32; 2 * TILE]; BLOCK_ROWS],
) {
    for (half, tile) in tiles.iter().enumerate() {
        for (row, sums) in rows.iter().zip(&mut *sums) {
            let sums = &mut sums[half * TILE..(half + 1) * TILE];
            for (x, weights) in row.iter().zip(tile.as_chunks::<TILE>().0) {
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += x * weight);
            }
        }
    }
}

/// For every other processor; simple enough for the compiler to vectorise.
fn product_portable(x: &[f32], tile: &[f32]) -> [f32; TILE] {
    let mut sums = [[0.0; TILE]; PARTS];
    for (i, (x, weights)) in x.iter().zip(tile.as_chunks::<TILE>().0).enumerate() {
        for (sum, weight) in sums[i % PARTS].iter_mut().zip(weights) {
            *sum += x * weight;
        }
    }
    std::array::from_fn(|o| (sums[0][o] + sums[1][o]) + (sums[2][o] + sums[3][o]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 % 1013) as f32 - 506.0) / 506.0).collect()
    }

    #[test]
    fn every_processor_gives_the_same_product() {
        for n_in in [1, 4, 101, 384] {
            let (x, tile) = (numbers(n_in), numbers(n_in * TILE));

            let (portable, best) = (product_portable(&x, &tile), best()(&x, &tile));

            assert!(portable.iter().zip(best).all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn vector_widths_agree_to_the_bit() {
        let has_both = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma");
        if !has_both {
            return;
        }
        let (x, tile) = (numbers(101), numbers(101 * TILE));

        // SAFETY: the processor was just asked, and AVX-512 includes AVX2.
        let (wide, narrow) =
            unsafe { (x86::product_avx512(&x, &tile), x86::product_avx2(&x, &tile)) };

        assert_eq!(wide, narrow);

        let rows = [&x[..]; BLOCK_ROWS];
        let mut wide = [[0.5; 2 * TILE]; BLOCK_ROWS];
        let (mut narrow, mut plain) = (wide, wide);

        // SAFETY: as above.
        unsafe {
            x86::block_avx512(&rows, [&tile, &tile], &mut wide);
            x86::block_avx2(&rows, [&tile, &tile], &mut narrow);
        }
        block_portable(&rows, [&tile, &tile], &mut plain);

        assert_eq!(wide, narrow);
        assert!(wide.concat().iter().zip(plain.concat()).all(|(a, b)| (a - b).abs() < 1e-4));
    }
}
