//! Remembers what passes: frames into the ring, with a mark wherever the song position jumps.

use super::clock::Place;
use crate::link::{CaptureWriter, Mark, Request};

/// Writes the input to the engine. Runs on the audio thread.
pub struct Capture {
    writer: CaptureWriter,
    /// Song frame that the next captured frame has if nothing jumps.
    next_song: Option<i64>,
}

impl Capture {
    pub fn new(writer: CaptureWriter) -> Self {
        Self { writer, next_song: None }
    }

    /// Whether `n_frames` can be captured without losing any.
    pub fn has_room(&self, n_frames: usize) -> bool {
        self.writer.has_room(n_frames)
    }

    /// Captures a block that begins at `place`. A resting transport is not captured.
    ///
    /// Realtime-safe. When the engine is too far behind, frames are lost and counted, and what follows is
    /// marked with its own position.
    pub fn hear(&mut self, left: &[f32], right: &[f32], place: Place) {
        if !place.rolling || left.is_empty() {
            return;
        }
        if self.next_song != Some(place.frame) {
            let span = Mark::Span { at: self.writer.n_written(), song_frame: place.frame };
            if !self.writer.mark(span) {
                self.next_song = None;
                return;
            }
        }
        let n_written = self.writer.write(left, right);
        let is_whole = n_written == left.len();
        self.next_song = is_whole.then(|| place.frame.saturating_add(n_written as i64));
    }

    /// Passes on that a continuation was asked for; false when the engine is too far behind to hear of it.
    pub fn ask_continue(&mut self, asked: Request) -> bool {
        let at = self.writer.n_written();
        self.writer.mark(Mark::Continue { at, asked })
    }

    /// Passes on that composing is to stop.
    pub fn ask_stop(&mut self) {
        let at = self.writer.n_written();
        self.writer.mark(Mark::Stop { at });
    }
}
