//! Pocket Arcade: chiptune, for two pulses, a triangle and crisp drums.

use super::*;
use crate::corpus::band::{arpeggio, bass, drums, tune};
use crate::corpus::instruments::{Drum, Patch, Voice, Wave};
use crate::corpus::theory::{MAJOR, MINOR};

pub const STYLE: Style = Style {
    name: "Pocket Arcade",
    genre: "Chiptune",
    tempi: &[140.0, 150.0, 160.0],
    tonics: &[48, 50, 55, 57],
    scales: &[&MAJOR, &MINOR],
    beats_per_bar: 4,
    rest_beats: 4.0,
    phrase_bars: 4,
    swing: 0.5,
    verses: &["I V vi IV", "I IV I V", "vi IV I V"],
    choruses: &["IV V I vi", "I V vi IV", "IV I V I"],
    bridges: &["vi vi IV V", "IV IV bVII V"],
    room: Room { gain: 0.0, ..Room::SMALL },
    singing: None,
    band,
    write,
};

const LEAD: usize = 0;
const ARP: usize = 1;
const BASS: usize = 2;
const KIT: usize = 3;

fn band() -> Vec<Player> {
    let plain = Patch {
        wave: Wave::Pulse(0.5),
        cutoff_hz: 7000.0,
        sweep_octaves: 0.0,
        attack_seconds: 0.003,
        decay_seconds: 0.3,
        sustain: 0.6,
        release_seconds: 0.03,
        ..Patch::LEAD
    };
    let arp = Patch { wave: Wave::Pulse(0.125), decay_seconds: 0.08, sustain: 0.35, ..plain };
    let bass = Patch { wave: Wave::Triangle, sustain: 1.0, ..plain };
    let snare = Drum { tone: 0.3, noise: 0.7, noise_seconds: 0.09, gain: 0.6, ..Drum::SNARE };
    vec![
        Player::new(Voice::Synth(Patch { vibrato_cents: 10.0, ..plain }), -19.0, 0.0),
        Player::new(Voice::Synth(arp), -27.0, 0.0),
        Player::new(Voice::Synth(bass), -18.0, 0.0),
        Player::new(Voice::Kit(vec![Drum::KICK, snare, Drum::HAT]), -21.0, 0.0),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    // in a minor song the same numerals start from its relative major
    if scene.key.scale.name == "minor" {
        for chord in scene.chords.iter_mut().flatten() {
            chord.root += 3.0;
        }
    }
    let order = scene.keep(&[[0, 1, 2, 1], [0, 1, 2, 3], [2, 1, 0, 1]]);
    arpeggio(scene, sheet, ARP, (scene.key.tonic + 16.0, 3), "xxxx xxxx xxxx xxxx", &order);
    let line = scene.keep(&["X.x.X.x.X.x.X.x.", "X--xX-x-X--xX-x-", "X-X-o-X-X-X-o-X-"]);
    if !scene.is(&[Intro]) {
        bass(scene, sheet, BASS, 36.0, line, true);
    }
    let range = (scene.key.tonic + 19.0, scene.key.tonic + 34.0);
    let cells = match scene.kind {
        Chorus => ["x-x-x-xxx-x-x-x-", "x--x--x-x-xxx-x-", "x-xxx-x-x-xxx-x-"],
        _ => ["x--x--x-x-x-x---", "x---x-x-x--x--x-", "x-x-x---x-x-x---"],
    };
    if scene.is(&[Verse, Chorus, Bridge]) {
        tune(scene, sheet, LEAD, range, &cells, &["x-x-x-x-x-------", "x--x--x-x-------"]);
    }
    let fill = [(0, "X.......X......."), (1, "....X...X.X.XXXX")];
    match scene.kind {
        Intro => {}
        Bridge => drums(scene, sheet, KIT, &[(0, "X..."), (2, "x.x.x.x.")], &fill),
        _ => {
            let beat = [(0, "X.....X.X......."), (1, "....X.......X..."), (2, "x.xxx.xxx.xxx.xx")];
            drums(scene, sheet, KIT, &beat, &fill);
        }
    }
}
