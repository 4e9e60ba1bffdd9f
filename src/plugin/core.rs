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
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::takes::{Edit, Levels, Music, Place, Take, Tree, TrimSeconds};

    #[derive(Default)]
    struct Told(RefCell<Vec<&'static str>>);

    impl MainHost for Told {
        fn edits(&self, gestures: &Gestures) {
            while gestures.pop().is_some() {}
            self.0.borrow_mut().push("edits");
        }
        fn mark_dirty(&self) {
            self.0.borrow_mut().push("dirty");
        }
        fn values_changed(&self) {
            self.0.borrow_mut().push("values");
        }
        fn texts_changed(&self) {
            self.0.borrow_mut().push("texts");
        }
    }

    #[test]
    fn the_host_is_told_each_thing_once() {
        let core = Core::new();
        let host = Told::default();

        core.edit(Gesture::Value(ParamId::Seed, 5.0));
        core.edit(Gesture::End(ParamId::Seed));
        core.load(&core.save()).unwrap();
        core.tell(&host);
        core.tell(&host);

        let told = host.0.into_inner();
        assert_eq!(
            told.iter().filter(|t| **t != "texts").collect::<Vec<_>>(),
            [&"edits", &"dirty", &"values"]
        );
    }

    #[test]
    fn a_state_that_cannot_be_read_becomes_a_notice_and_changes_nothing() {
        let core = Core::new();
        core.values.set(ParamId::Seed, 77.0);

        assert!(core.load(b"{\"encore_state\": 1").is_err());

        let shown = core.status().notice.clone();
        assert_eq!(shown.map(|n| n.severity), Some(Severity::Error));
        assert_eq!(core.values.get(ParamId::Seed), 77.0);
        core.dismiss_notice();
        assert!(core.status().notice.as_ref().is_none_or(|n| !n.text.contains("state")));
    }

    #[test]
    fn takes_of_a_model_that_is_not_here_are_kept_and_the_host_learns_of_edits() {
        let take = take_of_no_model();
        let tree = Tree::of_kept(vec![take.clone()], 9);
        let params = params::save_state(&params::defaults());
        let core = Core::new();
        let host = Told::default();

        core.load(&project::save(&params, &tree, &[])).unwrap();
        core.tell(&host);
        assert!(!host.0.borrow().contains(&"dirty"), "loading changes nothing that is not saved");
        let kept = project::load(&core.save());
        core.send(Command::Edit(Edit::Rename { take: 3, name: "Bridge".into() }));
        core.tell(&host);
        core.tell(&host);

        assert_eq!(kept.tree.takes().cloned().collect::<Vec<_>>(), [take]);
        assert_eq!(kept.tree.coming_id(), 9);
        assert_eq!(host.0.borrow().iter().filter(|told| **told == "dirty").count(), 1);
        assert_eq!(project::load(&core.save()).tree.get(3).unwrap().name, "Bridge");
    }

    #[test]
    fn what_of_a_damaged_state_can_be_read_is_and_the_rest_is_said() {
        let tree = Tree::of_kept(vec![take_of_no_model()], 9);
        let core = Core::new();
        core.values.set(ParamId::Seed, 77.0);

        core.load(&project::save(b"no parameters at all", &tree, &[])).unwrap();

        assert_eq!(core.values.get(ParamId::Seed), 77.0, "the settings stay");
        assert_eq!(core.status().takes.len(), 1);
        assert!(core.status().notice.as_ref().is_some_and(|n| n.severity == Severity::Error));
    }

    fn take_of_no_model() -> Take {
        let recipe = crate::engine::recipe::tests::recipe();
        let codes = Levels::from([(recipe.level, vec![3; 40])]);
        let place = Place {
            seam_frame: 48_000,
            begins_at: 47_900.5,
            rate: 48_000.0,
            takes_over: false,
            beat: None,
            tempo_bpm: None,
        };
        let level = recipe.level;
        Take {
            id: 3,
            name: "Verse".into(),
            batch: 3,
            parent: None,
            place,
            music: Music { recipe, level, codes, n_prime_tokens: 8, length_seconds: 2.0 },
            trim: TrimSeconds::whole(2.0),
            gain_db: 0.0,
            pinned: false,
            sounds: true,
        }
    }

    #[test]
    fn pressing_continue_is_recorded_as_a_press_and_a_release() {
        let core = Core::new();

        core.press_continue();

        let recorded: Vec<_> = std::iter::from_fn(|| core.gestures.pop()).collect();
        assert_eq!(recorded[1], Gesture::Value(ParamId::Continue, 1.0));
        assert_eq!(recorded[2], Gesture::Value(ParamId::Continue, 0.0));
        assert_eq!(recorded.len(), 4);
        assert!(core.continue_echo.load(Relaxed));
    }
}
