//! Bayt al-Nahr: pieces in rast over samai thaqil, ten beats long, for qanun, nay and riq.

use super::*;
use crate::corpus::band::drums;
use crate::corpus::instruments::{Drum, Patch, Pluck, Voice, Wave};
use crate::corpus::score::Note;
use crate::corpus::theory::RAST;

pub const STYLE: Style = Style {
    name: "Bayt al-Nahr",
    genre: "Maqam",
    tempi: &[132.0, 144.0, 156.0],
    tonics: &[48, 50, 53, 55],
    scales: &[&RAST],
    beats_per_bar: 10,
    rest_beats: 5.0,
    phrase_bars: 2,
    swing: 0.5,
    verses: &["I5 I5"],
    choruses: &["V5 I5", "IV5 I5"],
    bridges: &["IV5 V5"],
    room: Room::HALL,
    singing: None,
    band,
    write,
};

const NAY: usize = 0;
const QANUN: usize = 1;
const RIQ: usize = 2;

fn band() -> Vec<Player> {
    let nay = Patch {
        wave: Wave::Triangle,
        cutoff_hz: 1800.0,
        attack_seconds: 0.06,
        sustain: 0.9,
        release_seconds: 0.12,
        vibrato_cents: 22.0,
        sweep_octaves: 0.4,
        ..Patch::LEAD
    };
    let qanun = Pluck {
        decay_seconds: 2.6,
        brightness: 0.45,
        damping: 0.3,
        position: 0.08,
        ..Pluck::GUITAR
    };
    let riq = Drum {
        noise: 0.5,
        noise_seconds: 0.07,
        noise_band: (4000.0, 9000.0),
        ..Drum::hand(520.0, 0.05, 0.4)
    };
    vec![
        Player::new(Voice::Synth(nay), -19.0, 0.4),
        Player::new(Voice::Pluck(qanun), -18.0, 0.25),
        Player::new(Voice::Kit(vec![Drum::hand(120.0, 0.28, 0.9), riq]), -23.0, 0.15),
    ]
}

fn write(scene: &mut Scene, sheet: &mut Sheet) {
    let tonic = scene.key.tonic;
    let cells: &[&str] = match scene.kind {
        Intro => &["x-----x---", "x----x----"],
        Bridge => &["x-x-x-x-x-x-xxxxx-x-", "xxx-x-x-x-x-x-x-xxx-"],
        _ => &["x--x-x-x--", "x-xx-x-xx-", "x--xxx-x-x"],
    };
    let ends = ["x--x-x-x--", "x-xx-x----"];
    let lift = if scene.is(&[Chorus]) { 5.0 } else { 0.0 };
    let tune = scene.tune(tonic + 9.0 + lift, tonic + 21.0 + lift, cells, &ends);
    for (i, note) in tune.iter().enumerate() {
        if !scene.is(&[Intro]) {
            // the nay slides into what it holds
            let glide = if note.beats >= 1.5 && i > 0 { -1.0 } else { 0.0 };
            sheet.push(NAY, Note { glide, ..*note });
        }
        sheet.push(QANUN, Note { pitch: note.pitch - 12.0, ..*note });
        if note.beats >= 2.0 && scene.is(&[Intro, Chorus]) {
            let n = (note.beats * 2.0) as usize;
            for i in 1..n {
                sheet.note(QANUN, note.beat + i as f64 * 0.5, 0.5, note.pitch, 0.45);
            }
        }
    }
    for bar in scene.bars() {
        let root = scene.chord_at(bar.start).bass(tonic, tonic - 12.0);
        for (beat, pitch) in [(0.0, root), (5.0, root), (6.0, root + 12.0)] {
            sheet.note(QANUN, bar.start + beat, 2.0, pitch, 0.6);
        }
    }
    if !scene.is(&[Intro]) {
        let samai = [(0, "X....XX..."), (1, "..oo..x.oo..oo..x.oo")];
        drums(scene, sheet, RIQ, &samai, &[(0, "X....XX..."), (1, "..oo..x.oo..oo..x.xx")]);
    }
}
