//! Which region sounds at a frame of the song, and for how many frames that holds. It looks at each region a bounded
//! number of times and changes nothing.

use crate::link::Region;

/// Times in frames that every choice goes by.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Length of a whole fade.
    pub fade_frames: i64,
    /// So much of what still grows must be ready before it sounds, at first and after running dry.
    pub resume_frames: i64,
}

/// What is to sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Index of the region; none is the input.
    pub region: Option<usize>,
    /// How long this holds without looking again; at least 1.
    pub n_frames: i64,
}

/// As long as nothing changes.
const FOREVER: i64 = i64::MAX;

impl Choice {
    /// The input, until further notice.
    pub const INPUT: Choice = Choice { region: None, n_frames: FOREVER };
}

impl Rules {
    /// The topmost region that can sound at song position `frame`. `level` tells how far a region has faded in
    /// that is being played from its frame `offset` on, from 0 to [`Self::fade_frames`].
    pub fn choose(
        &self,
        regions: &[Region],
        frame: i64,
        level: impl Fn(usize, i64) -> i64,
    ) -> Choice {
        let mut n_until_next = FOREVER;
        for (idx, region) in regions.iter().enumerate().rev() {
            let Some(start) = region.start() else { continue };
            if frame < start {
                n_until_next = n_until_next.min(start.saturating_sub(frame));
                continue;
            }
            let offset = frame.saturating_sub(start);
            let n_frames = self.n_sounding(regions, idx, frame, level(idx, offset));
            if n_frames > 0 {
                return Choice { region: Some(idx), n_frames: n_frames.min(n_until_next) };
            }
        }
        Choice { region: None, n_frames: n_until_next }
    }

    /// Whether `n_frames` from song position `frame` on can be played as they should be.
    pub fn is_ready(&self, region: &Region, frame: i64, n_frames: i64) -> bool {
        let (n_ahead, is_whole) = n_ahead(region, frame);
        n_frames <= if is_whole { n_ahead } else { n_ahead - self.resume_frames - 1 }
    }

    /// Whether enough of `region` is there to begin with it.
    pub fn can_begin(&self, region: &Region) -> bool {
        let (n_ready, is_whole) = region.ready();
        n_ready as i64 > if is_whole { 0 } else { self.resume_frames }
    }

    /// Frames for which a region sounds from song position `frame` on, if it has faded in up to `level`; 0 if it is to
    /// be silent or to fade out.
    fn n_sounding(&self, regions: &[Region], idx: usize, frame: i64, level: i64) -> i64 {
        let (n_ahead, is_whole) = n_ahead(&regions[idx], frame);
        if n_ahead <= 0 || (level == 0 && !is_whole && n_ahead <= self.resume_frames) {
            return 0;
        }
        let n_unfading = n_ahead - self.fade_frames - 1;
        if n_unfading > 0 {
            return n_unfading; // the end is far away: then we look again
        }
        if is_whole && self.is_followed(regions, idx, frame.saturating_add(n_ahead)) {
            return n_ahead; // it gives way to what follows, and not to the input
        }
        // as long as more is left than it takes to fade out, even while it fades in
        (n_ahead - level).div_euclid(2).max(0)
    }

    /// Whether another region can sound from song position `frame` on.
    fn is_followed(&self, regions: &[Region], idx: usize, frame: i64) -> bool {
        regions.iter().enumerate().any(|(other, region)| {
            let (n_ahead, is_whole) = n_ahead(region, frame);
            other != idx && n_ahead > if is_whole { 1 } else { self.resume_frames }
        })
    }
}

/// Frames of `region` that are there from song position `frame` on, 0 before and after it, and whether that is all
/// there will be.
fn n_ahead(region: &Region, frame: i64) -> (i64, bool) {
    let (n_ready, is_whole) = region.ready();
    let n_passed = region.start().map_or(-1, |start| frame.saturating_sub(start));
    let n_ahead = if n_passed < 0 { 0 } else { (n_ready as i64).saturating_sub(n_passed).max(0) };
    (n_ahead, is_whole)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::link::{Anchor, Sound};

    const RULES: Rules = Rules { fade_frames: 10, resume_frames: 100 };

    fn region(start: i64, n_frames: usize) -> Region {
        Region {
            take: 1,
            anchor: Anchor::Song(start),
            sound: Arc::new(Sound::whole(&vec![[0.5; 2]; n_frames])),
            first: 0,
            n_frames: None,
            gain: 1.0,
            takes_over: false,
        }
    }

    fn choose(regions: &[Region], frame: i64) -> Choice {
        RULES.choose(regions, frame, |_, _| 0)
    }

    #[test]
    fn the_topmost_region_sounds_until_one_above_it_begins_or_its_own_end_is_near() {
        let regions = [region(0, 1000), region(400, 200), region(5000, 100)];

        assert_eq!(choose(&regions, -30), Choice { region: None, n_frames: 30 });
        assert_eq!(choose(&regions, 0), Choice { region: Some(0), n_frames: 400 });
        assert_eq!(choose(&regions, 400), Choice { region: Some(1), n_frames: 189 });
        assert_eq!(choose(&regions, 600), Choice { region: Some(0), n_frames: 389 });
        assert_eq!(choose(&regions, 1000), Choice { region: None, n_frames: 4000 });
        assert_eq!(choose(&regions, 6000), Choice::INPUT);
    }

    #[test]
    fn a_region_sounds_to_its_end_only_if_another_follows() {
        let alone = [region(0, 1000)];
        let followed = [region(0, 1000), region(1000, 50)];
        let faded_in = |_: usize, _: i64| 10;

        assert_eq!(RULES.choose(&alone, 989, faded_in).region, None);
        let choice = RULES.choose(&followed, 989, faded_in);
        assert_eq!(choice, Choice { region: Some(0), n_frames: 11 });
        assert_eq!(choose(&followed, 1000).region, Some(1));
    }

    #[test]
    fn a_choice_that_is_made_again_at_any_frame_is_the_same() {
        let regions = [region(0, 37), region(20, 40), region(90, 5), region(93, 500)];
        // the level that a region has reached, if it is looked at in every frame and in as few as can be
        let play = |always: bool| {
            let (mut playing, mut held) = ((None, 0i64), Choice { region: None, n_frames: 0 });
            let mut heard = Vec::new();
            for frame in -10..600 {
                if held.n_frames == 0 || always {
                    let level = |idx, _| if playing.0 == Some(idx) { playing.1 } else { 0 };
                    held = RULES.choose(&regions, frame, level);
                }
                held.n_frames -= 1;
                let is_same = playing.0 == held.region;
                match held.region {
                    Some(_) if is_same => playing.1 = (playing.1 + 1).min(10),
                    Some(idx) => playing = (Some(idx), 1),
                    None => playing.1 = (playing.1 - 1).max(0),
                }
                heard.push(playing);
            }
            heard
        };

        assert_eq!(play(true), play(false));
    }

    #[test]
    fn what_grows_sounds_once_enough_is_there() {
        let growing = |n_frames: usize| {
            let sound = Sound::with_room(5000);
            sound.push(vec![[0.5; 2]; n_frames].into());
            [region(0, 1000), Region { sound: Arc::new(sound), ..region(0, 0) }]
        };

        assert_eq!(choose(&growing(100), 0).region, Some(0));
        assert_eq!(choose(&growing(101), 0), Choice { region: Some(1), n_frames: 90 });
        assert_eq!(choose(&growing(101), 1).region, Some(0));
        assert_eq!(RULES.choose(&growing(101), 50, |_, _| 10).region, Some(1));
    }

    #[test]
    fn a_region_without_a_place_waits_for_one() {
        let placeless = Region { anchor: Anchor::OnArrival, ..region(0, 1000) };

        assert_eq!(choose(std::slice::from_ref(&placeless), 0), Choice::INPUT);
        assert!(RULES.can_begin(&placeless));
    }
}
