//! Where notes and strokes begin: how much louder the bands of a sound become, over time.

use super::mel::Mel;

const FFT_FRAMES: usize = 1024;
const HOP_FRAMES: usize = 256;
const N_BANDS: usize = 24;
const HEARD_HZ: (f64, f64) = (40.0, 14_000.0);
/// How far quiet sounds count beside loud ones.
const COMPRESSION: f32 = 100.0;
/// The mean over this much to either side is taken off, in seconds.
const AROUND_SECONDS: f64 = 0.4;

/// Strength of what begins, at [`Onsets::rate`] values a second.
#[derive(Debug, Clone)]
pub struct Onsets {
    pub strengths: Vec<f64>,
    pub rate: f64,
}

impl Onsets {
    /// Of audio at `rate`, however loud it is as a whole.
    pub fn new(audio: &[f32], rate: f64) -> Self {
        let powers = Mel::new(rate, (FFT_FRAMES, HOP_FRAMES), N_BANDS, HEARD_HZ).powers(audio);
        let sum: f64 = powers.iter().flatten().map(|power| f64::from(*power)).sum();
        let mean = (sum / (powers.len() * N_BANDS).max(1) as f64).max(1e-12) as f32;
        let loud = |power: &f32| (1.0 + COMPRESSION * power / mean).ln();
        let loud: Vec<Vec<f32>> = powers.iter().map(|of| of.iter().map(loud).collect()).collect();
        let rise = |pair: &[Vec<f32>]| -> f64 {
            pair[1]
                .iter()
                .zip(&pair[0])
                .map(|(now, before)| f64::from((now - before).max(0.0)))
                .sum()
        };
        let rises: Vec<f64> = std::iter::once(0.0).chain(loud.windows(2).map(rise)).collect();
        let rate = rate / HOP_FRAMES as f64;
        Self { strengths: above_surroundings(&rises, (AROUND_SECONDS * rate) as usize), rate }
    }

    /// How alike the strengths are to themselves this many values later, for `0..=max_lag`: 1 at no lag,
    /// 0 where they have nothing in common.
    pub fn self_likeness(&self, max_lag: usize) -> Vec<f64> {
        let n = self.strengths.len();
        let mean = self.strengths.iter().sum::<f64>() / n.max(1) as f64;
        let centred: Vec<f64> = self.strengths.iter().map(|x| x - mean).collect();
        let at = |lag: usize| {
            let later = centred.get(lag..).unwrap_or_default();
            let products: f64 = centred.iter().zip(later).map(|(a, b)| a * b).sum();
            products / later.len().max(1) as f64
        };
        let whole = at(0).max(1e-12);
        (0..=max_lag).map(|lag| at(lag) / whole).collect()
    }
}

/// What rises above the mean of `n_around` values to either side; the rest is 0.
fn above_surroundings(values: &[f64], n_around: usize) -> Vec<f64> {
    let mut sums = vec![0.0];
    for value in values {
        sums.push(sums[sums.len() - 1] + value);
    }
    let above = |i: usize| {
        let (from, to) = (i.saturating_sub(n_around), values.len().min(i + n_around + 1));
        (values[i] - (sums[to] - sums[from]) / (to - from) as f64).max(0.0)
    };
    (0..values.len()).map(above).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_are_onsets_and_the_rest_is_none() {
        let mut audio = vec![0.0; 44_100];
        for at in [11_025, 33_075] {
            audio[at..at + 64].fill(0.8);
        }

        let onsets = Onsets::new(&audio, 44_100.0);

        let strongest = onsets.strengths.iter().copied().fold(0.0, f64::max);
        let seconds = |i: usize| (i * HOP_FRAMES + FFT_FRAMES / 2) as f64 / 44_100.0;
        for (i, strength) in
            onsets.strengths.iter().enumerate().filter(|(_, s)| **s > 0.3 * strongest)
        {
            let at = seconds(i);
            let nearest = [0.25, 0.75].map(|click: f64| (click - at).abs());
            assert!(nearest[0].min(nearest[1]) < 0.02, "{strength} at {at} s");
        }
    }

    #[test]
    fn loudness_changes_no_onset() {
        let audio: Vec<f32> = (0..44_100)
            .map(|i| ((i / 3000) as f32 * 1.7).sin() * ((i as f32) * 0.07).sin())
            .collect();
        let quiet: Vec<f32> = audio.iter().map(|x| 0.01 * x).collect();

        let (loud, quiet) = (Onsets::new(&audio, 44_100.0), Onsets::new(&quiet, 44_100.0));

        let pairs = loud.strengths.iter().zip(&quiet.strengths);
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-2));
    }
}
