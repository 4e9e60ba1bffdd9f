//! From the takes of an instance to what the audio thread plays: where each of them sounds, and how loud.

use std::sync::Arc;

use crate::{
    link::{Anchor, Arrangement, Region, Sound},
    takes::Take,
    units::{FADE_SECONDS, READY_SECONDS, frames_from_seconds, gain_from_db},
};

/// Most by which a take is made louder or softer to match the recording, as a linear gain: 12 dB.
const MAX_MATCH: f64 = 3.981;

/// Loudness below which nothing is matched, as a linear level: -60 dB.
const SILENT: f64 = 1e-3;

/// How long a take goes on under a later one that covers it, in fades: until that one has faded in.
const COVERED_FADES: f64 = 4.0;

/// The sound of a take at the host's rate.
#[derive(Debug, Clone)]
pub struct Sounded {
    pub sound: Arc<Sound>,
    /// Sample rate of the sound, in Hz.
    pub rate: f64,
    /// Song position of its first frame, which may lie before the seam.
    pub start: i64,
    /// Song position of its seam.
    pub seam_frame: i64,
    /// It sounds as soon as it is there, wherever the song is.
    pub on_arrival: bool,
    /// It starts at the seam, and not even its fade may come before.
    pub takes_over: bool,
}

/// How loud a take and what it continues are: roots of the mean squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loudness {
    pub take: f64,
    pub prime: f64,
}

impl Loudness {
    /// Linear gain that makes the take as loud as what it continues; nothing that is silent is matched.
    pub fn gain(&self) -> f64 {
        if self.take < SILENT || self.prime < SILENT {
            return 1.0;
        }
        (self.prime / self.take).clamp(1.0 / MAX_MATCH, MAX_MATCH)
    }
}

/// What is played of `takes`, which come in order, each with its sound; a later one covers an earlier one from
/// its place on, once enough of it is there to sound.
pub fn arrange<'a>(takes: impl Iterator<Item = (&'a Take, &'a Sounded, f64)>) -> Arrangement {
    let mut regions: Vec<Region> = Vec::new();
    for (take, sounded, gain) in takes {
        let region = region(take, sounded, gain_from_db(take.gain_db) * gain);
        let n_ready = frames_from_seconds(READY_SECONDS + FADE_SECONDS, sounded.rate);
        if region.sound.is_complete() || n_ready < region.sound.n_frames() {
            cover(&mut regions, &region, sounded.rate);
        }
        regions.push(region);
    }
    Arrangement { regions }
}

/// One take, as far as it is trimmed.
fn region(take: &Take, sounded: &Sounded, gain: f64) -> Region {
    let played = take.played();
    let n_lead = (sounded.seam_frame - sounded.start).max(0) as usize;
    let after_seam = |seconds: f64| n_lead + frames_from_seconds(seconds, sounded.rate);
    let is_cut = 0.0 < played.start;
    let first = if is_cut { after_seam(played.start) } else { 0 };
    let is_short = played.end < take.music.length_seconds;
    let start = sounded.start.saturating_add(first as i64);
    Region {
        take: take.id,
        anchor: if sounded.on_arrival { Anchor::OnArrival } else { Anchor::Song(start) },
        sound: Arc::clone(&sounded.sound),
        first,
        n_frames: is_short.then(|| after_seam(played.end).saturating_sub(first)),
        gain: gain as f32,
        takes_over: sounded.takes_over || is_cut,
    }
}

/// What begins before `region` ends once that has faded in, and does not come back after it.
fn cover(below: &mut Vec<Region>, region: &Region, rate: f64) {
    let n_fade = frames_from_seconds(COVERED_FADES * FADE_SECONDS, rate) as i64;
    let Anchor::Song(start) = region.anchor else {
        below.retain(|other| other.anchor != Anchor::OnArrival);
        return;
    };
    for other in below {
        let Anchor::Song(other_start) = other.anchor else { continue };
        if other_start <= start {
            let n_left = start.saturating_sub(other_start).saturating_add(n_fade) as usize;
            other.n_frames = Some(other.n_frames.map_or(n_left, |n| n.min(n_left)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::takes::{self, Music, TrimSeconds};

    const RATE: f64 = 48_000.0;

    /// A take of two seconds from `seam_frame` on, with a lead-in of 480 frames.
    fn take(id: u64, seam_frame: i64) -> (Take, Sounded) {
        let place = takes::Place {
            seam_frame,
            begins_at: seam_frame as f64,
            rate: RATE,
            takes_over: false,
            beat: None,
            tempo_bpm: None,
        };
        let music = Music {
            recipe: crate::engine::recipe::tests::recipe(),
            level: 1,
            codes: Default::default(),
            n_prime_tokens: 0,
            length_seconds: 2.0,
        };
        let take = Take {
            id,
            name: String::new(),
            batch: id,
            parent: None,
            place,
            music,
            trim: TrimSeconds::whole(2.0),
            gain_db: 0.0,
            pinned: false,
            sounds: true,
        };
        let sounded = Sounded {
            sound: Arc::new(Sound::whole(&[[0.5; 2]; 96_480])),
            rate: RATE,
            start: seam_frame - 480,
            seam_frame,
            on_arrival: false,
            takes_over: false,
        };
        (take, sounded)
    }

    fn arranged(takes: &[(Take, Sounded)]) -> Vec<Region> {
        arrange(takes.iter().map(|(take, sounded)| (take, sounded, 1.0))).regions
    }

    #[test]
    fn a_whole_take_sounds_from_its_lead_in_to_its_end() {
        let regions = arranged(&[take(1, 96_000)]);

        assert_eq!(regions[0].anchor, Anchor::Song(95_520));
        assert_eq!((regions[0].first, regions[0].n_frames, regions[0].gain), (0, None, 1.0));
        assert!(!regions[0].takes_over);
    }

    #[test]
    fn a_trimmed_take_stays_at_its_place_and_begins_at_once() {
        let (mut take, sounded) = take(1, 96_000);
        take.trim = TrimSeconds { start: 0.5, end: 1.5 };
        take.gain_db = -6.0;

        let regions = arranged(&[(take, sounded)]);

        assert_eq!(regions[0].anchor, Anchor::Song(96_000 + 24_000));
        assert_eq!((regions[0].first, regions[0].n_frames), (480 + 24_000, Some(48_000)));
        assert!(regions[0].takes_over && (regions[0].gain - 0.501).abs() < 1e-3);
    }

    #[test]
    fn a_later_take_covers_an_earlier_one_from_its_place_on_once_it_can_sound() {
        let (growing, mut sounded) = take(3, 96_000);
        sounded.sound = Arc::new(Sound::with_room(96_480));
        let before = arranged(&[take(1, 48_000), take(2, 480_000), (growing, sounded)]);
        let after = arranged(&[take(1, 48_000), take(2, 480_000), take(3, 96_000)]);

        assert_eq!(before[0].n_frames, Some(432_000 + 960), "the growing one does not cover it yet");
        assert_eq!(after[0].n_frames, Some(48_000 + 960), "until the later one has faded in");
        assert_eq!(after[1].n_frames, None, "what begins later is not covered");
    }

    #[test]
    fn loudness_is_matched_within_reason() {
        let gain = |take, prime| Loudness { take, prime }.gain();

        assert_eq!((gain(0.1, 0.2), gain(0.2, 0.1)), (2.0, 0.5));
        assert_eq!((gain(0.0, 0.2), gain(0.2, 0.0)), (1.0, 1.0));
        assert_eq!(gain(0.01, 0.5), MAX_MATCH);
    }
}
