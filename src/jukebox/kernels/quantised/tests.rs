//! What integers keep of weights.

use super::*;

/// Weights of every size, some groups of nothing but zeros.
fn weights(n_out: usize) -> Vec<f32> {
    let weight = |i: usize| {
        let size = 10f32.powi((i % n_out) as i32 % 60 - 45);
        size * ((i * 7919 % 2027) as f32 - 1013.0) * f32::from(!(i % n_out).is_multiple_of(5))
    };
    (0..GROUP * n_out).map(weight).collect()
}

#[test]
fn a_weight_is_off_by_at_most_half_a_scale_and_nothing_is_cut_off() {
    let n_out = 121;
    let weights = weights(n_out);
    for format in [Quantisation::Q8, Quantisation::Q4] {
        let (mut group, mut again) = (Group::new(format, n_out), vec![0.0; weights.len()]);

        group.quantise(&weights);
        group.dequantise(&mut again);

        for (idx, (before, after)) in weights.iter().zip(&again).enumerate() {
            let scale = group.scales[idx % n_out].to_f32();
            assert!((before - after).abs() <= 0.5001 * scale, "{before} became {after}");
            let int = int_at(format, &group.ints, n_out, idx / n_out, idx % n_out);
            assert!(int.unsigned_abs() <= format.largest(), "{int}");
        }
        let zeros = (0..n_out).filter(|o| o % 5 == 0);
        assert!(zeros.into_iter().all(|o| group.scales[o] == bf16::ZERO));
    }
}

#[test]
fn scales_are_no_larger_than_they_must_be() {
    for format in [Quantisation::Q8, Quantisation::Q4] {
        for largest in [1e-40, 1e-20, 0.3, 1.0, 127.0, 1e30, f32::MAX] {
            let scale = scale_of(largest, format);

            let range = f32::from(format.largest());
            let below = bf16::from_bits(scale.to_bits() - 1).to_f32();
            assert!(largest <= scale.to_f32() * range && below * range < largest);
        }
    }
}

#[test]
fn tiles_hold_the_weights_of_their_groups() {
    let n_out = 21; // not a whole number of tiles
    for format in [Quantisation::Q8, Quantisation::Q4] {
        let (mut group, mut rows) = (Group::new(format, n_out), vec![0.0; GROUP * n_out]);
        group.quantise(&weights(n_out));
        group.dequantise(&mut rows);
        let mut tiles = QuantisedTiles::new(format, 3 * GROUP, n_out);

        tiles.set_group(1, &group);

        for (idx, weight) in rows.iter().enumerate() {
            let (i, o) = (idx / n_out, idx % n_out);
            assert_eq!(tiles.weight(GROUP + i, o), *weight);
            assert_eq!(tiles.weight(2 * GROUP + i, o), 0.0);
        }
    }
}
