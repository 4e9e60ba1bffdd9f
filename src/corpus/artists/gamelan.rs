//! Gong Kencana: a gamelan, whose gong closes every sixteen beats and whose fast parts interlock.

use super::*;
use crate::corpus::instruments::{Drum, Modal, Voice};
use crate::corpus::theory::{PELOG, SLENDRO};
use rand::Rng;

pub const STYLE: Style = Style {
    name: "Gong Kencana",
    genre: "Gamelan",
    tempi: &[104.0, 112.0, 120.0],
    tonics: &[58, 60, 62],
    scales: &[&SLENDRO, &PELOG],
    beats_per_bar: 16,
    rest_beats: 4.0,
    phrase_bars: 1,
    swing: 0.5,
    verses: &["I5"],
    choruses: &["I5"],
    bridges: &["I5"],
    room: Room { seconds: 1.1, ..Room::HALL },
    singing: None,
    band,
    write,
};

const SARON: usize = 0;
const PEKING: usize = 1;
const BONANG: usize = 2;
const GONG: usize = 3;
const KENONG: usize = 4;
const KENDANG: usize = 5;

const BAR: &[(f64, f64, f64)] = &[(1.0, 1.0, 1.6), (2.76, 0.3, 0.5), (5.4, 0.12, 0.2)];
const POT: &[(f64, f64, f64)] = &[(1.0, 1.0, 1.0), (1.52, 0.25, 0.4), (2.9, 0.15, 0.25)];
const GONG_MODES: &[(f64, f64, f64)] =
    &[(1.0, 1.0, 5.0), (1.98, 0.4, 3.0), (2.74, 0.15, 1.5), (3.9, 0.08, 1.0)];

fn band() -> Vec<Player> {
    let bars = Modal { modes: BAR, beating_hz: 0.0, release_seconds: 0.12 };
    let pots = Modal { modes: POT, beating_hz: 0.0, release_seconds: 0.2 };
    let gong = Modal { modes: GONG_MODES, beating_hz: 1.3, release_seconds: 6.0 };
    let kenong = Modal { modes: POT, beating_hz: 2.1, release_seconds: 2.0 };
    let kendang = vec![Drum::hand(85.0, 0.25, 0.9), Drum::hand(210.0, 0.12, 0.6)];
    vec![
        Player::new(Voice::Modal(bars), -19.0, 0.3),
        Player::new(Voice::Modal(bars), -25.0, 0.3),
        Player::new(Voice::Modal(pots), -22.0, 0.3),
        Player::new(Voice::Modal(gong), -19.0, 0.2),
        Player::new(Voice::Modal(kenong), -22.0, 0.3),
        Player::new(Voice::Kit(kendang), -25.0, 0.15),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    for bar in scene.bars() {
        let tune = balungan(scene);
        for (i, degree) in tune.iter().enumerate() {
            let beat = bar.start + i as f64;
            let pitch = scene.key.pitch(*degree);
            sheet.note(SARON, beat, 0.97, pitch, if i % 4 == 0 { 0.9 } else { 0.7 });
            if scene.is(&[Intro]) {
                continue;
            }
            for half in [0.0, 0.5] {
                sheet.note(PEKING, beat + half, 0.48, pitch + 12.0, 0.6);
            }
            if scene.is(&[Chorus, Bridge]) {
                // two pots share four strokes a beat: one has the beat's note, the other its neighbour
                let next = tune[(i + 1) % tune.len()];
                for (quarter, degree) in
                    [(0.0, *degree), (0.25, next + 1), (0.5, *degree), (0.75, next)]
                {
                    sheet.note(BONANG, beat + quarter, 0.24, scene.key.pitch(degree + 5), 0.6);
                }
            } else if i % 2 == 0 {
                sheet.note(BONANG, beat + 0.5, 0.5, scene.key.pitch(degree + 5), 0.6);
                sheet.note(BONANG, beat + 1.5, 0.5, scene.key.pitch(degree + 5), 0.5);
            }
        }
        sheet.note(GONG, bar.start, 15.0, scene.key.pitch(-10), 0.9);
        for (beat, degree) in [(6.0, -5), (10.0, -3), (14.0, -5)] {
            sheet.note(GONG, bar.start + beat, 4.0, scene.key.pitch(degree), 0.35);
        }
        if scene.is(&[Outro]) {
            sheet.note(GONG, bar.start + 12.0, 4.0, scene.key.pitch(-10), 0.9);
        }
        for beat in [4.0, 8.0, 12.0] {
            sheet.note(
                KENONG,
                bar.start + beat,
                3.0,
                scene.key.pitch(tune[beat as usize] + 5),
                0.7,
            );
        }
        if !scene.is(&[Intro]) {
            sheet.pattern(KENDANG, bar, "X...o.o.X...x.x.X...o.o.X.x.xxx.", 0.0);
            sheet.pattern(KENDANG, bar, "..o.x..o..o.x..o..o.x..o..o..x.x", 1.0);
        }
    }
}

/// Sixteen notes in fours; each four ends on a note that matters, and the last comes home.
fn balungan(scene: &mut Scene) -> [i32; 16] {
    let mut rng = scene.rng.clone();
    let shape = [[0, 1, 0, -1], [0, 2, 1, 2], [0, -1, 1, 0]][rng.random_range(0..3)];
    let lift = if scene.is(&[Chorus]) { 2 } else { 0 };
    let goals = [0, [2, 1, 3][rng.random_range(0..3)], [3, 4, 2][rng.random_range(0..3)], 1];
    std::array::from_fn(|i| goals[i / 4] + lift + shape[i % 4])
}
