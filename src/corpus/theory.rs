//! Scales, keys and chords, in semitones that need not be whole.

/// The notes of an octave, as semitones above its tonic.
#[derive(Debug)]
pub struct Scale {
    pub name: &'static str,
    pub steps: &'static [f64],
}

pub const MAJOR: Scale = Scale { name: "major", steps: &[0., 2., 4., 5., 7., 9., 11.] };
pub const MINOR: Scale = Scale { name: "minor", steps: &[0., 2., 3., 5., 7., 8., 10.] };
pub const DORIAN: Scale = Scale { name: "dorian", steps: &[0., 2., 3., 5., 7., 9., 10.] };
pub const MIXOLYDIAN: Scale = Scale { name: "mixolydian", steps: &[0., 2., 4., 5., 7., 9., 10.] };
pub const LYDIAN: Scale = Scale { name: "lydian", steps: &[0., 2., 4., 6., 7., 9., 11.] };
pub const PENTATONIC: Scale = Scale { name: "pentatonic", steps: &[0., 2., 4., 7., 9.] };
pub const MINOR_PENTATONIC: Scale =
    Scale { name: "minor pentatonic", steps: &[0., 3., 5., 7., 10.] };
pub const HIJAZ: Scale = Scale { name: "hijaz", steps: &[0., 1., 4., 5., 7., 8., 10.] };
/// Its third and seventh lie between minor and major.
pub const RAST: Scale = Scale { name: "rast", steps: &[0., 2., 3.5, 5., 7., 9., 10.5] };
/// Its second lies between a semitone and a tone.
pub const BAYATI: Scale = Scale { name: "bayati", steps: &[0., 1.5, 3., 5., 7., 8., 10.] };
/// Five nearly equal steps, stretched as metallophones are.
pub const SLENDRO: Scale = Scale { name: "slendro", steps: &[0., 2.35, 4.8, 7.2, 9.55] };
/// The five notes of seven that bem pieces use.
pub const PELOG: Scale = Scale { name: "pelog", steps: &[0., 1.2, 2.7, 6.75, 7.9] };
/// In just intonation over the drone, as the next two.
pub const YAMAN: Scale = Scale { name: "yaman", steps: &[0., 2.04, 3.86, 5.9, 7.02, 9.06, 10.88] };
pub const BHAIRAV: Scale =
    Scale { name: "bhairav", steps: &[0., 1.12, 3.86, 4.98, 7.02, 8.14, 10.88] };
pub const KAFI: Scale = Scale { name: "kafi", steps: &[0., 2.04, 3.16, 4.98, 7.02, 9.06, 9.96] };

/// A scale on a tonic.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// MIDI pitch of degree 0.
    pub tonic: f64,
    pub scale: &'static Scale,
}

impl Key {
    /// Pitch of a degree; degree 0 is the tonic, and degrees go on over octaves both ways.
    pub fn pitch(&self, degree: i32) -> f64 {
        let n = self.scale.steps.len() as i32;
        let octave = f64::from(degree.div_euclid(n));
        self.tonic + 12.0 * octave + self.scale.steps[degree.rem_euclid(n) as usize]
    }

    /// The degree whose pitch is nearest.
    pub fn degree(&self, pitch: f64) -> i32 {
        let n = self.scale.steps.len() as i32;
        let guess = ((pitch - self.tonic) / 12.0).floor() as i32 * n;
        let far = |degree: i32| (self.pitch(degree) - pitch).abs();
        (guess - 1..=guess + n + 1).min_by(|a, b| far(*a).total_cmp(&far(*b))).unwrap_or(guess)
    }

    /// The chord's tone nearest to a pitch, in the tuning of the scale where that has the note.
    pub fn snap(&self, chord: &Chord, pitch: f64) -> f64 {
        let tone = chord.nearest(self.tonic, pitch);
        let tuned = self.pitch(self.degree(tone));
        if (tuned - tone).abs() < 0.7 { tuned } else { tone }
    }
}

/// A chord, relative to the tonic.
#[derive(Debug, Clone, PartialEq)]
pub struct Chord {
    /// Semitones of the root above the tonic.
    pub root: f64,
    /// Semitones of each tone above the root, the root first.
    pub tones: &'static [f64],
}

impl Chord {
    /// Reads a roman numeral such as `I`, `bVII`, `ii7`, `Vsus` or `IVmaj7`; degrees are those of major.
    pub fn roman(text: &str) -> Option<Self> {
        let (flat, rest) = match text.strip_prefix('b') {
            Some(rest) => (-1.0, rest),
            None => (0.0, text),
        };
        let n_numeral = rest.chars().take_while(|c| "IViv".contains(*c)).count();
        let (numeral, quality) = rest.split_at(n_numeral);
        let degrees = ["I", "II", "III", "IV", "V", "VI", "VII"];
        let at = degrees.iter().position(|degree| *degree == numeral.to_uppercase())?;
        let is_minor = numeral.starts_with(['i', 'v']);
        let tones: &[f64] = match (is_minor, quality) {
            (false, "") => &[0., 4., 7.],
            (true, "") => &[0., 3., 7.],
            (true, "o") => &[0., 3., 6.],
            (_, "5") => &[0., 7., 12.],
            (_, "sus") => &[0., 5., 7.],
            (_, "add9") => &[0., 4., 7., 14.],
            (false, "maj7") => &[0., 4., 7., 11.],
            (false, "maj9") => &[0., 4., 7., 11., 14.],
            (false, "6") => &[0., 4., 7., 9.],
            (false, "7") => &[0., 4., 7., 10.],
            (false, "9") => &[0., 4., 7., 10., 14.],
            (false, "7b9") => &[0., 4., 7., 10., 13.],
            (true, "6") => &[0., 3., 7., 9.],
            (true, "7") => &[0., 3., 7., 10.],
            (true, "9") => &[0., 3., 7., 10., 14.],
            (true, "7b5") => &[0., 3., 6., 10.],
            _ => return None,
        };
        Some(Self { root: MAJOR.steps[at] + flat, tones })
    }

    /// The root, in the octave from `lowest` up.
    pub fn bass(&self, tonic: f64, lowest: f64) -> f64 {
        lowest + (tonic + self.root - lowest).rem_euclid(12.0)
    }

    /// The chord's tone that is nearest to a pitch.
    pub fn nearest(&self, tonic: f64, pitch: f64) -> f64 {
        let candidates = self.tones.iter().map(|tone| {
            let class = tonic + self.root + tone;
            pitch + (class - pitch + 6.0).rem_euclid(12.0) - 6.0
        });
        candidates.min_by(|a, b| (a - pitch).abs().total_cmp(&(b - pitch).abs())).unwrap_or(pitch)
    }

    /// Is this a chord with a third, and not a drone's fifth?
    pub fn has_third(&self) -> bool {
        self.tones.get(1).is_some_and(|tone| *tone < 7.0)
    }

    /// Does this pitch belong to the chord?
    pub fn has(&self, tonic: f64, pitch: f64) -> bool {
        (self.nearest(tonic, pitch) - pitch).abs() < 0.6
    }

    /// `n` tones in close position that move least from `before`, all within an octave or so from `lowest`.
    pub fn voicing(&self, tonic: f64, lowest: f64, n: usize, before: &[f64]) -> Vec<f64> {
        // four-note chords in three voices leave out the fifth
        let kept = |tone: &&f64| n >= self.tones.len() || (**tone - 7.0).abs() > 0.5;
        let mut tones: Vec<f64> = self.tones.iter().filter(kept).copied().collect();
        tones.truncate(n.max(1));
        let mut ladder: Vec<f64> = tones
            .iter()
            .flat_map(|tone| {
                let first = lowest + (tonic + self.root + tone - lowest).rem_euclid(12.0);
                [first, first + 12.0]
            })
            .collect();
        ladder.sort_by(f64::total_cmp);
        let moved = |voices: &&[f64]| -> f64 {
            voices.iter().zip(before).map(|(a, b)| (a - b).abs()).sum()
        };
        let n = n.min(ladder.len());
        let least = ladder.windows(n).min_by(|a, b| moved(a).total_cmp(&moved(b)));
        least.map(<[f64]>::to_vec).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_and_pitches_are_inverse_in_every_tuning() {
        for scale in [&MAJOR, &RAST, &SLENDRO, &PELOG, &YAMAN] {
            let key = Key { tonic: 57.0, scale };
            for degree in -9..15 {
                assert_eq!(key.degree(key.pitch(degree)), degree, "{}", scale.name);
            }
        }
    }

    #[test]
    fn chords_move_as_little_as_they_can() {
        let [one, four] = ["I", "IV"].map(|text| Chord::roman(text).unwrap());

        let before = one.voicing(60.0, 60.0, 3, &[]);
        let after = four.voicing(60.0, 60.0, 3, &before);

        assert_eq!(before, [60.0, 64.0, 67.0]);
        assert_eq!(after, [60.0, 65.0, 69.0]);
    }

    #[test]
    fn numerals_that_are_none_are_refused() {
        assert_eq!(Chord::roman("bVII").unwrap().root, 10.0);
        for text in ["", "H", "IIII", "V77"] {
            assert_eq!(Chord::roman(text), None, "{text}");
        }
    }
}
