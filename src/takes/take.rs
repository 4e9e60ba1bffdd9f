//! A take of a project: where it belongs in the song, what it is made of, and what the musician decided
//! about it.
//!
//! Its audio is not kept: the codes and the model make it again, to the bit.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{Levels, PackedCodes, Recipe};

/// Number of a take within an instance; these grow, and none is used again.
pub type TakeId = u64;

/// The gains that a take can have, in dB.
pub const GAINS_DB: RangeInclusive<f64> = -60.0..=24.0;
/// The sample rates that a host can have, in Hz.
const RATES: RangeInclusive<f64> = 1.0..=10e6;
/// Frames from the song's beginning beyond which no place is meant: centuries.
const MAX_FRAMES: i64 = 1 << 50;
/// Longest take, in seconds: a day.
const MAX_SECONDS: f64 = 86_400.0;
/// Numbers of takes are below this.
pub(super) const MAX_ID: TakeId = 1 << 53;
/// Most characters of a name.
pub(super) const MAX_NAME_CHARS: usize = 120;
/// Tempi closer than this are the same tempo, as a share of either: hosts round them.
const SAME_TEMPO: f64 = 1e-4;

/// One continuation at its place in the song.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Take {
    pub id: TakeId,
    /// Told apart from every other take of its instance; where it is empty, the [`Tree`](super::Tree) that it is
    /// added to gives one.
    pub name: String,
    /// Takes of one request share it.
    pub batch: u64,
    /// Another take that this one goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Branch>,
    pub place: Place,
    pub music: Music,
    pub trim: TrimSeconds,
    pub gain_db: f64,
    /// It cannot be deleted.
    pub pinned: bool,
    /// It is chosen: played when the transport passes.
    pub sounds: bool,
}

/// Where a take leaves another one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    pub take: TakeId,
    /// From the other take's seam on.
    pub at_seconds: f64,
}

/// Where a take is in the song.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Song position of the first frame that continues, in host frames.
    pub seam_frame: i64,
    /// Song position of the first continued token, in host frames; rarely whole.
    pub begins_at: f64,
    /// Sample rate of the host by which frames are counted here, in Hz.
    pub rate: f64,
    /// Nothing of it, not even a fade, is played before the seam.
    pub takes_over: bool,
    /// Where the seam was in beats, where the host told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beat: Option<f64>,
    /// The song's tempo at the seam, in beats a minute, when the take was composed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tempo_bpm: Option<f64>,
}

/// What a take is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Music {
    pub recipe: Recipe,
    /// The level of the codes that the prime was given as.
    pub level: usize,
    /// Prime and continuation. Projects keep them apart from the rest, packed.
    #[serde(skip)]
    pub codes: Levels,
    /// How many of the codes of [`Self::level`] are the prime's.
    pub n_prime_tokens: usize,
    /// Length of the continuation, from the seam on.
    pub length_seconds: f64,
}

/// What of a take is played, in seconds from its seam.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TrimSeconds {
    pub start: f64,
    pub end: f64,
}

impl Take {
    /// Whether the song's tempo at its place is no longer the one that it was composed for. Of a take or a
    /// timeline without tempo nobody can tell, so it is not.
    pub fn is_stale(&self, tempo_bpm: Option<f64>) -> bool {
        match (self.place.tempo_bpm, tempo_bpm) {
            (Some(then), Some(now)) => SAME_TEMPO * then.abs() < (now - then).abs(),
            _ => false,
        }
    }

    /// What is played of it: its trim, as far as there is music.
    pub fn played(&self) -> TrimSeconds {
        let end = self.trim.end.min(self.music.length_seconds);
        TrimSeconds { start: self.trim.start.min(end), end }
    }

    /// What no take can have, in words, where this one has it.
    pub fn problem(&self) -> Option<&'static str> {
        let Place { seam_frame, begins_at, rate, .. } = self.place;
        let is_near = |frame: f64| frame.abs() <= MAX_FRAMES as f64; // no number is not near either
        let length = self.music.length_seconds;
        let is_earlier = |branch: Branch| branch.take < self.id && branch.at_seconds.is_finite();
        let problems = [
            (MAX_ID <= self.id, "its number is not one that takes have"),
            (MAX_NAME_CHARS < self.name.chars().count(), "its name is too long"),
            (!self.parent.is_none_or(is_earlier), "it goes on from a take that came after it"),
            (!RATES.contains(&rate), "its sample rate is not one that hosts have"),
            (!is_near(seam_frame as f64) || !is_near(begins_at), "its place is outside any song"),
            (!(0.0..=MAX_SECONDS).contains(&length), "its length is not one that takes have"),
            (!self.trim.is_sane(), "what is played of it begins after its end"),
            (!GAINS_DB.contains(&self.gain_db), "its gain is not one that takes have"),
        ];
        problems.into_iter().find_map(|(is_so, words)| is_so.then_some(words))
    }

    /// Whether both begin at the same place of the song, so that only one of them is played there.
    pub fn is_rival(&self, other: &Take) -> bool {
        let apart = self.place.seam_seconds() - other.place.seam_seconds();
        self.id != other.id && apart.abs() < 0.5 / self.place.rate.max(other.place.rate)
    }
}

impl Place {
    /// Song position of the seam, in seconds.
    pub fn seam_seconds(&self) -> f64 {
        self.seam_frame as f64 / self.rate
    }
}

impl Music {
    /// The codes of the prime.
    pub fn prime_codes(&self) -> &[u32] {
        let codes = self.codes.get(&self.level).map_or(&[][..], Vec::as_slice);
        &codes[..self.n_prime_tokens.min(codes.len())]
    }

    /// The recipe with the codes of the prime: all that another Encore needs to make the same codes.
    pub fn shared_recipe(&self) -> Recipe {
        let packed = PackedCodes::of(self.prime_codes());
        Recipe { prime_codes: [(self.level, packed)].into(), ..self.recipe.clone() }
    }
}

impl TrimSeconds {
    /// All of a take.
    pub fn whole(length_seconds: f64) -> Self {
        Self { start: 0.0, end: length_seconds }
    }

    /// Whether it begins at or after the seam, and ends after it begins.
    pub fn is_sane(&self) -> bool {
        0.0 <= self.start && self.start < self.end && self.end <= MAX_SECONDS
    }
}

#[cfg(test)]
pub(super) fn example(id: TakeId) -> Take {
    Take {
        id,
        name: String::new(),
        batch: 1,
        parent: None,
        place: Place {
            seam_frame: 480_000,
            begins_at: 479_952.5,
            rate: 48_000.0,
            takes_over: true,
            beat: Some(16.0),
            tempo_bpm: Some(120.0),
        },
        music: Music {
            recipe: super::recipe::example(),
            level: 1,
            codes: Levels::from([(1, (0..40).map(|i| i * 7 % 1024).collect())]),
            n_prime_tokens: 16,
            length_seconds: 8.0,
        },
        trim: TrimSeconds::whole(8.0),
        gain_db: 0.0,
        pinned: false,
        sounds: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_take_is_stale_where_the_tempo_is_another_than_it_was_composed_for() {
        let take = example(1);

        assert!(!take.is_stale(Some(120.0)));
        assert!(!take.is_stale(Some(120.000_001)), "hosts round tempi");
        assert!(take.is_stale(Some(120.5)));
        assert!(!take.is_stale(None), "nobody can tell");
        let timeless = Take { place: Place { tempo_bpm: None, ..take.place }, ..take };
        assert!(!timeless.is_stale(Some(90.0)));
    }

    #[test]
    fn takes_of_one_place_are_rivals_whatever_rate_it_is_counted_at() {
        let (first, mut other) = (example(1), example(2));
        assert!(first.is_rival(&other) && !first.is_rival(&first));

        other.place = Place { seam_frame: 441_000, rate: 44_100.0, ..other.place };
        assert!(first.is_rival(&other), "both at ten seconds");

        other.place.seam_frame += 1;
        assert!(!first.is_rival(&other));
    }

    #[test]
    fn the_shared_recipe_has_the_prime_and_nothing_of_the_continuation() {
        let music = example(1).music;

        let shared = music.shared_recipe();

        assert_eq!(shared.prime_codes[&1].codes(), music.codes[&1][..16]);
    }

    #[test]
    fn what_is_played_ends_with_the_music() {
        let mut take = example(1);
        take.trim = TrimSeconds { start: 1.0, end: 6.0 };
        assert_eq!(take.played(), take.trim);

        take.music.length_seconds = 4.0; // composing was stopped
        assert_eq!(take.played(), TrimSeconds { start: 1.0, end: 4.0 });
    }

    #[test]
    fn numbers_that_no_take_has_are_told() {
        let bad: [fn(&mut Take); 6] = [
            |take| take.place.rate = f64::NAN,
            |take| take.place.begins_at = f64::INFINITY,
            |take| take.gain_db = 400.0,
            |take| take.trim.end = -1.0,
            |take| take.parent = Some(Branch { take: take.id, at_seconds: 0.0 }),
            |take| take.music.length_seconds = f64::NAN,
        ];
        assert_eq!(example(1).problem(), None);
        for spoil in bad {
            let mut take = example(1);
            spoil(&mut take);
            assert!(take.problem().is_some(), "{take:?}");
        }
    }
}
