//! The window of a view, and what it asks of the host.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    sync::Arc,
};

use ::vst3::{
    ComPtr,
    Steinberg::{
        IPlugFrame, IPlugFrameTrait, IPlugView, ViewRect, kResultFalse, kResultOk, tresult,
    },
};
use egui_baseview::baseview::{
    HandlerError, WindowSize,
    host::{Host, HostCallbacks, HostMainThreadCaller},
};

#[cfg(target_os = "linux")]
use super::run_loop::LoopTimer;
use super::{instance::Instance, parent::Parent};
use crate::plugin::editor::{EditorWindow, default_size, is_logical, native_size};

/// Time between two looks at what the window's thread wants from the main thread, in milliseconds.
#[cfg(target_os = "linux")]
const TIMER_INTERVAL_MS: u64 = 15;

/// What a view remembers between attachments, and its window while it is attached.
pub struct State {
    instance: Arc<Instance>,
    /// Counted, because a host may remove the view from inside one of the window's own calls.
    window: RefCell<Option<Rc<EditorWindow>>>,
    pub frame: RefCell<Option<ComPtr<IPlugFrame>>>,
    /// Width and height in the host's pixels.
    pub size: Cell<Option<(i32, i32)>>,
    pub scale: Cell<f64>,
    /// Ourselves, for `resizeView`; not counted, or we would never go away.
    pub com: Cell<*mut IPlugView>,
    #[cfg(target_os = "linux")]
    timer: RefCell<Option<LoopTimer>>,
}

impl State {
    pub fn new(instance: Arc<Instance>) -> Rc<Self> {
        Rc::new(Self {
            instance,
            window: RefCell::new(None),
            frame: RefCell::new(None),
            size: Cell::new(None),
            scale: Cell::new(1.0),
            com: Cell::new(std::ptr::null_mut()),
            #[cfg(target_os = "linux")]
            timer: RefCell::new(None),
        })
    }

    pub fn window(&self) -> Option<Rc<EditorWindow>> {
        self.window.borrow().clone()
    }

    /// A logical size in the host's pixels.
    pub fn in_host_pixels(&self, (width, height): (f64, f64)) -> (i32, i32) {
        let unit = if is_logical() { 1.0 } else { self.scale.get() };
        ((width * unit) as i32, (height * unit) as i32)
    }

    pub fn wanted_size(&self) -> (i32, i32) {
        self.size.get().unwrap_or_else(|| self.in_host_pixels(default_size()))
    }

    pub fn open(self: &Rc<Self>, parent: &Parent) -> tresult {
        let (width, height) = self.wanted_size();
        let host =
            Host::new().with_main_thread(TimerPolls).with_callbacks(Callbacks(Rc::downgrade(self)));
        let size = native_size(width.max(1) as u32, height.max(1) as u32);
        let core = &self.instance.core;
        let Ok(window) = EditorWindow::open(core, size, Some(self.scale.get()), host) else {
            return kResultFalse;
        };
        if window.set_parent(parent).is_err() || window.show().is_err() {
            return kResultFalse;
        }
        let old = self.window.replace(Some(Rc::new(window)));
        drop(old);
        core.news.repaint.request_repaint();
        self.start_timer();
        kResultOk
    }

    #[cfg(target_os = "linux")]
    fn start_timer(self: &Rc<Self>) {
        let run_loop = self.frame.borrow().as_ref().and_then(|frame| frame.cast());
        let Some(run_loop) = run_loop else { return };
        let state = Rc::downgrade(self);
        let timer = LoopTimer::start(run_loop, TIMER_INTERVAL_MS, move || {
            if let Some(state) = state.upgrade() {
                state.main_thread();
            }
        });
        let old = self.timer.replace(timer);
        drop(old);
    }

    #[cfg(not(target_os = "linux"))]
    fn start_timer(self: &Rc<Self>) {}

    #[cfg(target_os = "linux")]
    fn main_thread(&self) {
        self.instance.tell();
        if let Some(window) = self.window() {
            window.main_thread();
        }
    }

    pub fn stop_timer(&self) {
        #[cfg(target_os = "linux")]
        {
            let timer = self.timer.borrow_mut().take();
            drop(timer);
        }
    }

    pub fn close(&self) {
        self.stop_timer();
        let window = self.window.borrow_mut().take();
        drop(window);
        self.instance.tell();
    }
}

/// Linux polls with the run loop's timer; elsewhere the window lives on the main thread.
struct TimerPolls;

impl HostMainThreadCaller for TimerPolls {
    fn call_main_thread(&mut self) {}
}

/// What the window asks of the host, on the main thread.
struct Callbacks(Weak<State>);

impl HostCallbacks for Callbacks {
    fn request_resize(&mut self, size: WindowSize) -> Result<(), HandlerError> {
        let refused = |why: &str| HandlerError::from_boxed(why.into());
        let state = self.0.upgrade().ok_or_else(|| refused("the view is gone"))?;
        let frame = state.frame.borrow().clone().ok_or_else(|| refused("there is no frame"))?;
        let size = size.to_native_size::<i32>();
        let mut rect = ViewRect { left: 0, top: 0, right: size.width, bottom: size.height };
        // SAFETY: the frame is live, and the view is while its state is.
        let result = unsafe { frame.resizeView(state.com.get(), &mut rect) };
        if result == kResultOk { Ok(()) } else { Err(refused("the host refused the size")) }
    }

    /// VST3 has no way to ask for the window to be closed.
    fn destroyed(&mut self) {}
}
