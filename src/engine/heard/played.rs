//! What was played while the song rested.
//!
//! The rule: a continuation that is asked for while the song rests is made of what was played at that rest,
//! if something was; else of the song. Something was played if, since the song rolled last and at the place
//! where it rests now, a tenth of a second came that is louder than [`LOUD`] and stands out by [`ONSET`] from
//! the quietest before it. Unless it followed a pause, it must also be about as loud as the song's last
//! second, so that what rings on, or echoes, after a stop is not taken for playing. What was played begins
//! there and ends with the last frame that sounds.

use std::ops::Range;

use super::{Memory, SILENCE};
use crate::link::Lane;

/// Least level of something played, -50 dB.
const LOUD: f32 = 0.003_16;

/// What it stands out by, 12 dB.
const ONSET: f32 = 4.0;

/// How loud it is at least beside the song's last second, -3 dB.
const BESIDE_SONG: f32 = 0.707;

/// Silence after which something played may be as soft as it likes, in seconds.
const PAUSE_SECONDS: f64 = 2.0;

/// Seconds over which a level is taken.
const WINDOW_SECONDS: f64 = 0.1;

/// Most that is looked through, in seconds; no model listens to more.
const MAX_SECONDS: f64 = 60.0;

impl Memory {
    /// Up to `n_frames` of what was played last while the song rested at `song_frame`; none if nothing was.
    pub fn played(&self, lane: Lane, song_frame: i64, n_frames: usize) -> Option<Vec<[f32; 2]>> {
        let Range { start, end } = self.range_played(lane, song_frame)?;
        let start = start.max(end.saturating_sub(n_frames as u64));
        self.now.rest.read(lane, start..end)
    }

    fn range_played(&self, lane: Lane, song_frame: i64) -> Option<Range<u64>> {
        let rest = &self.now.rest;
        let all = rest.remembered();
        let earliest = all.end.saturating_sub(rest.n_frames(MAX_SECONDS) as u64);
        let earliest = earliest.max(all.start).max(self.now.rest_from);
        let here = (0..rest.spans.len()).rev();
        let here = here
            .take_while(|i| rest.spans[*i].song_frame == song_frame && earliest < rest.end_of(*i));
        let spans: Vec<usize> = here.collect();

        let (mut quietest, mut needed) =
            (self.last_of_song(lane, WINDOW_SECONDS), BESIDE_SONG * self.last_of_song(lane, 1.0));
        let mut begins = None;
        for i in spans.into_iter().rev() {
            if 0 < rest.spans[i].n_silent {
                quietest = 0.0;
            }
            if rest.n_frames(PAUSE_SECONDS) <= rest.spans[i].n_silent {
                needed = 0.0;
            }
            let mut start = rest.spans[i].at.max(earliest);
            while start < rest.end_of(i) {
                let end = rest.end_of(i).min(start + rest.n_frames(WINDOW_SECONDS).max(1) as u64);
                let level = rest.lane(lane).peak(start..end);
                if LOUD.max(ONSET * quietest).max(needed) <= level {
                    begins = begins.or(Some(start));
                }
                quietest = quietest.min(level);
                start = end;
            }
        }
        let sounding = rest.read(lane, begins?..all.end)?;
        let n = sounding.iter().rposition(|frame| frame.iter().any(|s| SILENCE <= s.abs()))? + 1;
        Some(begins?..begins? + n as u64)
    }

    /// How loud the end of the song was.
    fn last_of_song(&self, lane: Lane, seconds: f64) -> f32 {
        let song = self.song();
        let Range { start, end } = song.remembered();
        let start = start.max(end.saturating_sub(song.n_frames(seconds) as u64));
        song.lane(lane).peak(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Motion;

    const RINGS_ON: Motion = Motion::Rests { n_silent: 0 };
    const AFTER_PAUSE: Motion = Motion::Rests { n_silent: 2000 };

    fn level(level: f32, n_frames: usize) -> Vec<[f32; 2]> {
        (0..n_frames).map(|i| [level * if i % 2 == 0 { 1.0 } else { -1.0 }; 2]).collect()
    }

    /// Two seconds of song at 1 kHz that end at song frame 2000; then it rests.
    fn stopped() -> Memory {
        let mut memory = Memory::new(1000.0);
        memory.begin_span(0, Motion::Rolls);
        memory.hear(&level(0.5, 2000));
        memory.begin_span(2000, RINGS_ON);
        memory
    }

    #[test]
    fn what_rings_on_after_a_stop_is_not_played() {
        let mut memory = stopped();
        for i in 0..50 {
            memory.hear(&level(0.5 * 0.9f32.powi(i), 100));
        }
        assert_eq!(memory.played(Lane::Input, 2000, 5000), None);

        let mut memory = stopped();
        for i in 1..6 {
            memory.hear(&level(0.5 * 0.6f32.powi(i), 100)); // echoes
            memory.hear(&level(0.0, 400));
        }
        assert_eq!(memory.played(Lane::Input, 2000, 5000), None);
    }

    #[test]
    fn what_is_played_right_after_a_song_that_ended_in_silence_counts() {
        for n_silent in [0, 500] {
            let mut memory = Memory::new(1000.0);
            memory.begin_span(0, Motion::Rolls);
            memory.hear(&level(0.5, 2000));
            memory.hear(&level(0.0, if n_silent == 0 { 200 } else { 0 }));
            memory.begin_span(2200, Motion::Rests { n_silent });
            memory.hear(&level(0.4, 300));
            let played = memory.played(Lane::Input, 2200, 5000);
            assert_eq!(played, Some(level(0.4, 300)), "{n_silent} frames of silence");
        }
    }

    #[test]
    fn noise_is_not_played() {
        let mut memory = Memory::new(1000.0);
        memory.begin_span(0, AFTER_PAUSE);
        memory.hear(&level(0.001, 3000));
        assert_eq!(memory.played(Lane::Input, 0, 5000), None);
    }

    #[test]
    fn what_is_played_at_rest_is_heard_from_its_first_note_to_its_last() {
        let mut memory = stopped();
        memory.hear(&level(0.1, 300)); // rings on
        memory.hear(&level(0.001, 700)); // the noise of an input
        memory.hear(&level(0.6, 400));
        memory.hear(&level(0.001, 200));
        memory.hear(&level(0.02, 300));
        memory.hear(&level(0.0, 900));

        let played = memory.played(Lane::Input, 2000, 5000).unwrap();
        assert_eq!(played, [level(0.6, 400), level(0.001, 200), level(0.02, 300)].concat());
        assert_eq!(memory.played(Lane::Input, 2000, 250).unwrap(), level(0.02, 250));
        assert_eq!(memory.played(Lane::Input, 3000, 5000), None, "it was played elsewhere");
        assert_eq!(memory.played(Lane::Sidechain, 2000, 5000), None);
    }

    #[test]
    fn after_a_pause_soft_notes_are_played_too() {
        let mut memory = stopped();
        memory.hear(&level(0.02, 500));
        assert_eq!(memory.played(Lane::Input, 2000, 5000), None);
        memory.begin_span(2000, AFTER_PAUSE);
        memory.hear(&level(0.02, 500));
        assert_eq!(memory.played(Lane::Input, 2000, 5000).unwrap(), level(0.02, 500));
    }

    #[test]
    fn the_song_that_rolled_since_is_what_counts() {
        let mut memory = stopped();
        memory.begin_span(2000, AFTER_PAUSE);
        memory.hear(&level(0.6, 500));
        memory.begin_span(2000, Motion::Rolls);
        memory.hear(&level(0.1, 100));
        memory.begin_span(2000, RINGS_ON); // back where it began
        memory.hear(&level(0.02, 100));
        assert_eq!(memory.played(Lane::Input, 2000, 5000), None);
    }
}
