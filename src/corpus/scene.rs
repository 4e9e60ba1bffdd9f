//! What a section is written from: the key, the chords, and chance.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::form::Kind;
use super::score::{Bar, Hit, Note, hits};
use super::theory::{Chord, Key};

/// One section of one song, while its artist writes it.
#[derive(Clone)]
pub struct Scene {
    pub key: Key,
    pub kind: Kind,
    pub n_bars: usize,
    /// Beats per bar.
    pub bar_beats: f64,
    /// The chords of each bar, which share it evenly.
    pub chords: Vec<Vec<Chord>>,
    /// Chance that is the section's own.
    pub rng: ChaCha8Rng,
    /// Chance that is the same in every section of the song: what a player does throughout.
    pub song: ChaCha8Rng,
}

impl Scene {
    pub fn bars(&self) -> Vec<Bar> {
        let bar = |idx| Bar {
            idx,
            start: idx as f64 * self.bar_beats,
            beats: self.bar_beats,
            is_last: idx + 1 == self.n_bars,
        };
        (0..self.n_bars).map(bar).collect()
    }

    /// Every chord, with the stretch of time it has.
    pub fn changes(&self) -> Vec<(Bar, Chord)> {
        let stretch = |bar: Bar| {
            let chords = &self.chords[bar.idx % self.chords.len()];
            let beats = bar.beats / chords.len() as f64;
            let one = move |(i, chord): (usize, &Chord)| {
                (Bar { start: bar.start + i as f64 * beats, beats, ..bar }, chord.clone())
            };
            chords.iter().enumerate().map(one).collect::<Vec<_>>()
        };
        self.bars().into_iter().flat_map(stretch).collect()
    }

    /// The chord that sounds at a beat of the section.
    pub fn chord_at(&self, beat: f64) -> &Chord {
        let bar_idx = (beat / self.bar_beats).floor().max(0.0);
        let chords = &self.chords[bar_idx as usize % self.chords.len()];
        let within = (beat / self.bar_beats - bar_idx) * chords.len() as f64;
        &chords[(within as usize).min(chords.len() - 1)]
    }

    /// Something that the song keeps throughout, chosen once.
    pub fn keep<T: Copy>(&mut self, choices: &[T]) -> T {
        choices.choose(&mut self.song).copied().unwrap_or(choices[0])
    }

    /// Something of this section.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices.choose(&mut self.rng).copied().unwrap_or(choices[0])
    }

    /// `n` voices for every chord, led smoothly, from `lowest` up.
    pub fn voicings(&self, lowest: f64, n: usize) -> Vec<(Bar, Vec<f64>)> {
        let mut before = Vec::new();
        let mut voiced = Vec::new();
        for (bar, chord) in self.changes() {
            before = chord.voicing(self.key.tonic, lowest, n, &before);
            voiced.push((bar, before.clone()));
        }
        voiced
    }

    /// The same stretch of music in bars of another length.
    pub fn in_bars_of(&self, bar_beats: f64) -> Self {
        let n_bars = (self.n_bars as f64 * self.bar_beats / bar_beats) as usize;
        let chord = |idx: usize| vec![self.chord_at(idx as f64 * bar_beats).clone()];
        Self { bar_beats, n_bars, chords: (0..n_bars).map(chord).collect(), ..self.clone() }
    }

    pub fn is(&self, kinds: &[Kind]) -> bool {
        kinds.contains(&self.kind)
    }

    /// A tune: a question and an answer, which come back over other chords, and an end on a note of rest.
    ///
    /// `cells` are bars of rhythm to choose from, `ends` bars to close a phrase with.
    pub fn tune(&mut self, lowest: f64, highest: f64, cells: &[&str], ends: &[&str]) -> Vec<Note> {
        let question = self.pick(cells);
        let answer = self.pick(cells);
        let end = self.pick(ends);
        let mut idea = || Idea::new(&mut self.rng);
        let [asks, answers] = [idea(), idea()];
        let middle = (lowest + highest) / 2.0;
        let mut before = middle + self.rng.random_range(-3.0..3.0);
        let mut notes = Vec::new();
        for bar in self.bars() {
            let closes = bar.idx % 4 == 3 || bar.is_last;
            let (cell, idea) = match bar.idx % 4 {
                _ if closes => (end, &answers),
                0 | 2 => (question, &asks),
                _ => (answer, &answers),
            };
            let starts = notes.len();
            let found = hits(cell, bar.beats);
            for (i, hit) in found.iter().enumerate() {
                let beat = bar.start + hit.beat;
                let chord = self.chord_at(beat);
                let is_last = closes && i + 1 == found.len();
                let is_strong = is_last || (chord.has_third() && is_strong(hit));
                let pitch = idea.next(&self.key, chord, i, before, is_strong, (lowest, highest));
                notes.push(Note {
                    beat,
                    beats: hit.beats,
                    pitch,
                    velocity: hit.velocity,
                    glide: 0.0,
                });
                before = pitch;
            }
            // a phrase that ends, ends on the tonic where the chord has it
            if closes && bar.is_last && notes.len() > starts {
                let tonic = self.key.pitch(0);
                let home = before + (tonic - before + 6.0).rem_euclid(12.0) - 6.0;
                let last = notes.len() - 1;
                let chord = self.chord_at(notes[last].beat);
                if chord.has(tonic, home) && (lowest..=highest).contains(&home) {
                    notes[last].pitch = home;
                }
            }
        }
        notes
    }
}

/// Notes on the beat, and long ones, want to belong to the chord.
fn is_strong(hit: &Hit) -> bool {
    hit.beat.fract() == 0.0 && (hit.beat as usize).is_multiple_of(2) || hit.beats >= 1.5
}

/// The contour of a bar: steps of the scale from note to note.
struct Idea {
    steps: [i32; 16],
}

impl Idea {
    fn new(rng: &mut ChaCha8Rng) -> Self {
        let mut direction = if rng.random_bool(0.5) { 1 } else { -1 };
        let steps = std::array::from_fn(|_| {
            if rng.random_bool(0.3) {
                direction = -direction;
            }
            direction * [0, 1, 1, 1, 1, 2, 2, 3][rng.random_range(0..8)]
        });
        Self { steps }
    }

    fn next(
        &self,
        key: &Key,
        chord: &Chord,
        i: usize,
        before: f64,
        is_strong: bool,
        (lowest, highest): (f64, f64),
    ) -> f64 {
        let step = self.steps[i % self.steps.len()];
        let from = key.degree(before);
        let mut pitch = key.pitch(from + step);
        if !(lowest..=highest).contains(&pitch) {
            pitch = key.pitch(from - step);
        }
        let pitch = if is_strong { key.snap(chord, pitch) } else { pitch };
        match pitch {
            pitch if pitch < lowest => pitch + 12.0,
            pitch if pitch > highest => pitch - 12.0,
            pitch => pitch,
        }
    }
}
