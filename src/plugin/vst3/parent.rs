//! The host's window that the editor goes into.

use std::ffi::{CStr, c_void};

use raw_window_handle as rwh;

/// What VST3 calls this system's kind of window.
#[cfg(target_os = "linux")]
pub const PLATFORM: &CStr = c"X11EmbedWindowID";
#[cfg(target_os = "windows")]
pub const PLATFORM: &CStr = c"HWND";
#[cfg(target_os = "macos")]
pub const PLATFORM: &CStr = c"NSView";

/// A window that exists while the view is attached to it.
pub struct Parent(rwh::RawWindowHandle);

impl Parent {
    /// `None` if the host passed no window.
    pub fn new(window: *mut c_void) -> Option<Self> {
        #[cfg(target_os = "linux")]
        let handle = {
            let id = std::num::NonZeroUsize::new(window as usize)?;
            rwh::XlibWindowHandle::new(id.get() as _).into()
        };
        #[cfg(target_os = "windows")]
        let handle = {
            let handle = std::num::NonZeroIsize::new(window as isize)?;
            rwh::Win32WindowHandle::new(handle).into()
        };
        #[cfg(target_os = "macos")]
        let handle = rwh::AppKitWindowHandle::new(std::ptr::NonNull::new(window)?).into();
        Some(Self(handle))
    }
}

impl rwh::HasWindowHandle for Parent {
    fn window_handle(&self) -> Result<rwh::WindowHandle<'_>, rwh::HandleError> {
        // SAFETY: the host keeps the window while the view is attached.
        Ok(unsafe { rwh::WindowHandle::borrow_raw(self.0) })
    }
}
