//! When each part of each syllable sounds, and on what pitch.
//!
//! A vowel begins on its note's beat and its consonants just before it, at the pace they are spoken; the vowel
//! rests on one sound for as long as the note wants, and consonants after it end with the note.

use super::SungNote;
use super::timbre::Timbre;
use super::unit::Unit;

/// Time over which one sound becomes the next, to either side of their border.
const JOIN_SECONDS: f64 = 0.02;
/// Notes nearer than this are bound to each other.
const LEGATO_SECONDS: f64 = 0.06;
/// Longest fade of a vowel that nothing follows.
const RELEASE_SECONDS: f64 = 0.09;
/// Fade of a sound that follows a pause.
const ATTACK_SECONDS: f64 = 0.01;
/// Most of a note's time that consonants before or after its vowel take.
const CONSONANT_SHARE: f64 = 0.45;
const LONGEST_ONSET_SECONDS: f64 = 0.22;
const LONGEST_CODA_SECONDS: f64 = 0.25;

/// Times of one syllable in the song, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    pub start: f64,
    /// The beat: consonants end and the vowel begins.
    pub vowel_start: f64,
    pub coda_start: f64,
    pub end: f64,
    /// Whether the next syllable follows without a pause.
    pub is_bound: bool,
    /// Whether this one follows without a pause.
    pub follows: bool,
    /// Time over which its end fades, where nothing is bound to it.
    pub release: f64,
}

/// Places syllables on notes, one on each.
pub fn place(units: &[&Unit], notes: &[SungNote]) -> Vec<Placed> {
    let starts: Vec<f64> = (0..notes.len())
        .map(|i| {
            let note = notes[i].start_seconds;
            let before = i.checked_sub(1).map_or(0.0, |before| notes[before].start_seconds);
            let room = if i == 0 { note } else { (note - before) * CONSONANT_SHARE };
            note - units[i].vowel_start.min(room.max(0.0)).min(LONGEST_ONSET_SECONDS)
        })
        .collect();
    let mut placed: Vec<Placed> = Vec::with_capacity(notes.len());
    for (i, (unit, note)) in units.iter().zip(notes).enumerate() {
        let vowel_start = note.start_seconds;
        let note_end = note.start_seconds + note.seconds.max(0.0);
        let next = starts.get(i + 1).copied().unwrap_or(f64::INFINITY);
        let is_bound = next < note_end + LEGATO_SECONDS;
        let spoken = unit.seconds - unit.vowel_end;
        let coda = spoken.min((note_end.min(next) - vowel_start).max(0.0) * CONSONANT_SHARE);
        let (coda_start, end) = match (is_bound, unit.is_closed) {
            (true, true) => (next - coda.min(LONGEST_CODA_SECONDS), next),
            (true, false) => (next, next),
            // a final consonant may ring on a little after its note
            (false, true) => {
                let coda_start = note_end - 0.6 * coda.min(LONGEST_CODA_SECONDS);
                (coda_start, coda_start + spoken.min(LONGEST_CODA_SECONDS))
            }
            (false, false) => {
                let coda_start = note_end - 0.5 * coda.min(RELEASE_SECONDS);
                (coda_start, coda_start + spoken.min(RELEASE_SECONDS))
            }
        };
        let follows = placed.last().is_some_and(|before| before.is_bound);
        let end = end.min(next).max(vowel_start);
        let coda_start = coda_start.clamp(vowel_start, end);
        let release = if unit.is_closed { 0.01 } else { RELEASE_SECONDS };
        let start = starts[i];
        placed.push(Placed { start, vowel_start, coda_start, end, is_bound, follows, release });
    }
    placed
}

impl Placed {
    /// Where in the unit the song is at `seconds`, as time from the unit's first sound.
    pub fn position(&self, unit: &Unit, seconds: f64) -> f64 {
        let position = if seconds < self.vowel_start {
            unit.vowel_start - (self.vowel_start - seconds)
        } else if seconds < self.coda_start {
            let (before, after) = (unit.hold - unit.vowel_start, unit.vowel_end - unit.hold);
            let (since, left) = (seconds - self.vowel_start, self.coda_start - seconds);
            let pace = ((before + after) / (since + left)).max(1.0); // faster where the note is short
            if since * pace < before {
                unit.vowel_start + since * pace
            } else if left * pace < after {
                unit.vowel_end - left * pace
            } else {
                unit.hold
            }
        } else {
            unit.vowel_end + (seconds - self.coda_start)
        };
        position.clamp(0.0, unit.seconds)
    }

    /// How much of this syllable's throat sounds at `seconds`, 0 to 1; bound neighbours add up to 1.
    pub fn weight(&self, seconds: f64) -> f64 {
        let edge = |joined: bool, inside: f64, fade: f64| {
            let (inside, over) =
                if joined { (inside + JOIN_SECONDS, 2.0 * JOIN_SECONDS) } else { (inside, fade) };
            let part = (inside / over).clamp(0.0, 1.0);
            part * part * (3.0 - 2.0 * part)
        };
        edge(self.follows, seconds - self.start, ATTACK_SECONDS)
            * edge(self.is_bound, self.end - seconds, self.release)
    }

    /// From when to when [`Self::weight`] is more than nothing.
    pub fn sounds(&self) -> (f64, f64) {
        let reach = |joined: bool| if joined { JOIN_SECONDS } else { 0.0 };
        (self.start - reach(self.follows), self.end + reach(self.is_bound))
    }

    /// Loudness as the note goes on: long notes swell a little and all sink at a pause.
    pub fn swell(&self, seconds: f64) -> f64 {
        let span = self.coda_start - self.vowel_start;
        let part = ((seconds - self.vowel_start) / span.max(1e-3)).clamp(0.0, 1.0);
        let depth = 0.15 * (span / 1.0).min(1.0);
        let sink = if self.is_bound { 0.0 } else { 0.35 * part.powi(6) };
        1.0 + depth * ((part * std::f64::consts::PI).sin() - 0.5) - sink
    }
}

/// Pitch of the whole song.
pub struct Melody<'a> {
    pub notes: &'a [SungNote],
    pub timbre: &'a Timbre,
}

impl Melody<'_> {
    /// Pitch at `seconds`, where note `note_idx` is the one being sung.
    pub fn hz(&self, note_idx: usize, seconds: f64) -> f64 {
        let midi = self.glided(note_idx, seconds) + self.wavering(note_idx, seconds) / 100.0;
        440.0 * ((midi - 69.0) / 12.0).exp2()
    }

    /// The note asked for, and the way to it from the one before.
    fn glided(&self, idx: usize, seconds: f64) -> f64 {
        let note = &self.notes[idx];
        let smooth = |part: f64| part * part * (3.0 - 2.0 * part);
        let way = |at: f64| {
            let part =
                (seconds - (at - 0.7 * self.timbre.glide_seconds)) / self.timbre.glide_seconds;
            smooth(part.clamp(0.0, 1.0))
        };
        let before = match idx.checked_sub(1).map(|i| &self.notes[i]) {
            Some(b) if note.start_seconds - (b.start_seconds + b.seconds) < 0.3 => b.midi_pitch,
            _ => note.midi_pitch - 0.6, // the first of a phrase is reached from just below
        };
        let here = before + way(note.start_seconds) * (note.midi_pitch - before);
        match self.notes.get(idx + 1) {
            Some(next) if next.start_seconds - (note.start_seconds + note.seconds) < 0.3 => {
                here + way(next.start_seconds) * (next.midi_pitch - here)
            }
            _ => here,
        }
    }

    /// Vibrato on long notes and a slow unsteadiness everywhere, in cents.
    fn wavering(&self, idx: usize, seconds: f64) -> f64 {
        let note = &self.notes[idx];
        let turn = std::f64::consts::TAU;
        let phase = self.timbre.seed as f64 % 17.0;
        let drift =
            3.0 * (turn * 0.7 * seconds + phase).sin() + 2.0 * (turn * 1.9 * seconds + phase).sin();
        if note.seconds < 0.4 {
            return drift;
        }
        let since = seconds - note.start_seconds - 0.22;
        let depth = (since / 0.3).clamp(0.0, 1.0) * self.timbre.vibrato_cents;
        drift + depth * (turn * self.timbre.vibrato_hz * since).sin()
    }
}
