//! The spectrogram of a picture: levels over time and mel-spaced frequency, and their colours.

use realfft::RealFftPlanner;

/// Samples that one spectrum looks at.
const FFT_FRAMES: usize = 4096;
/// Spectra averaged in one column, at most.
const MAX_SPECTRA: usize = 8;
/// Below this everything is drawn as silence, in dB.
const FLOOR_DB: f32 = -140.0;

/// Levels in dBFS (a full-scale sine is 0), one column of `n_rows` per step in time.
pub struct Spectrogram {
    pub columns: Vec<Vec<f32>>,
    pub loudest_db: f32,
}

impl Spectrogram {
    /// Cuts `samples` into `n_columns` and looks at each; row 0 is the lowest frequency.
    pub fn new(samples: &[f32], rate: f64, n_columns: usize, n_rows: usize) -> Self {
        let n_bins = FFT_FRAMES / 2 + 1;
        let edges: Vec<f64> = (0..=n_rows)
            .map(|row| hz_at(row as f64 / n_rows as f64, rate) / (rate / FFT_FRAMES as f64))
            .collect();
        let mut spectra = Spectra::new();
        let column_frames = samples.len() as f64 / n_columns as f64;
        let n_spectra = (2.0 * column_frames / FFT_FRAMES as f64).ceil() as usize;
        let n_spectra = n_spectra.clamp(1, MAX_SPECTRA);

        let mut power = vec![0.0; n_bins];
        let columns: Vec<Vec<f32>> = (0..n_columns)
            .map(|column| {
                power.fill(0.0);
                for i in 0..n_spectra {
                    let place = column as f64 + (i as f64 + 0.5) / n_spectra as f64;
                    spectra.add(samples, (place * column_frames) as usize, &mut power);
                }
                power.iter_mut().for_each(|p| *p /= n_spectra as f32);
                edges.windows(2).map(|edge| row_db(&power, edge[0], edge[1])).collect()
            })
            .collect();
        let loudest_db = columns.iter().flatten().copied().fold(FLOOR_DB, f32::max);
        Self { columns, loudest_db }
    }
}

/// Frequency at a height from 0 (bottom) to 1 (half the sample rate), mel-spaced.
pub fn hz_at(height: f64, rate: f64) -> f64 {
    700.0 * (10f64.powf(height * mel(rate / 2.0) / 2595.0) - 1.0)
}

/// Inverse of [`hz_at`].
pub fn height_of(hz: f64, rate: f64) -> f64 {
    mel(hz) / mel(rate / 2.0)
}

fn mel(hz: f64) -> f64 {
    2595.0 * (1.0 + hz / 700.0).log10()
}

/// Colour of a level from 0 (silent) to 1 (loudest): *inferno*, each step lighter than the last.
pub fn colour(level: f32) -> [u8; 3] {
    const STOPS: [[u8; 3]; 10] = [
        [0, 0, 4],
        [27, 12, 66],
        [75, 12, 107],
        [120, 28, 109],
        [165, 44, 96],
        [207, 68, 70],
        [237, 105, 37],
        [251, 154, 6],
        [247, 208, 60],
        [252, 255, 164],
    ];
    let place = level.clamp(0.0, 1.0) * (STOPS.len() - 1) as f32;
    let idx = (place as usize).min(STOPS.len() - 2);
    let share = place - idx as f32;
    let mix = |a: u8, b: u8| (f32::from(a) + share * (f32::from(b) - f32::from(a))).round() as u8;
    std::array::from_fn(|c| mix(STOPS[idx][c], STOPS[idx + 1][c]))
}

/// The strongest bin of a row; between two bins where a row is narrower than one.
fn row_db(power: &[f32], from_bin: f64, to_bin: f64) -> f32 {
    let (first, last) = (from_bin.ceil() as usize, to_bin.floor() as usize);
    let strongest = if first <= last {
        power[first..=last.min(power.len() - 1)].iter().copied().fold(0.0, f32::max)
    } else {
        let place = 0.5 * (from_bin + to_bin);
        let idx = (place as usize).min(power.len() - 2);
        let share = (place - idx as f64) as f32;
        power[idx] + share * (power[idx + 1] - power[idx])
    };
    (10.0 * strongest.log10()).max(FLOOR_DB)
}

/// Windowed power spectra.
struct Spectra {
    fft: std::sync::Arc<dyn realfft::RealToComplex<f32>>,
    window: Vec<f32>,
    input: Vec<f32>,
    output: Vec<realfft::num_complex::Complex<f32>>,
}

impl Spectra {
    fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(FFT_FRAMES);
        let hann = |i: usize| {
            let turn = std::f64::consts::TAU * i as f64 / FFT_FRAMES as f64;
            // Scaled so that a full-scale sine has power 1.
            (0.5 - 0.5 * turn.cos()) as f32 * 4.0 / FFT_FRAMES as f32
        };
        let window = (0..FFT_FRAMES).map(hann).collect();
        let (input, output) = (fft.make_input_vec(), fft.make_output_vec());
        Self { fft, window, input, output }
    }

    /// Adds the spectrum around `centre`; beyond the ends there is silence.
    fn add(&mut self, samples: &[f32], centre: usize, power: &mut [f32]) {
        for (i, (x, w)) in self.input.iter_mut().zip(&self.window).enumerate() {
            let frame = (centre + i).checked_sub(FFT_FRAMES / 2);
            let sample = frame.and_then(|frame| samples.get(frame)).copied().unwrap_or(0.0);
            *x = sample * w;
        }
        if self.fft.process(&mut self.input, &mut self.output).is_ok() {
            power.iter_mut().zip(&self.output).for_each(|(p, x)| *p += x.norm_sqr());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_is_brightest_at_its_own_frequency_and_as_loud_as_it_is() {
        let rate = 44_100.0;
        let half = |i: usize| 0.5 * (std::f64::consts::TAU * 1000.0 * i as f64 / rate).sin() as f32;
        let sine: Vec<f32> = (0..44_100).map(half).collect();

        let picture = Spectrogram::new(&sine, rate, 10, 200);

        let middle = &picture.columns[5];
        let brightest = (0..200).max_by(|a, b| middle[*a].total_cmp(&middle[*b])).unwrap();
        let hz = hz_at((brightest as f64 + 0.5) / 200.0, rate);
        assert!((hz - 1000.0).abs() < 30.0, "{hz} Hz");
        assert!((picture.loudest_db + 6.0).abs() < 1.0, "{} dB", picture.loudest_db);
    }

    #[test]
    fn louder_is_always_lighter() {
        let lightness = |i: u16| {
            let [r, g, b] = colour(f32::from(i) / 255.0).map(f32::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };

        assert!((1..256).all(|i| lightness(i) >= lightness(i - 1)));
    }

    #[test]
    fn heights_and_frequencies_are_inverse() {
        for hz in [0.0, 100.0, 5_000.0, 22_050.0] {
            assert!((hz_at(height_of(hz, 44_100.0), 44_100.0) - hz).abs() < 1e-6);
        }
    }
}
