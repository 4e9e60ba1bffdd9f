//! What players of any style can do: hold chords, play basses, arpeggios, tunes and drums.

use super::scene::Scene;
use super::score::{Bar, Sheet, hits};

/// Holds every chord, in `n` voices from `lowest` up.
pub fn hold(scene: &Scene, sheet: &mut Sheet, player: usize, lowest: f64, n: usize, velocity: f64) {
    for (bar, voices) in scene.voicings(lowest, n) {
        for pitch in voices {
            sheet.note(player, bar.start, bar.beats * 0.98, pitch, velocity);
        }
    }
}

/// Plays chords in a rhythm.
pub fn comp(scene: &Scene, sheet: &mut Sheet, player: usize, lowest: f64, n: usize, pattern: &str) {
    let voicings = scene.voicings(lowest, n);
    for bar in scene.bars() {
        for hit in hits(pattern, bar.beats) {
            let beat = bar.start + hit.beat;
            for pitch in sounding(&voicings, beat) {
                sheet.note(player, beat, hit.beats * 0.92, *pitch, hit.velocity);
            }
        }
    }
}

/// Breaks chords: the rhythm's n-th note is the n-th of `order`, by its place in the chord from below.
pub fn arpeggio(
    scene: &Scene,
    sheet: &mut Sheet,
    player: usize,
    (lowest, n): (f64, usize),
    pattern: &str,
    order: &[usize],
) {
    let voicings = scene.voicings(lowest, n);
    for bar in scene.bars() {
        for (i, hit) in hits(pattern, bar.beats).into_iter().enumerate() {
            let beat = bar.start + hit.beat;
            let voices = sounding(&voicings, beat);
            let place = order[i % order.len()];
            if let Some(pitch) = voices.get(place % voices.len().max(1)) {
                let octave = 12.0 * (place / voices.len()) as f64;
                sheet.note(player, beat, hit.beats, pitch + octave, hit.velocity);
            }
        }
    }
}

/// Plays roots in a rhythm; loud hits stay on the root, `fifths` says whether soft ones leave it.
pub fn bass(
    scene: &Scene,
    sheet: &mut Sheet,
    player: usize,
    lowest: f64,
    pattern: &str,
    fifths: bool,
) {
    for bar in scene.bars() {
        for hit in hits(pattern, bar.beats) {
            let beat = bar.start + hit.beat;
            let chord = scene.chord_at(beat);
            let root = chord.bass(scene.key.tonic, lowest);
            let leaves = fifths && hit.velocity < 0.6;
            let pitch =
                if leaves { root + chord.tones.get(2).copied().unwrap_or(7.0) } else { root };
            sheet.note(player, beat, hit.beats * 0.94, pitch, hit.velocity);
        }
    }
}

/// Walks in quarters: the root, two tones of the chord, and a step towards the next root.
pub fn walk(scene: &mut Scene, sheet: &mut Sheet, player: usize, lowest: f64) {
    let changes = scene.changes();
    for (i, (bar, chord)) in changes.iter().enumerate() {
        let next = &changes[(i + 1) % changes.len()].1;
        let root = chord.bass(scene.key.tonic, lowest);
        let target = next.bass(scene.key.tonic, lowest);
        let n_beats = bar.beats as usize;
        let fifth = root + chord.tones.get(2).copied().unwrap_or(7.0);
        let third = root + chord.tones[1];
        let middle = scene.pick(&[[third, fifth], [fifth, third], [fifth, root + 12.0]]);
        for beat in 0..n_beats {
            let pitch = match beat {
                0 => root,
                _ if beat + 1 == n_beats => target + if target > root + 1.0 { -1.0 } else { 1.0 },
                _ => middle[(beat - 1) % 2],
            };
            let velocity = if beat % 2 == 0 { 0.85 } else { 0.75 };
            sheet.note(player, bar.start + beat as f64, 0.92, pitch, velocity);
        }
    }
}

/// Plays a tune.
pub fn tune(
    scene: &mut Scene,
    sheet: &mut Sheet,
    player: usize,
    (lowest, highest): (f64, f64),
    cells: &[&str],
    ends: &[&str],
) {
    for note in scene.tune(lowest, highest, cells, ends) {
        sheet.push(player, note);
    }
}

/// Plays drums: each has a pattern for every bar, and one for the last of a section.
pub fn drums(
    scene: &Scene,
    sheet: &mut Sheet,
    player: usize,
    beat: &[(usize, &str)],
    fill: &[(usize, &str)],
) {
    for bar in scene.bars() {
        let patterns = if bar.is_last && !fill.is_empty() { fill } else { beat };
        for (drum, pattern) in patterns {
            sheet.pattern(player, bar, pattern, *drum as f64);
        }
    }
}

fn sounding(voicings: &[(Bar, Vec<f64>)], beat: f64) -> &[f64] {
    let at = voicings.iter().rev().find(|(bar, _)| bar.start <= beat + 1e-9);
    at.map_or(&[], |(_, voices)| voices)
}
