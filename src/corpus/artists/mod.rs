//! The artists: each has a small band, a few tempi and keys, and a way to write a section.

mod arcade;
mod ballad;
mod baroque;
mod bossa;
mod breaks;
mod folk;
mod gamelan;
mod glass;
mod house;
mod jazz;
mod maqam;
mod marimba;
mod neon;
mod pop;
mod raga;
mod samai;

use super::form::Kind;
use super::room::Room;
use super::scene::Scene;
use super::score::{Player, Sheet};
use super::theory::Scale;

/// How an artist sounds and writes.
#[derive(Debug)]
pub struct Style {
    pub name: &'static str,
    pub genre: &'static str,
    /// Tempi in beats per minute, and MIDI pitches of tonics, of which each song takes one.
    pub tempi: &'static [f64],
    pub tonics: &'static [u8],
    pub scales: &'static [&'static Scale],
    pub beats_per_bar: u32,
    /// How many beats before its end a song comes to rest.
    pub rest_beats: f64,
    /// Bars of a phrase; sections are one or two phrases long.
    pub phrase_bars: usize,
    /// Where the middle of a beat lies: 0.5 is straight, two thirds swings.
    pub swing: f64,
    /// Chords to choose from: bars parted by spaces, what shares a bar by commas.
    pub verses: &'static [&'static str],
    pub choruses: &'static [&'static str],
    pub bridges: &'static [&'static str],
    pub room: Room,
    /// Nothing for those who only play.
    pub singing: Option<Singing>,
    pub band: fn() -> Vec<Player>,
    pub write: fn(&mut Scene, &mut Sheet),
}

/// Who sings an artist's songs.
#[derive(Debug, Clone, Copy)]
pub struct Singing {
    /// As espeak-ng names it.
    pub language: &'static str,
    /// Which singer.
    pub seed: u64,
}

/// Every artist; labels of packs depend on the order, so that new ones go to the end.
pub const STYLES: [&Style; 16] = [
    &neon::STYLE,
    &house::STYLE,
    &arcade::STYLE,
    &glass::STYLE,
    &folk::STYLE,
    &ballad::STYLE,
    &jazz::STYLE,
    &breaks::STYLE,
    &bossa::STYLE,
    &baroque::STYLE,
    &maqam::STYLE,
    &gamelan::STYLE,
    &raga::STYLE,
    &marimba::STYLE,
    &pop::STYLE,
    &samai::STYLE,
];

impl Style {
    /// The name as part of a file's name.
    pub fn slug(&self) -> String {
        let lower = self.name.to_lowercase();
        let words =
            lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("-")
    }
}

use Kind::{Bridge, Chorus, Intro, Outro, Verse};
