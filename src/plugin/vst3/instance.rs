//! What the COM object and its view share, and how the host is told what happened.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::ThreadId,
};

use ::vst3::{
    ComPtr,
    Steinberg::{
        Vst::{
            IComponentHandler, IComponentHandler2, IComponentHandler2Trait, IComponentHandlerTrait,
            RestartFlags_, SpeakerArr, SpeakerArrangement,
        },
        int32,
    },
};
use parking_lot::Mutex;

#[cfg(target_os = "linux")]
use super::run_loop::LoopTimer;
use crate::{
    params::{N_PARAMS, ParamId},
    plugin::{Core, Gesture, Gestures, MainHost, Processor},
};

/// Automation that came within this time makes a controller value an echo, in seconds of audio.
const ECHO_SECONDS: f64 = 1.0;

/// No echo: the bits of a number that is none.
const NO_ECHO: u64 = u64::MAX;

/// What was agreed on in `setupProcessing`.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub rate: f64,
    pub max_block: usize,
}

/// One instance.
pub struct Instance {
    pub core: Arc<Core>,
    /// Only ever tried, never waited for: the host promises not to process and prepare at once.
    pub processor: Mutex<Processor>,
    pub setup: Mutex<Setup>,
    /// Of the input and the output, which are alike.
    pub arrangement: Mutex<SpeakerArrangement>,
    /// The mode `setupProcessing` named; a block may say otherwise.
    pub is_offline: AtomicBool,
    pub is_active: AtomicBool,
    pub is_processing: AtomicBool,
    pub automation: Automation,
    handler: Mutex<Option<ComPtr<IComponentHandler>>>,
    main_thread: Mutex<Option<ThreadId>>,
    #[cfg(target_os = "linux")]
    pub timer: Mutex<Option<LoopTimer>>,
}

impl Instance {
    pub fn new() -> Arc<Self> {
        let core = Core::new();
        Arc::new(Self {
            processor: Mutex::new(Processor::new(Arc::clone(&core))),
            core,
            setup: Mutex::new(Setup { rate: 48_000.0, max_block: 1024 }),
            arrangement: Mutex::new(SpeakerArr::kStereo),
            is_offline: false.into(),
            is_active: false.into(),
            is_processing: false.into(),
            automation: Automation::new(),
            handler: Mutex::new(None),
            main_thread: Mutex::new(None),
            #[cfg(target_os = "linux")]
            timer: Mutex::new(None),
        })
    }

    /// The thread that initialises is the main thread.
    pub fn remember_main_thread(&self) {
        *self.main_thread.lock() = Some(std::thread::current().id());
    }

    pub fn set_handler(&self, handler: Option<ComPtr<IComponentHandler>>) {
        let old = std::mem::replace(&mut *self.handler.lock(), handler);
        drop(old); // after the lock: releasing calls the host
    }

    /// Lets go of everything that belongs to the host. Some hosts do this twice.
    pub fn close(&self) {
        #[cfg(target_os = "linux")]
        {
            let timer = self.timer.lock().take();
            drop(timer);
        }
        self.set_handler(None);
        *self.main_thread.lock() = None;
    }

    /// Main thread: tells the host what is new, if there is a host to tell.
    pub fn tell(&self) {
        let handler = self.handler.lock().clone();
        if let Some(handler) = handler {
            self.core.tell(&Handler(handler));
        }
    }

    /// Tells the host what is new if this is its main thread, where some hosts call nothing else.
    pub fn tell_if_main_thread(&self) {
        if *self.main_thread.lock() == Some(std::thread::current().id()) {
            self.tell();
        }
    }

    /// A parameter's value as the controller shows it, 0..1.
    pub fn shown_value(&self, id: ParamId) -> f64 {
        let echo = self.automation.echo(id).filter(|_| self.is_automated(id));
        echo.unwrap_or_else(|| id.param().normalised(self.core.values.get(id)))
    }

    /// The controller's value was set. While the host automates the same parameter through `process`, this
    /// is a late echo of it: shown, but not heard again.
    pub fn show_value(&self, id: ParamId, normalised: f64) {
        if id.param().is_trigger() {
            return; // acts come through `process`, at their frame
        }
        if self.is_automated(id) {
            self.automation.set_echo(id, normalised.clamp(0.0, 1.0));
        } else {
            self.automation.clear_echo(id);
            self.core.values.set(id, id.param().plain(normalised));
            self.core.news.repaint.request_repaint();
        }
    }

    fn is_automated(&self, id: ParamId) -> bool {
        let n_frames = (ECHO_SECONDS * self.setup.lock().rate) as u64;
        self.is_processing.load(Relaxed) && self.automation.came_within(id, n_frames)
    }
}

/// The host's controller side, on its main thread.
struct Handler(ComPtr<IComponentHandler>);

impl MainHost for Handler {
    fn edits(&self, gestures: &Gestures) {
        while let Some(gesture) = gestures.pop() {
            // SAFETY: the handler is live, and this is the main thread.
            unsafe {
                match gesture {
                    Gesture::Begin(id) => self.0.beginEdit(id.param().host_id),
                    Gesture::Value(id, value) => {
                        self.0.performEdit(id.param().host_id, id.param().normalised(value))
                    }
                    Gesture::End(id) => self.0.endEdit(id.param().host_id),
                }
            };
        }
    }

    fn mark_dirty(&self) {
        if let Some(handler) = self.0.cast::<IComponentHandler2>() {
            // SAFETY: the handler is live, and this is the main thread.
            unsafe { handler.setDirty(1) };
        }
    }

    fn values_changed(&self) {
        #[allow(clippy::unnecessary_cast)] // the constants are not the same type on every system
        let what = RestartFlags_::kParamValuesChanged as int32;
        // SAFETY: the handler is live, and this is the main thread.
        unsafe { self.0.restartComponent(what) };
    }

    /// VST3 has no word for texts alone; hosts that hear of new values ask for new texts.
    fn texts_changed(&self) {
        self.values_changed();
    }
}

/// When each parameter was last automated through `process`, and what the controller said meanwhile.
pub struct Automation {
    /// Frames processed.
    clock: AtomicU64,
    came_at: [AtomicU64; N_PARAMS],
    echo_bits: [AtomicU64; N_PARAMS],
}

impl Automation {
    fn new() -> Self {
        Self {
            clock: 1.into(), // so that 0 means never
            came_at: std::array::from_fn(|_| 0.into()),
            echo_bits: std::array::from_fn(|_| NO_ECHO.into()),
        }
    }

    /// Audio thread: a block of `n_frames` begins.
    pub fn advance(&self, n_frames: usize) {
        self.clock.fetch_add(n_frames as u64, Relaxed);
    }

    /// Audio thread: the block has points for this parameter.
    pub fn came(&self, id: ParamId) {
        self.came_at[id.index()].store(self.clock.load(Relaxed), Relaxed);
        self.clear_echo(id);
    }

    fn came_within(&self, id: ParamId, n_frames: u64) -> bool {
        let at = self.came_at[id.index()].load(Relaxed);
        at != 0 && self.clock.load(Relaxed).saturating_sub(at) < n_frames
    }

    fn echo(&self, id: ParamId) -> Option<f64> {
        let bits = self.echo_bits[id.index()].load(Relaxed);
        (bits != NO_ECHO).then(|| f64::from_bits(bits))
    }

    fn set_echo(&self, id: ParamId, normalised: f64) {
        self.echo_bits[id.index()].store(normalised.to_bits(), Relaxed);
    }

    fn clear_echo(&self, id: ParamId) {
        self.echo_bits[id.index()].store(NO_ECHO, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use ::vst3::{Class, ComWrapper, Steinberg::*};

    use super::*;
    use ::vst3::Steinberg::Vst::{ParamID, ParamValue};

    /// A handler that writes down what it is told.
    struct Notes(Rc<RefCell<Vec<String>>>);

    impl Notes {
        fn note(&self, text: String) -> tresult {
            self.0.borrow_mut().push(text);
            kResultOk
        }
    }

    impl Class for Notes {
        type Interfaces = (IComponentHandler, IComponentHandler2);
    }

    impl IComponentHandlerTrait for Notes {
        unsafe fn beginEdit(&self, id: ParamID) -> tresult {
            self.note(format!("begin {id}"))
        }
        unsafe fn performEdit(&self, id: ParamID, value: ParamValue) -> tresult {
            self.note(format!("perform {id} {value}"))
        }
        unsafe fn endEdit(&self, id: ParamID) -> tresult {
            self.note(format!("end {id}"))
        }
        unsafe fn restartComponent(&self, flags: int32) -> tresult {
            self.note(format!("restart {flags}"))
        }
    }

    impl IComponentHandler2Trait for Notes {
        unsafe fn setDirty(&self, is_dirty: TBool) -> tresult {
            self.note(format!("dirty {is_dirty}"))
        }
        unsafe fn requestOpenEditor(&self, _name: FIDString) -> tresult {
            kNotImplemented
        }
        unsafe fn startGroupEdit(&self) -> tresult {
            kNotImplemented
        }
        unsafe fn finishGroupEdit(&self) -> tresult {
            kNotImplemented
        }
    }

    #[test]
    fn the_users_edits_reach_the_host_from_its_main_thread() {
        let instance = Instance::new();
        let notes = Rc::new(RefCell::new(vec![]));
        let handler = ComWrapper::new(Notes(Rc::clone(&notes)));
        let dry_wet = ParamId::DryWet;

        instance.core.edit(Gesture::Begin(dry_wet));
        instance.core.edit(Gesture::Value(dry_wet, 0.25));
        instance.core.edit(Gesture::End(dry_wet));
        instance.tell(); // nobody listens yet, and nothing is lost
        instance.set_handler(handler.to_com_ptr());
        instance.tell_if_main_thread(); // not initialised: this is nobody's main thread
        assert!(notes.borrow().is_empty());
        instance.remember_main_thread();
        instance.tell_if_main_thread();

        assert_eq!(notes.borrow()[..4], ["begin 10", "perform 10 0.25", "end 10", "dirty 1"]);
        assert_eq!(instance.shown_value(dry_wet), 0.25);
    }
}
