//! Room for one take: its chunks in order, read at random by song position.

use crate::link::{Anchor, CHUNK_FRAMES, Chunk, PlaybackReader};

/// The chunks of one take as far as they have arrived. Number 0 is no take.
pub struct Slot {
    take: u64,
    anchor: i64,
    chunks: Box<[Option<Box<Chunk>>]>,
    n_chunks: usize,
    n_frames: i64,
    is_complete: bool,
    is_doomed: bool,
}

impl Slot {
    /// Allocates; not for the audio thread.
    pub fn new(n_chunks_max: usize) -> Self {
        Self {
            take: 0,
            anchor: 0,
            chunks: (0..n_chunks_max).map(|_| None).collect(),
            n_chunks: 0,
            n_frames: 0,
            is_complete: false,
            is_doomed: false,
        }
    }

    pub fn take(&self) -> u64 {
        self.take
    }

    /// Song position of its first frame.
    pub fn anchor(&self) -> i64 {
        self.anchor
    }

    pub fn is_empty(&self) -> bool {
        self.take == 0 && self.n_chunks == 0
    }

    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether it must not sound any more.
    pub fn is_doomed(&self) -> bool {
        self.is_doomed
    }

    pub fn doom(&mut self) {
        self.is_doomed = true;
    }

    /// Takes a chunk of this slot's take, or the first chunk of a new one if the slot is empty. Hands back
    /// what does not belong here. `now` anchors takes that have no place of their own.
    pub fn accept(&mut self, chunk: Box<Chunk>, now: i64) -> Result<(), Box<Chunk>> {
        if self.is_empty() && chunk.index == 0 {
            self.take = chunk.take;
            self.anchor = match chunk.anchor {
                Anchor::Song(frame) => frame,
                Anchor::OnArrival => now,
            };
            self.n_frames = 0;
            self.is_complete = false;
            self.is_doomed = false;
        }
        let expected = chunk.take == self.take && chunk.index == self.n_chunks && !self.is_doomed;
        let fits = chunk.is_last || chunk.frames.len() == CHUNK_FRAMES;
        match self.chunks.get_mut(chunk.index) {
            Some(place) if expected && fits && !self.is_complete => {
                self.n_frames += chunk.frames.len() as i64;
                self.is_complete = chunk.is_last;
                self.n_chunks += 1;
                *place = Some(chunk);
                Ok(())
            }
            _ => Err(chunk),
        }
    }

    /// Frames that can be read from song position `frame` on; 0 before, after and outside of the take.
    pub fn n_ready(&self, frame: i64) -> i64 {
        let offset = frame.saturating_sub(self.anchor);
        if (0..self.n_frames).contains(&offset) { self.n_frames - offset } else { 0 }
    }

    /// The frame at song position `frame`, if it is here.
    pub fn frame(&self, frame: i64) -> Option<f32> {
        let offset = usize::try_from(frame.checked_sub(self.anchor)?).ok()?;
        let chunk = self.chunks.get(offset / CHUNK_FRAMES)?.as_ref()?;
        chunk.frames.get(offset % CHUNK_FRAMES).copied()
    }

    /// Sends up to `n_max` chunks back to be freed; the slot is empty when all are gone.
    pub fn retire(&mut self, reader: &mut PlaybackReader, n_max: usize) {
        self.take = 0;
        self.n_frames = 0;
        for _ in 0..n_max.min(self.n_chunks) {
            let last = self.n_chunks - 1;
            let Some(chunk) = self.chunks.get_mut(last).and_then(Option::take) else { return };
            if let Err(chunk) = reader.retire(chunk) {
                if let Some(place) = self.chunks.get_mut(last) {
                    *place = Some(chunk); // the engine makes room; try again in a later block
                }
                return;
            }
            self.n_chunks = last;
        }
    }
}
