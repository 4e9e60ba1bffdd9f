//! What singing promises. These need the Debian package espeak-ng.

use super::*;

const RATE: u32 = 24_000;

/// Sings a line with a rest after every note.
fn sing(singer: &Singer, line: &str, seconds: f64, pitches: &[f64]) -> Result<Sung, CorpusError> {
    let pitches = pitches.iter().enumerate();
    let notes: Vec<SungNote> = pitches
        .map(|(i, &midi_pitch)| SungNote {
            start_seconds: 0.3 + i as f64 * (seconds + 0.4),
            seconds,
            midi_pitch,
        })
        .collect();
    singer.sing(&singer.read(line)?, &notes, RATE)
}

fn part(audio: &[f32], from_seconds: f64, to_seconds: f64) -> &[f32] {
    let frame = |seconds: f64| ((seconds * f64::from(RATE)) as usize).min(audio.len());
    &audio[frame(from_seconds)..frame(to_seconds)]
}

fn level(audio: &[f32]) -> f32 {
    (audio.iter().map(|x| x * x).sum::<f32>() / audio.len().max(1) as f32).sqrt()
}

/// Pitch near `near_hz`, by autocorrelation.
fn pitch_hz(audio: &[f32], near_hz: f64) -> f64 {
    let lag = f64::from(RATE) / near_hz;
    let (from, to) = ((lag * 0.95) as usize, (lag * 1.05) as usize + 1);
    let len = audio.len() - to - 1;
    let likeness = |lag: usize| -> f64 {
        let (a, b) = (&audio[..len], &audio[lag..lag + len]);
        let dot: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum();
        dot / b.iter().map(|b| f64::from(b * b)).sum::<f64>().sqrt()
    };
    let all: Vec<f64> = (from - 1..=to + 1).map(likeness).collect();
    let best = (1..all.len() - 1).max_by(|&a, &b| all[a].total_cmp(&all[b])).unwrap();
    let (before, here, after) = (all[best - 1], all[best], all[best + 1]);
    let between = 0.5 * (before - after) / (before - 2.0 * here + after);
    f64::from(RATE) / ((from - 1 + best) as f64 + between)
}

/// Power in a band, by summing a few of its frequencies.
fn power(audio: &[f32], band_hz: std::ops::Range<u32>) -> f64 {
    let turn = std::f64::consts::TAU / f64::from(RATE);
    let at = |hz: u32| {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, x) in audio.iter().enumerate() {
            let window = (std::f64::consts::PI * i as f64 / audio.len() as f64).sin();
            let (sin, cos) = (turn * f64::from(hz) * i as f64).sin_cos();
            re += window * f64::from(*x) * cos;
            im += window * f64::from(*x) * sin;
        }
        re * re + im * im
    };
    band_hz.step_by(15).map(at).sum()
}

#[test]
fn long_vowels_are_in_tune() -> Result<(), CorpusError> {
    for seed in [1, 2] {
        let singer = Singer::new("es", seed)?;
        let pitches = [57.0, 60.37];

        let sung = sing(&singer, "la luz", 1.2, &pitches)?;

        for (i, midi_pitch) in pitches.into_iter().enumerate() {
            let wanted = 440.0 * ((midi_pitch - 69.0) / 12.0f64).exp2();
            let start = 0.3 + i as f64 * 1.6;
            let cents = (0..12).map(|step| {
                let at = start + 0.3 + 0.05 * f64::from(step);
                1_200.0 * (pitch_hz(part(&sung.audio, at, at + 0.05), wanted) / wanted).log2()
            });
            let mean = cents.sum::<f64>() / 12.0;
            assert!(mean.abs() < 15.0, "singer {seed}, note {midi_pitch}: {mean} cents off");
        }
    }
    Ok(())
}

#[test]
fn words_sound_where_they_are_said_to_and_nowhere_else() -> Result<(), CorpusError> {
    let singer = Singer::new("en", 1)?;

    let sung = sing(&singer, "sun moon", 0.8, &[60.0, 62.0])?;

    assert_eq!(sung.words.iter().map(|w| w.text.as_str()).collect::<Vec<_>>(), ["sun", "moon"]);
    for (i, word) in sung.words.iter().enumerate() {
        let (start, end) = (word.start_seconds, word.end_seconds);
        let beat = 0.3 + 1.2 * i as f64;
        assert!(level(part(&sung.audio, start - 0.05, start - 0.005)) < 1e-3, "before {word:?}");
        assert!(level(part(&sung.audio, start, start + 0.04)) > 5e-3, "at the start of {word:?}");
        assert!(start < beat - 0.03, "consonants of {word:?} come before the beat");
        let (before, after) = (level(part(&sung.audio, start, beat - 0.03)), beat + 0.06);
        assert!(
            level(part(&sung.audio, after, after + 0.1)) > 2.0 * before,
            "the beat of {word:?}"
        );
        assert!(level(part(&sung.audio, end + 0.06, end + 0.1)) < 2e-3, "after {word:?}");
    }
    Ok(())
}

#[test]
fn vowels_can_be_told_apart() -> Result<(), CorpusError> {
    let singer = Singer::new("es", 2)?;

    let sung = sing(&singer, "la li lu", 0.7, &[45.0; 3])?;

    let bands = [200..420, 600..1_000, 1_900..2_600];
    let vowels: Vec<Vec<f64>> = (0..3)
        .map(|i| {
            let vowel = part(&sung.audio, 0.6 + 1.1 * f64::from(i), 0.75 + 1.1 * f64::from(i));
            bands.iter().map(|band| power(vowel, band.clone())).collect()
        })
        .collect();
    let (a, i, u) = (&vowels[0], &vowels[1], &vowels[2]);
    assert!(a[1] > a[0], "the mouth is open for /a/: {a:?}");
    assert!(i[0] > i[1] && u[0] > u[1], "and closed for /i/ and /u/: {i:?} {u:?}");
    assert!(i[2] / i[0] > 10.0 * u[2] / u[0], "/i/ is in front and /u/ in the back: {i:?} {u:?}");
    Ok(())
}

#[test]
fn a_song_is_clean_and_always_the_same() -> Result<(), CorpusError> {
    let first = Singer::new("it", 7)?;

    let sung = sing(&first, "sole mio", 0.3, &[57.0, 59.0, 60.0, 57.0])?;
    let again = sing(&Singer::new("it", 7)?, "sole mio", 0.3, &[57.0, 59.0, 60.0, 57.0])?;

    assert_eq!(sung, again);
    let peak = sung.audio.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    assert!((peak - 0.5).abs() < 1e-3, "{peak}");
    assert!(sung.audio.iter().all(|x| x.is_finite()));
    assert!((sung.audio.iter().sum::<f32>() / sung.audio.len() as f32).abs() < 1e-4);
    assert!(sung.audio.iter().rev().take(100).all(|x| x.abs() < 1e-2));
    Ok(())
}

#[test]
fn syllables_and_notes_must_be_as_many() -> Result<(), CorpusError> {
    let singer = Singer::new("en", 1)?;

    let problem = sing(&singer, "silver moon", 0.3, &[60.0, 62.0]).unwrap_err().to_string();

    assert!(problem.contains("number of notes is 2, but it can be 3"), "{problem}");
    Ok(())
}

#[test]
fn an_unknown_language_is_refused_with_those_there_are() {
    let problem = Singer::new("tlh", 1).unwrap_err().to_string();

    assert!(problem.contains("tlh") && problem.contains("en, es, de, it"), "{problem}");
}
