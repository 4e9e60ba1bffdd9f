//! What the host says about time: a song that rolls as songs do, or one that goes mad.

use clack_host::{
    events::{EventFlags, EventHeader, event_types::*},
    utils::{BeatTime, SecondsTime},
};

use crate::dice::Dice;

/// Positions that are as odd as a host may be asked to reach, in seconds.
const ODD_SECONDS: [f64; 8] = [-1e-9, -37.0, -1e6, 0.0, 1e6, 1e9, 4e18, -4e18];

/// Odd tempos, in beats per minute.
const ODD_TEMPOS: [f64; 7] = [0.0, -120.0, 1e-300, 1e9, f64::NAN, f64::INFINITY, 999.0];

/// One instance's timeline.
pub struct Song {
    rate: f64,
    seconds: f64,
    tempo_bpm: f64,
    signature: (u16, u16),
    /// Start and end, in beats.
    cycle: Option<(f64, f64)>,
    is_recording: bool,
    rolls: bool,
    /// The host says nothing at all.
    is_silent: bool,
    /// Everything that is left out.
    untold: TransportFlags,
}

impl Song {
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            seconds: 0.0,
            tempo_bpm: 120.0,
            signature: (4, 4),
            cycle: None,
            is_recording: false,
            rolls: true,
            is_silent: false,
            untold: TransportFlags::empty(),
        }
    }

    /// Behaves again: rolls on from a place that songs have, and everything is told.
    pub fn calm_down(&mut self, dice: &mut Dice) {
        *self = Self { seconds: dice.between(-2.0, 300.0), ..Self::new(self.rate) };
        self.cycle = dice.chance(0.2).then(|| (0.0, dice.between(4.0, 64.0)));
    }

    /// Changes one thing.
    pub fn mutate(&mut self, dice: &mut Dice) {
        match dice.below(12) {
            0..4 => self.seconds = dice.between(-10.0, 600.0),
            4 => self.seconds = dice.pick(&ODD_SECONDS),
            5 => self.rolls = !self.rolls,
            6 => self.is_recording = !self.is_recording,
            7 => self.tempo_bpm = dice.between(20.0, 300.0),
            8 if dice.chance(0.3) => self.tempo_bpm = dice.pick(&ODD_TEMPOS),
            8 => self.signature = (dice.below(33) as u16, dice.pick(&[1, 2, 4, 8, 16, 0, 65_535])),
            9 => {
                let start = dice.between(-8.0, 600.0);
                let length = dice.pick(&[4.0, 16.0, 0.25, 1e-6, 0.0, -4.0, 1e12]);
                self.cycle = dice.chance(0.7).then_some((start, start + length));
            }
            10 => self.untold = TransportFlags::from_bits_truncate(dice.bits() as u32),
            _ => self.is_silent = dice.chance(0.3),
        }
    }

    /// What is told about a block of `n_frames`, after which the song has moved on.
    pub fn tell(&mut self, n_frames: usize) -> Option<TransportEvent> {
        let beats = self.seconds * self.tempo_bpm / 60.0;
        let mut flags = TransportFlags::HAS_TEMPO
            | TransportFlags::HAS_BEATS_TIMELINE
            | TransportFlags::HAS_SECONDS_TIMELINE
            | TransportFlags::HAS_TIME_SIGNATURE;
        flags.set(TransportFlags::IS_PLAYING, self.rolls);
        flags.set(TransportFlags::IS_RECORDING, self.is_recording);
        flags.set(TransportFlags::IS_LOOP_ACTIVE, self.cycle.is_some());
        let (start, end) = self.cycle.unwrap_or_default();
        let seconds_of = |beats: f64| SecondsTime::from_float(beats * 60.0 / self.tempo_bpm);
        let event = TransportEvent {
            header: EventHeader::new_core(0, EventFlags::empty()),
            flags: flags.difference(self.untold),
            song_pos_beats: BeatTime::from_float(beats),
            song_pos_seconds: SecondsTime::from_float(self.seconds),
            tempo: self.tempo_bpm,
            tempo_inc: 0.0,
            loop_start_beats: BeatTime::from_float(start),
            loop_end_beats: BeatTime::from_float(end),
            loop_start_seconds: seconds_of(start),
            loop_end_seconds: seconds_of(end),
            bar_start: BeatTime::from_float((beats / 4.0).floor() * 4.0),
            bar_number: (beats / 4.0).floor() as i32,
            time_signature_numerator: self.signature.0,
            time_signature_denominator: self.signature.1,
        };
        if self.rolls {
            self.advance(n_frames);
        }
        (!self.is_silent).then_some(event)
    }

    fn advance(&mut self, n_frames: usize) {
        self.seconds += n_frames as f64 / self.rate;
        if let Some((start, end)) = self.cycle {
            let (start, end) = (start * 60.0 / self.tempo_bpm, end * 60.0 / self.tempo_bpm);
            if start < end && end <= self.seconds {
                self.seconds = start;
            }
        }
    }
}
