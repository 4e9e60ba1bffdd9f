//! Dry and wet, output gain, meters. With nothing sounding and gains at rest the input passes bit for bit.

use super::Controls;
use crate::units::frames_from_seconds;

/// Time in which a gain reaches a new value.
const GLIDE_SECONDS: f64 = 0.01;

/// Mixes a take over the input.
pub struct Mixer {
    wet: Glide,
    gain: Glide,
    /// Whether a target was ever set: the first one is where the gains begin.
    has_begun: bool,
}

impl Mixer {
    pub fn new(rate: f64) -> Self {
        let n_frames = frames_from_seconds(GLIDE_SECONDS, rate).max(1) as f32;
        Self { wet: Glide::at(1.0, n_frames), gain: Glide::at(1.0, n_frames), has_begun: false }
    }

    /// Sets where the gains are to go. Bypassed, the input passes untouched.
    pub fn aim(&mut self, controls: &Controls) {
        let (wet, gain) =
            if controls.bypass { (0.0, 1.0) } else { (controls.dry_wet, controls.output_gain) };
        self.wet.aim(wet);
        self.gain.aim(gain);
        if !std::mem::replace(&mut self.has_begun, true) {
            self.settle();
        }
    }

    /// Jumps to where the gains were going.
    pub fn settle(&mut self) {
        self.wet.value = self.wet.target;
        self.gain.value = self.gain.target;
    }

    /// One stereo frame; `presence` is how far the take has faded in.
    pub fn mix(&mut self, dry: [f32; 2], take: f32, presence: f32) -> [f32; 2] {
        let share = presence * self.wet.next();
        let gain = self.gain.next();
        if share == 0.0 && gain == 1.0 {
            return dry;
        }
        dry.map(|dry| gain * if share == 0.0 { dry } else { dry + share * (take - dry) })
    }
}

/// A value on its way to a target in equal steps.
struct Glide {
    value: f32,
    target: f32,
    step: f32,
    n_frames: f32,
}

impl Glide {
    fn at(value: f32, n_frames: f32) -> Self {
        Self { value, target: value, step: 0.0, n_frames }
    }

    fn aim(&mut self, target: f32) {
        if target != self.target {
            self.target = target;
            self.step = (target - self.value).abs() / self.n_frames;
        }
    }

    fn next(&mut self) -> f32 {
        if self.value != self.target {
            let way = self.target - self.value;
            self.value = if way.abs() <= self.step {
                self.target
            } else {
                self.value + self.step.copysign(way)
            };
        }
        self.value
    }
}

/// Highest absolute sample; not-a-number counts as silence.
pub fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak, sample| sample.abs().max(peak))
}

/// Samples that are not numbers, or infinite.
pub fn n_non_finite(samples: &[f32]) -> usize {
    samples.iter().filter(|sample| !sample.is_finite()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_opens_at_its_own_gain_and_later_changes_glide() {
        let mut mixer = Mixer::new(48_000.0);
        let at = |output_gain| Controls { output_gain, ..Controls::default() };

        mixer.aim(&at(0.5));
        assert_eq!(mixer.mix([1.0, -1.0], 0.0, 0.0), [0.5, -0.5]);
        mixer.aim(&at(1.0));
        let [next, _] = mixer.mix([1.0, -1.0], 0.0, 0.0);

        assert!(next > 0.5 && next < 0.51, "{next}");
    }
}
