//! Camerata Linden: a string quartet in the manner of 1720, in which voices answer each other.

use super::*;
use crate::corpus::band::hold;
use crate::corpus::instruments::{Sampled, Voice};
use crate::corpus::score::Note;
use crate::corpus::theory::MAJOR;

pub const STYLE: Style = Style {
    name: "Camerata Linden",
    genre: "Baroque",
    tempi: &[80.0, 88.0, 96.0],
    tonics: &[50, 55, 57, 53],
    scales: &[&MAJOR],
    beats_per_bar: 4,
    rest_beats: 4.0,
    phrase_bars: 4,
    swing: 0.5,
    verses: &["I,V vi,iii IV,I IV,V", "I IV,V I ii,V", "I,vi ii,V I,IV V"],
    choruses: &["I,IV V,I vi,ii V,I", "IV,I V,vi ii,V I", "vi,ii V,I IV,ii V,I"],
    bridges: &["vi,iii vi,III vi,ii III,vi", "ii,VI ii,V I,IV V"],
    room: Room { gain: 0.45, ..Room::HALL },
    singing: None,
    band,
    write,
};

const FIRST: usize = 0;
const SECOND: usize = 1;
const VIOLA: usize = 2;
const CELLO: usize = 3;

fn band() -> Vec<Player> {
    let strings =
        |program, level_db| Player::new(Voice::Sampled(Sampled { program }), level_db, 0.3);
    vec![strings(40, -19.0), strings(40, -23.0), strings(41, -24.0), strings(42, -19.0)]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    hold(scene, sheet, VIOLA, scene.key.tonic, 2, 0.6);
    running_bass(scene, sheet);
    let range = (scene.key.tonic + 14.0, scene.key.tonic + 28.0);
    let ends = ["x-x-x-x-x-------", "x---x-x-x-------"];
    let cells = match scene.kind {
        Chorus | Bridge => ["x-xxx-xxx-x-x-x-", "xxxxx-x-xxxxx-x-", "x-x-xxxxx-x-xxxx"],
        _ => ["x-x-x-x-x---x-x-", "x---x-x-x-x-x---", "x-xxx---x-xxx---"],
    };
    if scene.is(&[Intro]) {
        hold(scene, sheet, FIRST, scene.key.tonic + 14.0, 1, 0.7);
        return;
    }
    let tune = scene.tune(range.0, range.1, &cells, &ends);
    for note in &tune {
        sheet.push(FIRST, Note { beats: note.beats * 0.95, ..*note });
    }
    // the second violin answers a bar later, a sixth or so below, on the beats
    for note in tune.iter().filter(|note| note.beat.fract() == 0.0) {
        let beat = note.beat + scene.bar_beats;
        if beat < scene.n_bars as f64 * scene.bar_beats {
            let pitch = scene.key.snap(scene.chord_at(beat), note.pitch - 8.0);
            sheet.push(SECOND, Note { beat, beats: 0.95, pitch, velocity: 0.65, glide: 0.0 });
        }
    }
}

/// Eighths from the root up the chord and down to the next.
fn running_bass(scene: &mut Scene, sheet: &mut Sheet) {
    let shape = scene.keep(&[[0usize, 2, 1, 2], [0, 1, 2, 1], [0, 0, 2, 1]]);
    for (bar, chord) in scene.changes() {
        let root = chord.bass(scene.key.tonic, 38.0);
        let n = (bar.beats * 2.0) as usize;
        for i in 0..n {
            let tone = chord.tones[shape[i % 4] % chord.tones.len()];
            let pitch = if tone > 6.0 { root + tone - 12.0 } else { root + tone };
            sheet.note(CELLO, bar.start + i as f64 * 0.5, 0.46, pitch.max(36.0), 0.75);
        }
    }
}
