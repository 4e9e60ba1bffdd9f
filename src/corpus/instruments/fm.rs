//! Frequency modulation: electric pianos, bells and basses from two sines.

use std::f64::consts::TAU;

use super::{Event, hz};

/// A carrier and the modulator that brightens it.
#[derive(Debug, Clone, Copy)]
pub struct Fm {
    /// Frequency of the modulator, in that of the note.
    pub ratio: f64,
    /// Modulation at the strongest, in radians, and what remains of it.
    pub index: f64,
    pub index_sustain: f64,
    pub index_seconds: f64,
    pub attack_seconds: f64,
    /// Time to fall by 60 dB.
    pub decay_seconds: f64,
    pub release_seconds: f64,
}

impl Fm {
    pub const PIANO: Self = Self {
        ratio: 1.0,
        index: 1.6,
        index_sustain: 0.35,
        index_seconds: 0.5,
        attack_seconds: 0.003,
        decay_seconds: 4.0,
        release_seconds: 0.12,
    };

    pub const BELL: Self = Self {
        ratio: 3.5,
        index: 1.4,
        index_sustain: 0.0,
        index_seconds: 0.6,
        attack_seconds: 0.003,
        decay_seconds: 3.0,
        release_seconds: 0.8,
    };

    pub const BASS: Self = Self {
        ratio: 1.0,
        index: 2.2,
        index_sustain: 0.5,
        index_seconds: 0.15,
        attack_seconds: 0.004,
        decay_seconds: 2.0,
        release_seconds: 0.05,
    };

    pub(super) fn play(&self, event: &Event, rate: f64, out: &mut [f32]) {
        let n_held = (event.seconds * rate) as usize;
        let n_release = (self.release_seconds * rate).max(64.0);
        let n = (n_held + n_release as usize).min(out.len());
        let step = hz(event.pitch) / rate;
        // higher notes are duller, or they would alias
        let tame = (1.0 - 1.2 * step * (1.0 + self.ratio)).clamp(0.0, 1.0);
        let index = self.index * tame * (0.5 + 0.5 * event.velocity);
        let fall = (-6.9 / (self.decay_seconds * rate)).exp();
        let dull = (-3.0 / (self.index_seconds * rate)).exp();
        let n_attack = (self.attack_seconds * rate).max(1.0);
        let (mut carrier, mut modulator) = (0.0f64, 0.0f64);
        let (mut level, mut bright) = (event.velocity, 1.0);
        for (i, sample) in out[..n].iter_mut().enumerate() {
            let depth = index * (self.index_sustain + (1.0 - self.index_sustain) * bright);
            let wave = (TAU * carrier + depth * (TAU * modulator).sin()).sin();
            carrier = (carrier + step).fract();
            modulator = (modulator + step * self.ratio).fract();
            level *= fall;
            bright *= dull;
            let rise = (i as f64 / n_attack).min(1.0);
            let left = match i < n_held {
                true => 1.0,
                false => 1.0 - (i - n_held) as f64 / n_release,
            };
            *sample += (wave * level * rise * left * left) as f32;
        }
    }
}
