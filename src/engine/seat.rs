//! The engine's side of one plugin instance: what it heard, where its takes go, and what its editor shows.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::{
    EngineError,
    ear::{Ear, Run},
    heard::Heard,
    line::{Asked, Hearing, Line, Place, Watched},
    pace::Pace,
    queue::Ticket,
    tokens::Stretch,
};
use crate::link::{Chunk, EngineEnds, ModelStatus, Notice, Request, Settings, Severity, Status};

/// Told whenever the status is new.
pub type Changed = Box<dyn Fn() + Send + Sync>;

/// How long to wait before another try when the audio thread has not made room for a chunk.
const RETRY: Duration = Duration::from_millis(5);

/// One instance as the engine's threads see it.
pub struct Seat {
    line: Mutex<Option<Line>>,
    status: Mutex<Arc<Status>>,
    changed: Mutex<Option<Changed>>,
    /// The newest request, waiting or being worked on.
    pub ticket: Mutex<Option<Arc<Ticket>>>,
    /// The codes of what was heard; the thread that composes keeps them.
    pub ear: Mutex<Ear>,
    pace: Arc<Pace>,
}

impl Seat {
    pub fn new(changed: Changed, pace: Arc<Pace>) -> Self {
        Self {
            line: Mutex::new(None),
            status: Mutex::default(),
            changed: Mutex::new(Some(changed)),
            ticket: Mutex::new(None),
            ear: Mutex::default(),
            pace,
        }
    }

    /// Takes over a new link; the old one and what was heard through it are dropped.
    pub fn attach(&self, ends: EngineEnds) {
        let EngineEnds { capture, playback, arrangements, signals } = ends;
        let mut line = self.line.lock();
        let epoch = line.as_ref().map_or(1, |old| old.epoch + 1);
        let heard = Heard::new(signals.rate());
        *line = Some(Line { epoch, signals, capture, playback, arrangements, heard, n_drawn: 0 });
        drop(line);
        self.publish(|status| {
            status.captured = Arc::default();
            status.take = None;
        });
    }

    /// Nobody is told anything from here on.
    pub fn close(&self) {
        *self.changed.lock() = None;
        *self.line.lock() = None;
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
        let (lead, listens) = (self.pace.lead_seconds(), self.listens_seconds());
        let mut guard = self.line.lock();
        let Some(line) = &mut *guard else { return (asked, false) };
        let n_before = line.heard.n_heard();
        line.playback.free_spent();
        line.arrangements.tend();
        line.drain(lead, listens, &mut asked);
        if line.signals.take_gave_up() {
            let text = "an offline render waited 60 s for a take and went on without it".into();
            drop(guard);
            self.say(Severity::Error, text);
            return (asked, true);
        }
        let is_flowing = line.heard.n_heard() != n_before;
        (asked, is_flowing)
    }

    /// A request of the editor: from the playhead, or from the end of what was heard. What automation asked
    /// for before comes first.
    pub fn ask(&self, settings: Settings) -> Vec<Asked> {
        let mut asked = Vec::new();
        let (lead, listens) = (self.pace.lead_seconds(), self.listens_seconds());
        let mut guard = self.line.lock();
        if let Some(line) = guard.as_mut() {
            line.drain(lead, listens, &mut asked);
            let signals = &line.signals;
            let request = Request {
                id: signals.ask(),
                settings,
                song_frame: signals.playhead(),
                rolling: signals.rolling(),
                on_arrival: signals.free_clock(),
                offline: false,
                bars: signals.bars(),
            };
            asked.push(Asked::Continue(Box::new(line.place(request, lead, listens))));
        }
        asked
    }

    /// Looks whether a request that waits is due.
    pub fn watch(&self, place: &mut Place) -> Watched {
        self.line.lock().as_ref().map_or(Watched::Gone, |line| line.watch(place))
    }

    /// What is heard just now.
    pub fn hearing(&self) -> Option<Hearing> {
        self.line.lock().as_ref()?.hearing()
    }

    /// Song frame from which on everything before `end` is remembered, if `run` is still going on.
    pub fn hearing_since(&self, end: i64, run: Run) -> Option<i64> {
        let guard = self.line.lock();
        let line = guard.as_ref().filter(|line| line.is_in(run))?;
        Some(end - line.heard.n_before(end, usize::MAX) as i64)
    }

    /// The frames `wanted` of the song as far as they are remembered, if `run` is still going on.
    pub fn heard(&self, run: Run, wanted: Range<i64>) -> Option<Stretch> {
        let guard = self.line.lock();
        guard.as_ref().filter(|line| line.is_in(run)).map(|line| line.stretch(wanted))
    }

    /// Seconds since the song passed `frame`, if it rolls; negative before.
    pub fn seconds_since(&self, epoch: u64, frame: i64) -> Option<f64> {
        let guard = self.line.lock();
        let signals = &guard.as_ref().filter(|line| line.epoch == epoch)?.signals;
        signals.rolling().then(|| (signals.playhead() - frame) as f64 / signals.rate())
    }

    /// Longest prime that the model listens to, in seconds.
    fn listens_seconds(&self) -> f64 {
        match &self.status().model {
            ModelStatus::Ready(pack) => pack.max_prime_seconds,
            _ => f64::INFINITY, // not known yet
        }
    }

    /// Redraws what was heard, if there is more of it than last time.
    pub fn draw_heard(&self) {
        let mut guard = self.line.lock();
        let Some(line) = &mut *guard else { return };
        if line.heard.n_heard() == line.n_drawn {
            return;
        }
        line.n_drawn = line.heard.n_heard();
        let overview = Arc::new(line.heard.overview());
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
            let mut guard = self.line.lock();
            let line = guard.as_mut().ok_or(EngineError::Stopped)?;
            if line.epoch != epoch {
                return Err(EngineError::RateChanged);
            }
            line.playback.free_spent();
            match line.playback.push(chunk) {
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
