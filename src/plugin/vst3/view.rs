//! IPlugView: the editor inside the host's window. Hosts remove and attach it again, and it may outlive the
//! object it came from.

use std::{
    cell::{Cell, RefCell},
    ffi::{CStr, c_void},
    rc::{Rc, Weak},
    sync::Arc,
};

use ::vst3::{
    Class, ComPtr, ComRef, ComWrapper,
    Steinberg::{
        FIDString, IPlugFrame, IPlugFrameTrait, IPlugView, IPlugViewContentScaleSupport,
        IPlugViewContentScaleSupport_::ScaleFactor, IPlugViewContentScaleSupportTrait,
        IPlugViewTrait, TBool, ViewRect, char16, int16, kInternalError, kInvalidArgument,
        kResultFalse, kResultOk, kResultTrue, tresult,
    },
};
use egui_baseview::baseview::{
    HandlerError, WindowSize,
    host::{Host, HostCallbacks, HostMainThreadCaller},
};

#[cfg(target_os = "linux")]
use super::run_loop::LoopTimer;
use super::{
    instance::Instance,
    parent::{PLATFORM, Parent},
};
use crate::plugin::{
    editor::{EditorWindow, default_size, is_logical, min_size, native_size},
    guard::guard,
};

/// Time between two looks at what the window's thread wants from the main thread, in milliseconds.
#[cfg(target_os = "linux")]
const TIMER_INTERVAL_MS: u64 = 15;

/// Makes a view with one reference, for the host.
pub fn create(instance: Arc<Instance>) -> *mut IPlugView {
    let view = ComWrapper::new(View(Rc::new(State {
        instance,
        window: RefCell::new(None),
        frame: RefCell::new(None),
        size: Cell::new(None),
        scale: Cell::new(1.0),
        com: Cell::new(std::ptr::null_mut()),
        #[cfg(target_os = "linux")]
        timer: RefCell::new(None),
    })));
    let Some(com) = view.to_com_ptr::<IPlugView>() else { return std::ptr::null_mut() };
    view.0.com.set(com.as_ptr());
    com.into_raw()
}

struct View(Rc<State>);

impl Class for View {
    type Interfaces = (IPlugView, IPlugViewContentScaleSupport);
}

impl Drop for View {
    fn drop(&mut self) {
        guard((), || self.0.close());
    }
}

struct State {
    instance: Arc<Instance>,
    /// Counted, because a host may remove the view from inside one of the window's own calls.
    window: RefCell<Option<Rc<EditorWindow>>>,
    frame: RefCell<Option<ComPtr<IPlugFrame>>>,
    /// Width and height in the host's pixels.
    size: Cell<Option<(i32, i32)>>,
    scale: Cell<f64>,
    /// Ourselves, for `resizeView`; not counted, or we would never go away.
    com: Cell<*mut IPlugView>,
    #[cfg(target_os = "linux")]
    timer: RefCell<Option<LoopTimer>>,
}

impl State {
    fn window(&self) -> Option<Rc<EditorWindow>> {
        self.window.borrow().clone()
    }

    /// A logical size in the host's pixels.
    fn in_host_pixels(&self, (width, height): (f64, f64)) -> (i32, i32) {
        let unit = if is_logical() { 1.0 } else { self.scale.get() };
        ((width * unit) as i32, (height * unit) as i32)
    }

    fn wanted_size(&self) -> (i32, i32) {
        self.size.get().unwrap_or_else(|| self.in_host_pixels(default_size()))
    }

    fn open(self: &Rc<Self>, parent: &Parent) -> tresult {
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

    fn main_thread(&self) {
        self.instance.tell();
        if let Some(window) = self.window() {
            window.main_thread();
        }
    }

    fn stop_timer(&self) {
        #[cfg(target_os = "linux")]
        {
            let timer = self.timer.borrow_mut().take();
            drop(timer);
        }
    }

    fn close(&self) {
        self.stop_timer();
        let window = self.window.borrow_mut().take();
        drop(window);
        self.instance.tell();
    }
}

/// # Safety
/// `platform` is null or ends with a zero.
unsafe fn is_our_platform(platform: FIDString) -> bool {
    // SAFETY: the caller's promise.
    !platform.is_null() && unsafe { CStr::from_ptr(platform) } == PLATFORM
}

impl IPlugViewTrait for View {
    unsafe fn isPlatformTypeSupported(&self, platform: FIDString) -> tresult {
        // SAFETY: the text is null or ends with a zero.
        if unsafe { is_our_platform(platform) } { kResultTrue } else { kResultFalse }
    }

    unsafe fn attached(&self, parent: *mut c_void, platform: FIDString) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the text is null or ends with a zero.
            if !unsafe { is_our_platform(platform) } {
                return kResultFalse;
            }
            let Some(parent) = Parent::new(parent) else { return kInvalidArgument };
            self.0.close();
            self.0.open(&parent)
        })
    }

    unsafe fn removed(&self) -> tresult {
        guard(kInternalError, || {
            self.0.close();
            kResultOk
        })
    }

    unsafe fn onWheel(&self, _distance: f32) -> tresult {
        kResultFalse
    }

    unsafe fn onKeyDown(&self, _key: char16, _code: int16, _modifiers: int16) -> tresult {
        kResultFalse
    }

    unsafe fn onKeyUp(&self, _key: char16, _code: int16, _modifiers: int16) -> tresult {
        kResultFalse
    }

    unsafe fn getSize(&self, size: *mut ViewRect) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the pointer is null or the host's to be written.
            let Some(size) = (unsafe { size.as_mut() }) else { return kInvalidArgument };
            let (right, bottom) = self.0.wanted_size();
            *size = ViewRect { left: 0, top: 0, right, bottom };
            kResultOk
        })
    }

    unsafe fn onSize(&self, size: *mut ViewRect) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the pointer is null or the host's.
            let Some(size) = (unsafe { size.as_ref() }) else { return kInvalidArgument };
            let (width, height) = extent(size);
            if width <= 0 || height <= 0 {
                return kInvalidArgument;
            }
            self.0.size.set(Some((width, height)));
            let size = native_size(width as u32, height as u32);
            match self.0.window() {
                Some(window) if window.resize(size).is_err() => kResultFalse,
                _ => kResultOk,
            }
        })
    }

    unsafe fn onFocus(&self, _has_focus: TBool) -> tresult {
        kResultOk
    }

    unsafe fn setFrame(&self, frame: *mut IPlugFrame) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the frame is null or live.
            let frame = unsafe { ComRef::from_raw(frame) }.map(|f| f.to_com_ptr());
            if frame.is_none() {
                self.0.stop_timer(); // it runs on the frame's run loop
            }
            let old = self.0.frame.replace(frame);
            drop(old);
            kResultOk
        })
    }

    unsafe fn canResize(&self) -> tresult {
        kResultTrue
    }

    unsafe fn checkSizeConstraint(&self, size: *mut ViewRect) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the pointer is null or the host's to be written.
            let Some(size) = (unsafe { size.as_mut() }) else { return kInvalidArgument };
            let (width, height) = extent(size);
            let (least_width, least_height) = self.0.in_host_pixels(min_size());
            size.right = size.left.saturating_add(width.max(least_width));
            size.bottom = size.top.saturating_add(height.max(least_height));
            kResultTrue
        })
    }
}

impl IPlugViewContentScaleSupportTrait for View {
    unsafe fn setContentScaleFactor(&self, factor: ScaleFactor) -> tresult {
        guard(kInternalError, || {
            if !(0.25..=8.0).contains(&factor) {
                return kInvalidArgument;
            }
            self.0.scale.set(factor.into());
            if let Some(window) = self.0.window() {
                window.set_scale(factor.into());
            }
            kResultOk
        })
    }
}

fn extent(rect: &ViewRect) -> (i32, i32) {
    (rect.right.saturating_sub(rect.left), rect.bottom.saturating_sub(rect.top))
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
