//! What was composed, on its way from the engine to the audio thread: chunks that are written once and
//! read at random by song position. Spent chunks go back to be freed on the engine's side.

use rtrb::{Consumer, Producer, RingBuffer};

use super::Anchor;

/// A piece of a take: mono audio at the host's rate.
#[derive(Debug)]
pub struct Chunk {
    /// Number of the take, which is that of its request; later takes have higher numbers.
    pub take: u64,
    pub anchor: Anchor,
    /// Position of this chunk in the take, in chunks.
    pub index: usize,
    /// [`super::CHUNK_FRAMES`] frames, or fewer when `is_last`.
    pub frames: Box<[f32]>,
    /// No chunk follows.
    pub is_last: bool,
}

pub(super) fn open(n_chunks: usize) -> (PlaybackWriter, PlaybackReader) {
    let (chunks_in, chunks_out) = RingBuffer::new(2 * n_chunks);
    let (spent_in, spent_out) = RingBuffer::new(4 * n_chunks);
    (
        PlaybackWriter { chunks: chunks_in, spent: spent_out },
        PlaybackReader { chunks: chunks_out, spent: spent_in },
    )
}

/// The engine's end.
pub struct PlaybackWriter {
    chunks: Producer<Box<Chunk>>,
    spent: Consumer<Box<Chunk>>,
}

impl PlaybackWriter {
    /// Sends a chunk; hands it back when the audio thread has not made room yet.
    pub fn push(&mut self, chunk: Box<Chunk>) -> Result<(), Box<Chunk>> {
        self.chunks.push(chunk).map_err(|rtrb::PushError::Full(chunk)| chunk)
    }

    /// Frees what the audio thread is done with and returns how many chunks that were.
    pub fn free_spent(&mut self) -> usize {
        std::iter::from_fn(|| self.spent.pop().ok()).count()
    }
}

/// The audio thread's end.
pub struct PlaybackReader {
    chunks: Consumer<Box<Chunk>>,
    spent: Producer<Box<Chunk>>,
}

impl PlaybackReader {
    /// The take that the next chunk belongs to, if one has arrived.
    pub fn next_take(&self) -> Option<u64> {
        self.chunks.peek().ok().map(|chunk| chunk.take)
    }

    /// The next chunk, if one has arrived.
    pub fn pop(&mut self) -> Option<Box<Chunk>> {
        self.chunks.pop().ok()
    }

    /// Sends a chunk back to be freed; hands it back when the engine has not made room yet.
    pub fn retire(&mut self, chunk: Box<Chunk>) -> Result<(), Box<Chunk>> {
        self.spent.push(chunk).map_err(|rtrb::PushError::Full(chunk)| chunk)
    }
}
