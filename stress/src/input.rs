//! What comes in: music-like, silent, or nothing that a converter ever gave.

use crate::dice::Dice;

/// A kind of input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Input {
    Tone,
    Noise,
    Silence,
    Level,
    /// Numbers too small to be normal.
    Tiny,
    /// Far beyond full scale, but finite even at the highest output gain.
    Huge,
    /// A sample in a hundred is not a number.
    SomeNan,
    /// A sample in a hundred is infinite.
    SomeInfinite,
    AllNan,
}

impl Input {
    /// What a musician might send.
    pub fn calm(dice: &mut Dice) -> Self {
        dice.pick(&[Input::Tone, Input::Tone, Input::Noise, Input::Silence])
    }

    pub fn any(dice: &mut Dice) -> Self {
        if dice.chance(0.03) {
            return dice.pick(&[Input::SomeNan, Input::SomeInfinite, Input::AllNan]);
        }
        let any =
            [Input::Tone, Input::Noise, Input::Silence, Input::Level, Input::Tiny, Input::Huge];
        dice.pick(&any)
    }

    /// Fills both channels; `clock` counts the frames before, at `rate` Hz.
    pub fn fill(self, dice: &mut Dice, clock: u64, rate: f64, left: &mut [f32], right: &mut [f32]) {
        let mut state = dice.bits();
        for (i, (l, r)) in left.iter_mut().zip(right).enumerate() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let noise = (state >> 40) as f32 / (1 << 23) as f32 - 1.0;
            let is_odd = (state >> 33).is_multiple_of(100);
            let seconds = (clock + i as u64) as f64 / rate;
            let tone = (0.3 * (seconds * 220.0 * std::f64::consts::TAU).sin()) as f32;
            [*l, *r] = match self {
                Input::Tone => [tone, -tone],
                Input::Noise => [0.4 * noise, 0.4 * noise.abs()],
                Input::Silence => [0.0, -0.0],
                Input::Level => [0.5, -1.0],
                Input::Tiny => [1e-40 * noise, f32::MIN_POSITIVE / 2.0],
                Input::Huge => [1e30 * noise, -1e37],
                Input::SomeNan => [if is_odd { f32::NAN } else { tone }, tone],
                Input::SomeInfinite => [tone, if is_odd { f32::INFINITY } else { tone }],
                Input::AllNan => [f32::NAN, -f32::NAN],
            };
        }
    }
}
