//! The engine's side of one plugin instance: what it heard, where its takes go, and what its editor shows.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::{EngineError, heard::Heard, queue::Ticket};
use crate::link::{
    CaptureReader, Chunk, EngineEnds, Mark, Notice, PlaybackWriter, Settings, Severity, Signals,
    Status,
};

/// Told whenever the status is new.
pub type Changed = Box<dyn Fn() + Send + Sync>;

/// How long to wait before another try when the audio thread has not made room for a chunk.
const RETRY: Duration = Duration::from_millis(5);

/// One instance as the engine's threads see it.
pub struct Seat {
    link: Mutex<Option<Link>>,
    status: Mutex<Arc<Status>>,
    changed: Mutex<Option<Changed>>,
    /// The newest request, waiting or being worked on.
    pub ticket: Mutex<Option<Arc<Ticket>>>,
}

/// Both rings and what came out of them. A new sample rate brings a new link.
struct Link {
    epoch: u64,
    signals: Arc<Signals>,
    capture: CaptureReader,
    playback: PlaybackWriter,
    heard: Heard,
    n_drawn: u64,
}

/// What an instance asks for when its audio is looked through.
pub enum Asked {
    Continue(Place),
    Stop,
}

/// A request with everything that depends on where the song was.
pub struct Place {
    pub settings: Settings,
    pub id: u64,
    pub epoch: u64,
    pub signals: Arc<Signals>,
    /// Song frame of the seam.
    pub seam_frame: i64,
    pub on_arrival: bool,
    /// What was heard before the seam, oldest first.
    pub prime: Vec<[f32; 2]>,
}

impl Seat {
    pub fn new(changed: Changed) -> Self {
        Self {
            link: Mutex::new(None),
            status: Mutex::default(),
            changed: Mutex::new(Some(changed)),
            ticket: Mutex::new(None),
        }
    }

    /// Takes over a new link; the old one and what was heard through it are dropped.
    pub fn attach(&self, ends: EngineEnds) {
        let EngineEnds { capture, playback, signals } = ends;
        let mut link = self.link.lock();
        let epoch = link.as_ref().map_or(1, |old| old.epoch + 1);
        let heard = Heard::new(signals.rate());
        *link = Some(Link { epoch, signals, capture, playback, heard, n_drawn: 0 });
        drop(link);
        self.publish(|status| {
            status.captured = Arc::default();
            status.take = None;
        });
    }

    /// Nobody is told anything from here on.
    pub fn close(&self) {
        *self.changed.lock() = None;
        *self.link.lock() = None;
        if let Some(ticket) = self.ticket.lock().take() {
            ticket.stop();
        }
    }

    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status.lock())
    }

    /// Changes the status and says so.
    pub fn publish(&self, change: impl FnOnce(&mut Status)) {
        change(Arc::make_mut(&mut *self.status.lock()));
        if let Some(changed) = &*self.changed.lock() {
            changed();
        }
    }

    /// Shows the user something to read.
    pub fn say(&self, severity: Severity, text: String) {
        self.publish(|status| status.notice = Some(Notice { severity, text }));
    }

    /// Moves what was heard out of the rings, frees spent chunks, and returns what was asked for on the way.
    /// True as well when audio is flowing.
    pub fn listen(&self) -> (Vec<Asked>, bool) {
        let mut asked = Vec::new();
        let mut guard = self.link.lock();
        let Some(link) = &mut *guard else { return (asked, false) };
        let n_before = link.heard.n_heard();
        link.playback.free_spent();
        link.drain(&mut asked);
        if link.signals.take_gave_up() {
            let text = "an offline render waited 60 s for a take and went on without it".into();
            drop(guard);
            self.say(Severity::Error, text);
            return (asked, true);
        }
        let is_flowing = link.heard.n_heard() != n_before;
        (asked, is_flowing)
    }

    /// A request of the editor: from the playhead, or from the end of what was heard. What automation asked
    /// for before comes first.
    pub fn ask(&self, settings: Settings) -> Vec<Asked> {
        let mut asked = Vec::new();
        let mut guard = self.link.lock();
        if let Some(link) = guard.as_mut() {
            link.drain(&mut asked);
            let id = link.signals.ask();
            let (song_frame, on_arrival) = (link.signals.playhead(), link.signals.free_clock());
            asked.push(link.place(song_frame, settings, id, on_arrival));
        }
        asked
    }

    /// Redraws what was heard, if there is more of it than last time.
    pub fn draw_heard(&self) {
        let mut guard = self.link.lock();
        let Some(link) = &mut *guard else { return };
        if link.heard.n_heard() == link.n_drawn {
            return;
        }
        link.n_drawn = link.heard.n_heard();
        let overview = Arc::new(link.heard.overview());
        drop(guard);
        self.publish(|status| status.captured = overview);
    }

    /// Sends a chunk to the audio thread, waiting for room if there is none.
    ///
    /// # Errors
    /// [`EngineError::RateChanged`] when the link is another one by now, [`EngineError::Stopped`] when
    /// `stop` was raised while waiting.
    pub fn push_chunk(
        &self,
        epoch: u64,
        chunk: Box<Chunk>,
        stop: &AtomicBool,
    ) -> Result<(), EngineError> {
        let mut chunk = chunk;
        loop {
            let mut guard = self.link.lock();
            let link = guard.as_mut().ok_or(EngineError::Stopped)?;
            if link.epoch != epoch {
                return Err(EngineError::RateChanged);
            }
            link.playback.free_spent();
            match link.playback.push(chunk) {
                Ok(()) => return Ok(()),
                Err(back) => chunk = back,
            }
            drop(guard);
            if stop.load(Relaxed) {
                return Err(EngineError::Stopped);
            }
            std::thread::sleep(RETRY);
        }
    }
}

impl Link {
    /// Reads frames up to each mark, then obeys the mark, so that everything is heard in order.
    fn drain(&mut self, asked: &mut Vec<Asked>) {
        loop {
            let n_ready = self.capture.n_ready(); // before the marks are looked at
            while let Some(mark) = self.capture.next_mark(self.heard.n_heard()) {
                match mark {
                    Mark::Span { song_frame, .. } => self.heard.begin_span(song_frame),
                    Mark::Continue { song_frame, settings, id, on_arrival, .. } => {
                        asked.push(self.place(song_frame, settings, id, on_arrival));
                    }
                    Mark::Stop { .. } => asked.push(Asked::Stop),
                }
            }
            let until_mark = self.capture.next_mark_at().map(|at| at - self.heard.n_heard());
            let n_frames = until_mark.map_or(n_ready, |n| n_ready.min(n as usize));
            if n_frames == 0 {
                return;
            }
            let heard = &mut self.heard;
            self.capture.read(n_frames, |frames| heard.hear(frames));
        }
    }

    /// Where a continuation asked for at `song_frame` begins, and with what prime.
    fn place(&self, song_frame: i64, settings: Settings, id: u64, on_arrival: bool) -> Asked {
        let reaches = self.heard.reaches(song_frame);
        let end = self.heard.end_frame().unwrap_or(song_frame);
        let seam_frame = if reaches { song_frame } else { end };
        // a little more than asked for, so that resampling and whole tokens find enough
        let n_frames = (settings.prime_seconds.max(0.0) * 1.01 + 0.05) * self.signals.rate();
        Asked::Continue(Place {
            settings,
            id,
            epoch: self.epoch,
            signals: Arc::clone(&self.signals),
            seam_frame,
            on_arrival,
            prime: self.heard.before(seam_frame, n_frames as usize),
        })
    }
}
