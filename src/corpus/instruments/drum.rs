//! Drums: a tone that falls, and a puff of noise. Every stroke of a drum is the same sound.

use std::f64::consts::TAU;

use super::{Event, Noise, Ring};

/// One drum of a kit.
#[derive(Debug, Clone, Copy)]
pub struct Drum {
    /// The tone falls from the first pitch to the second, in Hz, in about `fall_seconds`.
    pub from_hz: f64,
    pub to_hz: f64,
    pub fall_seconds: f64,
    pub tone: f64,
    /// Time to fall by 60 dB.
    pub tone_seconds: f64,
    /// Overtones, as (ratio to `to_hz`, gain); they ring half as long as the tone.
    pub overtones: &'static [(f64, f64)],
    pub noise: f64,
    pub noise_seconds: f64,
    /// The band that the noise is in, in Hz.
    pub noise_band: (f64, f64),
    pub gain: f64,
}

impl Drum {
    pub const KICK: Self = Self {
        from_hz: 170.0,
        to_hz: 52.0,
        fall_seconds: 0.035,
        tone: 1.0,
        tone_seconds: 0.28,
        overtones: &[],
        noise: 0.08,
        noise_seconds: 0.015,
        noise_band: (800.0, 3000.0),
        gain: 1.0,
    };

    pub const SNARE: Self = Self {
        from_hz: 240.0,
        to_hz: 185.0,
        fall_seconds: 0.02,
        tone: 0.6,
        tone_seconds: 0.13,
        overtones: &[(1.6, 0.35)],
        noise: 0.5,
        noise_seconds: 0.13,
        noise_band: (1200.0, 5500.0),
        gain: 0.75,
    };

    pub const HAT: Self = Self {
        from_hz: 6000.0,
        to_hz: 6000.0,
        fall_seconds: 0.01,
        tone: 0.0,
        tone_seconds: 0.02,
        overtones: &[],
        noise: 0.8,
        noise_seconds: 0.045,
        noise_band: (6000.0, 11000.0),
        gain: 0.3,
    };

    pub const CLAP: Self = Self {
        tone: 0.0,
        noise: 1.0,
        noise_seconds: 0.11,
        noise_band: (900.0, 2600.0),
        gain: 0.6,
        ..Self::SNARE
    };

    pub const RIM: Self = Self {
        from_hz: 820.0,
        to_hz: 780.0,
        fall_seconds: 0.01,
        tone: 0.8,
        tone_seconds: 0.05,
        overtones: &[(2.1, 0.5)],
        noise: 0.15,
        noise_seconds: 0.02,
        noise_band: (1500.0, 4000.0),
        gain: 0.4,
    };

    pub const SHAKER: Self =
        Self { noise_seconds: 0.06, noise_band: (4500.0, 8500.0), gain: 0.22, ..Self::HAT };

    pub const TOM: Self = Self {
        from_hz: 200.0,
        to_hz: 110.0,
        fall_seconds: 0.05,
        tone_seconds: 0.35,
        noise: 0.05,
        gain: 0.8,
        ..Self::KICK
    };

    /// A drum played with the hand, at this pitch.
    pub const fn hand(to_hz: f64, tone_seconds: f64, gain: f64) -> Self {
        Self {
            from_hz: to_hz * 1.15,
            to_hz,
            fall_seconds: 0.015,
            tone: 1.0,
            tone_seconds,
            overtones: &[(1.59, 0.35), (2.14, 0.2)],
            noise: 0.12,
            noise_seconds: 0.012,
            noise_band: (900.0, 3500.0),
            gain,
        }
    }

    fn stroke(&self, rate: f64) -> Vec<f32> {
        let seconds = self.tone_seconds.max(self.noise_seconds) * 1.1;
        let n = (seconds * rate) as usize;
        let fall = (-6.9 / (self.tone_seconds * rate)).exp();
        let noise_fall = (-6.9 / (self.noise_seconds * rate)).exp();
        let rings = self.overtones.iter().map(|(ratio, gain)| {
            Ring::new(self.to_hz * ratio, self.tone_seconds * 0.5, self.tone * gain, rate)
        });
        let mut rings: Vec<Ring> = rings.collect();
        let mut noise = Noise(0x1234_5677);
        let coefficient = |hz: f64| 1.0 - (-TAU * hz / rate).exp();
        let (low, high) = (coefficient(self.noise_band.0), coefficient(self.noise_band.1));
        let (mut below, mut below2, mut above, mut above2) = (0.0, 0.0, 0.0, 0.0);
        let (mut phase, mut tone, mut puff) = (0.0f64, self.tone, self.noise);
        let mut samples = Vec::with_capacity(n);
        for i in 0..n {
            let seconds = i as f64 / rate;
            let fallen = (-seconds / self.fall_seconds).exp();
            let hz = self.to_hz + (self.from_hz - self.to_hz) * fallen;
            phase = (phase + hz / rate).fract();
            above += high * (noise.next() - above);
            above2 += high * (above - above2);
            below += low * (above2 - below);
            below2 += low * (above2 - below - below2);
            let band = above2 - below - below2;
            let rung: f64 = rings.iter_mut().map(Ring::next).sum();
            let wave = tone * (TAU * phase).sin() + rung + puff * band * 2.0;
            tone *= fall;
            puff *= noise_fall;
            let edges = (i as f64 / 40.0).min(1.0) * ((n - i) as f64 / 128.0).min(1.0);
            samples.push((wave * self.gain * edges) as f32);
        }
        samples
    }
}

/// Adds strokes to `out`.
pub(super) fn play(drums: &[Drum], events: &[Event], rate: f64, out: &mut [f32]) {
    let strokes: Vec<Vec<f32>> = drums.iter().map(|drum| drum.stroke(rate)).collect();
    for event in events {
        let Some(stroke) = strokes.get(event.pitch.round() as usize) else { continue };
        let start = (event.start_seconds * rate).round().max(0.0) as usize;
        let Some(rest) = out.get_mut(start..) else { continue };
        let gain = event.velocity as f32;
        rest.iter_mut().zip(stroke).for_each(|(sample, struck)| *sample += gain * struck);
    }
}
