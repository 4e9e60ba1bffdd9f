//! Which of the twelve pitch classes sound, and whether two sounds are in the same key.

use super::spectrum::Stft;
use super::stats::correlation;

/// Shares of the pitch classes from C on.
pub type Chroma = [f64; 12];

/// Length of a window in seconds, so that neighbouring notes are told apart.
const WINDOW_SECONDS: f64 = 0.18;
const NOTES_HZ: std::ops::Range<f64> = 90.0..2500.0;
const A4_HZ: f64 = 440.0;
/// How far from a note's pitch a sound may be and still count for it, in semitones.
const SPREAD: f64 = 0.3;
/// Strengths are raised to this, so that loud notes do not hide the others.
const COMPRESSION: f64 = 0.5;

/// Pitch classes of a sound, over time: `[windows]`, each adding up to 1 or, in silence, all 0.
pub fn chroma_over_time(audio: &[f32], rate: f64) -> Vec<Chroma> {
    let n_fft = ((WINDOW_SECONDS * rate) as usize).next_power_of_two().max(1024);
    let mut windows = Vec::new();
    Stft::new(n_fft, n_fft / 4).each(audio, |magnitudes| {
        windows.push(of_spectrum(magnitudes, rate / n_fft as f64));
    });
    windows
}

/// Pitch classes of a whole sound: the mean over its windows.
pub fn chroma(audio: &[f32], rate: f64) -> Chroma {
    let windows = chroma_over_time(audio, rate);
    let mean = |class: usize| {
        windows.iter().map(|window| window[class]).sum::<f64>() / windows.len().max(1) as f64
    };
    std::array::from_fn(mean)
}

/// Whether these pitch classes are more like those of `before` than like those of any transposition of it.
///
/// What was before should be long enough to tell its key, not one chord: fifteen seconds do.
pub fn keeps_key(chroma: &Chroma, before: &Chroma) -> bool {
    let even = |chroma: &Chroma| chroma.map(f64::sqrt); // which classes there are, more than how strong
    let (chroma, before) = (even(chroma), even(before));
    let likeness = |semitones: usize| {
        let moved: Chroma = std::array::from_fn(|class| before[(class + 12 - semitones) % 12]);
        correlation(&chroma, &moved)
    };
    (1..12).all(|semitones| likeness(semitones) < likeness(0))
}

/// Adds the peaks of a spectrum to the pitch classes they are nearest to.
fn of_spectrum(magnitudes: &[f32], bin_hz: f64) -> Chroma {
    let mut chroma = [0.0; 12];
    let loudest = magnitudes.iter().copied().fold(0.0, f32::max);
    let bins = (NOTES_HZ.start / bin_hz) as usize..(NOTES_HZ.end / bin_hz) as usize;
    for bin in bins.start.max(1)..bins.end.min(magnitudes.len().saturating_sub(1)) {
        let [before, at, after] = [bin - 1, bin, bin + 1].map(|bin| magnitudes[bin]);
        if at < before || at <= after || at < 1e-3 * loudest || at <= 1e-6 {
            continue;
        }
        let [before, at, after] = [before, at, after].map(|x| f64::from(x.max(1e-9)).ln());
        let shift = 0.5 * (before - after) / (before - 2.0 * at + after).min(-1e-9);
        let hz = (bin as f64 + shift.clamp(-0.5, 0.5)) * bin_hz;
        let semitones = 69.0 + 12.0 * (hz / A4_HZ).log2();
        let off = semitones - semitones.round();
        let class = (semitones.round() as i64).rem_euclid(12) as usize;
        let weight = (-0.5 * (off / SPREAD).powi(2)).exp();
        chroma[class] += weight * (COMPRESSION * at).exp();
    }
    let sum: f64 = chroma.iter().sum();
    if sum > 0.0 { chroma.map(|share| share / sum) } else { chroma }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    const RATE: f64 = 44_100.0;

    /// Notes with four harmonics each, one chord after another.
    fn chords(chords: &[[i32; 3]], transposed: i32) -> Vec<f32> {
        let mut audio = Vec::new();
        for chord in chords {
            let at = |i: usize| {
                let t = i as f64 / RATE;
                let note = |pitch: &i32| {
                    let hz = A4_HZ * 2f64.powf(f64::from(pitch + transposed - 69) / 12.0);
                    (1..5).map(|h| (TAU * hz * f64::from(h) * t).sin() / f64::from(h)).sum::<f64>()
                };
                (0.1 * chord.iter().map(note).sum::<f64>()) as f32
            };
            audio.extend((0..44_100).map(at));
        }
        audio
    }

    const PRIME: [[i32; 3]; 3] = [[60, 64, 67], [57, 60, 64], [65, 69, 72]];
    /// The same key, other chords.
    const LATER: [[i32; 3]; 4] = [[72, 76, 79], [67, 71, 74], [53, 57, 60], [60, 64, 67]];

    #[test]
    fn a_note_is_in_its_own_class() {
        let chroma = chroma(&chords(&[[57, 57, 57]], 0), RATE);

        let loudest = (0..12).max_by(|a, b| chroma[*a].total_cmp(&chroma[*b])).unwrap();
        assert_eq!(loudest, 9, "{chroma:?}");
    }

    #[test]
    fn the_same_key_is_kept_and_every_other_is_not() {
        let prime = chroma(&chords(&PRIME, 0), RATE);

        for semitones in 0..12 {
            let later = chroma(&chords(&LATER, semitones), RATE);
            assert_eq!(keeps_key(&later, &prime), semitones == 0, "{semitones} semitones higher");
        }
    }

    #[test]
    fn silence_keeps_no_key() {
        let prime = chroma(&chords(&PRIME, 0), RATE);

        assert!(!keeps_key(&chroma(&[0.0; 44_100], RATE), &prime));
    }
}
