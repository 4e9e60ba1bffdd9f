//! Prisma Sol: bright pop with electric piano, a round bass and hand claps.

use super::*;
use crate::corpus::band::{bass, comp, drums, hold, tune};
use crate::corpus::instruments::{Drum, Fm, Patch, Voice, Wave};
use crate::corpus::theory::MAJOR;

pub const STYLE: Style = Style {
    name: "Prisma Sol",
    genre: "Pop",
    tempi: &[96.0, 104.0, 112.0],
    tonics: &[48, 50, 52, 53],
    scales: &[&MAJOR],
    beats_per_bar: 4,
    rest_beats: 4.0,
    phrase_bars: 4,
    swing: 0.5,
    verses: &["vi IV I V", "I V vi IV", "I vi IV V"],
    choruses: &["IV V vi I", "I V vi IV", "IV I V vi"],
    bridges: &["ii IV vi V", "vi iii IV V"],
    room: Room::SMALL,
    singing: Some(Singing { language: "es", seed: 3 }),
    band,
    write,
};

const KEYS: usize = 0;
const BASS: usize = 1;
const VOICE: usize = 2;
const PAD: usize = 3;
const KIT: usize = 4;

fn band() -> Vec<Player> {
    let bass = Patch { wave: Wave::Pulse(0.5), cutoff_hz: 240.0, sub: 0.4, ..Patch::BASS };
    let voice = Patch {
        wave: Wave::Pulse(0.35),
        cutoff_hz: 1600.0,
        attack_seconds: 0.02,
        sustain: 0.85,
        vibrato_cents: 16.0,
        ..Patch::LEAD
    };
    let pad = Patch { cutoff_hz: 1000.0, ..Patch::PAD };
    vec![
        Player::new(Voice::Fm(Fm::PIANO), -20.0, 0.25),
        Player::new(Voice::Synth(bass), -18.0, 0.0),
        Player::lead(Voice::Synth(voice), -19.0, 0.3),
        Player::new(Voice::Synth(pad), -30.0, 0.3),
        Player::new(Voice::Kit(vec![Drum::KICK, Drum::CLAP, Drum::HAT]), -19.0, 0.08),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    let keys = scene.keep(&["x--x--x-x--x--x-", "x-----x-x-----x-", "x---x--x--x-x---"]);
    comp(scene, sheet, KEYS, scene.key.tonic + 11.0, 3, keys);
    if scene.is(&[Chorus]) {
        hold(scene, sheet, PAD, scene.key.tonic + 12.0, 3, 0.7);
    }
    if !scene.is(&[Intro]) {
        let line = if scene.is(&[Chorus]) { "X-x-x-x-X-x-x-x-" } else { "X-----x-X---..x-" };
        bass(scene, sheet, BASS, 31.0, line, false);
    }
    let range = (scene.key.tonic + 10.0, scene.key.tonic + 21.0);
    let ends = ["x---x---x-------", "x-x-x-x-x-------"];
    match scene.kind {
        Verse => {
            let cells = ["x-x-x---x-x-x---", "..x-x-x-x---x---", "x---x-x-x---x---"];
            tune(scene, sheet, VOICE, range, &cells, &ends);
        }
        Chorus => {
            let cells = ["x---x---x-x-x---", "x-x-x---x---x---", "x-----x-x-x-x---"];
            tune(scene, sheet, VOICE, (range.0 + 4.0, range.1 + 4.0), &cells, &ends);
        }
        Bridge => {
            tune(scene, sheet, VOICE, range, &["x-------x---x---", "x---x---x-------"], &ends)
        }
        _ => {}
    }
    let hats = (2, "x.x.x.x.x.x.x.x.");
    let fill = [(0, "X.....X.X......."), (1, "....x.......x.xx")];
    match scene.kind {
        Intro => {}
        Bridge => drums(scene, sheet, KIT, &[(0, "X......."), (1, "......x.")], &fill),
        Verse | Outro => {
            drums(scene, sheet, KIT, &[(0, "X.....X.X......."), (1, "....x.......x...")], &fill)
        }
        Chorus => {
            drums(
                scene,
                sheet,
                KIT,
                &[(0, "X...X...X...X..."), (1, "....x.......x..."), hats],
                &fill,
            );
        }
    }
}
