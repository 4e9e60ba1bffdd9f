//! How fast music goes.

use std::ops::RangeInclusive;

use super::onsets::Onsets;

/// Tempi that are looked for, in beats per minute: less than two octaves, so that what is mistaken for the
/// beat is at most its half, its double or its triplet.
const TEMPI_BPM: RangeInclusive<f64> = 58.0..=210.0;
/// A step of the search, as a ratio.
const STEP: f64 = 1.0005;
/// What is preferred where the music leaves it open, and how far that reaches in octaves.
const USUAL_BPM: f64 = 115.0;
const USUAL_OCTAVES: f64 = 0.9;
/// Beats that are compared at most, and how far apart, in seconds and as a share of the music.
const MAX_BEATS: usize = 16;
const MAX_LAG_SECONDS: f64 = 7.0;
const MAX_LAG_SHARE: f64 = 0.7;

/// Ratios of tempi that count as the same: half, double and triplets.
pub const SAME: [f64; 5] = [1.0, 0.5, 2.0, 2.0 / 3.0, 1.5];

/// The tempo of some seconds of music in beats per minute; none where nothing comes again.
///
/// The onsets are compared with themselves one beat later, two beats, and so on: many beats make the tempo
/// exact, to less than 0.1 % in ten seconds.
pub fn tempo_bpm(audio: &[f32], rate: f64) -> Option<f64> {
    let onsets = Onsets::new(audio, rate);
    let seconds = onsets.strengths.len() as f64 / onsets.rate;
    let max_lag = (MAX_LAG_SECONDS.min(MAX_LAG_SHARE * seconds) * onsets.rate) as usize;
    let likeness = onsets.self_likeness(max_lag);
    let n_steps = ((TEMPI_BPM.end() / TEMPI_BPM.start()).ln() / STEP.ln()) as i32;
    let tempi: Vec<f64> = (0..=n_steps).map(|step| TEMPI_BPM.start() * STEP.powi(step)).collect();
    let scores: Vec<f64> = tempi.iter().map(|bpm| score(&likeness, *bpm, onsets.rate)).collect();
    let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]))?;
    let around = best.checked_sub(1).and_then(|before| scores.get(before..=best + 1));
    let shift = around.map_or(0.0, |around| summit(around[0], around[1], around[2]));
    (scores[best] > 0.0).then(|| tempi[best] * STEP.powf(shift))
}

/// Whether two tempi are within `tolerance` of each other, or of one of the ratios in [`SAME`].
pub fn same_tempo(bpm: f64, labelled_bpm: f64, tolerance: f64) -> bool {
    SAME.iter().any(|ratio| (bpm / (labelled_bpm * ratio) - 1.0).abs() <= tolerance)
}

/// How much the onsets are like themselves some beats later.
fn score(likeness: &[f64], bpm: f64, rate: f64) -> f64 {
    let period = 60.0 * rate / bpm;
    let n_beats =
        ((likeness.len().saturating_sub(3)) as f64 / period).min(MAX_BEATS as f64) as usize;
    if n_beats == 0 {
        return 0.0;
    }
    let sum: f64 = (1..=n_beats).map(|beat| between(likeness, beat as f64 * period)).sum();
    let usual = (bpm / USUAL_BPM).log2() / USUAL_OCTAVES;
    sum / n_beats as f64 * (-0.5 * usual * usual).exp()
}

/// A value between two others, on a smooth curve through its neighbours.
fn between(values: &[f64], place: f64) -> f64 {
    let (i, t) = (place as usize, place.fract());
    let at = |offset: i64| {
        let idx = (i as i64 + offset).clamp(0, values.len() as i64 - 1);
        values[idx as usize]
    };
    let (a, b, c, d) = (at(-1), at(0), at(1), at(2));
    let bend = 2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a);
    b + 0.5 * t * (c - a + t * bend)
}

/// Where the parabola through three values is highest, from the middle one.
fn summit(before: f64, at: f64, after: f64) -> f64 {
    let bend = before - 2.0 * at + after;
    if bend < 0.0 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const RATE: f64 = 44_100.0;

    /// Strokes of noise on the beats, every fourth louder, weaker ones between them, over a little noise.
    fn beats(bpm: f64, seconds: f64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut audio: Vec<f32> =
            (0..(seconds * RATE) as usize).map(|_| rng.random_range(-0.005..0.005)).collect();
        for stroke in 0.. {
            let at = (stroke as f64 * 30.0 / bpm * RATE) as usize;
            let gain = if stroke % 8 == 0 {
                0.8
            } else if stroke % 2 == 0 {
                0.5
            } else {
                0.15
            };
            let Some(rest) = audio.get_mut(at..) else { break };
            for (i, x) in rest.iter_mut().take(2000).enumerate() {
                *x += gain * (-(i as f32) / 400.0).exp() * rng.random_range(-1.0..1.0);
            }
        }
        audio
    }

    #[test]
    fn tempi_are_exact_to_half_a_percent_in_ten_seconds() {
        for bpm in [61.7, 84.0, 96.5, 123.4, 140.2, 171.9] {
            let found = tempo_bpm(&beats(bpm, 10.0), RATE).unwrap();

            assert!(same_tempo(found, bpm, 0.002), "{found} where it is {bpm}");
        }
    }

    #[test]
    fn another_tempo_is_not_the_same() {
        let found = tempo_bpm(&beats(123.4, 10.0), RATE).unwrap();

        assert!(same_tempo(found, 123.4, 0.005) && !same_tempo(found, 127.0, 0.01));
        assert!(same_tempo(60.0, 120.5, 0.01) && same_tempo(80.0, 120.0, 0.01));
        assert!(!same_tempo(90.0, 120.0, 0.01));
    }

    #[test]
    fn silence_has_no_tempo() {
        assert_eq!(tempo_bpm(&vec![0.0; 441_000], RATE), None);
        assert_eq!(tempo_bpm(&[], RATE), None);
    }
}
