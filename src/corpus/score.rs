//! What is played: notes in beats, who plays them, and a song's form.

use super::instruments::Voice;

/// One note of a player.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Note {
    /// Where it begins, in beats.
    pub beat: f64,
    pub beats: f64,
    /// MIDI pitch, or which drum of a kit.
    pub pitch: f64,
    /// How hard it is played, 0 to 1.
    pub velocity: f64,
    /// Semitones from which it glides up (or down) into its pitch.
    pub glide: f64,
}

/// Who plays, and how that sounds in the mix.
#[derive(Debug, Clone)]
pub struct Player {
    pub voice: Voice,
    /// Level when it plays, in dB below full scale.
    pub level_db: f64,
    /// How much of it goes into the room, 0 to 1.
    pub room: f64,
    /// Is this the line that a singer takes over?
    pub is_lead: bool,
}

impl Player {
    pub fn new(voice: Voice, level_db: f64, room: f64) -> Self {
        Self { voice, level_db, room, is_lead: false }
    }

    /// The line that a singer takes over.
    pub fn lead(voice: Voice, level_db: f64, room: f64) -> Self {
        Self { is_lead: true, ..Self::new(voice, level_db, room) }
    }
}

/// The notes of every player, in the order of the band.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet(pub Vec<Vec<Note>>);

impl Sheet {
    pub fn new(n_players: usize) -> Self {
        Self(vec![Vec::new(); n_players])
    }

    pub fn note(&mut self, player: usize, beat: f64, beats: f64, pitch: f64, velocity: f64) {
        self.push(player, Note { beat, beats, pitch, velocity, glide: 0.0 });
    }

    pub fn push(&mut self, player: usize, note: Note) {
        if let Some(notes) = self.0.get_mut(player) {
            notes.push(note);
        }
    }

    /// Plays a bar of a pattern on one drum or pitch.
    pub fn pattern(&mut self, player: usize, bar: Bar, pattern: &str, pitch: f64) {
        for hit in hits(pattern, bar.beats) {
            self.note(player, bar.start + hit.beat, hit.beats, pitch, hit.velocity);
        }
    }

    /// Appends another sheet, `beat` beats later.
    pub fn paste(&mut self, other: &Sheet, beat: f64) {
        for (notes, others) in self.0.iter_mut().zip(&other.0) {
            notes.extend(others.iter().map(|note| Note { beat: note.beat + beat, ..*note }));
        }
    }
}

/// A bar of a section, in beats from the section's start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    pub idx: usize,
    pub start: f64,
    pub beats: f64,
    pub is_last: bool,
}

/// A place in a bar where something sounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    pub beat: f64,
    pub beats: f64,
    pub velocity: f64,
}

/// Reads a bar: `X` loud, `x` normal, `o` soft, `-` holds on, `.` rests; spaces only group.
pub fn hits(pattern: &str, bar_beats: f64) -> Vec<Hit> {
    let steps: Vec<char> = pattern.chars().filter(|c| !c.is_whitespace()).collect();
    let step = bar_beats / steps.len().max(1) as f64;
    let mut found: Vec<Hit> = Vec::new();
    let mut is_held = false;
    for (i, c) in steps.iter().enumerate() {
        let velocity = match c {
            'X' => 1.0,
            'x' => 0.78,
            'o' => 0.5,
            '-' if is_held => {
                if let Some(hit) = found.last_mut() {
                    hit.beats += step;
                }
                continue;
            }
            _ => {
                is_held = false;
                continue;
            }
        };
        found.push(Hit { beat: i as f64 * step, beats: step, velocity });
        is_held = true;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_says_when_how_long_and_how_loud() {
        let found = hits("X-.. o.x-", 4.0);

        let told: Vec<_> = found.iter().map(|hit| (hit.beat, hit.beats, hit.velocity)).collect();
        assert_eq!(told, [(0.0, 1.0, 1.0), (2.0, 0.5, 0.5), (3.0, 1.0, 0.78)]);
    }
}
