//! How audible it is that something else begins somewhere: places in audio, against the rest of it.

use realfft::RealFftPlanner;
use serde::{Deserialize, Serialize};

use super::measure::rms_db;
use crate::units::frames_from_seconds;

/// What is compared in loudness on either side of a place.
const LOUDNESS_SECONDS: f64 = 0.05;
/// What is compared in spectrum on either side of a place, roughly.
const SPECTRUM_SECONDS: f64 = 0.023;
/// Below this everything is as loud, in dB.
const FLOOR_DB: f64 = -100.0;
/// Places elsewhere that are looked at, at most.
const N_ELSEWHERE: usize = 512;
/// Amplitude below which a spectrum's changes count for little, as a share of full scale.
const FAINT: f32 = 1e-5;

/// What changes at some seams of a piece of audio, and what changes elsewhere in it. Inaudible seams are as
/// other places are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeamFigures {
    pub n_seams: usize,
    /// Step in level at a seam, up or down, in dB: the median over the seams.
    pub level_step_db: f64,
    /// The same at places elsewhere.
    pub level_step_db_elsewhere: f64,
    /// How far the spectrum's change at a seam is above its mean change elsewhere, in standard deviations: the
    /// median over the seams.
    pub flux_z: f64,
    /// The same of the seam at which it changes most.
    pub highest_flux_z: f64,
}

/// Looks at `seams`, in frames of `samples`, but for those too close to an end to have something on either side;
/// none where there are no others.
///
/// A step in level is that from the root mean square of the 50 ms before to that of the 50 ms after; a change of
/// spectrum is the share of the magnitudes of about 23 ms before and after that differs, from 0 to 1.
pub fn measure(samples: &[f32], rate: f64, seams: &[usize]) -> Option<SeamFigures> {
    let n_loud = frames_from_seconds(LOUDNESS_SECONDS, rate).max(1);
    let spectra = Spectra::new(frames_from_seconds(SPECTRUM_SECONDS, rate));
    let n_apart = n_loud.max(spectra.n_frames);
    let has_room = |seam: &usize| n_apart <= *seam && seam + n_apart <= samples.len();
    let seams: Vec<usize> = seams.iter().copied().filter(has_room).collect();
    let elsewhere = elsewhere(samples.len(), n_apart, &seams);
    if seams.is_empty() || elsewhere.is_empty() {
        return None;
    }
    let step = |place: &usize| level_step_db(samples, *place, n_loud);
    let flux =
        |places: &[usize]| places.iter().map(|at| spectra.flux(samples, *at)).collect::<Vec<_>>();
    let (at_seams, usual) = (flux(&seams), flux(&elsewhere));
    let mean = usual.iter().sum::<f64>() / usual.len() as f64;
    let variance = usual.iter().map(|f| (f - mean).powi(2)).sum::<f64>() / usual.len() as f64;
    let deviation = variance.sqrt().max(1e-3); // where nothing changes elsewhere, a thousandth is a change
    let z: Vec<f64> = at_seams.iter().map(|flux| (flux - mean) / deviation).collect();
    Some(SeamFigures {
        n_seams: seams.len(),
        level_step_db: median(seams.iter().map(step).collect()),
        level_step_db_elsewhere: median(elsewhere.iter().map(step).collect()),
        highest_flux_z: z.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        flux_z: median(z),
    })
}

/// Places that have room on both sides and keep away from the seams, unless those are everywhere; strewn over
/// the whole as by chance, and always the same.
fn elsewhere(n_frames: usize, n_apart: usize, seams: &[usize]) -> Vec<usize> {
    const GOLDEN: f64 = 0.618_033_988_749_894_9; // multiples of it fill the unit interval evenly
    let Some(room) = n_frames.checked_sub(2 * n_apart) else { return Vec::new() };
    let place = |i: usize| n_apart + ((i as f64 * GOLDEN).fract() * room as f64) as usize;
    let is_away = |place: &usize| seams.iter().all(|seam| n_apart <= seam.abs_diff(*place));
    let places: Vec<usize> = (1..=N_ELSEWHERE.min(room)).map(place).collect();
    let away: Vec<usize> = places.iter().copied().filter(is_away).collect();
    if away.is_empty() { places } else { away }
}

fn level_step_db(samples: &[f32], place: usize, n_loud: usize) -> f64 {
    let before = rms_db(&samples[place.saturating_sub(n_loud)..place]);
    let after = rms_db(&samples[place..samples.len().min(place + n_loud)]);
    (after.max(FLOOR_DB) - before.max(FLOOR_DB)).abs()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let n = numbers.len();
    0.5 * (numbers[(n - 1) / 2] + numbers[n / 2])
}

/// Magnitudes of what lies right before and right after a place.
struct Spectra {
    n_frames: usize,
    fft: std::sync::Arc<dyn realfft::RealToComplex<f32>>,
    window: Vec<f32>,
}

impl Spectra {
    fn new(n_frames: usize) -> Self {
        let n_frames = n_frames.max(8).next_power_of_two();
        let hann = |i: usize| {
            let turn = std::f64::consts::TAU * i as f64 / n_frames as f64;
            (0.5 - 0.5 * turn.cos()) as f32 * 4.0 / n_frames as f32
        };
        let fft = RealFftPlanner::new().plan_fft_forward(n_frames);
        Self { n_frames, fft, window: (0..n_frames).map(hann).collect() }
    }

    /// The share of the magnitudes that is not the same before and after a place.
    fn flux(&self, samples: &[f32], place: usize) -> f64 {
        let before = self.magnitudes(samples, place as isize - self.n_frames as isize);
        let after = self.magnitudes(samples, place as isize);
        let pairs = || before.iter().zip(&after);
        let apart: f32 = pairs().map(|(a, b)| (a - b).abs()).sum();
        let whole: f32 = pairs().map(|(a, b)| a + b).sum();
        f64::from(apart / (whole + FAINT))
    }

    /// Of the frames from `first` on; beyond the ends there is silence.
    fn magnitudes(&self, samples: &[f32], first: isize) -> Vec<f32> {
        let mut input = self.fft.make_input_vec();
        for (i, (x, w)) in input.iter_mut().zip(&self.window).enumerate() {
            let frame = first.checked_add_unsigned(i).and_then(|frame| usize::try_from(frame).ok());
            *x = frame.and_then(|frame| samples.get(frame)).copied().unwrap_or(0.0) * w;
        }
        let mut output = self.fft.make_output_vec();
        match self.fft.process(&mut input, &mut output) {
            Ok(()) => output.iter().map(|bin| bin.norm()).collect(),
            Err(_) => vec![0.0; output.len()], // the lengths are the plan's own
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 44_100.0;

    /// A tone of some frequencies and levels, a second each, that never steps.
    fn tones(seconds: &[(f64, f32)]) -> Vec<f32> {
        let mut turns = 0.0;
        let frames = seconds.iter().flat_map(|second| std::iter::repeat_n(*second, RATE as usize));
        let frame = |(hz, level): (f64, f32)| {
            turns += hz / RATE;
            level * (std::f64::consts::TAU * turns).sin() as f32
        };
        frames.map(frame).collect()
    }

    #[test]
    fn a_tone_that_goes_on_has_no_seams() {
        let tone = tones(&[(440.0, 0.5), (440.0, 0.5), (440.0, 0.5)]);

        let figures = measure(&tone, RATE, &[44_100, 88_200, 100_001]).unwrap();

        assert_eq!(figures.n_seams, 3);
        assert!(figures.highest_flux_z < 3.0, "{figures:?}");
        assert!(figures.level_step_db < 0.5 && figures.level_step_db_elsewhere < 0.5);
    }

    #[test]
    fn another_tone_and_another_level_stand_out() {
        let other = tones(&[(440.0, 0.5), (660.0, 0.5), (440.0, 0.5), (440.0, 0.5)]);
        let louder = tones(&[(440.0, 0.1), (440.0, 0.4), (440.0, 0.4), (440.0, 0.4)]);

        let other = measure(&other, RATE, &[44_100, 88_200]).unwrap();
        let louder = measure(&louder, RATE, &[44_100]).unwrap();

        assert!(other.flux_z > 50.0 && other.level_step_db < 0.5, "{other:?}");
        assert!(louder.flux_z > 20.0, "{louder:?}");
        assert!((louder.level_step_db - 12.04).abs() < 0.1, "{louder:?}");
        assert!(louder.level_step_db_elsewhere < 0.5, "{louder:?}");
    }

    #[test]
    fn one_seam_among_many_shows_in_the_highest() {
        let music = tones(&[(440.0, 0.5), (440.0, 0.5), (660.0, 0.5)]);

        let figures = measure(&music, RATE, &[20_000, 44_100, 60_000, 88_200]).unwrap();

        assert!(figures.flux_z < 3.0 && figures.highest_flux_z > 50.0, "{figures:?}");
    }

    #[test]
    fn seams_that_are_everywhere_are_compared_with_everything() {
        let seams: Vec<usize> = (0..132_300).step_by(100).collect();

        let figures = measure(&tones(&[(440.0, 0.5); 3]), RATE, &seams).unwrap();

        assert_eq!(figures.n_seams, 1278);
        assert!(figures.flux_z.abs() < 1.0, "{figures:?}");
    }

    #[test]
    fn silence_is_nowhere_a_step_and_what_is_not_there_is_no_seam() {
        let silence = vec![0.0; 44_100];

        let figures = measure(&silence, RATE, &[0, 20_000, 44_100, 99_999]).unwrap();

        assert_eq!((figures.n_seams, figures.flux_z, figures.level_step_db), (1, 0.0, 0.0));
        assert!(measure(&silence, RATE, &[44_100]).is_none());
        assert!(measure(&silence[..200], RATE, &[100]).is_none());
        assert!(measure(&[], RATE, &[0]).is_none());
    }
}
