//! The audio thread of one instance, in no plugin format's words.
//!
//! An adapter calls [`Processor::begin`], pushes the block's parameter events, fills [`Processor::main`],
//! calls [`Processor::run`] for each piece that fits, copies the result out and calls
//! [`Processor::finish`]. Copying in and out makes aliased, missing and oversized host buffers harmless.
//! Between `prepare` and the next `prepare` nothing here allocates, frees, locks or waits, except that an
//! offline render waits for audio that the engine promised.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use super::{
    Core,
    events::{Event, Events},
    momentary::Momentary,
};
use crate::{
    link::{self, Signals, Transport},
    params::{ParamId, listen_to},
    rt::{AudioSide, Controls},
    units::gain_from_db,
};

/// Sample rates that a link is opened for, in Hz; at others the input just passes.
const RATES: std::ops::RangeInclusive<f64> = 8_000.0..=768_000.0;

/// Rate assumed before the host has named one, in Hz.
const UNNAMED_RATE: f64 = 48_000.0;

/// Shortest and longest piece that is processed at once, in frames.
const PIECE_FRAMES: (usize, usize) = (64, 65_536);

/// Trigger falls one block has room for.
const MAX_FALLS: usize = 64;

/// A trigger that fired in this block: its value is 0 again, which the host does not know yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fall {
    /// Frame inside the host's block.
    pub at: u32,
    pub id: ParamId,
}

/// What an adapter drives.
pub struct Processor {
    core: Arc<Core>,
    audio: Option<AudioSide>,
    /// Of the link that `audio` holds.
    signals: Option<Arc<Signals>>,
    rate: f64,
    /// Left and right, as long as the largest piece.
    pub main: [Vec<f32>; 2],
    /// The sidechain, of the same length, and whether this piece has one.
    pub side: [Vec<f32>; 2],
    pub has_side: bool,
    events: Events,
    falls: Vec<Fall>,
    continue_trigger: Momentary,
    stop_trigger: Momentary,
    /// Frames processed since the instance was made.
    clock: u64,
    was_moving: bool,
}

impl Processor {
    /// Allocates everything that [`Processor::prepare`] does not have to.
    pub fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            audio: None,
            signals: None,
            rate: UNNAMED_RATE,
            main: [vec![0.0; PIECE_FRAMES.0], vec![0.0; PIECE_FRAMES.0]],
            side: [vec![0.0; PIECE_FRAMES.0], vec![0.0; PIECE_FRAMES.0]],
            has_side: false,
            events: Events::default(),
            falls: Vec::with_capacity(MAX_FALLS),
            continue_trigger: Momentary::default(),
            stop_trigger: Momentary::default(),
            clock: 0,
            was_moving: false,
        }
    }

    /// Main thread, while the host does not process: makes room for pieces of `max_block` frames at `rate`
    /// Hz. A new link is opened only for a new rate, so what was heard and composed survives a restart.
    pub fn prepare(&mut self, rate: f64, max_block: usize) {
        for channel in self.main.iter_mut().chain(&mut self.side) {
            channel.clear();
            channel.resize(max_block.clamp(PIECE_FRAMES.0, PIECE_FRAMES.1), 0.0);
        }
        let is_known = self.audio.is_some() && rate == self.rate;
        if is_known {
            return;
        }
        if RATES.contains(&rate) {
            let (audio_ends, engine_ends) = link::open(rate);
            self.rate = rate;
            self.signals = Some(Arc::clone(&audio_ends.signals));
            self.audio = Some(AudioSide::new(audio_ends));
            self.core.attach(engine_ends);
        } else {
            self.rate = UNNAMED_RATE;
            self.audio = None;
            self.signals = None;
            self.core.detach(format!(
                "Encore cannot work at {rate} Hz, only between {} and {} Hz; the input passes unchanged",
                RATES.start(),
                RATES.end()
            ));
        }
    }

    /// The host's sample rate, in Hz.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Frames that fit into [`Processor::main`].
    pub fn piece_frames(&self) -> usize {
        self.main[0].len()
    }

    /// Forgets fades and tails, as after a jump; what was composed stays.
    pub fn reset(&mut self) {
        if let Some(audio) = &mut self.audio {
            audio.reset();
        }
    }

    /// Starts a host block.
    pub fn begin(&mut self) {
        self.events.clear();
        self.falls.clear();
        for (echo, trigger) in [
            (&self.core.continue_echo, &mut self.continue_trigger),
            (&self.core.stop_echo, &mut self.stop_trigger),
        ] {
            if take(echo) {
                trigger.expect_echo(self.clock);
            }
        }
    }

    /// Sets a parameter to a plain value from frame `at` of the host's block on.
    pub fn push(&mut self, at: u32, id: ParamId, value: f64) {
        self.events.push(Event { at, id, value });
    }

    /// Orders the block's events; call it once they are all pushed.
    pub fn sort(&mut self) {
        self.events.sort();
    }

    /// Processes the first `n` frames of [`Processor::main`] in place. They are frames `offset..` of the
    /// host's block, and `transport` is that of the first of them.
    pub fn run(&mut self, offset: usize, n: usize, transport: &Transport) {
        let n = n.min(self.piece_frames());
        let mut done = 0;
        while done < n {
            self.apply_until(offset + done);
            let next = self.events.next_at().map_or(n, |at| at as usize - offset);
            let end = next.min(n);
            let controls = self.controls(transport);
            if let Some(signals) = &self.signals {
                let matches = self.core.values.get(ParamId::MatchLoudness) > 0.5;
                signals.set_matches_loudness(matches);
            }
            let there = transport.advanced(done, self.rate);
            let [left, right] = &mut self.main;
            if let Some(audio) = &mut self.audio {
                let (left, right) = (&mut left[done..end], &mut right[done..end]);
                let side = [&self.side[0][done..end], &self.side[1][done..end]];
                let side = self.has_side.then_some(side);
                audio.process_beside(left, right, side, &there, &controls);
            }
            self.clock += (end - done) as u64;
            done = end;
        }
        self.repaint_if_moving(n);
    }

    /// Ends the block: events past its last frame, or of a block without frames, hold from here.
    pub fn finish(&mut self) {
        self.apply_until(usize::MAX);
    }

    /// Triggers that fired in this block, in order; the host is to be told that they are 0 again.
    pub fn falls(&self) -> &[Fall] {
        &self.falls
    }

    fn apply_until(&mut self, frame: usize) {
        while let Some(event) = self.events.pop_until(frame) {
            match event.id {
                ParamId::Continue => {
                    if self.continue_trigger.fires(event.value, self.clock, self.rate) {
                        let settings = self.core.values.settings();
                        if let Some(audio) = &mut self.audio {
                            audio.ask_continue(settings);
                        }
                        self.fall(event);
                    }
                }
                ParamId::Stop => {
                    if self.stop_trigger.fires(event.value, self.clock, self.rate) {
                        if let Some(audio) = &mut self.audio {
                            audio.ask_stop();
                        }
                        self.fall(event);
                    }
                }
                id => self.core.values.set(id, event.value),
            }
        }
    }

    fn fall(&mut self, event: Event) {
        if self.falls.len() < MAX_FALLS {
            self.falls.push(Fall { at: event.at, id: event.id });
        }
    }

    fn controls(&self, transport: &Transport) -> Controls {
        let values = &self.core.values;
        let mutes_recording = values.get(ParamId::MuteWhileRecording) > 0.5;
        Controls {
            dry_wet: values.get(ParamId::DryWet) as f32,
            output_gain: gain_from_db(values.get(ParamId::OutputGain)) as f32,
            follow_transport: values.get(ParamId::FollowTransport) > 0.5,
            bypass: values.get(ParamId::Bypass) > 0.5,
            offline: self.core.offline.load(Relaxed),
            mute_takes: mutes_recording && transport.recording,
            listen_to: listen_to(values.get(ParamId::ListenTo)),
            memory_seconds: values.get(ParamId::MemorySeconds),
        }
    }

    /// An open editor draws when the playhead or the meters may have moved, and rests otherwise.
    fn repaint_if_moving(&mut self, n: usize) {
        let is_loud = || self.main.iter().any(|channel| channel[..n].iter().any(|s| *s != 0.0));
        let is_rolling = self.signals.as_ref().is_some_and(|signals| signals.rolling());
        let is_moving = is_rolling || is_loud();
        if is_moving || self.was_moving {
            self.core.news.repaint.request_repaint();
        }
        self.was_moving = is_moving;
    }
}

/// Takes a flag down, without a locked instruction in the usual case that it is down.
fn take(flag: &AtomicBool) -> bool {
    flag.load(Relaxed) && flag.swap(false, Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(processor: &mut Processor, n: usize, input: f32) -> Vec<f32> {
        processor.sort();
        processor.main.iter_mut().for_each(|channel| channel[..n].fill(input));
        processor.run(0, n, &Transport::default());
        processor.finish();
        processor.main[1][..n].to_vec()
    }

    #[test]
    fn an_event_holds_from_its_own_frame() {
        let core = Core::new();
        let mut processor = Processor::new(Arc::clone(&core));
        processor.prepare(48_000.0, 256);

        processor.begin();
        processor.push(200, ParamId::Bypass, 0.0);
        processor.push(100, ParamId::Bypass, 1.0);
        processor.push(0, ParamId::Seed, 9.0);
        processor.push(9999, ParamId::Seed, 10.0);
        run(&mut processor, 256, 0.25);

        assert_eq!(core.values.get(ParamId::Bypass), 0.0);
        assert_eq!(core.values.get(ParamId::Seed), 10.0);
    }

    #[test]
    fn a_trigger_falls_back_by_itself_and_says_so_once() {
        let mut processor = Processor::new(Core::new());
        processor.prepare(48_000.0, 512);
        let mut n_falls = 0;

        for _ in 0..40 {
            processor.begin();
            processor.push(7, ParamId::Stop, 1.0);
            run(&mut processor, 512, 0.0);
            n_falls += processor.falls().len();
        }

        assert_eq!(n_falls, 1);
        assert_eq!(processor.core.values.get(ParamId::Stop), 0.0);
    }

    #[test]
    fn an_impossible_rate_passes_the_input_and_says_why() {
        let core = Core::new();
        let mut processor = Processor::new(Arc::clone(&core));

        for rate in [f64::NAN, 0.0, -1.0, 1234.5678, 1.2e6] {
            processor.prepare(rate, 64);
            processor.begin();
            assert!(run(&mut processor, 64, 0.5).iter().all(|s| *s == 0.5));
            assert!(core.status().notice.as_ref().is_some_and(|n| n.text.contains("Hz")));
        }
        processor.prepare(44_100.0, 64);
        processor.begin();
        run(&mut processor, 64, 0.5);
        assert_eq!(core.live().rate, 44_100.0);
        assert!(core.status().notice.as_ref().is_none_or(|n| !n.text.contains("Hz")));
    }

    #[test]
    fn the_hosts_echo_of_the_editors_press_does_nothing() {
        let core = Core::new();
        let mut processor = Processor::new(Arc::clone(&core));
        processor.prepare(48_000.0, 512);
        core.press_continue();

        processor.begin();
        processor.push(0, ParamId::Continue, 1.0);
        processor.push(0, ParamId::Continue, 0.0);
        run(&mut processor, 512, 0.0);

        assert!(processor.falls().is_empty());
    }
}
