//! What the COM object and its view share, and how the host is told what happened.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::ThreadId,
};

use ::vst3::{
    ComPtr,
    Steinberg::Vst::{IComponentHandler, SpeakerArr, SpeakerArrangement},
};
use parking_lot::Mutex;

#[cfg(target_os = "linux")]
use super::run_loop::LoopTimer;
use super::{automation::Automation, component::Bus, handler::Handler};
use crate::{
    params::ParamId,
    plugin::{Core, Processor},
};

/// Automation that came within this time makes a controller value an echo, in seconds of audio.
const ECHO_SECONDS: f64 = 1.0;

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
    /// Of the sidechain, and whether the host has switched it on.
    pub side_arrangement: Mutex<SpeakerArrangement>,
    pub has_side: AtomicBool,
    /// The mode `setupProcessing` named; a block may say otherwise.
    pub is_offline: AtomicBool,
    pub is_active: AtomicBool,
    pub is_processing: AtomicBool,
    pub automation: Automation,
    handler: Mutex<Option<ComPtr<IComponentHandler>>>,
    main_thread: Arc<MainThread>,
    #[cfg(target_os = "linux")]
    pub timer: Mutex<Option<LoopTimer>>,
}

impl Instance {
    /// The speakers of a bus.
    pub fn arrangement_of(&self, bus: Bus) -> SpeakerArrangement {
        match bus {
            Bus::Input | Bus::Output => *self.arrangement.lock(),
            Bus::Sidechain => *self.side_arrangement.lock(),
        }
    }

    pub fn new() -> Arc<Self> {
        let core = Core::new();
        let instance = Arc::new(Self {
            processor: Mutex::new(Processor::new(Arc::clone(&core))),
            core,
            setup: Mutex::new(Setup { rate: 48_000.0, max_block: 1024 }),
            arrangement: Mutex::new(SpeakerArr::kStereo),
            side_arrangement: Mutex::new(SpeakerArr::kStereo),
            has_side: false.into(),
            is_offline: false.into(),
            is_active: false.into(),
            is_processing: false.into(),
            automation: Automation::default(),
            handler: Mutex::new(None),
            main_thread: Arc::default(),
            #[cfg(target_os = "linux")]
            timer: Mutex::new(None),
        });
        // where the editor lives on the main thread, its edits are told at once; else a timer comes by
        let (main_thread, waiting) = (Arc::clone(&instance.main_thread), Arc::downgrade(&instance));
        instance.core.set_waker(Some(Box::new(move || {
            if main_thread.is_here()
                && let Some(instance) = waiting.upgrade()
            {
                instance.tell();
            }
        })));
        instance
    }

    /// The thread that initialises is the main thread.
    pub fn remember_main_thread(&self) {
        *self.main_thread.0.lock() = Some(std::thread::current().id());
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
        *self.main_thread.0.lock() = None;
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
        if self.main_thread.is_here() {
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

/// The thread that initialised, while the instance is.
#[derive(Default)]
struct MainThread(Mutex<Option<ThreadId>>);

impl MainThread {
    fn is_here(&self) -> bool {
        *self.0.lock() == Some(std::thread::current().id())
    }
}
