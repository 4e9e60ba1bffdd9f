//! The audio of one take while it comes into being: written once, piece by piece, by one thread of the engine, and
//! read at random by the audio thread.

use std::sync::{
    OnceLock,
    atomic::{
        AtomicBool, AtomicI64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};

/// Frames in every chunk of a sound but the last: few, as a sound is heard from whole chunks.
pub const CHUNK_FRAMES: usize = 2048;

/// Where a sound is that has not arrived anywhere.
const NOWHERE: i64 = i64::MIN;

/// Up to [`CHUNK_FRAMES`] stereo frames, once they are there.
type Chunk = OnceLock<Box<[[f32; 2]]>>;

/// Stereo audio at the host's rate that grows at its end and never changes otherwise.
#[derive(Debug)]
pub struct Sound {
    chunks: Box<[Chunk]>,
    n_frames: AtomicUsize,
    is_complete: AtomicBool,
    /// Song frame of its frame 0 if it has no place of its own.
    arrived_at: AtomicI64,
}

impl Sound {
    /// A sound of at most `n_frames_max` frames, with nothing in it yet.
    pub fn with_room(n_frames_max: usize) -> Self {
        let n_chunks = n_frames_max.div_ceil(CHUNK_FRAMES);
        Self {
            chunks: (0..n_chunks).map(|_| Chunk::new()).collect(),
            n_frames: 0.into(),
            is_complete: false.into(),
            arrived_at: NOWHERE.into(),
        }
    }

    /// A sound that is all there.
    pub fn whole(frames: &[[f32; 2]]) -> Self {
        let sound = Self::with_room(frames.len());
        frames.chunks(CHUNK_FRAMES).for_each(|chunk| sound.push(chunk.into()));
        sound.finish();
        sound
    }

    /// The one writing thread: adds [`CHUNK_FRAMES`] frames, or fewer, and then nothing more. What finds no room
    /// is dropped, and what is not a number is silence.
    pub fn push(&self, mut chunk: Box<[[f32; 2]]>) {
        let n_before = self.n_frames.load(Relaxed);
        let is_next = n_before.is_multiple_of(CHUNK_FRAMES) && chunk.len() <= CHUNK_FRAMES;
        let Some(place) = self.chunks.get(n_before / CHUNK_FRAMES).filter(|_| is_next) else {
            return;
        };
        for sample in chunk.as_flattened_mut() {
            *sample = if sample.is_finite() { *sample } else { 0.0 };
        }
        let n_new = chunk.len();
        if !self.is_complete.load(Relaxed) && place.set(chunk).is_ok() {
            self.n_frames.store(n_before + n_new, Release);
        }
    }

    /// The one writing thread: nothing follows.
    pub fn finish(&self) {
        self.is_complete.store(true, Release);
    }

    /// Frames that can be read. Realtime-safe.
    pub fn n_frames(&self) -> usize {
        self.n_frames.load(Acquire)
    }

    /// Whether it will not grow any more; [`Self::n_frames`] asked after this is its length. Realtime-safe.
    pub fn is_complete(&self) -> bool {
        self.is_complete.load(Acquire)
    }

    /// One frame, left and right, if it is here. Realtime-safe.
    pub fn frame(&self, idx: usize) -> Option<[f32; 2]> {
        let chunk = self.chunks.get(idx / CHUNK_FRAMES)?.get()?;
        chunk.get(idx % CHUNK_FRAMES).copied()
    }

    /// Audio thread: a sound without a place of its own has its frame 0 at song frame `frame`.
    pub fn arrive(&self, frame: i64) {
        self.arrived_at.store(frame.max(NOWHERE + 1), Relaxed);
    }

    /// Song frame of its frame 0, once it has arrived. Realtime-safe.
    pub fn arrived_at(&self) -> Option<i64> {
        Some(self.arrived_at.load(Relaxed)).filter(|frame| *frame != NOWHERE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(first: usize, n_frames: usize) -> Box<[[f32; 2]]> {
        (first..first + n_frames).map(|i| [i as f32, -(i as f32)]).collect()
    }

    #[test]
    fn what_was_pushed_is_read_at_its_place() {
        let sound = Sound::with_room(CHUNK_FRAMES + 10);

        sound.push(chunk(0, CHUNK_FRAMES));
        assert_eq!((sound.n_frames(), sound.frame(CHUNK_FRAMES)), (CHUNK_FRAMES, None));
        sound.push(chunk(CHUNK_FRAMES, 10));
        sound.finish();

        for idx in 0..CHUNK_FRAMES + 10 {
            assert_eq!(sound.frame(idx), Some([idx as f32, -(idx as f32)]));
        }
        assert_eq!((sound.n_frames(), sound.is_complete()), (CHUNK_FRAMES + 10, true));
        assert_eq!((sound.frame(CHUNK_FRAMES + 10), sound.frame(usize::MAX)), (None, None));
    }

    #[test]
    fn what_has_no_room_or_comes_after_the_end_is_dropped() {
        let sound = Sound::with_room(CHUNK_FRAMES);
        sound.push(chunk(0, CHUNK_FRAMES + 1));
        assert_eq!(sound.n_frames(), 0);
        sound.push(chunk(0, 10));
        sound.push(chunk(10, 10));
        assert_eq!(sound.n_frames(), 10);

        let full = Sound::with_room(2 * CHUNK_FRAMES);
        full.push(chunk(0, CHUNK_FRAMES));
        full.finish();
        full.push(chunk(0, CHUNK_FRAMES));
        assert_eq!(full.n_frames(), CHUNK_FRAMES);
        let none = Sound::whole(&[]);
        none.push(chunk(0, 1));
        assert_eq!((none.n_frames(), none.is_complete()), (0, true));
    }

    #[test]
    fn no_sound_holds_what_is_not_a_number() {
        let sound = Sound::whole(&[[f32::NAN, 0.5], [f32::INFINITY, f32::NEG_INFINITY]]);

        assert_eq!(sound.frame(0), Some([0.0, 0.5]));
        assert_eq!(sound.frame(1), Some([0.0, 0.0]));
    }

    #[test]
    fn a_reader_sees_whole_frames_while_it_grows() {
        let sound = Sound::with_room(64 * CHUNK_FRAMES);

        std::thread::scope(|scope| {
            scope.spawn(|| {
                for index in 0..64 {
                    sound.push(chunk(index * CHUNK_FRAMES, CHUNK_FRAMES));
                }
                sound.finish();
            });
            loop {
                let (is_complete, n_frames) = (sound.is_complete(), sound.n_frames());
                if let Some(last) = n_frames.checked_sub(1) {
                    assert_eq!(sound.frame(last), Some([last as f32, -(last as f32)]));
                }
                if is_complete {
                    assert_eq!(n_frames, 64 * CHUNK_FRAMES);
                    break;
                }
            }
        });
    }

    #[test]
    fn a_sound_arrives_once_the_audio_thread_says_where() {
        let sound = Sound::with_room(1);
        assert_eq!(sound.arrived_at(), None);
        sound.arrive(-7);
        assert_eq!(sound.arrived_at(), Some(-7));
    }
}
