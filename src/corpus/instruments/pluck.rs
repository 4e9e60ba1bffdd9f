//! Plucked strings: a burst runs round a delay line and loses its brightness.

use super::{Event, Noise, hz};

/// A string and how it is plucked.
#[derive(Debug, Clone, Copy)]
pub struct Pluck {
    /// Time to fall by 60 dB, for a string at middle C.
    pub decay_seconds: f64,
    /// How bright the pluck is, 0 to 1.
    pub brightness: f64,
    /// How much the string dulls as it rings, 0 to 0.5.
    pub damping: f64,
    /// Where it is plucked, as a part of its length.
    pub position: f64,
    /// A bridge that the string buzzes against, 0 to 1.
    pub buzz: f64,
    pub release_seconds: f64,
}

impl Pluck {
    pub const GUITAR: Self = Self {
        decay_seconds: 3.5,
        brightness: 0.55,
        damping: 0.3,
        position: 0.18,
        buzz: 0.0,
        release_seconds: 0.12,
    };

    pub(super) fn play(&self, event: &Event, rate: f64, out: &mut [f32]) {
        let release = (self.release_seconds * rate).max(64.0);
        let n_held = (event.seconds * rate) as usize;
        let n = (n_held + release as usize).min(out.len());
        let target_hz = hz(event.pitch);
        let lowest_hz = hz(event.pitch + event.glide.min(0.0));
        let mut line = Line::new((rate / lowest_hz) as usize + 8);
        let period = rate / target_hz;
        for sample in burst(period, self, event.velocity) {
            line.push(sample);
        }
        let per_round =
            (-6.9 * period / (self.decay_seconds * rate) * (target_hz / 261.6).sqrt()).exp();
        let (mut before, mut high) = (0.0, 0.0);
        let dc = 1.0 - 60.0 / rate;
        let mut through = (0.0, 0.0);
        let glides = event.glide != 0.0;
        let mut delay = period - self.damping;
        for (i, sample) in out[..n].iter_mut().enumerate() {
            if glides && i % 8 == 0 {
                let glide = event.glide * (-(i as f64) / rate / 0.09).exp();
                delay = rate / hz(event.pitch + glide) - self.damping;
            }
            let read = line.read(delay);
            let dulled = (1.0 - self.damping) * read + self.damping * before;
            before = read;
            line.push(dulled * per_round);
            // the bridge adds overtones that die with the string
            let mut heard = read;
            if self.buzz > 0.0 {
                let bent = (read * 4.0).tanh() - read * 2.0;
                high += 0.5 * (bent - high);
                heard += self.buzz * (bent - high);
            }
            through = (heard, heard - through.0 + dc * through.1);
            let left = match i < n_held {
                true => 1.0,
                false => 1.0 - (i - n_held) as f64 / release,
            };
            *sample += (through.1 * left * left * (i as f64 / 24.0).min(1.0)) as f32;
        }
    }
}

/// One round of the string at the pluck: noise, dulled and combed by where it is plucked.
fn burst(period: f64, pluck: &Pluck, velocity: f64) -> Vec<f64> {
    let n = period.ceil() as usize + 4;
    let mut noise = Noise(0x9e37_79b9);
    let bright = (pluck.brightness * (0.6 + 0.4 * velocity)).clamp(0.02, 1.0);
    let mut dulled = 0.0;
    let raw: Vec<f64> = (0..n)
        .map(|_| {
            dulled += bright * (noise.next() - dulled);
            dulled
        })
        .collect();
    let back = ((period * pluck.position) as usize).max(1);
    let combed: Vec<f64> = (0..n).map(|i| raw[i] - raw[(i + n - back) % n]).collect();
    let mean = combed.iter().sum::<f64>() / n as f64;
    let power = combed.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
    let gain = 0.3 * velocity / power.sqrt().max(1e-9);
    combed.into_iter().map(|x| (x - mean) * gain).collect()
}

/// A delay line that can be read between its samples.
struct Line {
    samples: Vec<f64>,
    next: usize,
}

impl Line {
    fn new(n: usize) -> Self {
        Self { samples: vec![0.0; n.next_power_of_two()], next: 0 }
    }

    fn push(&mut self, sample: f64) {
        let mask = self.samples.len() - 1;
        self.samples[self.next & mask] = sample;
        self.next = self.next.wrapping_add(1);
    }

    /// What was pushed `delay` samples before the next push, through a cubic.
    fn read(&self, delay: f64) -> f64 {
        let mask = self.samples.len() - 1;
        let whole = delay.floor();
        let f = delay - whole;
        let at = |back: f64| {
            let idx = self.next.wrapping_sub((whole + back) as usize);
            self.samples[idx & mask]
        };
        let [a, b, c, d] = [at(-1.0), at(0.0), at(1.0), at(2.0)];
        let (up, down) = (f + 1.0, f - 1.0);
        let far = f - 2.0;
        -f * down * far / 6.0 * a + up * down * far / 2.0 * b - up * f * far / 2.0 * c
            + up * f * down / 6.0 * d
    }
}
