//! The engine's side of one plugin instance: what it heard, where its takes go, and what its editor shows.

use std::{ops::Range, sync::Arc};

use parking_lot::Mutex;

use super::{
    EngineError,
    ear::{Ear, Run},
    heard::{Memory, Stored},
    line::{Asked, Hearing, Line, Place, Source, Watched},
    pace::Pace,
    queue::Ticket,
    shelf::{Shelf, Wanted},
    sounding::Placing,
    tokens::Stretch,
};
use crate::{
    link::{
        EngineEnds, EngineLoad, HealthCounts, Lane, ModelStatus, Notice, Phase, Request, Settings,
        Severity, Status,
    },
    takes::{Recipe, Take, Tree},
    units::{frames_from_seconds, seconds_from_frames},
};

/// Told whenever the status is new.
pub type Changed = Box<dyn Fn() + Send + Sync>;

/// What is said of renders that nobody announced, and of those that were too long without a take.
const WAITS: &str = "the host renders faster than real time, so the render waits for the take that is being \
                     composed, as long as something of it comes every 60 s";
const GAVE_UP: &str = "an offline render waited 60 s for a take and went on without it";

/// What a request of the editor continues.
pub enum From {
    Playhead,
    /// What was heard before this frame of the song.
    Heard {
        song_frame: i64,
    },
    Take {
        take: Box<Take>,
        at_seconds: f64,
    },
    Recipe(Box<Recipe>),
}

/// One instance as the engine's threads see it.
pub struct Seat {
    line: Mutex<Option<Line>>,
    /// Locked before `line` and `status`, where both are needed.
    shelf: Mutex<Shelf>,
    status: Mutex<Arc<Status>>,
    changed: Mutex<Option<Changed>>,
    /// The newest request, waiting or being worked on.
    pub ticket: Mutex<Option<Arc<Ticket>>>,
    /// The codes of what was heard; the thread that composes keeps them.
    pub ear: Mutex<Ear>,
    pace: Arc<Pace>,
    /// Which link was counted last, what went wrong before it, and in it.
    counted: Mutex<(u64, HealthCounts, HealthCounts)>,
}

impl Seat {
    pub fn new(changed: Changed, pace: Arc<Pace>) -> Self {
        Self {
            line: Mutex::new(None),
            shelf: Mutex::default(),
            status: Mutex::default(),
            changed: Mutex::new(Some(changed)),
            ticket: Mutex::new(None),
            ear: Mutex::default(),
            pace,
            counted: Mutex::default(),
        }
    }

    /// Takes over a new link; the old one is dropped. What was heard through it is kept, and takes sound once
    /// they are decoded for the new one.
    pub fn attach(&self, ends: EngineEnds) {
        let EngineEnds { capture, arrangements, signals } = ends;
        let rate = signals.rate();
        let mut line = self.line.lock();
        let epoch = line.as_ref().map_or(1, |old| old.epoch + 1);
        let heard = match line.take() {
            Some(mut old) => {
                old.drain(0.0, f64::INFINITY, &mut Vec::new()); // nobody waits for what was asked there
                old.heard.change_rate(rate, old.signals.lost_frames());
                old.heard
            }
            None => Memory::new(rate),
        };
        let (n_drawn, n_read, has_side) = (u64::MAX, 0, false); // the picture is drawn anew
        *line =
            Some(Line { epoch, signals, capture, arrangements, heard, n_drawn, n_read, has_side });
        drop(line);
        self.draw_heard();
        self.arrange(|shelf| shelf.attach(rate));
        self.promise_recall();
    }

    /// Another model is here, or none.
    pub fn set_model(&self, model: &ModelStatus) {
        self.publish(|status| status.model = model.clone());
        let pack = match model {
            ModelStatus::Ready(pack) => Some(pack.hash.clone()),
            ModelStatus::Unavailable { .. } => None,
            ModelStatus::Unknown | ModelStatus::Loading { .. } => return, // not decided yet
        };
        self.arrange(|shelf| shelf.set_pack(pack));
        self.say_missing();
    }

    /// Puts the takes of a project in the place of those that are here. What is being composed is not theirs.
    pub fn load(&self, tree: Tree) {
        if let Some(ticket) = self.ticket.lock().take() {
            ticket.stop();
            self.publish(|status| status.phase = Phase::Idle);
        }
        self.arrange(|shelf| shelf.load(tree));
        self.promise_recall();
        self.say_missing();
    }

    /// Looks at the takes.
    pub fn look_at_shelf<R>(&self, look: impl FnOnce(&Shelf) -> R) -> R {
        look(&self.shelf.lock())
    }

    /// Changes something about takes that is not heard, and shows it.
    pub fn with_shelf<R>(&self, change: impl FnOnce(&mut Shelf) -> R) -> R {
        let mut shelf = self.shelf.lock();
        let changed = change(&mut shelf);
        shelf.show(Arc::make_mut(&mut *self.status.lock()));
        drop(shelf);
        self.tell();
        changed
    }

    /// The same where it is heard.
    pub fn arrange<R>(&self, change: impl FnOnce(&mut Shelf) -> R) -> R {
        self.with_shelf(|shelf| {
            let changed = change(shelf);
            let arrangement = Box::new(shelf.arrangement());
            if let Some(line) = &mut *self.line.lock() {
                line.arrangements.send(arrangement);
                if let Some(id) = shelf.kept_promise() {
                    line.signals.settle(id);
                }
            }
            changed
        })
    }

    /// A take that is to be decoded.
    pub fn wanted(&self) -> Option<Wanted> {
        self.shelf.lock().wanted()
    }

    /// Which link this is, if there is any.
    pub fn epoch(&self) -> Option<u64> {
        self.line.lock().as_ref().map(|line| line.epoch)
    }

    /// Takes that are not decoded yet are waited for by offline renders.
    fn promise_recall(&self) {
        let mut shelf = self.shelf.lock();
        let awaited = shelf.awaited();
        if let (Some(line), Some(awaited)) = (&*self.line.lock(), awaited) {
            let id = line.signals.ask();
            line.signals.make_promise(id, awaited.start, awaited.end);
            shelf.promise(id);
        }
    }

    /// Says which models takes wait for.
    fn say_missing(&self) {
        let missing = self.look_at_shelf(Shelf::missing_packs);
        if !missing.is_empty() {
            let names = missing.join("”, “");
            let text = format!(
                "some takes of this project were made with the model “{names}”, which is not loaded; they are \
                 kept, and sound again once it is"
            );
            self.say(Severity::Note, text);
        }
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
        self.tell();
    }

    fn tell(&self) {
        if let Some(changed) = &*self.changed.lock() {
            changed();
        }
    }

    /// Shows the user something to read.
    pub fn say(&self, severity: Severity, text: String) {
        self.publish(|status| status.notice = Some(Notice { severity, text }));
    }

    /// Shows how this instance and the engine fare.
    pub fn tell_health(&self, load: EngineLoad) {
        let mut counted = self.counted.lock();
        if let Some(line) = &*self.line.lock() {
            let (epoch, before, last) = *counted;
            let before = if epoch == line.epoch { before } else { before.and(last) };
            let now = line.signals.health().counts(line.signals.lost_frames());
            *counted = (line.epoch, before, now);
        }
        let health = counted.2.and(counted.1);
        drop(counted);
        let status = self.status();
        let is_idle = (status.load.busy, status.load.n_bytes) == (load.busy, load.n_bytes);
        if status.health != health || !is_idle {
            self.publish(|status| (status.health, status.load) = (health, load));
        }
    }

    /// Moves what was heard out of the rings, frees spent chunks, and returns what was asked for on the way.
    /// True as well when audio is flowing.
    pub fn listen(&self) -> (Vec<Asked>, bool) {
        let mut asked = Vec::new();
        let (lead, listens) = (self.pace.lead_seconds(), self.listens_seconds());
        let mut guard = self.line.lock();
        let Some(line) = &mut *guard else { return (asked, false) };
        let n_before = line.heard.n_heard();
        line.arrangements.tend();
        line.drain(lead, listens, &mut asked);
        let waits = line.signals.take_waits().then_some((Severity::Note, WAITS));
        let gave_up = line.signals.take_gave_up().then_some((Severity::Error, GAVE_UP));
        let is_flowing = line.heard.n_heard() != n_before || gave_up.is_some();
        drop(guard);
        if let Some((severity, text)) = gave_up.or(waits) {
            self.say(severity, text.into());
        }
        (asked, is_flowing)
    }

    /// A request of the editor, and why it cannot be obeyed if there is nothing to continue. What automation
    /// asked for before comes first.
    pub fn ask(&self, settings: Settings, from: From) -> (Vec<Asked>, Option<EngineError>) {
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
                listen_to: signals.listen_to(),
            };
            let place = match from {
                From::Playhead => line.place(request, lead, listens),
                From::Heard { song_frame } if line.heard.reaches(song_frame) => {
                    line.place_after(&request, song_frame, listens)
                }
                From::Heard { song_frame } => {
                    line.signals.settle(request.id);
                    let before = song_frame.max(0) as usize;
                    let at_seconds = seconds_from_frames(before, line.signals.rate());
                    return (asked, Some(EngineError::NotHeard { at_seconds }));
                }
                From::Take { take, at_seconds } => {
                    let (length, rate) = (take.music.length_seconds, line.signals.rate());
                    let at_seconds = at_seconds.clamp(0.0, length);
                    let n_frames = frames_from_seconds(at_seconds, rate) as i64;
                    let seam = Placing::of(&take.place, length, rate).seam_frame + n_frames;
                    line.place_at(&request, Source::Take { take, at_seconds }, seam)
                }
                From::Recipe(recipe) => {
                    let now = line.now(request.song_frame);
                    let place = line.place_at(&request, Source::Recipe(recipe), now);
                    Place { on_arrival: request.on_arrival, ..place }
                }
            };
            asked.push(Asked::Continue(Box::new(place)));
        }
        (asked, None)
    }

    /// Looks whether the host's tempo or wishes are others than before, and shows what that changes.
    pub fn hear_host(&self) {
        let signals = self.line.lock().as_ref().map(|line| Arc::clone(&line.signals));
        let Some(signals) = signals else { return };
        let tempo_bpm = signals.bars().map(|bars| bars.tempo_bpm());
        let is_new = self.shelf.lock().hear_host(tempo_bpm, signals.matches_loudness());
        if is_new {
            self.arrange(|_| ());
        }
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

    /// Every stretch that is remembered, oldest first.
    pub fn stored(&self) -> Vec<Stored> {
        self.line.lock().as_ref().map_or(Vec::new(), |line| line.heard.stored())
    }

    /// A stretch as the host sent it, if it is still remembered.
    pub fn read(&self, lane: Lane, stored: &Stored) -> Option<Vec<[f32; 2]>> {
        self.line.lock().as_ref()?.heard.read(lane, stored)
    }

    /// Up to `n_frames` of the song before song position `end`, as they were heard last, in stereo.
    pub fn heard_before(&self, lane: Lane, end: i64, n_frames: usize) -> Vec<[f32; 2]> {
        let guard = self.line.lock();
        let heard = guard.as_ref().map(|line| line.heard.before(lane, end, n_frames));
        heard.and_then(Result::ok).unwrap_or_default()
    }

    /// The frames `wanted` of the song as far as they are remembered, if `run` is still going on.
    pub fn heard(&self, run: Run, wanted: Range<i64>) -> Option<Stretch> {
        let guard = self.line.lock();
        guard.as_ref().filter(|line| line.is_in(run)).map(|line| line.stretch(run.2, wanted))
    }

    /// Seconds since the song passed `frame`, if it rolls; negative before.
    pub fn seconds_since(&self, epoch: u64, frame: i64) -> Option<f64> {
        let guard = self.line.lock();
        let signals = &guard.as_ref().filter(|line| line.epoch == epoch)?.signals;
        signals.rolling().then(|| (signals.playhead() - frame) as f64 / signals.rate())
    }

    /// A take came so long after the place where it was to take over.
    pub fn count_late(&self, seconds: f64) {
        if let Some(line) = &*self.line.lock() {
            line.signals.health().count_late(seconds);
        }
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
        let capture = line.heard.status(line.signals.lost_frames());
        let n_heard = line.heard.song().n_heard(); // at rest the picture stays
        let before = self.status().capture;
        let is_new = n_heard != line.n_drawn || capture.seconds != before.seconds;
        if !is_new && capture == before {
            return;
        }
        let overview = is_new.then(|| Arc::new(line.heard.overview()));
        line.n_drawn = n_heard;
        drop(guard);
        self.publish(|status| {
            status.capture = capture;
            if let Some(overview) = overview {
                status.captured = overview;
            }
        });
    }
}
