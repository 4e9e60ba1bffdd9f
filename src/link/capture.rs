//! What was heard, on its way from the audio thread to the engine: stereo frames of the input and, while one
//! sounds, of the sidechain; and marks that say where in the song they were and what was asked at which frame.

use std::sync::Arc;

use rtrb::{Consumer, Producer, RingBuffer};

use super::{Bars, Settings, Signals, Transport};

/// Marks that wait for the engine before a new one is refused.
const MARK_RING_LEN: usize = 4096;

/// Something that is true from captured frame `at` on; frames are counted from the link's opening.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mark {
    /// Frame `at` was heard at `song_frame`; the next ones follow it there, or, while the song rests, are
    /// heard at the same place. Until the next span.
    Span { at: u64, song_frame: i64, motion: Motion },
    /// What the host tells of frame `at`, which moves on from there with the song.
    Told { at: u64, told: Told },
    /// Whether frames of the sidechain come with those of the input.
    Sidechain { at: u64, is_on: bool },
    /// A continuation was asked for by automation.
    Continue { at: u64, asked: Request },
    /// Composing is to stop.
    Stop { at: u64 },
}

/// Whether the song moves while something is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    Rolls,
    /// It rests, and so many frames of silence passed before, if any did.
    Rests {
        n_silent: usize,
    },
}

/// What a host tells of a place in the song besides its frame; it may leave out any of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Told {
    pub seconds: Option<f64>,
    pub beats: Option<f64>,
    pub tempo_bpm: Option<f64>,
    pub time_signature: Option<(u16, u16)>,
    /// Seconds and beats move on with the frames.
    pub rolls: bool,
}

impl Told {
    /// Of the first frame of a block.
    pub fn of(transport: &Transport) -> Self {
        Self {
            seconds: transport.seconds,
            beats: transport.beats,
            tempo_bpm: transport.tempo_bpm,
            time_signature: transport.time_signature,
            rolls: transport.playing,
        }
    }

    /// The same `n_frames` later at `rate` Hz, if the tempo stays.
    pub fn after(&self, n_frames: u64, rate: f64) -> Self {
        if !self.rolls {
            return *self;
        }
        let seconds = n_frames as f64 / rate;
        let moved = self.tempo_bpm.map_or(0.0, |bpm| seconds * bpm / 60.0);
        Self {
            seconds: self.seconds.map(|s| s + seconds),
            beats: self.beats.map(|beats| beats + moved),
            ..*self
        }
    }
}

/// Which of the two things that are heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Lane {
    #[default]
    Input,
    Sidechain,
}

/// A request for a continuation, and where the song was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    pub id: u64,
    pub settings: Settings,
    pub song_frame: i64,
    pub rolling: bool,
    /// It may begin wherever the clock is when it is ready.
    pub on_arrival: bool,
    /// The host waits for what was promised, so that no time is needed to compose ahead.
    pub offline: bool,
    /// Where the song's bars are, if the host tells.
    pub bars: Option<Bars>,
    /// What is to be continued.
    pub listen_to: Lane,
}

impl Mark {
    /// The captured frame it belongs to.
    pub fn at(&self) -> u64 {
        match *self {
            Mark::Span { at, .. }
            | Mark::Told { at, .. }
            | Mark::Sidechain { at, .. }
            | Mark::Continue { at, .. }
            | Mark::Stop { at } => at,
        }
    }
}

pub(super) fn open(n_frames: usize, signals: &Arc<Signals>) -> (CaptureWriter, CaptureReader) {
    let (frames_in, frames_out) = RingBuffer::new(n_frames.max(1));
    let (side_in, side_out) = RingBuffer::new(n_frames.max(1)); // memory that nobody touches costs nothing
    let (marks_in, marks_out) = RingBuffer::new(MARK_RING_LEN);
    let writer = CaptureWriter {
        frames: frames_in,
        side: side_in,
        has_side: false,
        marks: marks_in,
        n_written: 0,
        signals: Arc::clone(signals),
    };
    (writer, CaptureReader { frames: frames_out, side: side_out, marks: marks_out })
}

/// The audio thread's end.
pub struct CaptureWriter {
    frames: Producer<[f32; 2]>,
    side: Producer<[f32; 2]>,
    /// Frames of the sidechain are written, too.
    has_side: bool,
    marks: Producer<Mark>,
    n_written: u64,
    signals: Arc<Signals>,
}

impl CaptureWriter {
    /// Frames written since the link was opened; the `at` of the next one.
    pub fn n_written(&self) -> u64 {
        self.n_written
    }

    /// Whether `n_frames` fit now, or can never fit at once.
    pub fn has_room(&self, n_frames: usize) -> bool {
        self.frames.slots() >= n_frames.min(self.frames.buffer().capacity())
    }

    /// Writes as many frames as fit and returns how many that were; the rest are counted as lost. Without a
    /// sidechain there is silence on it.
    pub fn write(&mut self, left: &[f32], right: &[f32], side: Option<[&[f32]; 2]>) -> usize {
        let n_wanted = left.len().min(right.len());
        if side.is_some() != self.has_side {
            let mark = Mark::Sidechain { at: self.n_written, is_on: side.is_some() };
            if self.mark(mark) {
                self.has_side = side.is_some();
            }
        }
        let mut n_free = n_wanted.min(self.frames.slots());
        if self.has_side {
            n_free = n_free.min(self.side.slots());
            let [left, right] = side.unwrap_or_default();
            let silence = std::iter::repeat(&0.0);
            let pairs = left.iter().chain(silence.clone()).zip(right.iter().chain(silence));
            fill(&mut self.side, n_free, pairs); // before the input: a reader counts the input's frames
        }
        let n_done = fill(&mut self.frames, n_free, left.iter().zip(right));
        self.n_written += n_done as u64;
        if n_done < n_wanted {
            self.signals.add_lost_frames((n_wanted - n_done) as u64);
        }
        n_done
    }

    /// Places a mark at the next frame; false when the engine is too far behind to take it.
    pub fn mark(&mut self, mark: Mark) -> bool {
        self.marks.push(mark).is_ok()
    }
}

fn fill<'a>(
    ring: &mut Producer<[f32; 2]>,
    n_frames: usize,
    pairs: impl Iterator<Item = (&'a f32, &'a f32)>,
) -> usize {
    match ring.write_chunk_uninit(n_frames) {
        Ok(chunk) => chunk.fill_from_iter(pairs.map(|(l, r)| [*l, *r])),
        Err(_) => 0, // never: the slots were counted by this thread
    }
}

/// The engine's end.
pub struct CaptureReader {
    frames: Consumer<[f32; 2]>,
    side: Consumer<[f32; 2]>,
    marks: Consumer<Mark>,
}

impl CaptureReader {
    /// Frames that can be read. Marks belonging to any of them can be seen after this call, because the
    /// writer places a mark before the frames it is about.
    pub fn n_ready(&self) -> usize {
        self.frames.slots()
    }

    /// The next mark, if one has been placed at or before captured frame `n_read`.
    pub fn next_mark(&mut self, n_read: u64) -> Option<Mark> {
        let is_due = self.marks.peek().is_ok_and(|mark| mark.at() <= n_read);
        if is_due { self.marks.pop().ok() } else { None }
    }

    /// The captured frame of the next mark, if there is one.
    pub fn next_mark_at(&self) -> Option<u64> {
        self.marks.peek().ok().map(Mark::at)
    }

    /// Hands `n_frames` of the input, which must be ready, to `take` in order, as one or two slices.
    pub fn read(&mut self, n_frames: usize, take: impl FnMut(&[[f32; 2]])) {
        empty(&mut self.frames, n_frames, take);
    }

    /// The same of the sidechain, while it is on.
    pub fn read_side(&mut self, n_frames: usize, take: impl FnMut(&[[f32; 2]])) {
        empty(&mut self.side, n_frames, take);
    }
}

fn empty(ring: &mut Consumer<[f32; 2]>, n_frames: usize, mut take: impl FnMut(&[[f32; 2]])) {
    let Ok(chunk) = ring.read_chunk(n_frames) else { return };
    let (first, second) = chunk.as_slices();
    take(first);
    take(second);
    chunk.commit_all();
}
