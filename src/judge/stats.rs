//! Means, medians and correlations.

/// The mean; 0 of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The root of the mean squared distance from the mean; 0 of nothing.
pub fn deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    let sum: f64 = values.iter().map(|x| (x - centre).powi(2)).sum();
    (sum / values.len().max(1) as f64).sqrt()
}

/// The value in the middle, or the mean of the two there; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n.is_multiple_of(2) => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
        n => sorted[n / 2],
    }
}

/// Pearson's correlation; 0 where either does not vary.
pub fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let products = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b));
    let covariance = products.sum::<f64>() / a.len().max(1) as f64;
    let scale = deviation(a) * deviation(b);
    if scale > 0.0 { covariance / scale } else { 0.0 }
}

/// The share of what is true; NaN of nothing.
pub fn share(of: impl IntoIterator<Item = bool>) -> f64 {
    let (mut n, mut n_true) = (0, 0);
    for is_true in of {
        n += 1;
        n_true += usize::from(is_true);
    }
    f64::from(n_true as u32) / f64::from(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn correlation_is_one_for_what_rises_together_and_nothing_for_what_stands_still() {
        let rising = [1.0, 2.0, 3.0, 5.0];

        assert!((correlation(&rising, &rising.map(|x| 7.0 + 2.0 * x)) - 1.0).abs() < 1e-12);
        assert!((correlation(&rising, &rising.map(|x| -x)) + 1.0).abs() < 1e-12);
        assert_eq!(correlation(&rising, &[2.0; 4]), 0.0);
    }

    #[test]
    fn shares_count_what_is_true() {
        assert_eq!(share([true, false, true, true]), 0.75);
    }
}
