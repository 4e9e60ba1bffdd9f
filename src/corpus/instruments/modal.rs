//! Struck bars, plates and gongs: a handful of sines that ring out.

use super::{Event, Ring, hz};

/// What rings: each mode's frequency (in that of the note), gain and time to fall by 60 dB.
#[derive(Debug, Clone, Copy)]
pub struct Modal {
    pub modes: &'static [(f64, f64, f64)],
    /// A second, slightly higher copy that beats with the first, in Hz; 0 for none.
    pub beating_hz: f64,
    /// How fast a hand stops it when the note ends; longer than it rings for never.
    pub release_seconds: f64,
}

impl Modal {
    pub(super) fn play(&self, event: &Event, rate: f64, out: &mut [f32]) {
        let n_held = (event.seconds * rate) as usize;
        let longest = self.modes.iter().map(|mode| mode.2).fold(0.0, f64::max);
        let n_release = (self.release_seconds * rate).max(64.0);
        let n_rings = (longest * 1.2 * rate) as usize;
        let n = (n_held + n_release as usize).min(n_rings).min(out.len());
        let base_hz = hz(event.pitch);
        let is_heard = |mode: &&(f64, f64, f64)| base_hz * mode.0 < 0.4 * rate;
        let mut rings: Vec<Ring> = Vec::new();
        for (i, (ratio, gain, decay)) in self.modes.iter().filter(is_heard).enumerate() {
            // a soft stroke wakes less of what is high
            let gain = gain * event.velocity.powf(1.0 + 0.5 * i as f64) * 0.4;
            rings.push(Ring::new(base_hz * ratio, *decay, gain, rate));
            if self.beating_hz > 0.0 {
                let hz = base_hz * ratio + self.beating_hz;
                rings.push(Ring::new(hz, *decay, gain * 0.8, rate));
            }
        }
        for (i, sample) in out[..n].iter_mut().enumerate() {
            let left = match i < n_held {
                true => 1.0,
                false => (1.0 - (i - n_held) as f64 / n_release).max(0.0),
            };
            let rings_out = ((n - i) as f64 / 256.0).min(1.0);
            let wave: f64 = rings.iter_mut().map(Ring::next).sum();
            *sample += (wave * left * left * rings_out) as f32;
        }
    }
}
