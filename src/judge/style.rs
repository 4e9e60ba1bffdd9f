//! Whose music it is, by its sound: timbre, rhythm and how its harmony moves.

use super::Classifier;
use super::chroma::chroma_over_time;
use super::mel::Mel;
use super::onsets::Onsets;
use super::stats::{deviation, mean};

/// Length of what is looked at in one piece, and how far the next piece is from it, in seconds.
pub const PIECE_SECONDS: f64 = 5.0;
const STEP_SECONDS: f64 = 2.5;

const WINDOW: (usize, usize) = (2048, 1024);
const N_BANDS: usize = 40;
const HEARD_HZ: (f64, f64) = (40.0, 15_000.0);
/// Bands are heard down to this below the mean.
const RANGE_DB: f64 = 60.0;
/// Times after which a rhythm may come again.
const N_LAGS: usize = 24;
const LAGS_SECONDS: (f64, f64) = (0.08, 2.2);

/// Tells artists apart; classes are numbers that the caller gives them.
pub struct StyleClassifier(Classifier);

impl StyleClassifier {
    /// Learns from the [`pieces`] of excerpts, each with its artist.
    pub fn train(pieces: &[(Vec<f64>, usize)], n_artists: usize) -> Self {
        Self(Classifier::train(pieces, n_artists))
    }

    /// The likeliest artist of a sound, by all its [`pieces`] together.
    pub fn artist_of(&self, pieces: &[Vec<f64>]) -> Option<usize> {
        let chances: Vec<_> = pieces.iter().map(|piece| self.0.log_chances(piece)).collect();
        let sum = |artist: usize| chances.iter().map(|of| of[artist]).sum::<f64>();
        let sums: Vec<f64> = (0..chances.first()?.len()).map(sum).collect();
        (0..sums.len()).max_by(|a, b| sums[*a].total_cmp(&sums[*b]))
    }
}

/// The features of each piece of a sound. What is shorter than a piece is one.
pub fn pieces(audio: &[f32], rate: f64) -> Vec<Vec<f64>> {
    let (length, step) = ((PIECE_SECONDS * rate) as usize, (STEP_SECONDS * rate) as usize);
    let n_pieces = audio.len().saturating_sub(length) / step.max(1) + 1;
    let piece = |idx: usize| &audio[idx * step..audio.len().min(idx * step + length)];
    (0..n_pieces).map(|idx| features(piece(idx), rate)).collect()
}

/// The numbers that a piece is judged by, however loud it is.
fn features(audio: &[f32], rate: f64) -> Vec<f64> {
    let mut features = timbre(audio, rate);
    features.extend(rhythm(audio, rate));
    features.extend(harmony(audio, rate));
    features
}

/// Level, movement and roughness of each band.
fn timbre(audio: &[f32], rate: f64) -> Vec<f64> {
    let powers = Mel::new(rate, WINDOW, N_BANDS, HEARD_HZ).powers(audio);
    let all: Vec<f64> = powers.iter().flatten().map(|power| f64::from(*power)).collect();
    let usual = mean(&all).max(1e-12);
    let floor = 10f64.powf(-RANGE_DB / 10.0);
    let band = |idx: usize| -> Vec<f64> {
        powers.iter().map(|bands| (f64::from(bands[idx]) / usual + floor).ln()).collect()
    };
    let bands: Vec<Vec<f64>> = (0..N_BANDS).map(band).collect();
    let roughness = |levels: &Vec<f64>| {
        let steps: Vec<f64> = levels.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
        mean(&steps)
    };
    let means = bands.iter().map(|levels| mean(levels));
    let movements = bands.iter().map(|levels| deviation(levels));
    means.chain(movements).chain(bands.iter().map(roughness)).collect()
}

/// After which times onsets come again, and how they stand out.
fn rhythm(audio: &[f32], rate: f64) -> Vec<f64> {
    let onsets = Onsets::new(audio, rate);
    let (shortest, longest) = LAGS_SECONDS;
    let lag = |i: usize| {
        let share = i as f64 / (N_LAGS - 1) as f64;
        (shortest * (longest / shortest).powf(share) * onsets.rate) as usize
    };
    let likeness = onsets.self_likeness(lag(N_LAGS - 1) + 1);
    let around = |i: usize| {
        let (from, to) = (lag(i), lag(i + 1).min(likeness.len()).max(lag(i) + 1));
        likeness[from..to].iter().copied().fold(-1.0, f64::max)
    };
    let strongest = onsets.strengths.iter().copied().fold(0.0, f64::max);
    let usual = mean(&onsets.strengths);
    let spread = deviation(&onsets.strengths);
    let stand_out = [usual.max(1e-6).ln(), strongest.max(1e-6).ln(), spread / usual.max(1e-6)];
    (0..N_LAGS - 1).map(around).chain(stand_out).collect()
}

/// How many pitch classes sound, in all and at a time, and how much they change.
fn harmony(audio: &[f32], rate: f64) -> Vec<f64> {
    let windows = chroma_over_time(audio, rate);
    let n = windows.len().max(1) as f64;
    let class = |class: usize| windows.iter().map(|window| window[class]).sum::<f64>() / n;
    let mut shares: Vec<f64> = (0..12).map(class).collect();
    shares.sort_by(|a, b| b.total_cmp(a));
    let highest = |window: &[f64; 12]| window.iter().copied().fold(0.0, f64::max);
    let clear: Vec<f64> = windows.iter().map(highest).collect();
    let change = |pair: &[[f64; 12]]| -> f64 {
        pair[0].iter().zip(&pair[1]).map(|(a, b)| (a - b).abs()).sum()
    };
    let changes: Vec<f64> = windows.windows(2).map(change).collect();
    shares.extend([mean(&clear), deviation(&clear), mean(&changes), deviation(&changes)]);
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const RATE: f64 = 16_000.0;

    /// Three artists: a steady hum, strokes of noise, and runs of notes.
    fn song(artist: usize, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (hz, beat) = (rng.random_range(100.0..300.0), rng.random_range(4000..6000));
        let gain = rng.random_range(0.05..0.8);
        let at = |i: usize| {
            let turn = std::f32::consts::TAU * hz * i as f32 / RATE as f32;
            let since = (i % beat) as f32;
            let sound = match artist {
                0 => turn.sin() + 0.5 * (2.0 * turn).sin(),
                1 => rng.random_range(-1.0..1.0) * (-since / 800.0).exp(),
                _ => (turn * (1.0 + (i / beat % 5) as f32 * 0.25)).sin() * (-since / 3000.0).exp(),
            };
            gain * sound
        };
        (0..96_000).map(at).collect()
    }

    #[test]
    fn artists_are_recognised_in_songs_that_were_not_learnt_from() {
        let examples: Vec<_> = (0..12)
            .flat_map(|i| pieces(&song(i % 3, i as u64), RATE).into_iter().map(move |p| (p, i % 3)))
            .collect();

        let classifier = StyleClassifier::train(&examples, 3);

        for i in 0..9 {
            let pieces = pieces(&song(i % 3, 100 + i as u64), RATE);
            assert_eq!(classifier.artist_of(&pieces), Some(i % 3));
        }
        assert_eq!(classifier.artist_of(&[]), None);
    }

    #[test]
    fn every_sound_has_the_same_features() {
        for audio in [vec![0.0; 100_000], vec![0.3; 10], vec![], song(1, 1)] {
            let pieces = pieces(&audio, RATE);
            assert!(pieces.iter().all(|p| p.len() == 3 * N_BANDS + N_LAGS + 2 + 16));
            assert!(pieces.iter().flatten().all(|x| x.is_finite()));
        }
    }
}
