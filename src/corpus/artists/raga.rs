//! Manjari Devi: ragas on the sitar over a tanpura, in teental, sixteen beats.

use super::*;
use crate::corpus::instruments::{Drum, Pluck, Voice};
use crate::corpus::score::Note;
use crate::corpus::theory::{BHAIRAV, KAFI, YAMAN};

pub const STYLE: Style = Style {
    name: "Manjari Devi",
    genre: "Raga",
    tempi: &[132.0, 144.0, 156.0],
    tonics: &[49, 50, 51],
    scales: &[&YAMAN, &BHAIRAV, &KAFI],
    beats_per_bar: 16,
    rest_beats: 4.0,
    phrase_bars: 1,
    swing: 0.5,
    verses: &["I5"],
    choruses: &["I5"],
    bridges: &["I5"],
    room: Room::SMALL,
    singing: None,
    band,
    write,
};

const TANPURA: usize = 0;
const SITAR: usize = 1;
const TABLA: usize = 2;

fn band() -> Vec<Player> {
    let tanpura = Pluck {
        decay_seconds: 5.0,
        brightness: 0.2,
        damping: 0.3,
        position: 0.4,
        buzz: 0.15,
        release_seconds: 0.6,
    };
    let sitar = Pluck {
        decay_seconds: 3.0,
        brightness: 0.4,
        damping: 0.3,
        position: 0.09,
        buzz: 0.3,
        release_seconds: 0.1,
    };
    let ge = Drum {
        from_hz: 75.0,
        to_hz: 105.0,
        fall_seconds: 0.12,
        overtones: &[],
        ..Drum::hand(105.0, 0.4, 0.9)
    };
    let na = Drum { overtones: &[(2.0, 0.5), (3.0, 0.3)], ..Drum::hand(294.0, 0.3, 0.5) };
    let te = Drum { noise: 0.3, ..Drum::hand(480.0, 0.05, 0.4) };
    vec![
        Player::new(Voice::Pluck(tanpura), -26.0, 0.2),
        Player::new(Voice::Pluck(sitar), -17.0, 0.2),
        Player::new(Voice::Kit(vec![ge, na, te]), -20.0, 0.1),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    let tonic = scene.key.tonic;
    for bar in scene.bars() {
        for four in 0..4 {
            let start = bar.start + f64::from(four) * 4.0;
            let open = scene.key.scale.steps[4] - 12.0;
            for (beat, pitch) in [(0.0, open), (1.0, 0.0), (2.0, 0.0), (3.0, -12.0)] {
                sheet.note(TANPURA, start + beat, 4.0, tonic + pitch, 0.7);
            }
        }
    }
    let mut fours = scene.in_bars_of(4.0);
    let cells: &[&str] = match scene.kind {
        Intro => &["x-------x-------", "x-----------x---"],
        Bridge => &["x-x-x-x-xxxxxxxx", "xxxxxxxxx-x-x-x-"],
        _ => &["x---x-x-x---x---", "x-x-x---x-x-x---", "x---x---x-x-x-x-"],
    };
    let range = match scene.kind {
        Chorus => (tonic + 7.0, tonic + 20.0),
        _ => (tonic + 2.0, tonic + 14.0),
    };
    let tune = fours.tune(range.0, range.1, cells, &["x-x-x---x-------", "x---x---x-------"]);
    let mut before = None;
    for note in tune {
        // long notes are pulled from the one before, across the frets
        let pulled =
            before.filter(|before: &f64| note.beats >= 1.0 && (before - note.pitch).abs() < 4.0);
        let glide = pulled.map_or(0.0, |before| before - note.pitch);
        sheet.push(SITAR, Note { glide, ..note });
        if note.beats >= 2.0 && !scene.is(&[Intro]) {
            // the strings of the rhythm answer
            sheet.note(SITAR, note.beat + 1.0, 0.9, tonic + 12.0, 0.35);
        }
        before = Some(note.pitch);
    }
    if scene.is(&[Intro]) {
        return;
    }
    for bar in scene.bars() {
        // dha dhin dhin dha · dha dhin dhin dha · dha tin tin ta · ta dhin dhin dha
        sheet.pattern(TABLA, bar, "XooX XooX X... .ooX", 0.0);
        sheet.pattern(TABLA, bar, "XxxX XxxX XxxX XxxX", 1.0);
        let quick = if scene.is(&[Chorus, Bridge]) {
            ".o.o.o.o.o.o.o.o.o.o.o.o.o.ooooo"
        } else {
            ".......o.......o.......o.....ooo"
        };
        sheet.pattern(TABLA, bar, quick, 2.0);
    }
}
