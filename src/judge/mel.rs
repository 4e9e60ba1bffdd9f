//! Loudness in bands as an ear spaces them.

use super::spectrum::Stft;

/// Triangular bands on the mel scale, over the spectra of an [`Stft`].
pub struct Mel {
    stft: Stft,
    /// First bin and the weights from there on.
    bands: Vec<(usize, Vec<f32>)>,
}

fn mel(hz: f64) -> f64 {
    2595.0 * (1.0 + hz / 700.0).log10()
}

fn hz(mel: f64) -> f64 {
    700.0 * (10f64.powf(mel / 2595.0) - 1.0)
}

impl Mel {
    /// `n_bands` from `lowest_hz` to `highest_hz`, or as high as `rate` goes.
    pub fn new(
        rate: f64,
        (n_fft, hop): (usize, usize),
        n_bands: usize,
        (lowest_hz, highest_hz): (f64, f64),
    ) -> Self {
        let (low, high) = (mel(lowest_hz), mel(highest_hz.min(0.48 * rate)));
        let step = (high - low) / (n_bands + 1) as f64;
        let bin_of = |edge: usize| hz(low + edge as f64 * step) * n_fft as f64 / rate;
        let band = |idx: usize| {
            let (from, centre, to) = (bin_of(idx), bin_of(idx + 1), bin_of(idx + 2));
            // a band narrower than a bin still gets the nearest one
            let (first, last) = (from.ceil().min(centre.round()), to.floor().max(centre.round()));
            let weight = |bin: f64| {
                let rise = (bin - from) / (centre - from);
                let fall = (to - bin) / (to - centre);
                rise.min(fall).max(if bin == centre.round() { 0.5 } else { 0.0 }) as f32
            };
            let last = (last as usize).min(n_fft / 2);
            (first as usize, (first as usize..=last).map(|bin| weight(bin as f64)).collect())
        };
        Self { stft: Stft::new(n_fft, hop), bands: (0..n_bands).map(band).collect() }
    }

    pub fn n_bands(&self) -> usize {
        self.bands.len()
    }

    /// Power of each band, window after window: `[windows][bands]`.
    pub fn powers(&self, audio: &[f32]) -> Vec<Vec<f32>> {
        let mut windows = Vec::with_capacity(self.stft.n_windows(audio.len()));
        self.stft.each(audio, |magnitudes| {
            let band = |(first, weights): &(usize, Vec<f32>)| {
                let bins = magnitudes[*first..].iter().zip(weights);
                bins.map(|(magnitude, weight)| magnitude * magnitude * weight).sum()
            };
            windows.push(self.bands.iter().map(band).collect());
        });
        windows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_is_loudest_in_the_band_around_it() {
        let mel = Mel::new(44_100.0, (2048, 512), 40, (40.0, 16_000.0));
        let sine = |i: usize| (std::f64::consts::TAU * 1000.0 * i as f64 / 44_100.0).sin() as f32;

        let powers = mel.powers(&(0..8192).map(sine).collect::<Vec<_>>());

        let loudest = (0..40).max_by(|a, b| powers[0][*a].total_cmp(&powers[0][*b])).unwrap();
        let (low, high) = (super::mel(40.0), super::mel(16_000.0));
        let centre = hz(low + (loudest + 1) as f64 * (high - low) / 41.0);
        assert!((centre - 1000.0).abs() < 60.0, "{centre} Hz");
    }

    #[test]
    fn every_band_hears_something_even_where_bins_are_wider() {
        let mel = Mel::new(44_100.0, (512, 128), 64, (30.0, 16_000.0));

        assert!(mel.bands.iter().all(|(_, weights)| weights.iter().sum::<f32>() > 0.0));
    }
}
