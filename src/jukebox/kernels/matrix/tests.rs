//! Products in every form and shape.

use super::*;
use crate::jukebox::kernels::filling::{FillingMatrix, Rows};
use crate::jukebox::kernels::quantised::{GROUP, Quantisation};

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 % 1013) as f32 - 506.0) / 506.0).collect()
}

#[test]
fn products_are_the_textbook_ones_for_any_shape() {
    for (b, n_in, n_out) in [(1, 1, 1), (1, 37, 40), (2, 16, 33), (3, 102, 30), (101, 8, 70)] {
        let (x, weight, bias) = (numbers(b * n_in), numbers(n_in * n_out), numbers(n_out));
        let matrix = PackedMatrix::from_fn(n_in, &bias, |i, o| weight[i * n_out + o]);
        let reading = Reading { row_stride: n_in, tap_stride: 0, n_taps: 1 };
        let (mut few, mut many) = (vec![0.0; b * n_out], vec![0.0; b * n_out]);

        matrix.multiply(&x, &mut few);
        matrix.multiply_rows(&x, reading, Finish::Write, &mut many);

        for (idx, (few, many)) in few.iter().zip(&many).enumerate() {
            let (row, o) = (idx / n_out, idx % n_out);
            let products = (0..n_in).map(|i| x[row * n_in + i] * weight[i * n_out + o]);
            let want = products.sum::<f32>() + bias[o];
            assert!((want - few).abs() < 1e-4 && (want - many).abs() < 1e-4);
        }
    }
}

#[test]
fn taps_read_apart_and_rows_may_overlap() {
    let weight = numbers(6 * 2);
    let matrix = PackedMatrix::from_fn(6, &[0.0; 2], |i, o| weight[i * 2 + o]);
    let x = numbers(40);
    let reading = Reading { row_stride: 2, tap_stride: 8, n_taps: 3 };
    let mut y = vec![1.0; 11 * 2];

    matrix.multiply_rows(&x, reading, Finish::Add, &mut y);

    for (i, y) in y.chunks_exact(2).enumerate() {
        let inputs = [0, 1, 8, 9, 16, 17].map(|offset| x[2 * i + offset]);
        let mut want = [0.0; 2];
        matrix.multiply(&inputs, &mut want);
        assert!((y[0] - 1.0 - want[0]).abs() < 1e-5 && (y[1] - 1.0 - want[1]).abs() < 1e-5);
    }
}

#[test]
fn quantised_products_are_those_with_the_weights_that_are_held() {
    for (n_in, n_out, format) in
        [(32, 5, Quantisation::Q8), (320, 40, Quantisation::Q8), (160, 33, Quantisation::Q4)]
    {
        let (x, weight, bias) = (numbers(100 * n_in), numbers(n_in * n_out), numbers(n_out));
        let mut matrix = FillingMatrix::new(n_in, bias.clone(), Some(format));
        let rows = weight.chunks(GROUP * n_out);
        rows.for_each(|rows| matrix.push(Rows::Plain(rows)));
        let matrix = matrix.finish().unwrap();
        let (mut few, mut many) = (vec![0.0; 100 * n_out], vec![0.0; 100 * n_out]);

        matrix.multiply(&x, &mut few);
        matrix.multiply_all(&x, &mut many);

        for o in 0..n_out {
            let mut held = vec![0.0; n_in];
            matrix.add_weights_of(o, &mut held);
            for (row, x) in x.chunks(n_in).enumerate() {
                let want = x.iter().zip(&held).map(|(x, w)| x * w).sum::<f32>() + bias[o];
                let (few, many) = (few[row * n_out + o], many[row * n_out + o]);
                assert!((want - few).abs() < 1e-3 && (want - many).abs() < 1e-3);
            }
        }
        let mut alone = vec![0.0; n_out];
        matrix.multiply(&x[..n_in], &mut alone);
        assert_eq!(alone, few[..n_out], "a row is the same alone and among others");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let weight = numbers(64 * 48);
    let matrix = PackedMatrix::from_fn(64, &numbers(48), |i, o| weight[i * 48 + o]);
    let reading = Reading { row_stride: 64, tap_stride: 0, n_taps: 1 };
    let x = numbers(500 * 64);

    let large = PackedMatrix::from_fn(64, &[0.0; 5000], |i, o| weight[i] * o as f32);

    let [one, three] = [1, 3].map(|n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let (mut y, mut shared) = (vec![0.0; 500 * 48], vec![0.0; 5000]);
        pool.install(|| matrix.multiply_rows(&x, reading, Finish::WriteRelu, &mut y));
        pool.install(|| large.multiply(&x[..64], &mut shared));
        (y, shared)
    });
    let mut alone = vec![0.0; 5000];
    large.multiply(&x[..64], &mut alone);

    assert_eq!(one, three);
    assert_eq!(one.1, alone, "nor whether a row is shared out");
}
