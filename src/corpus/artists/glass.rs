//! Slow Glass: ambient, with soft swells, a low drone and bells far apart.

use super::*;
use crate::corpus::band::{arpeggio, bass, hold, tune};
use crate::corpus::instruments::{Fm, Patch, Voice, Wave};
use crate::corpus::theory::{LYDIAN, MAJOR};

pub const STYLE: Style = Style {
    name: "Slow Glass",
    genre: "Ambient",
    tempi: &[60.0, 66.0, 72.0],
    tonics: &[48, 50, 53, 55],
    scales: &[&LYDIAN, &MAJOR],
    beats_per_bar: 4,
    rest_beats: 4.0,
    phrase_bars: 4,
    swing: 0.5,
    verses: &["Imaj9 Imaj9 IVmaj7 IVmaj7", "Iadd9 vi7 Iadd9 vi7", "Imaj7 iii7 vi9 vi9"],
    choruses: &["IVmaj9 Imaj9 vi9 Vsus", "vi9 IVmaj9 Imaj9 Imaj9"],
    bridges: &["ii9 ii9 IVmaj9 IVmaj9", "vi9 vi9 iii7 iii7"],
    room: Room { seconds: 2.4, brightness: 0.3, gain: 0.45 },
    singing: None,
    band,
    write,
};

const PAD: usize = 0;
const DRONE: usize = 1;
const BELL: usize = 2;
const HARP: usize = 3;

fn band() -> Vec<Player> {
    let pad = Patch {
        wave: Wave::Triangle,
        cutoff_hz: 1100.0,
        attack_seconds: 0.9,
        release_seconds: 1.4,
        detune_cents: 5.0,
        ..Patch::PAD
    };
    let drone = Patch { wave: Wave::Sine, attack_seconds: 0.6, release_seconds: 1.0, ..pad };
    let bell = Fm { decay_seconds: 5.0, release_seconds: 1.5, index: 1.0, ..Fm::BELL };
    let harp = Fm {
        index: 0.7,
        index_sustain: 0.0,
        decay_seconds: 2.5,
        release_seconds: 0.8,
        ..Fm::PIANO
    };
    vec![
        Player::new(Voice::Synth(pad), -18.0, 0.5),
        Player::new(Voice::Synth(drone), -22.0, 0.1),
        Player::new(Voice::Fm(bell), -21.0, 0.6),
        Player::new(Voice::Fm(harp), -24.0, 0.5),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    hold(scene, sheet, PAD, scene.key.tonic + 5.0, 4, 0.8);
    if !scene.is(&[Intro]) {
        bass(scene, sheet, DRONE, 36.0, "X---", false);
    }
    let order = scene.keep(&[[0, 2, 1, 3], [0, 1, 2, 3], [3, 2, 1, 0]]);
    if scene.is(&[Chorus, Outro]) {
        arpeggio(scene, sheet, HARP, (scene.key.tonic + 12.0, 4), "x---x---x---x---", &order);
    }
    if scene.is(&[Verse, Chorus, Bridge]) {
        let range = (scene.key.tonic + 24.0, scene.key.tonic + 38.0);
        let cells = ["x-----x-x-------", "x---x-----------", "x---------x-x---"];
        tune(scene, sheet, BELL, range, &cells, &["x---------------", "x-----x---------"]);
    }
}
