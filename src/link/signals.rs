//! The atomics both sides look at: playhead, levels, and numbers that one side publishes for the other.

use std::{
    ops::Range,
    sync::atomic::{
        AtomicBool, AtomicI64, AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use super::{Bars, DEFAULT_MEMORY_SECONDS, Health, Lane, song_bars::SongBars};

/// Shared numbers of one instance. Every method is realtime-safe.
#[derive(Debug)]
pub struct Signals {
    rate_bits: AtomicU64,
    playhead: AtomicI64,
    rolling: AtomicBool,
    free_clock: AtomicBool,
    input_peaks: [AtomicU32; 2],
    output_peaks: [AtomicU32; 2],
    lost_frames: AtomicU64,
    memory_seconds_bits: AtomicU64,
    listens_to_sidechain: AtomicBool,
    asked: AtomicU64,
    settled: AtomicU64,
    promise_id: AtomicU64,
    promise_start: AtomicI64,
    promise_end: AtomicI64,
    gave_up: AtomicBool,
    waits: AtomicBool,
    bars: SongBars,
    health: Health,
    matches_loudness: AtomicBool,
}

impl Signals {
    pub(super) fn new(rate: f64) -> Self {
        Self {
            rate_bits: rate.to_bits().into(),
            playhead: 0.into(),
            rolling: false.into(),
            free_clock: false.into(),
            input_peaks: Default::default(),
            output_peaks: Default::default(),
            lost_frames: 0.into(),
            memory_seconds_bits: DEFAULT_MEMORY_SECONDS.to_bits().into(),
            listens_to_sidechain: false.into(),
            asked: 0.into(),
            settled: 0.into(),
            promise_id: 0.into(),
            promise_start: 0.into(),
            promise_end: 0.into(),
            gave_up: false.into(),
            waits: false.into(),
            bars: SongBars::default(),
            health: Health::default(),
            matches_loudness: false.into(),
        }
    }

    /// Sample rate of the host, in Hz.
    pub fn rate(&self) -> f64 {
        f64::from_bits(self.rate_bits.load(Relaxed))
    }

    /// Audio thread: where the song is at the end of this block.
    pub fn set_playhead(&self, frame: i64, rolling: bool, free_clock: bool) {
        self.playhead.store(frame, Relaxed);
        self.free_clock.store(free_clock, Relaxed);
        self.rolling.store(rolling, Relaxed);
    }

    /// Song position in frames.
    pub fn playhead(&self) -> i64 {
        self.playhead.load(Relaxed)
    }

    /// Whether the transport (or the free clock) is moving.
    pub fn rolling(&self) -> bool {
        self.rolling.load(Relaxed)
    }

    /// Whether positions count our own frames because there is no transport to follow.
    pub fn free_clock(&self) -> bool {
        self.free_clock.load(Relaxed)
    }

    /// Audio thread: where the song's bars are, if the host tells.
    pub fn set_bars(&self, bars: Option<Bars>) {
        self.bars.set(bars);
    }

    /// Where the song's bars were in the last block, if the host tells.
    pub fn bars(&self) -> Option<Bars> {
        self.bars.get(self.rate())
    }

    /// Audio thread: takes are to be as loud as what they continue.
    pub fn set_matches_loudness(&self, matches: bool) {
        self.matches_loudness.store(matches, Relaxed);
    }

    /// Whether takes are to be as loud as what they continue.
    pub fn matches_loudness(&self) -> bool {
        self.matches_loudness.load(Relaxed)
    }

    /// Audio thread: raises the input and output meters to these linear peaks.
    pub fn raise_peaks(&self, input: [f32; 2], output: [f32; 2]) {
        for (meter, peak) in self.input_peaks.iter().zip(input) {
            meter.fetch_max(peak.to_bits(), Relaxed); // ordered like the numbers, as peaks are not negative
        }
        for (meter, peak) in self.output_peaks.iter().zip(output) {
            meter.fetch_max(peak.to_bits(), Relaxed);
        }
    }

    /// Editor: the highest linear peaks since the last call, `(input, output)`.
    pub fn take_peaks(&self) -> ([f32; 2], [f32; 2]) {
        let take = |meters: &[AtomicU32; 2]| {
            [0, 1].map(|c: usize| f32::from_bits(meters[c].swap(0, Relaxed)))
        };
        (take(&self.input_peaks), take(&self.output_peaks))
    }

    /// Audio thread: frames that found the capture ring full.
    pub fn add_lost_frames(&self, n_frames: u64) {
        self.lost_frames.fetch_add(n_frames, Relaxed);
    }

    /// Frames lost since the link was opened.
    pub fn lost_frames(&self) -> u64 {
        self.lost_frames.load(Relaxed)
    }

    /// Audio thread: how many seconds are to be remembered, and what a continuation is primed with.
    pub fn set_memory(&self, seconds: f64, listen_to: Lane) {
        self.memory_seconds_bits.store(seconds.to_bits(), Relaxed);
        self.listens_to_sidechain.store(listen_to == Lane::Sidechain, Relaxed);
    }

    /// How many seconds are to be remembered.
    pub fn memory_seconds(&self) -> f64 {
        f64::from_bits(self.memory_seconds_bits.load(Relaxed))
    }

    /// What a continuation is primed with.
    pub fn listen_to(&self) -> Lane {
        if self.listens_to_sidechain.load(Relaxed) { Lane::Sidechain } else { Lane::Input }
    }

    /// What went wrong, counted by whoever sees it.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Either side: numbers a new request for a continuation. Ids begin at 1 and grow.
    pub fn ask(&self) -> u64 {
        self.asked.fetch_add(1, Relaxed) + 1
    }

    /// Requests made since the link was opened.
    pub fn n_asked(&self) -> u64 {
        self.asked.load(Relaxed)
    }

    /// Engine: request `id` will fill song frames `start..end`.
    pub fn make_promise(&self, id: u64, start: i64, end: i64) {
        self.promise_start.store(start, Relaxed);
        self.promise_end.store(end, Relaxed);
        self.promise_id.store(id, Release);
    }

    /// Song frames that the newest request will fill, once the engine has said so.
    pub fn promise(&self) -> Option<Range<i64>> {
        let is_newest = self.promise_id.load(Acquire) == self.asked.load(Relaxed);
        is_newest.then(|| self.promise_start.load(Relaxed)..self.promise_end.load(Relaxed))
    }

    /// Engine: every request up to `id` is done, stopped or failed, and what sounds of it was sent.
    pub fn settle(&self, id: u64) {
        self.settled.fetch_max(id, Release);
    }

    /// Whether some request is still being worked on.
    pub fn is_pending(&self) -> bool {
        self.settled.load(Acquire) < self.asked.load(Relaxed)
    }

    /// Audio thread: an offline render waited for promised audio as long as it may.
    pub fn give_up_waiting(&self) {
        self.gave_up.store(true, Relaxed);
    }

    /// Engine: whether an offline render gave up since the last call.
    pub fn take_gave_up(&self) -> bool {
        self.gave_up.swap(false, Relaxed)
    }

    /// Audio thread: a render that nobody announced waits for promised audio.
    pub fn begin_waiting(&self) {
        self.waits.store(true, Relaxed);
    }

    /// Engine: whether such a render began to wait since the last call.
    pub fn take_waits(&self) -> bool {
        self.waits.swap(false, Relaxed)
    }
}
