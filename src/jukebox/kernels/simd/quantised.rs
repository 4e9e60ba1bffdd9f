//! Products with quantised tiles, for each kind of processor.
//!
//! Integers become floats in registers; a group's sum takes its scale at the end. As with plain tiles every
//! output has a lane of its own, so AVX2 and AVX-512 give the same bits.

#[cfg(target_arch = "x86_64")]
use super::x86_quantised as x86;
use super::{PARTS, TILE};
use crate::jukebox::kernels::quantised::{GROUP, Quantisation, SCALE_BYTES, block_bytes};

pub const Q8_BLOCK: usize = block_bytes(Quantisation::Q8);
pub const Q4_BLOCK: usize = block_bytes(Quantisation::Q4);

/// One row, `[n_in]`, times one tile of `n_in / GROUP` blocks.
pub type QuantisedProduct = fn(&[f32], &[u8]) -> [f32; TILE];

/// The fastest that this processor can run.
pub fn best_quantised(format: Quantisation) -> QuantisedProduct {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return match format {
                // SAFETY: the processor was just asked for what the function is compiled for.
                Quantisation::Q8 => |x, tile| unsafe { x86::product_q8_avx512(x, tile) },
                // SAFETY: as above.
                Quantisation::Q4 => |x, tile| unsafe { x86::product_q4_avx512(x, tile) },
            };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return match format {
                // SAFETY: the processor was just asked for what the function is compiled for.
                Quantisation::Q8 => |x, tile| unsafe { x86::product_q8_avx2(x, tile) },
                // SAFETY: as above.
                Quantisation::Q4 => |x, tile| unsafe { x86::product_q4_avx2(x, tile) },
            };
        }
    }
    match format {
        Quantisation::Q8 => product_q8_portable,
        Quantisation::Q4 => product_q4_portable,
    }
}

/// Blocks of a tile to floats, `[n][TILE]`.
pub type Dequantise = fn(blocks: &[u8], weights: &mut [f32]);

/// The fastest that this processor can run; all give the same bits.
pub fn best_dequantise(format: Quantisation) -> Dequantise {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        return match format {
            // SAFETY: the processor was just asked for what the function is compiled for.
            Quantisation::Q8 => |blocks, weights| unsafe { dequantise_q8_avx2(blocks, weights) },
            // SAFETY: as above.
            Quantisation::Q4 => |blocks, weights| unsafe { dequantise_q4_avx2(blocks, weights) },
        };
    }
    match format {
        Quantisation::Q8 => dequantise_q8,
        Quantisation::Q4 => dequantise_q4,
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dequantise_q8_avx2(blocks: &[u8], weights: &mut [f32]) {
    dequantise_q8(blocks, weights);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dequantise_q4_avx2(blocks: &[u8], weights: &mut [f32]) {
    dequantise_q4(blocks, weights);
}

#[inline(always)]
fn dequantise_q8(blocks: &[u8], weights: &mut [f32]) {
    let blocks = blocks.as_chunks::<Q8_BLOCK>().0.iter();
    for (block, weights) in blocks.zip(weights.chunks_exact_mut(GROUP * TILE)) {
        let (scales, ints) = parts(block);
        for (ints, weights) in ints.iter().zip(weights.as_chunks_mut::<TILE>().0) {
            for o in 0..TILE {
                weights[o] = f32::from(ints[o] as i8) * scales[o];
            }
        }
    }
}

#[inline(always)]
fn dequantise_q4(blocks: &[u8], weights: &mut [f32]) {
    let blocks = blocks.as_chunks::<Q4_BLOCK>().0.iter();
    for (block, weights) in blocks.zip(weights.chunks_exact_mut(GROUP * TILE)) {
        let (scales, pairs) = parts(block);
        for (pairs, weights) in pairs.iter().zip(weights.as_chunks_mut::<{ 2 * TILE }>().0) {
            for o in 0..TILE {
                weights[o] = f32::from((pairs[o] & 15) as i8 - 8) * scales[o];
                weights[TILE + o] = f32::from((pairs[o] >> 4) as i8 - 8) * scales[o];
            }
        }
    }
}

/// Scales and rows of integers of a block.
#[inline(always)]
fn parts(block: &[u8]) -> ([f32; TILE], &[[u8; TILE]]) {
    let (scales, ints) = block.split_at(SCALE_BYTES);
    let scale = |o: usize| u32::from(u16::from_le_bytes([scales[2 * o], scales[2 * o + 1]]));
    (std::array::from_fn(|o| f32::from_bits(scale(o) << 16)), ints.as_chunks().0)
}

pub fn product_q8_portable(x: &[f32], tile: &[u8]) -> [f32; TILE] {
    let mut weights = [0.0; GROUP * TILE];
    product_portable(x, tile.as_chunks::<Q8_BLOCK>().0, |ints| {
        let of_ints = ints.iter().zip(&mut weights);
        of_ints.for_each(|(int, weight)| *weight = f32::from(*int as i8));
        weights
    })
}

pub fn product_q4_portable(x: &[f32], tile: &[u8]) -> [f32; TILE] {
    let mut weights = [0.0; GROUP * TILE];
    product_portable(x, tile.as_chunks::<Q4_BLOCK>().0, |pairs| {
        let of_pairs = pairs.chunks_exact(TILE).zip(weights.chunks_exact_mut(2 * TILE));
        of_pairs.for_each(|(pairs, weights)| {
            for (o, pair) in pairs.iter().enumerate() {
                weights[o] = f32::from((pair & 15) as i8 - 8);
                weights[TILE + o] = f32::from((pair >> 4) as i8 - 8);
            }
        });
        weights
    })
}

/// `widen` makes a block's integers floats.
fn product_portable<const BLOCK: usize>(
    x: &[f32],
    blocks: &[[u8; BLOCK]],
    mut widen: impl FnMut(&[u8]) -> [f32; GROUP * TILE],
) -> [f32; TILE] {
    let mut totals = [0.0; TILE];
    for (x, block) in x.as_chunks::<GROUP>().0.iter().zip(blocks) {
        let (scales, _) = parts(block);
        let weights = widen(&block[SCALE_BYTES..]);
        let mut sums = [[0.0; TILE]; PARTS];
        for (i, (x, weights)) in x.iter().zip(weights.as_chunks::<TILE>().0).enumerate() {
            let sums = &mut sums[i % PARTS];
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += x * weight);
        }
        for o in 0..TILE {
            let sum = (sums[0][o] + sums[1][o]) + (sums[2][o] + sums[3][o]);
            totals[o] += sum * scales[o];
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jukebox::kernels::quantised::{Group, QuantisedTiles};

    const N_IN: usize = 5 * GROUP;
    const FORMATS: [Quantisation; 2] = [Quantisation::Q8, Quantisation::Q4];

    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 % 1013) as f32 - 506.0) / 506.0).collect()
    }

    fn tiles(format: Quantisation) -> QuantisedTiles {
        let mut tiles = QuantisedTiles::new(format, N_IN, TILE);
        let mut group = Group::new(format, TILE);
        for (idx, weights) in numbers(N_IN * TILE).chunks(GROUP * TILE).enumerate() {
            group.quantise(weights);
            tiles.set_group(idx, &group);
        }
        tiles
    }

    #[test]
    fn every_processor_gives_the_product_with_the_weights_that_are_stored() {
        let x = numbers(N_IN);
        for format in FORMATS {
            let tiles = tiles(format);
            let portable = match format {
                Quantisation::Q8 => product_q8_portable(&x, tiles.tile(0)),
                Quantisation::Q4 => product_q4_portable(&x, tiles.tile(0)),
            };

            let best = best_quantised(format)(&x, tiles.tile(0));

            for o in 0..TILE {
                let want: f32 = (0..N_IN).map(|i| x[i] * tiles.weight(i, o)).sum();
                assert!((portable[o] - want).abs() < 1e-4 && (best[o] - want).abs() < 1e-4);
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn vector_widths_agree_to_the_bit() {
        let has_both = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma");
        if !has_both {
            return;
        }
        let (x, q8, q4) = (numbers(N_IN), tiles(Quantisation::Q8), tiles(Quantisation::Q4));

        // SAFETY: the processor was just asked, and AVX-512 includes AVX2.
        let (wide, narrow) = unsafe {
            (
                [x86::product_q8_avx512(&x, q8.tile(0)), x86::product_q4_avx512(&x, q4.tile(0))],
                [x86::product_q8_avx2(&x, q8.tile(0)), x86::product_q4_avx2(&x, q4.tile(0))],
            )
        };

        assert_eq!(wide, narrow);
    }

    #[test]
    fn dequantised_tiles_are_the_stored_weights_to_the_bit() {
        for format in FORMATS {
            let (tiles, mut weights) = (tiles(format), vec![0.0; N_IN * TILE]);

            best_dequantise(format)(tiles.tile(0), &mut weights);

            for (idx, weight) in weights.iter().enumerate() {
                assert_eq!(*weight, tiles.weight(idx / TILE, idx % TILE));
            }
        }
    }
}
