//! Where in the song the next frame is.

use crate::link::Transport;

/// Largest difference to our own count that still counts as the host's rounding, in frames.
const ROUNDING_FRAMES: i64 = 2;

/// The same where the position is only known in beats.
const BEAT_ROUNDING_FRAMES: i64 = 16;

/// A position on the timeline, for the first frame of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Song position in frames.
    pub frame: i64,
    /// Whether the position moves on with each frame.
    pub rolling: bool,
    /// Whether this is our own count because there is no transport to follow.
    pub free: bool,
}

/// Follows the host's transport, or counts by itself when there is none or none is wanted.
///
/// Positions that agree with the frames counted since the last block are taken as continuous, so that a
/// host's rounding is never heard as a jump.
#[derive(Debug)]
pub struct Clock {
    rate: f64,
    /// Song frame that follows the last block, while rolling.
    next_song: Option<i64>,
    next_free: i64,
}

impl Clock {
    pub fn new(rate: f64) -> Self {
        Self { rate, next_song: None, next_free: 0 }
    }

    /// The place of the next frame.
    pub fn place(&self, transport: &Transport, follow: bool) -> Place {
        let told = if follow { song_frame(transport, self.rate) } else { None };
        let Some((told, tolerance)) = told else {
            return Place { frame: self.next_free, rolling: true, free: true };
        };
        let frame = match self.next_song {
            Some(next) if transport.playing && (told - next).abs() <= tolerance => next,
            _ => told,
        };
        Place { frame, rolling: transport.playing, free: false }
    }

    /// Counts the block that began at `place`.
    pub fn advance(&mut self, place: Place, n_frames: usize) {
        self.next_free += n_frames as i64;
        let moving = place.rolling && !place.free;
        self.next_song = moving.then(|| place.frame.saturating_add(n_frames as i64));
    }
}

/// The song position and how far it may be rounded, from the best that the host tells.
fn song_frame(transport: &Transport, rate: f64) -> Option<(i64, i64)> {
    let exact = transport.frames.map(|f| (f, ROUNDING_FRAMES));
    let seconds = || transport.seconds.map(|s| ((s * rate).round() as i64, ROUNDING_FRAMES));
    let beats = || {
        let seconds = transport.beats? * 60.0 / transport.tempo_bpm.filter(|bpm| *bpm > 0.0)?;
        Some(((seconds * rate).round() as i64, BEAT_ROUNDING_FRAMES))
    };
    exact.or_else(seconds).or_else(beats)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_seconds(seconds: f64) -> Transport {
        Transport { playing: true, seconds: Some(seconds), ..Transport::default() }
    }

    #[test]
    fn a_rounded_position_is_no_jump_and_a_locate_is() {
        let mut clock = Clock::new(44_100.0);

        let first = clock.place(&at_seconds(-1.0), true);
        clock.advance(first, 64);
        let second = clock.place(&at_seconds(-1.0 + 63.4 / 44_100.0), true);
        clock.advance(second, 64);
        let located = clock.place(&at_seconds(10.0), true);

        assert_eq!(first.frame, -44_100);
        assert_eq!(second.frame, -44_100 + 64);
        assert_eq!(located.frame, 441_000);
    }

    #[test]
    fn without_a_transport_frames_are_counted() {
        let mut clock = Clock::new(48_000.0);
        for expected in [0, 100, 200] {
            let place = clock.place(&Transport::default(), true);
            assert_eq!(place, Place { frame: expected, rolling: true, free: true });
            clock.advance(place, 100);
        }
    }

    #[test]
    fn a_host_that_only_knows_beats_is_followed() {
        let clock = Clock::new(48_000.0);
        let transport = Transport {
            playing: true,
            beats: Some(4.0),
            tempo_bpm: Some(120.0),
            ..Transport::default()
        };
        assert_eq!(clock.place(&transport, true).frame, 96_000);
    }

    #[test]
    fn a_resting_transport_does_not_roll() {
        let clock = Clock::new(48_000.0);
        let resting = Transport { frames: Some(7), ..Transport::default() };
        assert!(!clock.place(&resting, true).rolling);
        assert!(clock.place(&resting, false).rolling);
    }
}
