//! Makena Sunrise: marimbas and clean guitars that interlock over a bouncing bass.

use super::*;
use crate::corpus::band::{arpeggio, bass, drums, tune};
use crate::corpus::instruments::{Drum, Modal, Pluck, Sampled, Voice};
use crate::corpus::theory::{MAJOR, PENTATONIC};

pub const STYLE: Style = Style {
    name: "Makena Sunrise",
    genre: "Highlife",
    tempi: &[108.0, 116.0, 124.0],
    tonics: &[48, 53, 55, 57],
    scales: &[&MAJOR, &PENTATONIC],
    beats_per_bar: 4,
    rest_beats: 4.0,
    phrase_bars: 4,
    swing: 0.5,
    verses: &["I IV I V", "I I IV V", "I IV V I"],
    choruses: &["IV V I I", "I IV V IV", "IV I V I"],
    bridges: &["vi IV I V", "ii ii V V"],
    room: Room::SMALL,
    singing: None,
    band,
    write,
};

const MARIMBA: usize = 0;
const GUITAR: usize = 1;
const BASS: usize = 2;
const TUNE: usize = 3;
const KIT: usize = 4;

const WOOD: &[(f64, f64, f64)] = &[(1.0, 1.0, 0.7), (3.95, 0.3, 0.15), (9.1, 0.1, 0.06)];

fn band() -> Vec<Player> {
    let wood = Modal { modes: WOOD, beating_hz: 0.0, release_seconds: 0.4 };
    let guitar = Pluck {
        decay_seconds: 1.6,
        brightness: 0.45,
        damping: 0.3,
        position: 0.1,
        ..Pluck::GUITAR
    };
    let kit =
        vec![Drum::KICK, Drum::hand(330.0, 0.12, 0.5), Drum::hand(220.0, 0.16, 0.5), Drum::SHAKER];
    vec![
        Player::new(Voice::Modal(wood), -20.0, 0.2),
        Player::new(Voice::Pluck(guitar), -24.0, 0.2),
        Player::new(Voice::Sampled(Sampled { program: 33 }), -18.0, 0.0),
        Player::new(Voice::Modal(wood), -19.0, 0.25),
        Player::new(Voice::Kit(kit), -21.0, 0.08),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    let order = scene.keep(&[[0usize, 2, 1, 2, 3, 2], [0, 1, 2, 3, 2, 1], [2, 0, 1, 0, 2, 3]]);
    let pattern = scene.keep(&["x.xx.x.xx.xx.x.x", "xx.xx.x.xx.xx.x.", "x.x.xx.xx.x.xx.x"]);
    arpeggio(scene, sheet, MARIMBA, (scene.key.tonic + 5.0, 3), pattern, &order);
    if scene.is(&[Chorus, Bridge, Outro]) {
        arpeggio(scene, sheet, GUITAR, (scene.key.tonic + 12.0, 3), ".x.x.xx..x.x.xx.", &[2, 1, 0]);
    }
    if !scene.is(&[Intro]) {
        let line = scene.keep(&["X..x..x...o.x...", "X...x.o.X..x..o.", "X..x..o.X.....o."]);
        bass(scene, sheet, BASS, 33.0, line, true);
    }
    let range = (scene.key.tonic + 17.0, scene.key.tonic + 31.0);
    let cells = match scene.kind {
        Chorus => ["x.xx.xx.x.x.x...", "x..x..x.x.xx.x..", "xx.x.x..xx.x.x.."],
        _ => ["x..x..x.....x...", "x.x..x..x.......", "..x.x.x...x.x..."],
    };
    if scene.is(&[Verse, Chorus, Bridge]) {
        tune(scene, sheet, TUNE, range, &cells, &["x.x..x..x.......", "x..x..x.x......."]);
    }
    let shaker = (3, "xoxoxoxoxoxoxoxo");
    let bell = (1, "x..x..x...x.x...");
    let low = (2, "......x.......xx");
    match scene.kind {
        Intro => drums(scene, sheet, KIT, &[shaker], &[shaker, (2, "........x.x.xxxx")]),
        Verse | Bridge => drums(scene, sheet, KIT, &[shaker, low, (0, "X.......X.......")], &[]),
        Chorus | Outro => {
            let beat = [shaker, low, bell, (0, "X...X...X...X...")];
            drums(
                scene,
                sheet,
                KIT,
                &beat,
                &[shaker, (2, "x.x.x.xxx.x.xxxx"), (0, "X...X...X...X...")],
            );
        }
    }
}
