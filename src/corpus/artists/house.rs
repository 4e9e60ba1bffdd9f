//! Velvet Signal: house, with stabs of an electric organ over four on the floor.

use super::*;
use crate::corpus::band::{bass, comp, drums, hold, tune};
use crate::corpus::instruments::{Drum, Fm, Patch, Voice, Wave};
use crate::corpus::theory::MINOR;

pub const STYLE: Style = Style {
    name: "Velvet Signal",
    genre: "House",
    tempi: &[120.0, 124.0, 128.0],
    tonics: &[48, 53, 55, 58],
    scales: &[&MINOR],
    beats_per_bar: 4,
    rest_beats: 4.0,
    phrase_bars: 4,
    swing: 0.54,
    verses: &["i7 i7 iv7 iv7", "i9 i9 bVIImaj7 bVIImaj7", "i7 bVImaj7 i7 bVImaj7"],
    choruses: &["i9 iv9 bVII9 bIIImaj7", "bVImaj7 bVII9 i9 i9", "iv9 i9 iv9 v7"],
    bridges: &["bVImaj7 bVImaj7 v7 v7", "iv9 iv9 bVII9 bVII9"],
    room: Room::SMALL,
    singing: None,
    band,
    write,
};

const BASS: usize = 0;
const STAB: usize = 1;
const PAD: usize = 2;
const HOOK: usize = 3;
const KIT: usize = 4;

fn band() -> Vec<Player> {
    let bass = Patch { wave: Wave::Sine, sub: 0.3, cutoff_hz: 500.0, sustain: 0.7, ..Patch::BASS };
    let stab =
        Fm { index: 2.4, index_sustain: 0.1, index_seconds: 0.12, decay_seconds: 0.9, ..Fm::PIANO };
    let pad = Patch { wave: Wave::Triangle, cutoff_hz: 1500.0, n_voices: 2, ..Patch::PAD };
    let hook = Fm { ratio: 2.0, index: 1.2, decay_seconds: 1.2, ..Fm::PIANO };
    vec![
        Player::new(Voice::Synth(bass), -18.0, 0.0),
        Player::new(Voice::Fm(stab), -21.0, 0.35),
        Player::new(Voice::Synth(pad), -27.0, 0.3),
        Player::new(Voice::Fm(hook), -22.0, 0.4),
        Player::new(Voice::Kit(vec![Drum::KICK, Drum::CLAP, Drum::HAT, Drum::RIM]), -16.0, 0.06),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    let stabs = scene.keep(&["..x..x....x..x..", "x..x..x...x..x..", "..x...x.x..x...."]);
    let line = scene.keep(&["..x...x...x.o.x.", "..x.x...o.x...x.", "X.....x.o.x...x."]);
    if !scene.is(&[Intro]) {
        comp(scene, sheet, STAB, scene.key.tonic + 8.0, 4, stabs);
    }
    if !scene.is(&[Bridge]) {
        bass(scene, sheet, BASS, 33.0, line, true);
    }
    hold(scene, sheet, PAD, scene.key.tonic + 3.0, 3, if scene.is(&[Verse]) { 0.5 } else { 0.7 });
    if scene.is(&[Chorus, Bridge]) {
        let range = (scene.key.tonic + 19.0, scene.key.tonic + 31.0);
        let cells = ["x..x..x...x.x...", "x.x...x.x...x...", "..x.x.x...x.x..."];
        tune(scene, sheet, HOOK, range, &cells, &["x..x..x.x-------", "x.x.x-......x---"]);
    }
    let kick = (0, "X...X...X...X...");
    let clap = (1, "....x.......x...");
    let hat = (2, "..x...x...x...x.");
    let rim = (3, "...o..o....o..o.");
    let fill = [kick, (1, "....x.......x.xx"), hat];
    match scene.kind {
        Intro => drums(scene, sheet, KIT, &[kick, hat], &[kick, (1, "............x.xx"), hat]),
        Verse | Outro => drums(scene, sheet, KIT, &[kick, clap, hat], &fill),
        Chorus => drums(scene, sheet, KIT, &[kick, clap, hat, rim], &fill),
        Bridge => drums(scene, sheet, KIT, &[hat, rim], &[(1, "x...x...x.x.xxxx")]),
    }
}
