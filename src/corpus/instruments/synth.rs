//! A subtractive synthesiser: oscillators, a filter that closes, and an envelope.

use super::{Event, hz};

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wave {
    Saw,
    /// With its width, 0 to 1.
    Pulse(f64),
    Triangle,
    Sine,
}

/// A sound of the synthesiser; start from one of the presets and change what differs.
#[derive(Debug, Clone, Copy)]
pub struct Patch {
    pub wave: Wave,
    /// Oscillators, spread over `detune_cents` to both sides.
    pub n_voices: usize,
    pub detune_cents: f64,
    /// Level of a sine one octave below.
    pub sub: f64,
    /// Where the filter rests, and how many octaves above that a note opens it.
    pub cutoff_hz: f64,
    pub sweep_octaves: f64,
    pub sweep_seconds: f64,
    /// Q of the filter.
    pub resonance: f64,
    pub attack_seconds: f64,
    /// Time to fall to the sustained level.
    pub decay_seconds: f64,
    pub sustain: f64,
    pub release_seconds: f64,
    pub vibrato_cents: f64,
}

impl Patch {
    /// Speaks at once and holds.
    pub const LEAD: Self = Self {
        wave: Wave::Saw,
        n_voices: 1,
        detune_cents: 0.0,
        sub: 0.0,
        cutoff_hz: 2500.0,
        sweep_octaves: 1.0,
        sweep_seconds: 0.15,
        resonance: 0.8,
        attack_seconds: 0.006,
        decay_seconds: 0.2,
        sustain: 0.7,
        release_seconds: 0.08,
        vibrato_cents: 0.0,
    };

    /// Swells in and dies away slowly.
    pub const PAD: Self = Self {
        n_voices: 3,
        detune_cents: 7.0,
        cutoff_hz: 900.0,
        sweep_octaves: 0.5,
        sweep_seconds: 1.0,
        attack_seconds: 0.18,
        decay_seconds: 0.5,
        sustain: 0.85,
        release_seconds: 0.4,
        ..Self::LEAD
    };

    /// Low, round and short.
    pub const BASS: Self = Self {
        cutoff_hz: 300.0,
        sweep_octaves: 2.0,
        sweep_seconds: 0.12,
        sub: 0.6,
        decay_seconds: 0.25,
        sustain: 0.5,
        release_seconds: 0.04,
        ..Self::LEAD
    };

    pub(super) fn play(&self, event: &Event, rate: f64, out: &mut [f32]) {
        let n_held = ((event.seconds * rate) as usize).max(1);
        let n_release = (self.release_seconds * rate).max(64.0);
        let n = (n_held + n_release as usize).min(out.len());
        let base_hz = hz(event.pitch);
        let mut phases = [0.0f64; 8];
        let mut steps = [0.0f64; 8];
        let n_voices = self.n_voices.clamp(1, phases.len());
        for (i, phase) in phases.iter_mut().enumerate() {
            *phase = (i as f64 * 0.381_966).fract();
        }
        let mut filter = LowPass::default();
        let mut sub = 0.0f64;
        let mut level = 0.0;
        let attack = 1.0 / (self.attack_seconds * rate).max(1.0);
        let decay = (-4.0 / (self.decay_seconds * rate).max(1.0)).exp();
        let gain = event.velocity / (n_voices as f64).sqrt();
        let mut is_rising = true;
        let mut released_from = 0.0;
        for (i, sample) in out[..n].iter_mut().enumerate() {
            if i % 16 == 0 {
                let seconds = i as f64 / rate;
                let drift = self.vibrato_cents
                    * (seconds * 4.0).min(1.0)
                    * (std::f64::consts::TAU * 5.3 * seconds).sin();
                let glide = event.glide * (-seconds / 0.05).exp();
                let bent = base_hz * ((drift / 100.0 + glide) / 12.0).exp2() / rate;
                for (v, step) in steps[..n_voices].iter_mut().enumerate() {
                    let spread = match n_voices {
                        1 => 0.0,
                        _ => 2.0 * v as f64 / (n_voices - 1) as f64 - 1.0,
                    };
                    *step = bent * (spread * self.detune_cents / 1200.0).exp2();
                }
                let open =
                    self.sweep_octaves * (-seconds / self.sweep_seconds.max(1e-3) * 3.0).exp();
                let follow = (base_hz / 261.6).sqrt();
                let velocity = 0.6 + 0.4 * event.velocity;
                filter.set(self.cutoff_hz * follow * velocity * open.exp2(), self.resonance, rate);
            }
            let mut wave = 0.0;
            for (phase, step) in phases[..n_voices].iter_mut().zip(&steps) {
                wave += self.wave.at(*phase, *step);
                *phase += step;
                if *phase >= 1.0 {
                    *phase -= 1.0;
                }
            }
            if self.sub > 0.0 {
                wave += self.sub * (std::f64::consts::TAU * sub).sin();
                sub = (sub + steps[0] * 0.5).fract();
            }
            if i < n_held {
                if is_rising {
                    level += attack;
                    is_rising = level < 1.0;
                } else {
                    level = self.sustain + (level - self.sustain) * decay;
                }
                released_from = level;
            } else {
                let left = 1.0 - (i - n_held) as f64 / n_release;
                level = released_from * left * left;
            }
            *sample += (filter.next(wave) * level * gain) as f32;
        }
    }
}

impl Wave {
    /// One sample at a phase (0 to 1) that moves on by `step`, with steps smoothed over a sample.
    fn at(self, phase: f64, step: f64) -> f64 {
        match self {
            Self::Sine => (std::f64::consts::TAU * phase).sin(),
            Self::Triangle => 4.0 * (phase - 0.5).abs() - 1.0,
            Self::Saw => 2.0 * phase - 1.0 - smoothing(phase, step),
            Self::Pulse(width) => {
                let fell = (phase + 1.0 - width).fract();
                let square = if phase < width { 1.0 } else { -1.0 };
                // without the mean of a narrow pulse
                square + smoothing(phase, step) - smoothing(fell, step) - (2.0 * width - 1.0)
            }
        }
    }
}

/// The polynomial that takes the aliases out of a step at phase 0.
fn smoothing(phase: f64, step: f64) -> f64 {
    if phase < step {
        let t = phase / step;
        t + t - t * t - 1.0
    } else if phase > 1.0 - step {
        let t = (phase - 1.0) / step;
        t * t + t + t + 1.0
    } else {
        0.0
    }
}

/// A state-variable low-pass filter that may be changed while it runs.
#[derive(Default)]
struct LowPass {
    a1: f64,
    a2: f64,
    a3: f64,
    s1: f64,
    s2: f64,
}

impl LowPass {
    fn set(&mut self, cutoff_hz: f64, q: f64, rate: f64) {
        let g = (std::f64::consts::PI * cutoff_hz.min(0.45 * rate) / rate).tan();
        self.a1 = 1.0 / (1.0 + g * (g + 1.0 / q));
        self.a2 = g * self.a1;
        self.a3 = g * self.a2;
    }

    fn next(&mut self, x: f64) -> f64 {
        let v3 = x - self.s2;
        let v1 = self.a1 * self.s1 + self.a2 * v3;
        let v2 = self.s2 + self.a2 * self.s1 + self.a3 * v3;
        self.s1 = 2.0 * v1 - self.s1;
        self.s2 = 2.0 * v2 - self.s2;
        v2
    }
}
