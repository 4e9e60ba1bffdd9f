//! Products of floats for every processor; simple enough for the compiler to vectorise.

use half::{bf16, f16};

use super::{Cpu, Products, TILE, ints};
use crate::jukebox::kernels::rows::{RowFunctions, any};

pub static PORTABLE: Products = Products {
    cpu: Cpu::Portable,
    f32: |rows, tiles, sums| product(rows, tiles, sums, |weight| weight),
    f16: |rows, tiles, sums| product(rows, tiles, sums, f16::to_f32),
    bf16: |rows, tiles, sums| product(rows, tiles, sums, bf16::to_f32),
    rows: ROWS,
    quantise: ints::quantise,
    q8: ints::q8_portable,
    q4: ints::q4_portable,
};

/// Compiled for what the compiler takes for granted.
pub const ROWS: RowFunctions = RowFunctions {
    gelu: any::gelu,
    norm: any::norm,
    attend: any::attend,
    dot: any::dot,
    relu: any::relu,
    finish: any::finish,
};

/// `float` widens a weight.
fn product<T: Copy>(
    rows: &[&[f32]],
    tiles: [&[T]; 2],
    sums: &mut [[f32; 2 * TILE]],
    float: impl Fn(T) -> f32,
) {
    for (tile, half) in tiles.iter().zip([0, TILE]) {
        for (row, sums) in rows.iter().zip(&mut *sums) {
            for (x, weights) in row.iter().zip(tile.as_chunks::<TILE>().0) {
                let sums = sums[half..half + TILE].iter_mut();
                sums.zip(weights).for_each(|(sum, weight)| *sum += x * float(*weight));
            }
        }
    }
}

/// Number of inputs, once it is sure that all rows and tiles have as many.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
pub fn check<T, const N: usize>(rows: &[&[f32]], tiles: [&[T]; N]) -> usize {
    let n_in = tiles[0].len() / TILE;
    assert!(rows.iter().all(|row| row.len() == n_in));
    assert!(tiles.iter().all(|tile| tile.len() == n_in * TILE));
    n_in
}
