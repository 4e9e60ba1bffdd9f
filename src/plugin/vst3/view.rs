//! IPlugView: the editor inside the host's window. Hosts remove and attach it again, and it may outlive the
//! object it came from.

use std::{
    ffi::{CStr, c_void},
    rc::Rc,
    sync::Arc,
};

use ::vst3::{
    Class, ComRef, ComWrapper,
    Steinberg::{
        FIDString, IPlugFrame, IPlugView, IPlugViewContentScaleSupport,
        IPlugViewContentScaleSupport_::ScaleFactor, IPlugViewContentScaleSupportTrait,
        IPlugViewTrait, TBool, ViewRect, char16, int16, kInternalError, kInvalidArgument,
        kResultFalse, kResultOk, kResultTrue, tresult,
    },
};

use super::{
    instance::Instance,
    parent::{PLATFORM, Parent},
    window::State,
};
use crate::plugin::{
    editor::{min_size, native_size},
    guard::guard,
};

/// Makes a view with one reference, for the host.
pub fn create(instance: Arc<Instance>) -> *mut IPlugView {
    let view = ComWrapper::new(View(State::new(instance)));
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
