//! What sounds where in the song, on its way from the engine to the audio thread. An arrangement never changes;
//! a new one takes its place, and the old one goes back to be freed on the engine's side.

use std::sync::Arc;

use rtrb::{Consumer, Producer, RingBuffer};

use super::Sound;

/// Most regions of an arrangement; of more, those that lie at the bottom are left out.
pub const MAX_REGIONS: usize = 256;

/// Arrangements that wait for the audio thread before the engine keeps the newest to itself.
const RING_LEN: usize = 8;

/// Arrangements that wait to be freed: all that the audio thread can have got since the engine freed any.
const SPENT_LEN: usize = 4 * RING_LEN;

/// Where a region's first frame belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// At this song position, in frames.
    Song(i64),
    /// Wherever the clock is when enough of it is there to sound: there is no timeline to be late on.
    OnArrival,
}

/// One stretch of one sound at its place in the song.
#[derive(Debug, Clone)]
pub struct Region {
    /// Number of the take that it is of; later takes have higher numbers.
    pub take: u64,
    pub anchor: Anchor,
    pub sound: Arc<Sound>,
    /// Frame of the sound that the region begins with.
    pub first: usize,
    /// None: to the sound's end, however long it grows.
    pub n_frames: Option<usize>,
    /// Linear gain.
    pub gain: f32,
    /// Nothing of it, not even a fade, may sound before its first frame.
    pub takes_over: bool,
}

/// Everything that may sound. A later region covers an earlier one where both can sound.
#[derive(Debug, Clone, Default)]
pub struct Arrangement {
    pub regions: Vec<Region>,
}

impl Region {
    /// Song frame of its first frame; none while it has not arrived anywhere. Realtime-safe.
    pub fn start(&self) -> Option<i64> {
        match self.anchor {
            Anchor::Song(frame) => Some(frame),
            Anchor::OnArrival => {
                self.sound.arrived_at().map(|frame| frame.saturating_add(self.first as i64))
            }
        }
    }

    /// Frames of it that are there, and whether that is all that will ever be. Realtime-safe.
    pub fn ready(&self) -> (usize, bool) {
        let is_complete = self.sound.is_complete(); // asked first: then the length is final
        let n_there = self.sound.n_frames().saturating_sub(self.first);
        match self.n_frames {
            Some(n_frames) if n_frames <= n_there => (n_frames, true),
            _ => (n_there, is_complete),
        }
    }
}

pub(super) fn open() -> (ArrangementWriter, ArrangementReader) {
    let (arrangements_in, arrangements_out) = RingBuffer::new(RING_LEN);
    let (spent_in, spent_out) = RingBuffer::new(SPENT_LEN);
    (
        ArrangementWriter { arrangements: arrangements_in, spent: spent_out, waiting: None },
        ArrangementReader { arrangements: arrangements_out, spent: spent_in },
    )
}

/// The engine's end.
pub struct ArrangementWriter {
    arrangements: Producer<Box<Arrangement>>,
    spent: Consumer<Box<Arrangement>>,
    /// The newest, while the audio thread has not made room for it.
    waiting: Option<Box<Arrangement>>,
}

impl ArrangementWriter {
    /// Sends what is to sound from now on. If there is no room yet, the newest is kept and sent by
    /// [`Self::tend`].
    pub fn send(&mut self, mut arrangement: Box<Arrangement>) {
        let n_below = arrangement.regions.len().saturating_sub(MAX_REGIONS);
        arrangement.regions.drain(..n_below);
        self.waiting = Some(arrangement);
        self.tend();
    }

    /// Frees what the audio thread is done with, and sends what waits; to be called every now and then. Returns
    /// how many arrangements were freed.
    pub fn tend(&mut self) -> usize {
        let n_freed = std::iter::from_fn(|| self.spent.pop().ok()).count();
        if let Some(waiting) = self.waiting.take() {
            let pushed = self.arrangements.push(waiting);
            self.waiting = pushed.err().map(|rtrb::PushError::Full(waiting)| waiting);
        }
        n_freed
    }

    /// Whether everything that was sent is in the ring.
    pub fn is_sent(&self) -> bool {
        self.waiting.is_none()
    }
}

/// The audio thread's end.
pub struct ArrangementReader {
    arrangements: Consumer<Box<Arrangement>>,
    spent: Producer<Box<Arrangement>>,
}

impl ArrangementReader {
    /// The newest arrangement, if there is a new one and there is room to hand back those it replaces; the ones
    /// before it go back at once.
    pub fn newest(&mut self) -> Option<Box<Arrangement>> {
        let mut newest = None;
        while self.spent.slots() > RING_LEN
            && let Ok(next) = self.arrangements.pop()
        {
            if let Some(skipped) = newest.replace(next) {
                let _ = self.spent.push(skipped); // there is room: it was counted
            }
        }
        newest
    }

    /// Sends an arrangement that [`Self::newest`] gave back to be freed.
    pub fn retire(&mut self, spent: Box<Arrangement>) {
        if let Err(rtrb::PushError::Full(spent)) = self.spent.push(spent) {
            std::mem::forget(spent); // never: `newest` leaves room; and nothing is freed on this thread
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(take: u64) -> Region {
        Region {
            take,
            anchor: Anchor::Song(0),
            sound: Arc::new(Sound::whole(&[[0.5; 2]; 100])),
            first: 0,
            n_frames: None,
            gain: 1.0,
            takes_over: false,
        }
    }

    fn arrangement(takes: std::ops::Range<u64>) -> Box<Arrangement> {
        Box::new(Arrangement { regions: takes.map(region).collect() })
    }

    #[test]
    fn the_newest_arrives_however_many_were_sent_and_all_are_freed() {
        let (mut writer, mut reader) = open();

        (0..100).for_each(|i| writer.send(arrangement(i..i + 1)));
        assert!(!writer.is_sent());
        let first = reader.newest().unwrap();
        assert_eq!(first.regions[0].take, RING_LEN as u64 - 1);
        assert_eq!(writer.tend(), RING_LEN - 1);
        let newest = reader.newest().unwrap();

        assert_eq!(newest.regions[0].take, 99);
        assert!(writer.is_sent() && reader.newest().is_none());
        [first, newest].into_iter().for_each(|spent| reader.retire(spent));
        assert_eq!(writer.tend(), 2);
    }

    #[test]
    fn the_audio_thread_never_finds_the_way_back_full() {
        let (mut writer, mut reader) = open();
        let mut held = std::collections::VecDeque::new();

        for i in 0..1000 {
            writer.send(arrangement(i..i + 1));
            if i % 3 == 0 || i % 17 < 9 {
                held.extend(reader.newest());
            }
            while held.len() > 2 {
                assert!(reader.spent.slots() > 0);
                reader.retire(held.pop_front().unwrap());
            }
        }
    }

    #[test]
    fn of_too_many_regions_the_topmost_stay() {
        let (mut writer, mut reader) = open();

        writer.send(arrangement(0..MAX_REGIONS as u64 + 10));

        let newest = reader.newest().unwrap();
        assert_eq!(newest.regions.len(), MAX_REGIONS);
        assert_eq!(newest.regions[0].take, 10);
    }

    #[test]
    fn a_region_is_ready_as_far_as_its_sound_is_there() {
        let growing = Arc::new(Sound::with_room(10_000));
        let region = Region { first: 48, n_frames: Some(1_000), sound: growing, ..region(1) };

        assert_eq!(region.ready(), (0, false));
        region.sound.push(vec![[0.0; 2]; 500].into());
        assert_eq!(region.ready(), (452, false));
        region.sound.finish();
        assert_eq!(region.ready(), (452, true));
        let trimmed = Region { first: 10, n_frames: Some(20), ..region };
        assert_eq!(trimmed.ready(), (20, true));
    }

    #[test]
    fn a_region_without_a_place_is_where_its_sound_arrived() {
        let placeless = Region { anchor: Anchor::OnArrival, first: 30, ..region(1) };

        assert_eq!(placeless.start(), None);
        placeless.sound.arrive(1_000);
        assert_eq!(placeless.start(), Some(1_030));
    }
}
