//! Products in every form and shape.

use super::*;
use crate::jukebox::crew::{Crew, Urgency};
use crate::jukebox::kernels::filling::{FillingMatrix, Rows};
use crate::jukebox::kernels::float_matrix::FloatMatrix;
use crate::jukebox::kernels::precision::Precision;

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 % 1013) as f32 - 506.0) / 506.0).collect()
}

/// A matrix of these weights, `[n_in, n_out]`, and the weights that it holds.
fn matrix(weight: &[f32], bias: &[f32], held_as: Precision) -> (PackedMatrix, Vec<f32>) {
    let n_out = bias.len();
    let mut filling = FillingMatrix::new(weight.len() / n_out, bias.to_vec(), held_as);
    weight.chunks(GROUP * n_out).for_each(|rows| filling.push(Rows::Plain(rows)));
    let matrix = filling.finish().unwrap();
    let held = weight.iter().map(|x| match held_as {
        Precision::F16 => half::f16::from_f32(*x).to_f32(),
        Precision::BF16 => half::bf16::from_f32(*x).to_f32(),
        _ => *x,
    });
    let mut held: Vec<f32> = held.collect();
    if let Tiles::Quantised(tiles) = &matrix.tiles {
        let at = |idx| tiles.weight(idx / n_out, idx % n_out);
        held = (0..weight.len()).map(at).collect();
    }
    (matrix, held)
}

fn product(matrix: &PackedMatrix, x: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; x.len() / matrix.sides.n_in * matrix.n_out()];
    matrix.multiply(x, &mut Room::default(), &mut y);
    y
}

#[test]
fn products_are_those_with_the_weights_that_are_held_for_any_shape() {
    for held_as in Precision::ALL {
        for (b, n_in, n_out) in [(1, 32, 1), (1, 320, 40), (2, 37, 33), (3, 96, 30), (101, 64, 70)]
        {
            let (x, weight, bias) = (numbers(b * n_in), numbers(n_in * n_out), numbers(n_out));
            let (matrix, held) = matrix(&weight, &bias, held_as);

            let y = product(&matrix, &x);

            // a row of integers is off by half a step
            let is_of_ints = matches!(matrix.tiles, Tiles::Quantised(_));
            let off = if is_of_ints { 0.004 * n_in as f32 } else { 1e-4 };
            for (idx, y) in y.iter().enumerate() {
                let (row, o) = (idx / n_out, idx % n_out);
                let products = (0..n_in).map(|i| x[row * n_in + i] * held[i * n_out + o]);
                let want = products.sum::<f32>() + bias[o];
                assert!((want - y).abs() < off, "{held_as:?}, {n_in}: {want} and {y}");
            }
        }
    }
}

#[test]
fn a_row_is_the_same_alone_and_among_others_to_the_bit() {
    for held_as in Precision::ALL {
        let (x, weight, bias) = (numbers(100 * 160), numbers(160 * 40), numbers(40));
        let (matrix, _) = matrix(&weight, &bias, held_as);

        let together = product(&matrix, &x);

        for (x, together) in x.chunks(160).zip(together.chunks(40)) {
            assert_eq!(product(&matrix, x), together, "{held_as:?}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for held_as in Precision::ALL {
        let (weight, x) = (numbers(512 * 700), numbers(50 * 512));
        let (matrix, _) = matrix(&weight, &numbers(700), held_as);
        let few = &x[..3 * 512];

        let [one, three] = [1, 3].map(|n_threads| {
            let mut crew = Crew::new(n_threads, Urgency::Ordinary);
            crew.install(|| (product(&matrix, &x), product(&matrix, few)))
        });

        assert_eq!(one, three, "{held_as:?}");
        assert_eq!(one.1, product(&matrix, few), "nor whether there is a crew");
    }
}

#[test]
fn taps_read_apart_and_rows_may_overlap() {
    for n_out in [2, 40] {
        let weight = numbers(6 * n_out);
        let matrix = FloatMatrix::from_fn(6, &vec![0.0; n_out], |i, o| weight[i * n_out + o]);
        let x = numbers(400);
        let reading = Reading { row_stride: 2, tap_stride: 8, n_taps: 3 };
        let mut y = vec![1.0; 111 * n_out];

        matrix.multiply_rows(&x, reading, Finish::Add, &mut y);

        for (row, y) in y.chunks_exact(n_out).enumerate() {
            let inputs = [0, 1, 8, 9, 16, 17].map(|offset| x[2 * row + offset]);
            for (o, y) in y.iter().enumerate() {
                let want: f32 = (0..6).map(|i| inputs[i] * weight[i * n_out + o]).sum();
                assert!((y - 1.0 - want).abs() < 1e-5);
            }
        }
    }
}
