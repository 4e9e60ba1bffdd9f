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

    /// One stereo frame: what sounds of takes, faded, and how far that has replaced the input. While anything
    /// sounds, what is not a number in the input is silence.
    pub fn mix(&mut self, dry: [f32; 2], takes: [f32; 2], presence: f32) -> [f32; 2] {
        let wet = self.wet.next();
        let share = presence * wet;
        let gain = self.gain.next();
        if share == 0.0 {
            return if gain == 1.0 { dry } else { dry.map(|dry| gain * dry) };
        }
        [0, 1].map(|c| {
            let dry = if dry[c].is_finite() { dry[c] } else { 0.0 };
            gain * ((1.0 - share) * dry + wet * takes[c])
        })
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
        assert_eq!(mixer.mix([1.0, -1.0], [0.0; 2], 0.0), [0.5, -0.5]);
        mixer.aim(&at(1.0));
        let [next, _] = mixer.mix([1.0, -1.0], [0.0; 2], 0.0);

        assert!(next > 0.5 && next < 0.51, "{next}");
    }

    #[test]
    fn what_is_not_a_number_passes_only_where_no_take_sounds() {
        let mut mixer = Mixer::new(48_000.0);
        mixer.aim(&Controls::default());

        let [left, right] = mixer.mix([f32::NAN, f32::INFINITY], [0.0; 2], 0.0);
        assert!(left.is_nan() && right == f32::INFINITY);
        assert_eq!(mixer.mix([f32::NAN, f32::INFINITY], [0.25, 0.0], 0.5), [0.25, 0.0]);
        assert_eq!(mixer.mix([f32::NEG_INFINITY, 0.5], [0.25; 2], 1.0), [0.25; 2]);
        mixer.aim(&Controls { bypass: true, ..Controls::default() });
        mixer.settle();
        assert!(mixer.mix([f32::NAN; 2], [0.25; 2], 1.0)[0].is_nan());
    }
}
