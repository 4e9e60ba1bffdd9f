//! Instruments: notes in seconds go in, audio of one player comes out (mono, full scale is 1).
//!
//! Most are a few lines of synthesis, and play any tuning; [`sampled`] plays a SoundFont.

mod drum;
mod fm;
mod modal;
mod pluck;
pub mod sampled;
mod synth;

pub use drum::Drum;
pub use fm::Fm;
pub use modal::Modal;
pub use pluck::Pluck;
pub use sampled::{Sampled, SoundFontFile};
pub use synth::{Patch, Wave};

use super::listing::CorpusError;

/// What a player plays on.
#[derive(Debug, Clone)]
pub enum Voice {
    Synth(Patch),
    Fm(Fm),
    Pluck(Pluck),
    Modal(Modal),
    /// A note's pitch is the drum's place in the list.
    Kit(Vec<Drum>),
    Sampled(Sampled),
}

/// A note in time.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    pub start_seconds: f64,
    pub seconds: f64,
    /// MIDI pitch; it need not be whole.
    pub pitch: f64,
    /// 0 to 1.
    pub velocity: f64,
    /// Semitones from which it glides into its pitch.
    pub glide: f64,
}

impl Voice {
    /// Adds what these notes sound like to `out`.
    pub fn play(
        &self,
        events: &[Event],
        rate: f64,
        fonts: &SoundFontFile,
        out: &mut [f32],
    ) -> Result<(), CorpusError> {
        match self {
            Self::Sampled(sampled) => return sampled.play(events, rate, fonts, out),
            Self::Kit(drums) => drum::play(drums, events, rate, out),
            Self::Synth(patch) => {
                each(events, rate, out, |event, out| patch.play(event, rate, out))
            }
            Self::Fm(fm) => each(events, rate, out, |event, out| fm.play(event, rate, out)),
            Self::Pluck(pluck) => {
                each(events, rate, out, |event, out| pluck.play(event, rate, out))
            }
            Self::Modal(modal) => {
                each(events, rate, out, |event, out| modal.play(event, rate, out))
            }
        }
        Ok(())
    }
}

/// Plays notes one by one, each into the audio from where it begins.
fn each(events: &[Event], rate: f64, out: &mut [f32], play: impl Fn(&Event, &mut [f32])) {
    for event in events {
        let start = (event.start_seconds * rate).round().max(0.0) as usize;
        if let Some(rest) = out.get_mut(start..) {
            play(event, rest);
        }
    }
}

/// Frequency of a MIDI pitch, in Hz.
pub fn hz(pitch: f64) -> f64 {
    440.0 * ((pitch - 69.0) / 12.0).exp2()
}

/// A sine that decays: one complex multiplication per sample.
#[derive(Debug, Clone, Copy)]
struct Ring {
    re: f64,
    im: f64,
    turn_re: f64,
    turn_im: f64,
}

impl Ring {
    /// Falls by 60 dB in `decay_seconds`.
    fn new(hz: f64, decay_seconds: f64, gain: f64, rate: f64) -> Self {
        let radius = (-6.9 / (decay_seconds * rate)).exp();
        let angle = std::f64::consts::TAU * hz / rate;
        Self { re: gain, im: 0.0, turn_re: radius * angle.cos(), turn_im: radius * angle.sin() }
    }

    fn next(&mut self) -> f64 {
        let heard = self.im;
        let re = self.re * self.turn_re - self.im * self.turn_im;
        self.im = self.re * self.turn_im + self.im * self.turn_re;
        self.re = re;
        heard
    }
}

/// Noise that is the same every time, -1 to 1.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        f64::from(self.0) / f64::from(u32::MAX) * 2.0 - 1.0
    }
}
