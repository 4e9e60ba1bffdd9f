//! What nobody wants to hear: silence, clipping and loops that are stuck.
//!
//! Some music is silent for a while and much of it repeats itself, so what counts is what real songs of the
//! same artist do not do.

use super::mel::Mel;
use crate::units::gain_from_db;

/// What is quieter is silence, in dBFS over [`MOMENT_SECONDS`].
const SILENCE_DB: f64 = -50.0;
const MOMENT_SECONDS: f64 = 0.02;
/// Shorter silences are rests.
const REST_SECONDS: f64 = 1.0;

/// From here on a sample is at full scale, as 16 bits can say it.
const FULL_SCALE: f32 = 1.0 - 1.0 / 32_768.0;
/// Equal samples in a row, this loud, are a wave that was cut off.
const FLAT_RUN: usize = 6;
const FLAT_LOUD: f32 = 0.5;

/// A loop is sound that for [`LOOP_SECONDS`] is as much like itself some time later as this.
const LOOP_LIKENESS: f64 = 0.98;
const LOOP_SECONDS: f64 = 4.0;
const LAGS_SECONDS: std::ops::Range<f64> = 0.15..6.0;
/// Loops this much shorter than those of real songs are stuck.
const SHORTER: f64 = 0.9;

const FFT_FRAMES: usize = 2048;
const HOP_FRAMES: usize = 1024;
const N_BANDS: usize = 64;
const HEARD_HZ: (f64, f64) = (50.0, 12_000.0);
/// Bands are heard down to this below the loudest.
const RANGE_DB: f64 = 60.0;

/// What could be wrong with a sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Findings {
    pub is_finite: bool,
    pub longest_silence_seconds: f64,
    /// Samples at full scale or in a wave that was cut off.
    pub n_clipped: usize,
    /// The shortest time after which the sound repeats itself for [`LOOP_SECONDS`].
    pub loop_seconds: Option<f64>,
}

/// What is wrong with a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Defect {
    NotFinite,
    Silence,
    Clipping,
    StuckLoop,
}

impl Findings {
    pub fn new(audio: &[f32], rate: f64) -> Self {
        if audio.iter().any(|x| !x.is_finite()) {
            let (longest_silence_seconds, n_clipped, loop_seconds) = (0.0, 0, None);
            return Self { is_finite: false, longest_silence_seconds, n_clipped, loop_seconds };
        }
        Self {
            is_finite: true,
            longest_silence_seconds: longest_silence_seconds(audio, rate),
            n_clipped: n_clipped(audio),
            loop_seconds: loop_seconds(audio, rate),
        }
    }

    /// What real songs do too, taken together: the most silence and clipping, the shortest loop.
    pub fn worst(real: &[Self]) -> Self {
        let loops = real.iter().filter_map(|of| of.loop_seconds);
        Self {
            is_finite: true,
            longest_silence_seconds: real
                .iter()
                .map(|of| of.longest_silence_seconds)
                .fold(0.0, f64::max),
            n_clipped: real.iter().map(|of| of.n_clipped).max().unwrap_or(0),
            loop_seconds: loops.min_by(f64::total_cmp),
        }
    }

    /// What is wrong where real songs are like `real`.
    pub fn defects(&self, real: &Self) -> Vec<Defect> {
        let silence_seconds = REST_SECONDS.max(real.longest_silence_seconds / SHORTER);
        let shortest_loop = real.loop_seconds.map_or(f64::INFINITY, |seconds| SHORTER * seconds);
        let wrong = [
            (!self.is_finite, Defect::NotFinite),
            (silence_seconds < self.longest_silence_seconds, Defect::Silence),
            (real.n_clipped < self.n_clipped, Defect::Clipping),
            (self.loop_seconds.is_some_and(|lag| lag < shortest_loop), Defect::StuckLoop),
        ];
        wrong.into_iter().filter_map(|(is_so, defect)| is_so.then_some(defect)).collect()
    }
}

fn longest_silence_seconds(audio: &[f32], rate: f64) -> f64 {
    let moment = ((MOMENT_SECONDS * rate) as usize).max(1);
    let threshold = gain_from_db(SILENCE_DB).powi(2) * moment as f64;
    let (mut n_now, mut n_longest) = (0usize, 0);
    for frames in audio.chunks(moment) {
        let energy: f64 = frames.iter().map(|x| f64::from(*x).powi(2)).sum();
        n_now = if energy < threshold { n_now + 1 } else { 0 };
        n_longest = n_longest.max(n_now);
    }
    (n_longest * moment) as f64 / rate
}

fn n_clipped(audio: &[f32]) -> usize {
    let runs = audio.chunk_by(|a, b| a == b);
    let is_clipped = |run: &&[f32]| {
        FULL_SCALE <= run[0].abs() || (FLAT_LOUD < run[0].abs() && FLAT_RUN <= run.len())
    };
    runs.filter(is_clipped).map(<[f32]>::len).sum()
}

/// The shortest time after which the sound is like itself; the shape of the spectrum counts, not its level.
fn loop_seconds(audio: &[f32], rate: f64) -> Option<f64> {
    let shapes = shapes(audio, rate);
    let per_second = rate / HOP_FRAMES as f64;
    let n_stretch = (LOOP_SECONDS * per_second) as usize;
    let last = (LAGS_SECONDS.end * per_second) as usize;
    let first = (LAGS_SECONDS.start * per_second).ceil() as usize;
    let repeats = |lag: &usize| {
        let pairs = shapes.iter().zip(shapes.get(*lag..).unwrap_or_default());
        let likeness: Vec<f64> = pairs.map(|(a, b)| product(a, b)).collect();
        has_stretch(&likeness, n_stretch)
    };
    (first..=last).find(repeats).map(|lag| lag as f64 / per_second)
}

/// Whether the mean over some stretch is above [`LOOP_LIKENESS`].
fn has_stretch(likeness: &[f64], n_stretch: usize) -> bool {
    if likeness.len() < n_stretch || n_stretch == 0 {
        return false;
    }
    let mut sum: f64 = likeness[..n_stretch].iter().sum();
    let enough = LOOP_LIKENESS * n_stretch as f64;
    let mut moves = likeness[n_stretch..].iter().zip(likeness);
    enough < sum
        || moves.any(|(next, first)| {
            sum += next - first;
            enough < sum
        })
}

/// Levels of the bands less their mean, scaled to length 1, or all 0 where all are the same.
fn shapes(audio: &[f32], rate: f64) -> Vec<Vec<f64>> {
    let powers = Mel::new(rate, (FFT_FRAMES, HOP_FRAMES), N_BANDS, HEARD_HZ).powers(audio);
    let loudest = powers.iter().flatten().copied().fold(1e-10, f32::max);
    let floor = f64::from(loudest) * 10f64.powf(-RANGE_DB / 10.0);
    let shape = |bands: &Vec<f32>| {
        let levels: Vec<f64> = bands.iter().map(|power| (f64::from(*power) + floor).ln()).collect();
        let mean = levels.iter().sum::<f64>() / levels.len() as f64;
        let centred: Vec<f64> = levels.iter().map(|level| level - mean).collect();
        let length = product(&centred, &centred).sqrt().max(1e-6);
        centred.iter().map(|level| level / length).collect()
    };
    powers.iter().map(shape).collect()
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const RATE: f64 = 44_100.0;

    /// Notes of a quarter second, of pitches that go up and down at random.
    fn music(seed: u64, seconds: f64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut audio = Vec::new();
        while audio.len() < (seconds * RATE) as usize {
            let hz = 110.0 * 2f32.powf(rng.random_range(0..36) as f32 / 12.0);
            let bright = rng.random_range(1..9);
            audio.extend((0..11_025).map(|i| {
                let turn = std::f32::consts::TAU * hz * i as f32 / RATE as f32;
                0.2 * (1..=bright).map(|h| (turn * h as f32).sin() / h as f32).sum::<f32>()
                    * (-(i as f32) / 6000.0).exp()
            }));
        }
        audio
    }

    const REAL: Findings = Findings {
        is_finite: true,
        longest_silence_seconds: 0.4,
        n_clipped: 0,
        loop_seconds: None,
    };

    #[test]
    fn music_has_no_defects() {
        for seed in 0..4 {
            let findings = Findings::new(&music(seed, 10.0), RATE);
            assert_eq!(findings.defects(&REAL), [], "{findings:?}");
        }
    }

    #[test]
    fn silence_is_found() {
        let mut audio = music(1, 10.0);
        audio[100_000..160_000].fill(0.001);

        let findings = Findings::new(&audio, RATE);

        assert!((findings.longest_silence_seconds - 60_000.0 / RATE).abs() < 0.05, "{findings:?}");
        assert_eq!(findings.defects(&REAL), [Defect::Silence]);
        assert_eq!(findings.defects(&Findings { longest_silence_seconds: 2.0, ..REAL }), []);
    }

    #[test]
    fn clipping_is_found_at_full_scale_and_below_it() {
        let loud: Vec<f32> = music(1, 10.0).iter().map(|x| (5.0 * x).clamp(-1.0, 1.0)).collect();
        let lower: Vec<f32> = loud.iter().map(|x| 0.8 * x).collect();

        assert_eq!(Findings::new(&loud, RATE).defects(&REAL), [Defect::Clipping]);
        assert_eq!(Findings::new(&lower, RATE).defects(&REAL), [Defect::Clipping]);
    }

    #[test]
    fn a_stuck_loop_is_found_unless_real_songs_repeat_as_soon() {
        let bar = music(2, 0.9);
        let audio: Vec<f32> = bar.iter().copied().cycle().take(441_000).collect();

        let findings = Findings::new(&audio, RATE);

        let lag = findings.loop_seconds.unwrap();
        assert!((lag - bar.len() as f64 / RATE).abs() < 0.05, "{lag} s");
        assert_eq!(findings.defects(&REAL), [Defect::StuckLoop]);
        assert_eq!(findings.defects(&Findings { loop_seconds: Some(lag), ..REAL }), []);
    }

    #[test]
    fn a_tone_that_never_ends_is_a_loop_too() {
        let tone: Vec<f32> = (0..441_000).map(|i| 0.3 * (i as f32 * 0.05).sin()).collect();

        assert_eq!(Findings::new(&tone, RATE).defects(&REAL), [Defect::StuckLoop]);
    }

    #[test]
    fn what_is_no_number_is_named() {
        let findings = Findings::new(&[0.0, f32::NAN], RATE);

        assert_eq!(findings.defects(&REAL), [Defect::NotFinite]);
    }

    #[test]
    fn real_songs_are_taken_together() {
        let other = Findings { n_clipped: 3, loop_seconds: Some(2.0), ..REAL };
        let third = Findings { loop_seconds: Some(1.5), longest_silence_seconds: 0.0, ..REAL };

        let worst = Findings::worst(&[REAL, other, third]);

        assert_eq!(worst.longest_silence_seconds, 0.4);
        assert_eq!((worst.n_clipped, worst.loop_seconds), (3, Some(1.5)));
    }
}
