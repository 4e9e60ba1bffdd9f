//! Riviera Chiara: bossa nova for nylon guitar, bass and a soft voice.

use super::*;
use crate::corpus::band::{bass, comp, drums, tune};
use crate::corpus::instruments::{Drum, Sampled, Voice};
use crate::corpus::theory::MAJOR;

pub const STYLE: Style = Style {
    name: "Riviera Chiara",
    genre: "Bossa Nova",
    tempi: &[116.0, 124.0, 132.0],
    tonics: &[50, 52, 55, 48],
    scales: &[&MAJOR],
    beats_per_bar: 4,
    rest_beats: 4.0,
    phrase_bars: 4,
    swing: 0.5,
    verses: &["Imaj7 Imaj7 II7 II7", "Imaj9 vi7 ii9 V7b9", "ii9 V9 Imaj7 I6"],
    choruses: &["ii7 V9 Imaj7 vi7", "IVmaj7 iv6 iii7 VI7b9", "ii9 ii9 V9 V7b9"],
    bridges: &["iv7 bVII9 bIIImaj7 bVI7", "iii7 VI7b9 ii7 V7b9"],
    room: Room::SMALL,
    singing: Some(Singing { language: "it", seed: 13 }),
    band,
    write,
};

const GUITAR: usize = 0;
const BASS: usize = 1;
const VOICE: usize = 2;
const KIT: usize = 3;

fn band() -> Vec<Player> {
    vec![
        Player::new(Voice::Sampled(Sampled { program: 24 }), -18.0, 0.15),
        Player::new(Voice::Sampled(Sampled { program: 33 }), -19.0, 0.0),
        Player::lead(Voice::Sampled(Sampled { program: 75 }), -20.0, 0.25),
        Player::new(Voice::Kit(vec![Drum::RIM, Drum::SHAKER]), -27.0, 0.1),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    let rhythm = scene.keep(&["x..x..x...x..x..", "x..x...x..x..x..", "x.x..x.x..x.x..."]);
    comp(scene, sheet, GUITAR, scene.key.tonic + 2.0, 4, rhythm);
    if !scene.is(&[Intro]) {
        bass(scene, sheet, BASS, 31.0, "X-----x-o-----x-", true);
        let clave = scene.keep(&["x..x..x...x..x..", "..x..x..x..x..x."]);
        drums(scene, sheet, KIT, &[(0, clave), (1, "xooxxooxxooxxoox")], &[]);
    }
    let range = (scene.key.tonic + 10.0, scene.key.tonic + 22.0);
    let ends = ["x--x--x---------", "..x-x-x---------"];
    match scene.kind {
        Verse => {
            let cells = ["x--x--x---x-x---", "..x-x-x--x--x---", "x-x--x--x-------"];
            tune(scene, sheet, VOICE, range, &cells, &ends);
        }
        Chorus => {
            let cells = ["x--x--x--x--x-x-", "x-x-x--x--x-----", "x--x--x-x--x----"];
            tune(scene, sheet, VOICE, (range.0 + 2.0, range.1 + 4.0), &cells, &ends);
        }
        Bridge => {
            tune(scene, sheet, VOICE, range, &["x-----x---x-----", "x---x---x-------"], &ends)
        }
        _ => {}
    }
}
