//! Weights as small integers with a scale for each group of inputs.
//!
//! Of a matrix `[n_in, n_out]`, [`GROUP`] consecutive inputs of one output share a scale: a weight is its
//! integer times that. Integers are symmetric around 0, from -127 to 127 ([`Quantisation::Q8`]) or -7 to 7
//! ([`Quantisation::Q4`]). A scale is the smallest `bf16` with which the largest weight of its group is not
//! cut off, so a weight is off by at most half a scale; a group of zeros has scale 0. The same weights
//! always give the same integers.
//!
//! [`Group`] is a group of rows as packs store them; [`QuantisedTiles`] is what the products read.

use half::bf16;

use super::simd::{IntTile, LINE, Line, Q4_LINES, Q8_LINES, QUAD, TILE};

/// Consecutive inputs of an output that share a scale.
pub const GROUP: usize = 32;

/// Bytes of a tile's scales of one group.
const SCALE_BYTES: usize = 2 * TILE;

/// How many bits the integers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantisation {
    /// Eight bits, one integer per byte, as two's complement.
    Q8,
    /// Four bits, two integers per byte, each with 8 added: the earlier input in the lower half.
    Q4,
}

impl Quantisation {
    /// The largest integer; the smallest is its negative.
    pub const fn largest(self) -> u8 {
        match self {
            Self::Q8 => 127,
            Self::Q4 => 7,
        }
    }

    /// Bytes of the integers of one output's group.
    pub const fn group_bytes(self) -> usize {
        match self {
            Self::Q8 => GROUP,
            Self::Q4 => GROUP / 2,
        }
    }
}

/// [`GROUP`] rows of a matrix, as packs store them.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub format: Quantisation,
    /// `[GROUP, n_out]` as `i8`, or `[GROUP / 2, n_out]` of pairs.
    pub ints: Vec<u8>,
    /// `[n_out]`
    pub scales: Vec<bf16>,
}

impl Group {
    /// Zeros.
    pub fn new(format: Quantisation, n_out: usize) -> Self {
        let ints = vec![0; format.group_bytes() * n_out];
        Self { format, ints, scales: vec![bf16::ZERO; n_out] }
    }

    /// Takes these weights, `[GROUP, n_out]`, in place of what was there. They must be finite.
    pub fn quantise(&mut self, weights: &[f32]) {
        let n_out = self.scales.len();
        assert_eq!(weights.len(), GROUP * n_out);
        let mut largest = vec![0.0f32; n_out];
        for row in weights.chunks_exact(n_out) {
            largest.iter_mut().zip(row).for_each(|(largest, x)| *largest = largest.max(x.abs()));
        }
        for (scale, largest) in self.scales.iter_mut().zip(&largest) {
            *scale = scale_of(*largest, self.format);
        }
        let divisors: Vec<f32> = self.scales.iter().map(|scale| divisor(*scale)).collect();
        let n_rows = self.format.group_bytes(); // of `ints`
        let (rows, ints) = (weights.chunks_exact(n_out * GROUP / n_rows), &mut self.ints);
        for (rows, ints) in rows.zip(ints.chunks_exact_mut(n_out)) {
            let (early, late) = rows.split_at(n_out);
            let weights = early.iter().zip(&divisors).zip(ints);
            match self.format {
                Quantisation::Q8 => {
                    weights.for_each(|((x, divisor), int)| *int = nearest(x / divisor));
                }
                Quantisation::Q4 => weights.zip(late).for_each(|(((x, divisor), int), late)| {
                    let [low, high] = [x, late].map(|x| nearest(x / divisor).wrapping_add(8));
                    *int = low | high << 4;
                }),
            }
        }
    }

    /// How many weights it stands for.
    pub fn n_weights(&self) -> usize {
        GROUP * self.scales.len()
    }

    /// The weights that it stands for, `[GROUP, n_out]`.
    pub fn dequantise(&self, weights: &mut [f32]) {
        let n_out = self.scales.len();
        for (i, row) in weights.chunks_exact_mut(n_out).enumerate() {
            for (o, (weight, scale)) in row.iter_mut().zip(&self.scales).enumerate() {
                *weight = f32::from(int_at(self.format, &self.ints, n_out, i, o)) * scale.to_f32();
            }
        }
    }
}

/// Integer of input `i` and output `o` where a row of `ints` is `n_out` long.
fn int_at(format: Quantisation, ints: &[u8], n_out: usize, i: usize, o: usize) -> i8 {
    match format {
        Quantisation::Q8 => ints[i * n_out + o] as i8,
        Quantisation::Q4 => (ints[i / 2 * n_out + o] >> (4 * (i % 2)) & 15) as i8 - 8,
    }
}

/// The smallest scale with which `largest` is within the integers.
fn scale_of(largest: f32, format: Quantisation) -> bf16 {
    let range = f32::from(format.largest());
    let mut bits = ((largest / range).to_bits() >> 16) as u16; // rounded down
    while bf16::from_bits(bits).to_f32() * range < largest {
        bits += 1; // the product is exact, so this is soon over
    }
    bf16::from_bits(bits)
}

fn divisor(scale: bf16) -> f32 {
    if scale == bf16::ZERO { 1.0 } else { scale.to_f32() }
}

/// The nearest integer to a number below 2^22, as two's complement; of two the even one.
fn nearest(x: f32) -> u8 {
    const ONE_AND_A_HALF: f32 = (3 << 22) as f32; // its last digit counts as 1
    (x + ONE_AND_A_HALF).to_bits() as u8
}

/// The weights of a matrix, tile by tile: the scales of all groups, then their integers as
/// [`Line`]s of four or eight inputs.
pub struct QuantisedTiles {
    pub format: Quantisation,
    n_groups: usize,
    lines: Vec<Line>, // [n_out / TILE][scale_lines + n_groups * group_lines]
}

impl QuantisedTiles {
    /// Zeros for a matrix whose inputs are whole groups.
    pub fn new(format: Quantisation, n_in: usize, n_out: usize) -> Self {
        let n_groups = n_in / GROUP;
        let mut tiles = Self { format, n_groups, lines: Vec::new() };
        let n_lines = n_out.div_ceil(TILE) * tiles.tile_lines();
        tiles.lines = vec![Line([0; LINE]); n_lines];
        tiles
    }

    /// Takes the inputs from `group_idx * GROUP` on; the format is its own.
    pub fn set_group(&mut self, group_idx: usize, group: &Group) {
        let (n_out, n_scales, n_lines) =
            (group.scales.len(), self.scale_lines(), group_lines(self.format));
        let rows: Vec<&[u8]> = group.ints.chunks_exact(n_out).collect();
        let tile_lines = self.tile_lines();
        for (idx, tile) in self.lines.chunks_exact_mut(tile_lines).enumerate() {
            let outputs = idx * TILE..n_out.min((idx + 1) * TILE);
            let (scales, lines) = tile.split_at_mut(n_scales);
            let scales = &mut scales[group_idx / 2].0[group_idx % 2 * SCALE_BYTES..];
            let from = group.scales[outputs.clone()].iter().map(|scale| scale.to_le_bytes());
            scales.as_chunks_mut::<2>().0.iter_mut().zip(from).for_each(|(to, from)| *to = from);
            let lines = lines[group_idx * n_lines..][..n_lines].iter_mut();
            for (line, rows) in lines.zip(rows.as_chunks::<QUAD>().0) {
                let quads = line.0.as_chunks_mut::<QUAD>().0.iter_mut();
                for (quad, o) in quads.zip(outputs.clone()) {
                    let [a, b, c, d] = rows.map(|row| row[o]);
                    *quad = match self.format {
                        Quantisation::Q8 => [a, b, c, d].map(|int| int ^ 128), // adds it
                        Quantisation::Q4 => {
                            [a & 15 | c << 4, a >> 4 | c & 240, b & 15 | d << 4, b >> 4 | d & 240]
                        }
                    };
                }
            }
        }
    }

    /// One tile: all inputs of `TILE` outputs.
    pub fn tile(&self, idx: usize) -> IntTile<'_> {
        let tile_lines = self.tile_lines();
        let tile = &self.lines[idx * tile_lines..(idx + 1) * tile_lines];
        let (scales, ints) = tile.split_at(self.scale_lines());
        IntTile { scales, ints }
    }

    pub fn n_bytes(&self) -> usize {
        size_of_val(self.lines.as_slice())
    }

    /// The weight from input `i` to output `o`.
    #[cfg(test)]
    pub fn weight(&self, i: usize, o: usize) -> f32 {
        let tile = self.tile(o / TILE);
        use super::simd::{Q4_ABOVE, Q8_ABOVE, scales_of};
        let (group, quad, byte) = (i / GROUP, i % GROUP / QUAD, QUAD * (o % TILE) + i % QUAD);
        let lines = &tile.ints[group * group_lines(self.format)..];
        let int = match self.format {
            Quantisation::Q8 => i32::from(lines[quad].0[byte]) - Q8_ABOVE,
            Quantisation::Q4 => {
                i32::from(lines[quad / 2].0[byte] >> (4 * (quad % 2)) & 15) - Q4_ABOVE
            }
        };
        int as f32 * scales_of(tile, group)[o % TILE]
    }

    fn scale_lines(&self) -> usize {
        (self.n_groups * SCALE_BYTES).div_ceil(LINE)
    }

    fn tile_lines(&self) -> usize {
        self.scale_lines() + self.n_groups * group_lines(self.format)
    }
}

/// Lines of a tile's integers of one group.
const fn group_lines(format: Quantisation) -> usize {
    match format {
        Quantisation::Q8 => Q8_LINES,
        Quantisation::Q4 => Q4_LINES,
    }
}

#[cfg(test)]
mod tests;
