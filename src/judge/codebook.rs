//! How much of a codebook is used.

/// The perplexity of the codes as a share of the codebook: 1 where all come equally often.
///
/// Codes that the book does not have are left out; of none the share is 0.
pub fn codebook_use(codes: &[u32], n_bins: usize) -> f64 {
    let mut counts = vec![0u64; n_bins];
    for code in codes {
        if let Some(count) = counts.get_mut(*code as usize) {
            *count += 1;
        }
    }
    let n_codes = counts.iter().sum::<u64>() as f64;
    if n_codes == 0.0 {
        return 0.0;
    }
    let shares = counts.iter().filter(|count| **count > 0).map(|count| *count as f64 / n_codes);
    let nats: f64 = shares.map(|share| -share * share.ln()).sum();
    nats.exp() / n_bins as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_come_equally_often_use_their_share_of_the_book() {
        let half: Vec<u32> = (0..800).map(|i| i % 8).collect();

        assert!((codebook_use(&half, 16) - 0.5).abs() < 1e-12);
        assert!((codebook_use(&[3; 100], 16) - 1.0 / 16.0).abs() < 1e-12);
        assert_eq!(codebook_use(&[], 16), 0.0);
    }
}
