//! Static Bloom: drum and bass, with a broken beat under glassy chords.

use super::*;
use crate::corpus::band::{arpeggio, bass, drums, hold, tune};
use crate::corpus::instruments::{Drum, Fm, Patch, Voice};
use crate::corpus::theory::MINOR;

pub const STYLE: Style = Style {
    name: "Static Bloom",
    genre: "Drum and Bass",
    tempi: &[168.0, 172.0, 176.0],
    tonics: &[53, 55, 50, 58],
    scales: &[&MINOR],
    beats_per_bar: 4,
    rest_beats: 4.0,
    phrase_bars: 8,
    swing: 0.5,
    verses: &["i9 i9 bVImaj7 bVImaj7", "i9 i9 iv9 iv9"],
    choruses: &[
        "bVImaj7 bVImaj7 bVII bVII i9 i9 v7 v7",
        "i9 i9 bIIImaj7 bIIImaj7 bVImaj7 bVImaj7 iv9 iv9",
    ],
    bridges: &["iv9 iv9 v7 v7", "bVImaj7 bVImaj7 iv9 iv9"],
    room: Room { seconds: 1.1, ..Room::SMALL },
    singing: None,
    band,
    write,
};

const SUB: usize = 0;
const CHORDS: usize = 1;
const BELL: usize = 2;
const PAD: usize = 3;
const KIT: usize = 4;

fn band() -> Vec<Player> {
    let sub = Patch { sub: 0.0, cutoff_hz: 180.0, sweep_octaves: 1.2, sustain: 0.8, ..Patch::BASS };
    let chords = Fm { ratio: 2.0, index: 0.9, index_sustain: 0.3, decay_seconds: 2.5, ..Fm::PIANO };
    let pad = Patch { cutoff_hz: 800.0, ..Patch::PAD };
    let kick = Drum { fall_seconds: 0.025, tone_seconds: 0.2, ..Drum::KICK };
    let snare = Drum { tone: 0.9, to_hz: 210.0, from_hz: 280.0, noise_seconds: 0.1, ..Drum::SNARE };
    vec![
        Player::new(Voice::Synth(sub), -18.0, 0.0),
        Player::new(Voice::Fm(chords), -22.0, 0.35),
        Player::new(Voice::Fm(Fm { decay_seconds: 1.6, ..Fm::BELL }), -22.0, 0.5),
        Player::new(Voice::Synth(pad), -29.0, 0.3),
        Player::new(Voice::Kit(vec![kick, snare, Drum::HAT]), -16.0, 0.08),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    let line = scene.keep(&["X-----..x---..x-", "X-------..x-x---", "X---..x-----x---"]);
    let order = scene.keep(&[[0usize, 2, 1, 3, 2], [0, 1, 2, 3, 1]]);
    arpeggio(scene, sheet, CHORDS, (scene.key.tonic + 6.0, 4), "x--x--x--x--x-x-", &order);
    if scene.is(&[Verse, Chorus, Outro]) {
        bass(scene, sheet, SUB, 31.0, line, false);
    }
    if scene.is(&[Chorus, Bridge, Intro]) {
        hold(scene, sheet, PAD, scene.key.tonic + 2.0, 3, 0.7);
    }
    if scene.is(&[Chorus, Bridge]) {
        let range = (scene.key.tonic + 24.0, scene.key.tonic + 36.0);
        let cells = ["x-----x-----x---", "x---x-------x---", "x-----x-x-------"];
        tune(scene, sheet, BELL, range, &cells, &["x-----x---------", "x---------------"]);
    }
    let beat = [(0, "X.........X....."), (1, "....X..o.o..X..o"), (2, "x.x.x.x.x.x.x.x.")];
    let fill = [(0, "X.........X....."), (1, "....X..o.oo.X.XX"), (2, "x.x.x.x.x.x.x.x.")];
    match scene.kind {
        Verse | Chorus | Outro => drums(scene, sheet, KIT, &beat, &fill),
        Intro => drums(scene, sheet, KIT, &[(2, "x...x...x...x...")], &[(1, "........x.x.xxxx")]),
        Bridge => drums(scene, sheet, KIT, &[(0, "X...............")], &[(1, "x...x...x.x.xxxx")]),
    }
}
