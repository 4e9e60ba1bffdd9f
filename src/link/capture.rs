//! What was heard, on its way from the audio thread to the engine: stereo frames, and marks that say where
//! in the song they were and what was asked at which frame.

use std::sync::Arc;

use rtrb::{Consumer, Producer, RingBuffer};

use super::{Bars, Settings, Signals};

/// Marks that wait for the engine before a new one is refused.
const MARK_RING_LEN: usize = 4096;

/// Something that is true from captured frame `at` on; frames are counted from the link's opening.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mark {
    /// Frame `at` was heard at `song_frame`, and so on until the next span.
    Span { at: u64, song_frame: i64 },
    /// A continuation was asked for by automation.
    Continue { at: u64, asked: Request },
    /// Composing is to stop.
    Stop { at: u64 },
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
}

impl Mark {
    /// The captured frame it belongs to.
    pub fn at(&self) -> u64 {
        match *self {
            Mark::Span { at, .. } | Mark::Continue { at, .. } | Mark::Stop { at } => at,
        }
    }
}

pub(super) fn open(n_frames: usize, signals: &Arc<Signals>) -> (CaptureWriter, CaptureReader) {
    let (frames_in, frames_out) = RingBuffer::new(n_frames.max(1));
    let (marks_in, marks_out) = RingBuffer::new(MARK_RING_LEN);
    let writer = CaptureWriter {
        frames: frames_in,
        marks: marks_in,
        n_written: 0,
        signals: Arc::clone(signals),
    };
    (writer, CaptureReader { frames: frames_out, marks: marks_out })
}

/// The audio thread's end.
pub struct CaptureWriter {
    frames: Producer<[f32; 2]>,
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

    /// Writes as many frames as fit and returns how many that were; the rest are counted as lost.
    pub fn write(&mut self, left: &[f32], right: &[f32]) -> usize {
        let n_wanted = left.len().min(right.len());
        let n_free = n_wanted.min(self.frames.slots());
        let pairs = left.iter().zip(right).map(|(l, r)| [*l, *r]);
        let n_done = match self.frames.write_chunk_uninit(n_free) {
            Ok(chunk) => chunk.fill_from_iter(pairs),
            Err(_) => 0, // never: the slots were counted by this thread
        };
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

/// The engine's end.
pub struct CaptureReader {
    frames: Consumer<[f32; 2]>,
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

    /// Hands `n_frames`, which must be ready, to `take` in order, as one or two slices.
    pub fn read(&mut self, n_frames: usize, mut take: impl FnMut(&[[f32; 2]])) {
        let Ok(chunk) = self.frames.read_chunk(n_frames) else { return };
        let (first, second) = chunk.as_slices();
        take(first);
        take(second);
        chunk.commit_all();
    }
}
