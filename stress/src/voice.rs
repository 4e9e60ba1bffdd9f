//! The audio thread's side of one instance: draws a block, has it processed, and looks at every sample.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed},
        },
    },
    time::{Duration, Instant},
};

use clack_host::{
    events::{Match, event_types::*, spaces::CoreEventSpace},
    prelude::*,
    utils::ClapId,
};

use crate::{
    dice::Dice,
    host::{Handlers, Param},
    input::Input,
    song::Song,
    tally::{Tally, Times, watched},
};

/// Events that one block has room for without asking for memory.
const MAX_EVENTS: usize = 4096;

/// Artists and genres that any model has, with the unknown ones.
const N_STYLES: usize = 5;

/// How late a block may be without being skipped.
const LATE: Duration = Duration::from_millis(20);

/// Time after which a bypass must be complete, in seconds.
const BYPASS_SECONDS: f64 = 0.05;

/// What an instance's two threads both look at.
#[derive(Default)]
pub struct Between {
    /// Even while the main thread leaves the parameters alone; grows with every state that is loaded.
    pub epoch: AtomicU64,
    /// Blocks may wait for promised audio.
    pub is_offline: AtomicBool,
}

/// So many times faster than real time is what an instance plays: a host that is twice as fast as what it plays
/// is taken for one that renders, and may be made to wait.
const SPEED: f64 = 1.5;

/// How much of the song is heard before it is continued, and how long a take has to come and be heard, both in
/// seconds of audio.
const HEARD_SECONDS: f64 = 1.5;
const TAKE_SECONDS: f64 = 4.0;

/// How long after such haste blocks may still be made to wait, in seconds of audio.
const HASTE_SECONDS: f64 = 1.0;

/// How wild an instance is for the time being.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    /// A song that is played, and a knob now and then: takes are composed and heard.
    Calm,
    Lively,
    /// The transport jumps with every block, and everything that can change does.
    Mad,
}

/// The parameters that a voice treats apart.
#[derive(Clone, Copy)]
pub struct Known {
    pub go_on: Option<ClapId>,
    pub stop: Option<ClapId>,
    pub length: Option<ClapId>,
    /// What is sung, of which a model knows a few.
    pub styles: [Option<ClapId>; 2],
    pub bypass: Option<ClapId>,
}

impl Known {
    pub fn of(params: &[Param]) -> Self {
        let find = |name: &str| params.iter().find(|p| p.name == name).map(|p| p.id);
        Self {
            go_on: find("Continue"),
            stop: find("Stop"),
            length: find("Length"),
            styles: [find("Artist"), find("Genre")],
            bypass: find("Bypass"),
        }
    }
}

/// One instance on an audio thread.
pub struct Voice {
    pub id: u64,
    pub processor: PluginAudioProcessor<Handlers>,
    pub between: Arc<Between>,
    params: Arc<[Param]>,
    known: Known,
    dice: Dice,
    song: Song,
    rate: f64,
    n_max: usize,
    n_block: usize,
    mood: Mood,
    /// Blocks until the mood changes.
    n_mood: usize,
    input: Input,
    /// Channels in and out.
    shape: (usize, usize),
    /// Blocks come as fast as they can, for the time being; and at which frame they did last.
    rushes: bool,
    rushed: Option<u64>,
    /// When the next block is due.
    due: Instant,
    /// At which frame the song jumped last, and when a continuation was asked for.
    jumped: u64,
    asked: u64,
    /// Frames processed.
    clock: u64,
    /// Since which frame the plugin has been bypassed, in which epoch.
    bypassed: Option<(u64, u64)>,
    ins: [Vec<f32>; 2],
    outs: [Vec<f32>; 2],
    ports: (AudioPorts, AudioPorts),
    events: EventBuffer,
    told: EventBuffer,
}

impl Voice {
    pub fn new(
        id: u64,
        processor: PluginAudioProcessor<Handlers>,
        between: Arc<Between>,
        params: Arc<[Param]>,
        (rate, n_max): (f64, usize),
        dice: Dice,
    ) -> Self {
        let channels = || [vec![0.0; n_max], vec![9.0; n_max]];
        Self {
            id,
            processor,
            between,
            known: Known::of(&params),
            params,
            dice,
            song: Song::new(rate),
            rate,
            n_max,
            n_block: n_max.min(256),
            mood: Mood::Calm,
            n_mood: 100,
            input: Input::Tone,
            shape: (2, 2),
            jumped: 0,
            asked: 0,
            rushes: false,
            rushed: None,
            due: Instant::now(),
            clock: 0,
            bypassed: None,
            ins: channels(),
            outs: channels(),
            ports: (AudioPorts::with_capacity(2, 1), AudioPorts::with_capacity(2, 1)),
            events: EventBuffer::with_capacity(MAX_EVENTS),
            told: EventBuffer::with_capacity(MAX_EVENTS),
        }
    }

    /// One block if it is due, or whatever else an audio thread does.
    pub fn step(&mut self, tally: &Tally, times: &mut Times) {
        let now = Instant::now();
        if now < self.due {
            return;
        }
        if !self.rushes {
            let seconds = self.n_block as f64 / self.rate / SPEED;
            // what comes late is not made up for
            self.due = self.due.max(now - LATE) + Duration::from_secs_f64(seconds);
        }
        if self.dice.chance(0.001) {
            tally.mutated(1);
            self.processor.ensure_processing_stopped();
        }
        if self.dice.chance(0.002) {
            tally.mutated(1);
            self.processor.reset();
        }
        if !self.processor.is_started() && self.dice.chance(0.5) {
            return; // stopped for a while
        }
        if self.processor.ensure_processing_started().is_err() {
            tally.crashed();
            return;
        }
        let n_mutations = self.draw();
        self.process(tally, times);
        tally.mutated(n_mutations);
        tally.blocks.fetch_add(1, Relaxed);
    }

    /// Draws what the next block is like; how many things changed.
    fn draw(&mut self) -> usize {
        let dice = &mut self.dice;
        let mut n = 0;
        self.n_mood -= 1;
        if self.n_mood == 0 {
            self.mood = dice.pick(&[Mood::Calm, Mood::Calm, Mood::Calm, Mood::Lively, Mood::Mad]);
            self.n_mood = 50 + dice.below(if self.mood == Mood::Calm { 3000 } else { 300 });
            self.input = Input::calm(dice);
            self.song.calm_down(dice);
            self.jumped = self.clock;
            self.shape = (2, 2);
            self.rushes = self.mood == Mood::Mad && dice.chance(0.2);
            n += 3;
        }
        let (p_song, p_size, p_shape, p_input, n_events) = match self.mood {
            Mood::Calm => (0.0005, 0.2, 0.0, 0.002, 4),
            Mood::Lively => (0.2, 0.5, 0.05, 0.05, 8),
            Mood::Mad => (1.0, 1.0, 0.2, 0.2, 24),
        };
        if dice.chance(p_song) {
            self.jumped = self.clock;
            match self.mood {
                Mood::Calm => self.song.calm_down(dice),
                _ => self.song.mutate(dice),
            }
            n += 1;
        }
        if dice.chance(p_size) {
            self.n_block = match dice.below(20) {
                0 => 0,
                1..8 => self.n_max,
                _ => dice.of_any_size(1.0, self.n_max as f64 + 0.99) as usize,
            };
            n += 1;
        }
        if dice.chance(p_shape) {
            self.shape = dice.pick(&[(2, 2), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 0)]);
            n += 1;
        }
        if dice.chance(p_input) {
            self.input = Input::any(dice);
            n += 1;
        }
        self.events.clear();
        let flood = if dice.chance(0.002) { 300 } else { 0 };
        let n_events = dice.below(n_events) + dice.below(flood + 1);
        (0..n_events).for_each(|_| self.draw_event());
        if self.dice.chance(0.9) {
            self.events.sort(); // as hosts must
        }
        n + self.events.len() as usize
    }

    /// One event of the next block.
    fn draw_event(&mut self) {
        let dice = &mut self.dice;
        let at = if dice.chance(0.005) { u32::MAX } else { dice.below(self.n_block) as u32 };
        let param = &self.params[dice.below(self.params.len())];
        let id = Some(param.id);
        let mut value = dice.value(param);
        if id == self.known.go_on {
            let passed = |since: u64| (self.clock - since) as f64 / self.rate;
            let is_time = self.mood == Mood::Calm
                && passed(self.jumped) > HEARD_SECONDS
                && (self.asked == 0 || passed(self.asked) > TAKE_SECONDS);
            let asks = is_time || dice.chance(0.003);
            if asks {
                self.asked = self.clock;
            }
            value = if asks { 1.0 } else { 0.0 };
        } else if id == self.known.stop {
            value = if dice.chance(if self.mood == Mood::Calm { 0.001 } else { 0.005 }) {
                1.0
            } else {
                0.0
            };
        } else if id == self.known.length && dice.chance(0.95) {
            value = dice.between(1.0, 2.0);
        } else if self.known.styles.contains(&id) && dice.chance(0.95) {
            value = dice.below(N_STYLES) as f64;
        }
        match dice.below(200) {
            0 => self.events.push(&NoteOnEvent::new(at, Pckn::match_all(), value)),
            1 => self.events.push(&MidiEvent::new(at, 0, [0x90, 60, 100])),
            2 => self.events.push(&ParamGestureBeginEvent::new(at, param.id)),
            3 => self.events.push(&ParamModEvent::new(at, param.id, Pckn::match_all(), value)),
            4 => {
                let strange = ClapId::new(dice.below(100_000) as u32);
                let strange = self.params.iter().all(|p| p.id != strange).then_some(strange);
                if let Some(id) = strange {
                    self.events.push(&ParamValueEvent::new(at, id, Pckn::match_all(), value));
                }
            }
            _ => {
                let pckn = Pckn::new(Match::All, Match::All, Match::All, Match::All);
                self.events.push(&ParamValueEvent::new(at, param.id, pckn, value));
            }
        }
    }

    /// The last value that the bypass gets in the next block, if any.
    fn next_bypass(&self) -> Option<f64> {
        let values = self.events.iter().filter_map(|event| match event.as_core_event() {
            Some(CoreEventSpace::ParamValue(event)) => (event.param_id() == self.known.bypass)
                .then(|| (event.header().time(), event.value())),
            _ => None,
        });
        // later events win, and among those of one frame the last; odd values leave it open
        values.reduce(|last, next| if last.0 <= next.0 { next } else { last }).map(|(_, v)| v)
    }

    fn process(&mut self, tally: &Tally, times: &mut Times) {
        let n = self.n_block;
        let [left, right] = &mut self.ins;
        self.input.fill(&mut self.dice, self.clock, self.rate, &mut left[..n], &mut right[..n]);
        self.outs.iter_mut().for_each(|channel| channel[..n].fill(0.125));
        let transport = self.song.tell(n);
        let epoch = self.between.epoch.load(Acquire);
        if let Some(value) = self.next_bypass() {
            self.bypassed = (value == 1.0).then_some((self.clock + n as u64, epoch));
        }

        let (n_ins, n_outs) = self.shape;
        let Ok(started) = self.processor.as_started_mut() else { return };
        let port = |channels| AudioPortBuffer { latency: 0, channels };
        let ins = self.ins.iter_mut().take(n_ins).map(|c| InputChannel::variable(&mut c[..n]));
        let ins = self.ports.0.with_input_buffers([port(AudioPortBufferType::f32_input_only(ins))]);
        let outs = self.outs.iter_mut().take(n_outs).map(|c| &mut c[..n]);
        let outs =
            AudioPortBuffer { latency: 0, channels: AudioPortBufferType::f32_output_only(outs) };
        let mut outs = self.ports.1.with_output_buffers([outs]);
        self.told.clear();
        let steady = Some(self.clock);
        let (events, mut told) = (self.events.as_input(), self.told.as_output());
        let is_offline = self.between.is_offline.load(Relaxed);
        let begun = Instant::now();
        let (done, n_allocations) = watched(|| {
            started.process(&ins, &mut outs, &events, &mut told, steady, transport.as_ref())
        });
        let taken = begun.elapsed();

        if is_offline || self.rushes {
            self.rushed = Some(self.clock);
        }
        let n_haste = (HASTE_SECONDS * self.rate) as u64;
        let may_wait = self.rushed.is_some_and(|at| self.clock < at + n_haste);
        if !may_wait && !self.between.is_offline.load(Relaxed) {
            times.push(taken);
            tally.allocations.fetch_add(n_allocations, Relaxed);
        }
        if done.is_err() {
            tally.crashed();
        }
        self.look(tally, epoch);
        let has_frames = self.shape != (0, 0); // without a buffer there is nothing to count
        self.clock += if has_frames { n as u64 } else { 0 };
    }

    /// Looks at what came out.
    fn look(&mut self, tally: &Tally, epoch: u64) {
        for event in &self.told {
            if let Some(CoreEventSpace::ParamValue(event)) = event.as_core_event()
                && event.param_id() == self.known.go_on
            {
                tally.asked.fetch_add(1, Relaxed);
            }
        }
        let n_channels = self.shape.0.min(self.shape.1);
        let n = self.n_block;
        let is_finite = |i: usize| self.ins.iter().all(|channel| channel[i].is_finite());
        let heard = &self.outs[..self.shape.1];
        let strange = |i: &usize| heard.iter().any(|channel| !channel[*i].is_finite());
        let n_strange = (0..n).filter(|i| is_finite(*i)).filter(strange).count();
        tally.non_finite.fetch_add(n_strange as u64, Relaxed);

        let Some((since, of_epoch)) = self.bypassed else { return };
        let is_same = epoch.is_multiple_of(2) && epoch == of_epoch;
        if !is_same || self.between.epoch.load(Acquire) != epoch {
            self.bypassed = None;
            return;
        }
        if since + (BYPASS_SECONDS * self.rate) as u64 <= self.clock {
            let pairs = self.ins.iter().zip(&self.outs).take(n_channels);
            let differs = |(i, o): (&Vec<f32>, &Vec<f32>)| {
                i[..n].iter().zip(&o[..n]).filter(|(i, o)| i.to_bits() != o.to_bits()).count()
            };
            let n_changed: usize = pairs.map(differs).sum();
            tally.changed_by_bypass.fetch_add(n_changed as u64, Relaxed);
        }
    }
}
