//! The audio thread: hears the input, plays takes at their place, mixes and meters.
//!
//! Everything was allocated before; processing moves samples and looks at atomics. It knows no host, no
//! parameter table and no network. A render, announced or found out by its pace, is the one case that may wait,
//! and only for audio that was promised.

mod capture;
mod choice;
mod clock;
mod mix;
mod pace;
mod playback;
mod time;
mod wait;

use std::sync::Arc;

use crate::link::{
    AudioEnds, Bars, DEFAULT_MEMORY_SECONDS, Lane, Request, Settings, Signals, Transport,
};
use capture::Capture;
use clock::Clock;
use mix::{Mixer, n_non_finite, peak};
use pace::Pace;
use playback::Playback;
pub use time::{Time, WallTime};
use wait::{Block, Patience};

/// How the next frames are to be mixed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Controls {
    /// How far a sounding take replaces the input, 0 to 1.
    pub dry_wet: f32,
    /// Linear gain of the output.
    pub output_gain: f32,
    /// Whether takes keep their place in the song; else they sound as soon as they exist.
    pub follow_transport: bool,
    pub bypass: bool,
    /// The host renders faster or slower than real time and would rather wait than miss a take.
    pub offline: bool,
    /// Takes fade out, and the input passes.
    pub mute_takes: bool,
    /// What a continuation is primed with.
    pub listen_to: Lane,
    /// How much of what passes is remembered, in seconds.
    pub memory_seconds: f64,
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            dry_wet: 1.0,
            output_gain: 1.0,
            follow_transport: true,
            bypass: false,
            offline: false,
            mute_takes: false,
            listen_to: Lane::Input,
            memory_seconds: DEFAULT_MEMORY_SECONDS,
        }
    }
}

/// Everything the audio thread owns for one instance.
pub struct AudioSide {
    signals: Arc<Signals>,
    clock: Clock,
    capture: Capture,
    playback: Playback,
    mixer: Mixer,
    time: Box<dyn Time>,
    pace: Pace,
    patience: Patience,
    asked: Option<Settings>,
    asked_to_stop: bool,
}

impl AudioSide {
    /// Allocates; not for the audio thread.
    pub fn new(ends: AudioEnds) -> Self {
        Self::with_time(ends, Box::new(WallTime::default()))
    }

    /// The same with another clock on the wall.
    pub fn with_time(ends: AudioEnds, time: Box<dyn Time>) -> Self {
        let rate = ends.signals.rate();
        Self {
            clock: Clock::new(rate),
            capture: Capture::new(ends.capture, rate),
            playback: Playback::new(ends.arrangements, rate),
            mixer: Mixer::new(rate),
            time,
            pace: Pace::new(),
            patience: Patience::default(),
            asked: None,
            asked_to_stop: false,
            signals: ends.signals,
        }
    }

    /// Asks for a continuation from the next frame on.
    pub fn ask_continue(&mut self, settings: Settings) {
        self.asked = Some(settings);
    }

    /// Asks the engine to stop composing.
    pub fn ask_stop(&mut self) {
        self.asked_to_stop = true;
    }

    /// Forgets fades and half-made requests; takes and what was heard stay.
    pub fn reset(&mut self) {
        self.asked = None;
        self.asked_to_stop = false;
        self.mixer.settle();
    }

    /// Processes a stretch of audio in place; `transport` is that of its first frame.
    ///
    /// Realtime-safe unless the host renders, when it may wait for audio that was promised.
    pub fn process(
        &mut self,
        left: &mut [f32],
        right: &mut [f32],
        transport: &Transport,
        controls: &Controls,
    ) {
        self.process_beside(left, right, None, transport, controls);
    }

    /// The same while something comes in on the sidechain, as many frames of it; that is only heard.
    pub fn process_beside(
        &mut self,
        left: &mut [f32],
        right: &mut [f32],
        side: Option<[&[f32]; 2]>,
        transport: &Transport,
        controls: &Controls,
    ) {
        let n_frames = left.len().min(right.len());
        let place = self.clock.place(transport, controls.follow_transport);
        let bars = if place.free {
            None // there is no timeline to have bars
        } else {
            Bars::of(transport, place.frame, self.signals.rate())
        };
        self.signals.set_bars(bars);
        let begun = self.time.now();
        let is_fast = self.pace.block(begun, n_frames as f64 / self.signals.rate());
        let offline = controls.offline || (is_fast && !place.free);
        self.signals.set_memory(controls.memory_seconds, controls.listen_to);
        if let Some(settings) = self.asked.take() {
            let id = self.signals.ask();
            let asked = Request {
                id,
                settings,
                song_frame: place.frame,
                rolling: place.rolling,
                on_arrival: place.free && !offline,
                offline,
                bars,
                listen_to: controls.listen_to,
            };
            if self.capture.ask_continue(asked) {
                self.patience.expect(id, &self.playback);
            } else {
                self.signals.settle(id);
            }
        }
        if std::mem::take(&mut self.asked_to_stop) {
            self.capture.ask_stop();
        }

        let waits = offline && place.rolling;
        if waits {
            self.patience.wait_for_room(&mut *self.time, &self.capture, n_frames);
        }
        let input_peaks = [peak(left), peak(right)];
        self.signals.health().count_non_finite(n_non_finite(left) + n_non_finite(right));
        self.capture.hear([left, right], side, place, transport);
        let is_muted = controls.mute_takes;
        self.playback.receive(place.frame, is_muted);
        if waits && !is_muted {
            let block = Block { frame: place.frame, n_frames, is_announced: controls.offline };
            self.patience.wait_for_take(&mut *self.time, &mut self.playback, &self.signals, block);
        }
        if waits {
            self.pace.waited(self.time.now().saturating_sub(begun));
        }
        self.mixer.aim(controls);
        for (i, (l, r)) in left.iter_mut().zip(right.iter_mut()).enumerate() {
            let frame = place.rolling.then(|| place.frame.saturating_add(i as i64));
            let (take, presence) = self.playback.next(frame);
            [*l, *r] = self.mixer.mix([*l, *r], take, presence);
        }

        self.signals.health().count_underruns(self.playback.take_underruns());
        self.clock.advance(place, n_frames);
        let moved = if place.rolling { n_frames as i64 } else { 0 };
        self.signals.set_playhead(place.frame.saturating_add(moved), place.rolling, place.free);
        self.signals.raise_peaks(input_peaks, [peak(left), peak(right)]);
    }
}
