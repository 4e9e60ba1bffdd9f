//! Neon Harbour: synthwave, with a bass in eighths, a gated snare and a singing saw.

use super::*;
use crate::corpus::band::{arpeggio, bass, drums, hold, tune};
use crate::corpus::instruments::{Drum, Patch, Voice, Wave};
use crate::corpus::theory::MINOR;

pub const STYLE: Style = Style {
    name: "Neon Harbour",
    genre: "Synthwave",
    tempi: &[96.0, 104.0, 112.0],
    tonics: &[57, 52, 50, 54],
    scales: &[&MINOR],
    beats_per_bar: 4,
    rest_beats: 4.0,
    phrase_bars: 4,
    swing: 0.5,
    verses: &["i bVI bIII bVII", "i bVII bVI bVII", "i iv bVI bVII"],
    choruses: &["bVI bVII i bIII", "bVI bVII i i", "i bVI bIII bVII"],
    bridges: &["iv iv bVI bVII", "bVI i bVII iv"],
    room: Room::SMALL,
    singing: None,
    band,
    write,
};

const BASS: usize = 0;
const PAD: usize = 1;
const ARP: usize = 2;
const LEAD: usize = 3;
const KIT: usize = 4;

fn band() -> Vec<Player> {
    let bass = Patch { wave: Wave::Saw, cutoff_hz: 260.0, sub: 0.5, ..Patch::BASS };
    let pad = Patch { cutoff_hz: 700.0, detune_cents: 9.0, ..Patch::PAD };
    let arp = Patch {
        wave: Wave::Pulse(0.25),
        cutoff_hz: 1200.0,
        sweep_octaves: 1.5,
        sustain: 0.15,
        decay_seconds: 0.18,
        ..Patch::LEAD
    };
    let lead = Patch { n_voices: 2, detune_cents: 6.0, vibrato_cents: 14.0, ..Patch::LEAD };
    let snare = Drum { noise_seconds: 0.2, tone: 0.8, gain: 0.8, ..Drum::SNARE };
    vec![
        Player::new(Voice::Synth(bass), -19.0, 0.0),
        Player::new(Voice::Synth(pad), -27.0, 0.4),
        Player::new(Voice::Synth(arp), -28.0, 0.3),
        Player::new(Voice::Synth(lead), -20.0, 0.4),
        Player::new(Voice::Kit(vec![Drum::KICK, snare, Drum::HAT, Drum::TOM]), -18.0, 0.12),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    let arp = scene.keep(&[[0, 1, 2, 3], [0, 2, 1, 3], [0, 1, 3, 2]]);
    let line = scene.keep(&["XxxxXxxx", "X.xxX.xx", "XxxoXxxo"]);
    hold(scene, sheet, PAD, scene.key.tonic - 2.0, 3, 0.7);
    if !scene.is(&[Bridge]) {
        let lowest = scene.key.tonic + 10.0;
        arpeggio(scene, sheet, ARP, (lowest, 4), "xoxo xoxo xoxo xoxo", &arp);
    }
    if scene.is(&[Verse, Chorus, Outro]) {
        bass(scene, sheet, BASS, 33.0, line, false);
    }
    let range = (scene.key.tonic + 10.0, scene.key.tonic + 24.0);
    let ends = ["x---x---x-------", "x--x--x-x-------"];
    match scene.kind {
        Verse => {
            let cells = ["x---x---x-x-x---", "x-----x-x---x---", "x---x-x-x-------"];
            tune(scene, sheet, LEAD, range, &cells, &ends);
        }
        Chorus => {
            let cells = ["x--x--x-x--x--x-", "x-x-x---x-x-x---", "x--x--x-x---x-x-"];
            tune(scene, sheet, LEAD, (range.0 + 4.0, range.1 + 2.0), &cells, &ends);
        }
        Bridge => tune(scene, sheet, LEAD, range, &["x-------x---x---", "x-----------x---"], &ends),
        _ => {}
    }
    let hats = (2, "..x...x...x...x.");
    let fill = [(0, "X...X..."), (1, "....X.......X.XX"), (3, "........x.x.....")];
    match scene.kind {
        Verse | Outro => drums(scene, sheet, KIT, &[(0, "X...X..."), (1, "..X...X."), hats], &fill),
        Chorus => {
            let beat = [(0, "X.....X.X......."), (1, "....X.......X..."), (2, "x.x.x.x.x.x.x.x.")];
            drums(scene, sheet, KIT, &beat, &fill);
        }
        Bridge => {
            drums(scene, sheet, KIT, &[(0, "X.......")], &[(0, "X..."), (1, "........X.X.XXXX")])
        }
        Intro => {}
    }
}
