//! A syllable ready to be sung: taken apart, with the places where its vowel begins, rests and ends.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::analysis::{self, Cepstrum, HOP, Parts};
use super::espeak::{self, ESPEAK_RATE};
use super::phonemes::Syllable;
use crate::corpus::CorpusError;

/// Seconds between two envelopes.
pub const HOP_SECONDS: f64 = HOP as f64 / ESPEAK_RATE as f64;
/// Loudness that every vowel is brought near to, as root mean square.
const VOWEL_LEVEL: f32 = 0.2;
/// How much of the way to it: /a/ stays a bit louder than /i/.
const LEVELLING: f32 = 0.7;
/// A vowel goes on while it is this near to its loudest, in natural logarithms of power: 9 dB…
const VOWEL_LOG: f32 = 2.1;
/// …and this like its resting place, as the distance of cepstra in decibels.
const VOWEL_DB: f32 = 9.0;

/// One syllable. Times are in seconds from its first sound.
#[derive(Debug)]
pub struct Unit {
    pub parts: Parts,
    /// Where the vowel begins; what comes before are consonants.
    pub vowel_start: f64,
    /// Where the vowel is most like itself, so that it can rest there.
    pub hold: f64,
    pub vowel_end: f64,
    pub seconds: f64,
    /// Brings the vowel to the common loudness.
    pub gain: f32,
    /// Whether consonants follow the vowel.
    pub is_closed: bool,
}

type Units = Mutex<HashMap<(&'static str, String), Arc<Unit>>>;
static UNITS: LazyLock<Units> = LazyLock::new(Units::default);

/// The syllable as `voice` speaks it; asked for only once in a process.
pub fn unit(voice: &'static str, syllable: &Syllable) -> Result<Arc<Unit>, CorpusError> {
    let key = (voice, syllable.spoken());
    if let Some(unit) = UNITS.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(unit.clone());
    }
    let unit = Arc::new(Unit::new(&espeak::speak(voice, &key.1)?, syllable));
    UNITS.lock().unwrap_or_else(PoisonError::into_inner).insert(key, unit.clone());
    Ok(unit)
}

impl Unit {
    fn new(spoken: &[f32], syllable: &Syllable) -> Self {
        let audio = trimmed(spoken);
        let parts = analysis::take_apart(audio);
        let loud = loudness(&parts, audio);
        let peak = (0..loud.len()).max_by(|&a, &b| loud[a].total_cmp(&loud[b])).unwrap_or(0);

        let core_start = (0..peak).rev().find(|&i| loud[i] < loud[peak] - 0.7).map_or(0, |i| i + 1);
        let core_end =
            (peak..loud.len()).find(|&i| loud[i] < loud[peak] - 0.7).unwrap_or(loud.len());
        let place = if syllable.is_diphthong() { 0.22 } else { 0.42 };
        let core = (core_end - core_start) as f32;
        let (from, to) = (core * (place - 0.12), core * (place + 0.15));
        let change = |i: usize| distance_db(&parts.envelopes, i.saturating_sub(2), i + 2);
        let hold = (core_start + from as usize..=core_start + to as usize)
            .min_by(|&a, &b| change(a).total_cmp(&change(b)))
            .unwrap_or(peak);

        let is_vowel = |i: usize| {
            parts.voiced[i] > 0.5
                && loud[i] > loud[peak] - VOWEL_LOG
                && distance_db(&parts.envelopes, i, hold) < VOWEL_DB
        };
        let is_loud = |i: usize| parts.voiced[i] > 0.5 && loud[i] > loud[peak] - VOWEL_LOG;
        let starts_voiced = syllable.onset.is_empty();
        let start =
            (0..hold).rev().find(|&i| if starts_voiced { !is_loud(i) } else { !is_vowel(i) });
        let glides = syllable.is_diphthong() || syllable.coda.is_empty();
        let end = (hold..loud.len()).find(|&i| if glides { !is_loud(i) } else { !is_vowel(i) });
        let vowel_start = start.map_or(0, |i| i + 1);
        let vowel_end = end.unwrap_or(loud.len() - 1).max(hold + 1).min(loud.len() - 1);

        let level = level(&audio[vowel_start * HOP..(vowel_end * HOP).min(audio.len())]);
        Self {
            vowel_start: vowel_start as f64 * HOP_SECONDS,
            hold: hold as f64 * HOP_SECONDS,
            vowel_end: vowel_end as f64 * HOP_SECONDS,
            seconds: audio.len() as f64 / f64::from(ESPEAK_RATE),
            gain: (VOWEL_LEVEL / level.max(0.01)).powf(LEVELLING),
            is_closed: !syllable.coda.is_empty(),
            parts,
        }
    }
}

/// Without the silence at either end.
fn trimmed(spoken: &[f32]) -> &[f32] {
    let is_sound = |x: &f32| x.abs() > 3e-3;
    let start = spoken.iter().position(is_sound).unwrap_or(0);
    let end = spoken.iter().rposition(is_sound).map_or(spoken.len(), |at| at + 1);
    &spoken[start.saturating_sub(HOP / 2)..(end + HOP).min(spoken.len())]
}

/// Natural logarithm of the power around every hop, as far as it is voiced.
fn loudness(parts: &Parts, audio: &[f32]) -> Vec<f32> {
    let power = |i: usize| {
        let from = (i * HOP).saturating_sub(HOP);
        let to = (i * HOP + HOP).min(audio.len());
        level(&audio[from.min(to)..to]).powi(2)
    };
    (0..parts.voiced.len()).map(|i| (power(i) * parts.voiced[i].powi(2) + 1e-8).ln()).collect()
}

fn level(audio: &[f32]) -> f32 {
    (audio.iter().map(|x| x * x).sum::<f32>() / audio.len().max(1) as f32).sqrt()
}

/// How unlike two envelopes are in shape.
fn distance_db(envelopes: &[Cepstrum], a: usize, b: usize) -> f32 {
    let last = envelopes.len() - 1;
    let (a, b) = (&envelopes[a.min(last)], &envelopes[b.min(last)]);
    let shape = a[1..30].iter().zip(&b[1..30]);
    8.69 * (2.0 * shape.map(|(x, y)| (x - y).powi(2)).sum::<f32>()).sqrt()
}
