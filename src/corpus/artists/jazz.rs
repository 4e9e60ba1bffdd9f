//! Blue Annex Trio: swing for piano, walking bass and brushes.

use super::*;
use crate::corpus::band::{comp, drums, tune, walk};
use crate::corpus::instruments::{Drum, Sampled, Voice};
use crate::corpus::theory::MAJOR;

pub const STYLE: Style = Style {
    name: "Blue Annex Trio",
    genre: "Jazz",
    tempi: &[126.0, 138.0, 150.0],
    tonics: &[53, 55, 58, 51],
    scales: &[&MAJOR],
    beats_per_bar: 4,
    rest_beats: 4.0,
    phrase_bars: 4,
    swing: 0.64,
    verses: &["ii7 V9 Imaj7 vi7", "Imaj7 vi7 ii7 V9", "iii7 vi7 ii7 V7b9"],
    choruses: &[
        "Imaj9 IV9 iii7,vi7 ii7,V9",
        "ii7 V9 Imaj9 I6",
        "Imaj7,vi7 ii7,V9 Imaj7,vi7 ii7,V9",
    ],
    bridges: &["iv7 bVII9 Imaj7 Imaj7", "III7 VI7 II7 V7"],
    room: Room::SMALL,
    singing: None,
    band,
    write,
};

const PIANO: usize = 0;
const BASS: usize = 1;
const SOLO: usize = 2;
const KIT: usize = 3;

fn band() -> Vec<Player> {
    let brush = Drum {
        tone: 0.0,
        noise: 0.6,
        noise_seconds: 0.12,
        noise_band: (1500.0, 4500.0),
        gain: 0.4,
        ..Drum::SNARE
    };
    let ride = Drum {
        from_hz: 3100.0,
        to_hz: 3100.0,
        tone: 0.25,
        tone_seconds: 0.25,
        overtones: &[(1.34, 0.6), (1.71, 0.5)],
        noise: 0.2,
        noise_seconds: 0.04,
        noise_band: (4000.0, 8000.0),
        gain: 0.3,
        ..Drum::KICK
    };
    vec![
        Player::new(Voice::Sampled(Sampled { program: 0 }), -21.0, 0.2),
        Player::new(Voice::Sampled(Sampled { program: 32 }), -18.0, 0.06),
        Player::new(Voice::Sampled(Sampled { program: 11 }), -20.0, 0.25),
        Player::new(Voice::Kit(vec![ride, brush, Drum::RIM]), -27.0, 0.15),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    let rhythm = scene.keep(&["..x....x", "x..x....", "x..x..x.", "...x..x."]);
    comp(scene, sheet, PIANO, scene.key.tonic - 1.0, 4, rhythm);
    if scene.is(&[Intro]) {
        for bar in scene.bars() {
            let root = scene.chord_at(bar.start).bass(scene.key.tonic, 31.0);
            sheet.note(BASS, bar.start, bar.beats * 0.97, root, 0.8);
        }
    } else {
        walk(scene, sheet, BASS, 31.0);
    }
    let range = (scene.key.tonic + 12.0, scene.key.tonic + 27.0);
    let ends = ["xxx-x---", "x-xxx---", ".xx-x---"];
    match scene.kind {
        Verse => tune(
            scene,
            sheet,
            SOLO,
            range,
            &["x-xx-x.x", ".xxxx-x-", "x-x-.xxx", "x--x--x-"],
            &ends,
        ),
        Chorus => tune(scene, sheet, SOLO, range, &["x--xx-xx", ".x.xx--x", "x-xxx-xx"], &ends),
        Bridge => tune(scene, sheet, SOLO, range, &["xxxxxxxx", ".xxxxxx-", "xxx-xxx-"], &ends),
        _ => {}
    }
    let ride = (0, "x.xxx.xx");
    let brush = (1, "..x...x.");
    drums(scene, sheet, KIT, &[ride, brush], &[ride, (1, "..x..xxx"), (2, ".......x")]);
}
