//! What one instance shares between its threads: the parameters, the engine's handle, the live numbers and
//! what the host is yet to be told. Every thread may call every method unless it says otherwise.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use parking_lot::Mutex;

use super::{Gesture, Gestures, MainHost, host::News, host::Waker, values::AtomicValues};
use crate::{
    engine::{Engine, Instance},
    link::{
        Command, EngineEnds, Labels, ModelStatus, Notice, PackSummary, Severity, Signals, Status,
    },
    params::{self, ParamId, StateError},
    takes::{TakeId, project},
    ui::Live,
};

/// Labels while no pack is loaded.
static NO_LABELS: Labels =
    Labels { artists: Vec::new(), genres: Vec::new(), genre_of_artist: Vec::new() };

/// One instance. Adapters hold it in an `Arc`, together with the [`super::Processor`] they run.
pub struct Core {
    pub values: AtomicValues,
    pub gestures: Gestures,
    /// The host is rendering faster or slower than it plays.
    pub offline: AtomicBool,
    /// The editor did these acts itself; the host's echo of them is on its way.
    pub continue_echo: AtomicBool,
    pub stop_echo: AtomicBool,
    pub news: Arc<News>,
    instance: Instance,
    _engine: Arc<Engine>,
    signals: Mutex<Option<Arc<Signals>>>,
    notices: Mutex<Notices>,
    /// The pack whose names the host was told.
    told_pack: Mutex<Option<Arc<PackSummary>>>,
    /// Edits of takes that the host was told about.
    told_edits: AtomicU64,
    /// What a newer Encore kept in the project.
    others: Mutex<Vec<project::Section>>,
}

impl Core {
    /// Joins the process's engine, or starts it.
    pub fn new() -> Arc<Core> {
        let engine = Engine::shared();
        let news = Arc::new(News::default());
        let changed = Arc::clone(&news);
        let instance = Instance::new(
            &engine,
            Box::new(move || {
                changed.repaint.request_repaint();
                changed.raise(&changed.status);
            }),
        );
        Arc::new(Core {
            values: AtomicValues::default(),
            gestures: Gestures::new(),
            offline: false.into(),
            continue_echo: false.into(),
            stop_echo: false.into(),
            news,
            instance,
            _engine: engine,
            signals: Mutex::new(None),
            notices: Mutex::default(),
            told_pack: Mutex::new(None),
            told_edits: 0.into(),
            others: Mutex::default(),
        })
    }

    /// How to reach the host's main thread; `None` before the host goes away.
    pub fn set_waker(&self, waker: Option<Waker>) {
        self.news.set_waker(waker);
    }

    /// The engine's status, with the plugin's own notice in front of the engine's.
    pub fn status(&self) -> Arc<Status> {
        let status = self.instance.status();
        let notices = self.notices.lock();
        match notices.state.as_ref().or(notices.rate.as_ref()) {
            None => status,
            own => Arc::new(Status { notice: own.cloned(), ..(*status).clone() }),
        }
    }

    /// Calls `use_them` with the names of the loaded pack.
    pub fn with_labels<R>(&self, use_them: impl FnOnce(&Labels) -> R) -> R {
        use_them(match &self.instance.status().model {
            ModelStatus::Ready(pack) => &pack.labels,
            _ => &NO_LABELS,
        })
    }

    /// A parameter's value in words.
    pub fn text(&self, id: ParamId, value: f64) -> String {
        self.with_labels(|labels| params::text(id.param(), value, labels))
    }

    /// The plain value that `text` means.
    pub fn parse(&self, id: ParamId, text: &str) -> Option<f64> {
        self.with_labels(|labels| params::parse(id.param(), text, labels))
    }

    /// Numbers that move while audio runs. Takes the meters' peaks, so only the editor calls it.
    pub fn live(&self) -> Live {
        let signals = self.signals.lock().clone();
        let Some(signals) = signals else {
            return Live { rate: 48_000.0, free_clock: true, ..Live::default() };
        };
        let (input_peaks, output_peaks) = signals.take_peaks();
        Live {
            rate: signals.rate(),
            playhead: signals.playhead(),
            rolling: signals.rolling(),
            free_clock: signals.free_clock(),
            input_peaks,
            output_peaks,
            lost_frames: signals.lost_frames(),
        }
    }

    /// Main thread: the engine's end of a new link.
    pub(super) fn attach(&self, ends: EngineEnds) {
        *self.signals.lock() = Some(Arc::clone(&ends.signals));
        self.notices.lock().rate = None;
        self.instance.attach(ends);
    }

    /// Main thread: there is no link, and why.
    pub(super) fn detach(&self, why: String) {
        *self.signals.lock() = None;
        self.notices.lock().rate = Some(error(why));
        self.news.repaint.request_repaint();
    }

    /// Editor: the user set a parameter; the host learns of it as a gesture.
    pub fn edit(&self, gesture: Gesture) {
        match gesture {
            Gesture::Begin(_) => {}
            Gesture::Value(id, value) => self.values.set(id, value),
            Gesture::End(_) => self.news.dirty.store(true, Relaxed),
        }
        self.gestures.push(gesture);
        self.news.wake();
    }

    /// Editor: continues from the playhead, whether or not the host is processing, and lets the host record
    /// the press.
    pub fn press_continue(&self) {
        self.continue_echo.store(true, Relaxed);
        self.instance.send(Command::Continue(self.values.settings()));
        self.record_press(ParamId::Continue);
    }

    /// Editor: stops composing, and lets the host record the press.
    pub fn press_stop(&self) {
        self.stop_echo.store(true, Relaxed);
        self.instance.send(Command::Stop);
        self.record_press(ParamId::Stop);
    }

    /// Editor: asks something of the engine that the host does not record.
    pub fn send(&self, command: Command) {
        self.instance.send(command);
    }

    /// Editor: a take's recipe as JSON, for another instance or the command line.
    pub fn recipe(&self, take: TakeId) -> Option<String> {
        self.instance.recipe(take)
    }

    /// Editor: looks for packs again.
    pub fn reload_model(&self) {
        self.instance.send(Command::ReloadModel);
    }

    /// Editor: the user has read what [`Core::status`] showed.
    pub fn dismiss_notice(&self) {
        let mut notices = self.notices.lock();
        let own = notices.state.take().or_else(|| notices.rate.take());
        drop(notices);
        if own.is_none() {
            self.instance.send(Command::DismissNotice);
        }
        self.news.repaint.request_repaint();
    }

    /// The instance as bytes for the project.
    pub fn save(&self) -> Vec<u8> {
        let params = params::save_state(&self.values.all());
        self.instance.with_takes(|tree| project::save(&params, tree, &self.others.lock()))
    }

    /// Takes over a saved instance, as far as it can be read; its takes sound once they are decoded, which
    /// nobody waits for here. The user is told what could not be read.
    ///
    /// # Errors
    /// When there is nothing in it that can be read; then everything stays as it was.
    pub fn load(&self, bytes: &[u8]) -> Result<(), StateError> {
        let project::Loaded { params, tree, others, mut problems } = project::load(bytes);
        let values = params.as_deref().map(params::load_state).transpose();
        problems.extend(values.as_ref().err().map(ToString::to_string));
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        self.notices.lock().state = problem.as_ref().map(|text| error(text.clone()));
        self.news.repaint.request_repaint();
        let has_takes = tree.takes().next().is_some();
        match values {
            Ok(Some(values)) => {
                self.values.set_all(&values);
                self.news.values.store(true, Relaxed);
            }
            Err(why) if !has_takes => return Err(why),
            Ok(None) if !has_takes => {
                return Err(StateError::Malformed(problem.unwrap_or_default()));
            }
            Ok(None) | Err(_) => {}
        }
        *self.others.lock() = others;
        self.instance.load_takes(tree);
        Ok(())
    }

    /// Main thread: tells the host everything it does not know yet.
    pub fn tell(&self, host: &dyn MainHost) {
        let news = &*self.news;
        if !self.gestures.is_empty() {
            host.edits(&self.gestures);
        }
        if news.lower(&news.dirty) {
            host.mark_dirty();
        }
        let has_new_status = news.lower(&news.status);
        if has_new_status && self.takes_changed() {
            host.mark_dirty();
        }
        let has_new_names = has_new_status && self.names_changed();
        if has_new_names {
            host.texts_changed();
        }
        if news.lower(&news.values) {
            host.values_changed();
        }
    }

    fn record_press(&self, id: ParamId) {
        for gesture in
            [Gesture::Begin(id), Gesture::Value(id, 1.0), Gesture::Value(id, 0.0), Gesture::End(id)]
        {
            self.gestures.push(gesture);
        }
        self.news.wake();
    }

    /// Whether takes were made or edited since the host was told.
    fn takes_changed(&self) -> bool {
        let n_edits = self.instance.status().n_edits;
        self.told_edits.swap(n_edits, Relaxed) != n_edits
    }

    /// Whether another pack is loaded than the one the host was told about.
    fn names_changed(&self) -> bool {
        let pack = match &self.instance.status().model {
            ModelStatus::Ready(pack) => Some(Arc::clone(pack)),
            ModelStatus::Unavailable { .. } => None,
            ModelStatus::Unknown | ModelStatus::Loading { .. } => return false, // not decided yet
        };
        let mut told = self.told_pack.lock();
        let names = |pack: &Option<Arc<PackSummary>>| pack.as_ref().map(|p| p.labels.clone());
        let is_new = names(&told) != names(&pack);
        *told = pack;
        is_new
    }
}

/// What the plugin itself has to say, besides the engine.
#[derive(Default)]
struct Notices {
    /// A state that could not be read.
    state: Option<Notice>,
    /// A sample rate at which nothing works.
    rate: Option<Notice>,
}

fn error(text: String) -> Notice {
    Notice { severity: Severity::Error, text }
}

#[cfg(test)]
mod tests;
