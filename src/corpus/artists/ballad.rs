//! Klara Winter: ballads at the piano, with strings in the choruses.

use super::*;
use crate::corpus::band::{arpeggio, bass, hold, tune};
use crate::corpus::instruments::{Sampled, Voice};
use crate::corpus::theory::MAJOR;

pub const STYLE: Style = Style {
    name: "Klara Winter",
    genre: "Piano Ballad",
    tempi: &[66.0, 72.0, 78.0],
    tonics: &[48, 53, 51, 57],
    scales: &[&MAJOR],
    beats_per_bar: 4,
    rest_beats: 4.0,
    phrase_bars: 4,
    swing: 0.5,
    verses: &["I V vi IV", "I iii vi IV", "vi IV I V"],
    choruses: &["IV V vi I", "I V vi IV", "IV I ii V"],
    bridges: &["ii vi IV V", "vi V IV V"],
    room: Room::HALL,
    singing: Some(Singing { language: "de", seed: 9 }),
    band,
    write,
};

const PIANO: usize = 0;
const STRINGS: usize = 1;
const VOICE: usize = 2;

fn band() -> Vec<Player> {
    vec![
        Player::new(Voice::Sampled(Sampled { program: 0 }), -17.0, 0.25),
        Player::new(Voice::Sampled(Sampled { program: 48 }), -25.0, 0.3),
        Player::lead(Voice::Sampled(Sampled { program: 71 }), -20.0, 0.35),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    let order = scene.keep(&[[0usize, 1, 2, 1], [0, 2, 1, 2], [0, 1, 2, 3]]);
    let lowest = scene.key.tonic + 4.0;
    match scene.kind {
        Chorus => {
            arpeggio(scene, sheet, PIANO, (lowest + 3.0, 4), "XoxoXoxoXoxoXoxo", &order);
            bass(scene, sheet, PIANO, 33.0, "X---x---", false);
            hold(scene, sheet, STRINGS, scene.key.tonic + 7.0, 3, 0.7);
        }
        _ => {
            arpeggio(scene, sheet, PIANO, (lowest, 3), "xoxoxoxo", &order);
            bass(scene, sheet, PIANO, 36.0, "x-------", false);
        }
    }
    let range = (scene.key.tonic + 11.0, scene.key.tonic + 23.0);
    let ends = ["x---x---x-------", "x-----x-x-------"];
    match scene.kind {
        Verse => {
            let cells = ["x---x-x-x---x---", "x-x-x---x---x---", "..x-x-x-x-------"];
            tune(scene, sheet, VOICE, range, &cells, &ends);
        }
        Chorus => {
            let cells = ["x---x---x---x-x-", "x-----x-x---x---", "x---x-x-x-x-x---"];
            tune(scene, sheet, VOICE, (range.0 + 3.0, range.1 + 4.0), &cells, &ends);
        }
        Bridge => {
            tune(scene, sheet, VOICE, range, &["x-------x---x---", "x---x---x-------"], &ends)
        }
        _ => {}
    }
}
