//! The background side: one engine per process, shared by all instances of the plugin.
//!
//! Two threads of ours and a small pool live as long as any instance does and are joined when the last one
//! goes: the *keeper* listens to what the audio threads captured, the *worker* composes. While there is
//! nothing to compose, the worker turns what is heard into codes ahead of time. The audio thread and the
//! editor never wait for either.

mod arrange;
mod batch;
mod ear;
mod error;
pub mod faults;
pub mod finer;
mod follow;
mod health;
mod heard;
mod keeper;
mod line;
mod log;
pub mod model;
mod models;
mod pace;
pub mod pieces;
mod pool;
mod queue;
mod recall;
pub mod recipe;
pub mod resample;
pub mod room;
mod seat;
pub mod session;
mod shelf;
mod sounding;
mod start;
mod story;
mod stream;
mod take;
mod tokens;
mod worker;

use std::{
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
};

use parking_lot::Mutex;

pub use error::EngineError;
use health::Meter;
pub use health::{TakesSoFar, takes_so_far};
pub use heard::Stored;
use line::Asked;
use log::Log;
use pace::Pace;
use queue::{Queue, Work};
use seat::{Changed, From, Seat};

use crate::{
    link::{Command, EngineEnds, Lane, ModelStatus, Phase, Settings, Severity, Status},
    takes::{Edit, Recipe, TakeId, Tree},
};

/// The engine of this process, while some instance holds it.
static ENGINE: Mutex<Weak<Engine>> = Mutex::new(Weak::new());

/// The threads and what they share. Dropping it stops and joins them.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What the engine's threads and the instances look at.
struct Shared {
    quit: AtomicBool,
    queue: Queue,
    seats: Mutex<Vec<Arc<Seat>>>,
    model: Mutex<ModelStatus>,
    pace: Arc<Pace>,
    meter: Meter,
    log: Log,
    /// Where the plugin or program itself lies, to find packs beside it.
    binary: Option<PathBuf>,
}

impl Engine {
    /// The engine of this process; starts it, and the loading of a model, if nobody holds it yet.
    pub fn shared() -> Arc<Engine> {
        let mut engine = ENGINE.lock();
        if let Some(running) = engine.upgrade() {
            return running;
        }
        let started = Arc::new(Engine::start());
        *engine = Arc::downgrade(&started);
        started
    }

    fn start() -> Engine {
        let shared = Arc::new(Shared {
            quit: AtomicBool::new(false),
            queue: Queue::default(),
            seats: Mutex::default(),
            model: Mutex::default(),
            pace: Arc::default(),
            meter: Meter::new(),
            log: Log::new(),
            // packs lie beside the plugin itself, wherever a link to it is
            binary: process_path::get_dylib_path().map(|path| path.canonicalize().unwrap_or(path)),
        });
        shared.queue.push(Work::LoadModel);
        let threads =
            [("encore-keeper", keeper::run as fn(&Shared)), ("encore-engine", worker::run)];
        let threads = threads.into_iter().filter_map(|(name, run)| {
            let shared = Arc::clone(&shared);
            let started = std::thread::Builder::new().name(name.into()).spawn(move || run(&shared));
            started.ok() // without threads the plugin still passes audio
        });
        Engine { threads: threads.collect(), shared }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.quit.store(true, Relaxed);
        self.shared.queue.close();
        for thread in std::mem::take(&mut self.threads) {
            thread.thread().unpark();
            let _ = thread.join(); // panics were caught and reported where they happened
        }
    }
}

impl Shared {
    /// Tells every instance about the model.
    fn tell_model(&self, model: ModelStatus) {
        *self.model.lock() = model.clone();
        for seat in self.seats.lock().clone() {
            seat.set_model(&model);
        }
    }

    /// Shows every instance something to read.
    fn say(&self, severity: Severity, text: &str) {
        for seat in self.seats.lock().clone() {
            seat.say(severity, text.to_owned());
        }
    }

    /// Tells everyone in the queue how many come before.
    fn tell_queue(&self) {
        for (n_ahead, seat) in self.queue.seats().into_iter().enumerate() {
            seat.publish(|status| status.phase = Phase::Queued { n_ahead });
        }
    }
}

/// One plugin instance's place at the engine. Dropping it stops its work and waits for nothing.
pub struct Instance {
    engine: Arc<Engine>,
    seat: Arc<Seat>,
}

impl Instance {
    /// Takes a seat. `changed` is called, on a thread of the engine, whenever [`Self::status`] is new, and
    /// never after this instance is dropped.
    pub fn new(engine: &Arc<Engine>, changed: Changed) -> Self {
        let seat = Arc::new(Seat::new(changed, Arc::clone(&engine.shared.pace)));
        let mut seats = engine.shared.seats.lock();
        seats.push(Arc::clone(&seat));
        let model = engine.shared.model.lock().clone();
        drop(seats);
        seat.set_model(&model);
        Self { engine: Arc::clone(engine), seat }
    }

    /// Connects to the audio side, which has just been prepared. What was heard at another rate is kept; what
    /// is being composed for it ends with a notice, and takes are decoded again.
    pub fn attach(&self, ends: EngineEnds) {
        self.seat.attach(ends);
        self.engine.shared.queue.recall();
    }

    /// Passes a wish of the editor on.
    pub fn send(&self, command: Command) {
        let shared = &self.engine.shared;
        match command {
            Command::Continue(settings) => self.ask(settings, From::Playhead),
            Command::ContinueAt { song_frame, settings } => {
                self.ask(settings, From::Heard { song_frame });
            }
            Command::ContinueFrom { take: id, at_seconds, settings } => {
                match self.seat.look_at_shelf(|shelf| shelf.tree().get(id).cloned()) {
                    Some(take) => {
                        self.ask(settings, From::Take { take: Box::new(take), at_seconds });
                    }
                    None => self.refuse(&EngineError::NoTake(id)),
                }
            }
            Command::ImportRecipe { json, settings } => match Recipe::from_json(&json) {
                Ok(recipe) => self.ask(settings, From::Recipe(Box::new(recipe))),
                Err(why) => self.refuse(&EngineError::Recipe { why }),
            },
            Command::Edit(edit) => self.edit(edit),
            Command::Undo => self.change_takes(|shelf| shelf.undo()),
            Command::Redo => self.change_takes(|shelf| shelf.redo()),
            Command::Compare(compares) => {
                self.seat.arrange(|shelf| shelf.set_compares(compares));
            }
            Command::Stop => keeper::obey(shared, &self.seat, Asked::Stop),
            Command::ReloadModel => {
                shared.tell_model(ModelStatus::Unknown);
                shared.queue.push(Work::LoadModel);
            }
            Command::DismissNotice => self.seat.publish(|status| status.notice = None),
        }
    }

    /// Every stretch of what was heard that is remembered, oldest first.
    pub fn stored(&self) -> Vec<Stored> {
        self.seat.stored()
    }

    /// A stretch as the host sent it, bit by bit; none where it is forgotten by now.
    pub fn read(&self, lane: Lane, stored: &Stored) -> Option<Vec<[f32; 2]>> {
        self.seat.read(lane, stored)
    }

    /// Up to `n_frames` of the song before song position `end`, as they were heard last; what was heard at
    /// another rate is brought to this one.
    pub fn heard_before(&self, lane: Lane, end: i64, n_frames: usize) -> Vec<[f32; 2]> {
        self.seat.heard_before(lane, end, n_frames)
    }

    /// Calls `use_them` with the takes as they are now, those that are being composed left out.
    pub fn with_takes<R>(&self, use_them: impl FnOnce(&Tree) -> R) -> R {
        self.seat.look_at_shelf(|shelf| use_them(shelf.tree()))
    }

    /// Puts the takes of a project in the place of all that are here; they are decoded in the background. What
    /// is being composed is stopped and left out.
    pub fn load_takes(&self, tree: Tree) {
        self.seat.load(tree);
        self.engine.shared.queue.recall();
    }

    /// A take's recipe as JSON with the codes of its prime, for [`Command::ImportRecipe`] and the command line.
    pub fn recipe(&self, take: TakeId) -> Option<String> {
        let music = self.with_takes(|tree| tree.get(take).map(|take| take.music.clone()))?;
        Some(music.shared_recipe().to_json())
    }

    fn ask(&self, settings: Settings, from: From) {
        let (asked, refusal) = self.seat.ask(settings, from);
        for asked in asked {
            keeper::obey(&self.engine.shared, &self.seat, asked);
        }
        if let Some(problem) = refusal {
            self.refuse(&problem);
        }
    }

    fn edit(&self, edit: Edit) {
        let edited = self.seat.arrange(|shelf| shelf.apply(edit));
        self.engine.shared.queue.recall();
        if let Err(problem) = edited {
            self.seat.say(Severity::Error, problem.to_string());
        }
    }

    fn change_takes(&self, change: impl FnOnce(&mut shelf::Shelf)) {
        self.seat.arrange(change);
        self.engine.shared.queue.recall();
    }

    fn refuse(&self, problem: &EngineError) {
        self.seat.say(Severity::Error, problem.to_string());
    }

    /// How things are; a snapshot.
    pub fn status(&self) -> Arc<Status> {
        self.seat.status()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.engine.shared.seats.lock().retain(|seat| !Arc::ptr_eq(seat, &self.seat));
        self.seat.close();
    }
}
