//! Layali al-Andalus: dances in hijaz and bayati for oud, qanun and darbuka, in maqsum.

use super::*;
use crate::corpus::band::drums;
use crate::corpus::instruments::{Drum, Pluck, Voice};
use crate::corpus::score::Note;
use crate::corpus::theory::{BAYATI, HIJAZ};

pub const STYLE: Style = Style {
    name: "Layali al-Andalus",
    genre: "Maqam",
    tempi: &[96.0, 104.0, 112.0],
    tonics: &[50, 52, 55, 57],
    scales: &[&HIJAZ, &BAYATI],
    beats_per_bar: 4,
    rest_beats: 4.0,
    phrase_bars: 4,
    swing: 0.5,
    verses: &["i5 i5 i5 i5"],
    choruses: &["i5 iv i5 i5", "iv iv i5 i5"],
    bridges: &["iv iv bVII i5"],
    room: Room::SMALL,
    singing: None,
    band,
    write,
};

const OUD: usize = 0;
const QANUN: usize = 1;
const DARBUKA: usize = 2;

fn band() -> Vec<Player> {
    let oud = Pluck {
        decay_seconds: 1.8,
        brightness: 0.2,
        damping: 0.45,
        position: 0.13,
        ..Pluck::GUITAR
    };
    let qanun = Pluck {
        decay_seconds: 2.4,
        brightness: 0.45,
        damping: 0.3,
        position: 0.08,
        ..Pluck::GUITAR
    };
    let dum = Drum { tone_seconds: 0.3, ..Drum::hand(98.0, 0.3, 1.0) };
    let tek = Drum { noise: 0.3, ..Drum::hand(420.0, 0.09, 0.6) };
    let ka = Drum { noise: 0.25, ..Drum::hand(380.0, 0.06, 0.4) };
    vec![
        Player::new(Voice::Pluck(oud), -17.0, 0.15),
        Player::new(Voice::Pluck(qanun), -22.0, 0.25),
        Player::new(Voice::Kit(vec![dum, tek, ka]), -20.0, 0.1),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    let tonic = scene.key.tonic;
    let range = match scene.kind {
        Chorus => (tonic + 4.0, tonic + 15.0),
        _ => (tonic - 3.0, tonic + 9.0),
    };
    let cells: &[&str] = match scene.kind {
        Intro => &["x-------x-------", "x-----x-x-------"],
        Bridge => &["xxxxxxxxxxxxxxxx", "x-xxx-xxx-xxx-xx"],
        _ => &["x--xx-x-x-x-xxx-", "x-xxx-x-x--xx-x-", "x--x--x-x-xxx-x-"],
    };
    let ends = ["x-xxx-x-x-------", "x--xx-x-x-------"];
    for note in scene.tune(range.0, range.1, cells, &ends) {
        embellish(sheet, OUD, note, scene.key.pitch(scene.key.degree(note.pitch) + 1));
        if scene.is(&[Chorus, Bridge, Outro]) {
            sheet.push(QANUN, Note { pitch: note.pitch + 12.0, ..note });
        }
    }
    // the oud's low strings keep the tonic under the tune, and the qanun rolls it
    for bar in scene.bars() {
        sheet.note(OUD, bar.start, 1.9, tonic - 12.0, 0.7);
        sheet.note(
            OUD,
            bar.start + 2.0,
            1.9,
            tonic - 12.0 + if bar.idx % 2 == 1 { -5.0 } else { 0.0 },
            0.5,
        );
        if scene.is(&[Verse, Intro]) && bar.idx % 2 == 1 {
            for i in 0..4 {
                let pitch = scene.key.pitch([7, 8, 7, 6][i]);
                sheet.note(QANUN, bar.start + 2.5 + i as f64 * 0.25, 0.25, pitch, 0.6);
            }
        }
    }
    let maqsum = [(0, "X.......X......."), (1, "..x...x.....x..."), (2, "....o.....o...oo")];
    let fill = [(0, "X.......X......."), (1, "..x...x...x.x.x."), (2, "....o.oo...o.o.o")];
    if !scene.is(&[Intro]) {
        drums(scene, sheet, DARBUKA, &maqsum, &fill);
    }
}

/// Long notes are trembled, as a plectrum does, or touched from above.
fn embellish(sheet: &mut Sheet, player: usize, note: Note, above: f64) {
    if note.beats >= 1.0 {
        let n = (note.beats * 4.0) as usize;
        for i in 0..n {
            let beat = note.beat + i as f64 * 0.25;
            sheet.note(
                player,
                beat,
                0.25,
                note.pitch,
                note.velocity * if i == 0 { 1.0 } else { 0.6 },
            );
        }
    } else if note.beats >= 0.7 {
        sheet.note(player, note.beat, 0.125, above, note.velocity * 0.8);
        sheet.note(player, note.beat + 0.125, note.beats - 0.125, note.pitch, note.velocity);
    } else {
        sheet.push(player, note);
    }
}
