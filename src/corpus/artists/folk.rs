//! Hazel and Rye: folk songs over a finger-picked steel guitar.

use super::*;
use crate::corpus::band::{arpeggio, bass, drums, hold, tune};
use crate::corpus::instruments::{Drum, Sampled, Voice};
use crate::corpus::theory::MAJOR;

pub const STYLE: Style = Style {
    name: "Hazel and Rye",
    genre: "Folk",
    tempi: &[84.0, 92.0, 100.0],
    tonics: &[48, 50, 52, 55],
    scales: &[&MAJOR],
    beats_per_bar: 4,
    rest_beats: 4.0,
    phrase_bars: 4,
    swing: 0.5,
    verses: &["I V vi IV", "I IV I V", "I iii IV V", "I vi ii V"],
    choruses: &["IV I V vi", "IV V I I", "vi IV I V"],
    bridges: &["vi iii IV V", "ii IV I V"],
    room: Room::SMALL,
    singing: Some(Singing { language: "en", seed: 1 }),
    band,
    write,
};

const GUITAR: usize = 0;
const BASS: usize = 1;
const VOICE: usize = 2;
const STRINGS: usize = 3;
const KIT: usize = 4;

fn band() -> Vec<Player> {
    vec![
        Player::new(Voice::Sampled(Sampled { program: 25 }), -19.0, 0.2),
        Player::new(Voice::Sampled(Sampled { program: 32 }), -20.0, 0.05),
        Player::lead(Voice::Sampled(Sampled { program: 73 }), -20.0, 0.3),
        Player::new(Voice::Sampled(Sampled { program: 42 }), -26.0, 0.3),
        Player::new(Voice::Kit(vec![Drum::hand(95.0, 0.25, 0.8), Drum::SHAKER]), -28.0, 0.1),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    let order = scene.keep(&[
        [0usize, 2, 1, 3, 0, 2, 1, 3],
        [0, 1, 2, 3, 0, 3, 2, 1],
        [0, 2, 3, 1, 0, 2, 3, 2],
    ]);
    arpeggio(scene, sheet, GUITAR, (scene.key.tonic, 4), "XoxoXoxo", &order);
    // the thumb
    bass(scene, sheet, GUITAR, 40.0, "x...o...", true);
    if scene.is(&[Chorus, Bridge, Outro]) {
        bass(scene, sheet, BASS, 31.0, "X---x-o-", true);
        hold(scene, sheet, STRINGS, scene.key.tonic - 3.0, 2, 0.6);
        drums(scene, sheet, KIT, &[(0, "x.......x.x....."), (1, "..o.x.o...o.x.o.")], &[]);
    }
    let range = (scene.key.tonic + 11.0, scene.key.tonic + 22.0);
    let ends = ["x---x---x-------", "x---x-x-x-------"];
    match scene.kind {
        Verse => {
            let cells = ["x---x-x-x---x---", "..x-x-x-x---x---", "x-x-x---x---x-x-"];
            tune(scene, sheet, VOICE, range, &cells, &ends);
        }
        Chorus => {
            let cells = ["x---x---x-x-x---", "x-----x-x---x---", "x-x-x-x-x---x---"];
            tune(scene, sheet, VOICE, (range.0 + 3.0, range.1 + 3.0), &cells, &ends);
        }
        Bridge => {
            tune(scene, sheet, VOICE, range, &["x---x---x---x---", "x-------x---x---"], &ends)
        }
        _ => {}
    }
}
