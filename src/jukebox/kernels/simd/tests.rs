//! What every processor must agree on.

use super::*;
use crate::jukebox::kernels::quantised::{GROUP, Group, Quantisation, QuantisedTiles};

const N_IN: usize = 5 * GROUP;
const FORMATS: [Quantisation; 2] = [Quantisation::Q8, Quantisation::Q4];

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 % 1013) as f32 - 506.0) / 506.0).collect()
}

fn all() -> impl Iterator<Item = &'static Products> {
    Cpu::available().map(Cpu::products)
}

/// Whether two of them round alike: those that multiply and add at once.
fn are_equals(a: &Products, b: &Products) -> bool {
    (a.cpu == Cpu::Portable) == (b.cpu == Cpu::Portable)
}

#[track_caller]
fn assert_alike(a: &[f32], b: &[f32], to_the_bit: bool) {
    match to_the_bit {
        true => assert_eq!(a, b),
        false => assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4), "{a:?} {b:?}"),
    }
}

#[test]
fn products_are_those_of_the_processor_that_was_asked_for() {
    for cpu in Cpu::available() {
        assert_eq!(cpu.products().cpu, cpu);
    }
    let asked = std::env::var(ASKED).ok();
    let named = asked.and_then(|asked| Cpu::available().find(|cpu| cpu.name() == asked));
    assert_eq!(products().cpu, named.unwrap_or(Cpu::available().next().unwrap()));
}

#[test]
fn every_processor_gives_the_same_product_of_floats_and_widens_halves_exactly() {
    for (n_in, n_rows) in [(1, 1), (4, 2), (101, 7), (384, 13)] {
        let x = numbers(n_rows * n_in);
        let rows: Vec<_> = x.chunks_exact(n_in).collect();
        let tile = numbers(n_in * TILE);
        let f16s: Vec<_> = tile.iter().copied().map(f16::from_f32).collect();
        let bf16s: Vec<_> = tile.iter().copied().map(bf16::from_f32).collect();
        let of_f16s: Vec<_> = f16s.iter().map(|half| half.to_f32()).collect();
        let of_bf16s: Vec<_> = bf16s.iter().map(|half| half.to_f32()).collect();
        for one in all() {
            let run = |product: &dyn Fn(&mut [[f32; 2 * TILE]])| {
                let mut sums = vec![[0.5; 2 * TILE]; n_rows];
                product(&mut sums);
                sums
            };
            let of =
                |products: &Products, tile| run(&|sums| (products.f32)(&rows, [tile; 2], sums));

            assert_eq!(run(&|sums| (one.f16)(&rows, [&f16s; 2], sums)), of(one, &of_f16s));
            assert_eq!(run(&|sums| (one.bf16)(&rows, [&bf16s; 2], sums)), of(one, &of_bf16s));
            for other in all() {
                let (a, b) = (of(one, &tile), of(other, &tile));
                let to_the_bit = are_equals(one, other);
                assert_alike(a.as_flattened(), b.as_flattened(), to_the_bit);
            }
            let together = of(one, &tile);
            for (row, together) in rows.iter().zip(together) {
                let mut alone = [[0.5; 2 * TILE]];
                (one.f32)(&[row], [&tile; 2], &mut alone);
                assert_eq!(alone[0], together, "a row is the same alone and among others");
            }
        }
    }
}

#[test]
fn every_half_that_there_is_is_widened_exactly() {
    let alike = |a: &f32, b: &f32| a == b || a.is_nan() && b.is_nan();
    let bits: Vec<u16> = (0..=u16::MAX).collect();
    for bits in bits.as_chunks::<TILE>().0 {
        let (f16s, bf16s) = (bits.map(f16::from_bits), bits.map(bf16::from_bits));
        let (want_f16s, want_bf16s) = (f16s.map(f16::to_f32), bf16s.map(bf16::to_f32));
        for products in all() {
            let (mut of_f16s, mut of_bf16s) = ([[0.0; 2 * TILE]], [[0.0; 2 * TILE]]);

            (products.f16)(&[&[1.0]], [&f16s; 2], &mut of_f16s);
            (products.bf16)(&[&[1.0]], [&bf16s; 2], &mut of_bf16s);

            assert!(of_f16s[0][..TILE].iter().zip(&want_f16s).all(|(a, b)| alike(a, b)));
            assert!(of_bf16s[0][TILE..].iter().zip(&want_bf16s).all(|(a, b)| alike(a, b)));
        }
    }
}

/// A row as integers.
struct Ints {
    quads: Vec<i32>,
    scales: Vec<f32>,
    sums: Vec<i32>,
}

impl Ints {
    fn new(products: &Products, x: &[f32]) -> Self {
        let n_groups = x.len() / GROUP;
        let mut ints = Self {
            quads: vec![0; n_groups * QUADS],
            scales: vec![0.0; n_groups],
            sums: vec![0; n_groups],
        };
        (products.quantise)(x, &mut ints.quads, &mut ints.scales, &mut ints.sums);
        ints
    }

    fn row(&self) -> IntRow<'_> {
        IntRow { quads: &self.quads, scales: &self.scales, sums: &self.sums }
    }

    fn at(&self, i: usize) -> f32 {
        let byte = self.quads[i / 4].to_le_bytes()[i % 4];
        f32::from(byte as i8) * self.scales[i / GROUP]
    }
}

#[test]
fn rows_become_the_same_integers_everywhere_and_lose_half_a_step_at_most() {
    let mut x = numbers(N_IN);
    x[GROUP..2 * GROUP].fill(0.0);
    x[2 * GROUP..3 * GROUP].iter_mut().for_each(|x| *x *= 1e-20);
    x[3 * GROUP..4 * GROUP].iter_mut().for_each(|x| *x *= 1e-40);
    for products in all() {
        let (ints, first) = (Ints::new(products, &x), Ints::new(Cpu::Portable.products(), &x));

        assert_eq!((&ints.quads, &ints.sums), (&first.quads, &first.sums));
        assert_eq!(ints.scales, first.scales);
        for (i, x) in x.iter().enumerate() {
            let half_a_step = 0.501 * ints.scales[i / GROUP];
            assert!((ints.at(i) - x).abs() <= half_a_step.max(1e-30), "{x} at {i}");
        }
    }
}

#[test]
fn a_number_that_is_none_makes_the_products_none() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut x = numbers(N_IN);
        x[70] = bad;
        for products in all() {
            let ints = Ints::new(products, &x);
            let tiles = tiles(Quantisation::Q8);
            let mut sums = [[0.0; TILE]];
            (products.q8)(&[ints.row()], tiles.tile(0), &mut sums);

            assert!(sums[0].iter().all(|sum| sum.is_nan()), "{bad} with {:?}", products.cpu);
        }
    }
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
fn products_of_integers_are_exact_and_the_same_everywhere_for_any_number_of_rows() {
    for format in FORMATS {
        let tiles = tiles(format);
        for n_rows in [1, 2, 3, 7, 8, 19] {
            let all_rows: Vec<_> = (0..n_rows)
                .map(|row| numbers(N_IN + 31 * row)[31 * row..].to_vec())
                .map(|x| Ints::new(Cpu::Portable.products(), &x))
                .collect();
            let rows: Vec<_> = all_rows.iter().map(Ints::row).collect();
            let run = |products: &Products| {
                let mut sums = vec![[1.0; TILE]; n_rows];
                let product = match format {
                    Quantisation::Q8 => products.q8,
                    Quantisation::Q4 => products.q4,
                };
                product(&rows, tiles.tile(0), &mut sums);
                sums
            };

            let portable = run(Cpu::Portable.products());

            assert!(all().all(|products| run(products) == portable), "{format:?}, {n_rows} rows");
            for (ints, sums) in all_rows.iter().zip(&portable) {
                for (o, sum) in sums.iter().enumerate() {
                    let want: f32 = (0..N_IN).map(|i| ints.at(i) * tiles.weight(i, o)).sum();
                    assert!((sum - want).abs() < 1e-4, "{sum} and {want}");
                }
            }
        }
    }
}

#[test]
fn the_largest_integers_do_not_overflow() {
    for (format, sign) in FORMATS.into_iter().flat_map(|format| [(format, 1.0), (format, -1.0)]) {
        let largest = sign * f32::from(format.largest());
        let mut tiles = QuantisedTiles::new(format, GROUP, TILE);
        let mut group = Group::new(format, TILE);
        group.quantise(&[-largest; GROUP * TILE]);
        tiles.set_group(0, &group);
        let ints = Ints::new(products(), &[127.0; GROUP]);
        for products in all() {
            let mut sums = [[0.0; TILE]];
            let product = match format {
                Quantisation::Q8 => products.q8,
                Quantisation::Q4 => products.q4,
            };
            product(&[ints.row()], tiles.tile(0), &mut sums);

            assert_eq!(sums[0], [-largest * 127.0 * GROUP as f32; TILE]);
        }
    }
}
