//! CLAP's side of the editor: an embedded window in the host's pixels.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use clack_extensions::gui::*;
use clack_plugin::prelude::*;
use egui_baseview::baseview::{
    HandlerError, WindowSize,
    host::{Host, HostCallbacks, HostMainThreadCaller},
};

use super::Main;
use crate::plugin::editor::{EditorWindow, default_size, is_logical, min_size, native_size};

/// The window, if it is open, and how large it is to be.
pub struct Gui {
    /// Counted, because a host may close the window from inside one of the window's own calls.
    window: RefCell<Option<Rc<EditorWindow>>>,
    /// Width and height that the host asked for, in its pixels.
    size: Cell<Option<(u32, u32)>>,
    scale: Cell<Option<f64>>,
}

impl Default for Gui {
    fn default() -> Self {
        Self { window: RefCell::new(None), size: Cell::new(None), scale: Cell::new(None) }
    }
}

impl Gui {
    /// Does what the window's thread left for the main thread.
    pub fn main_thread(&self) {
        if let Some(window) = self.window() {
            window.main_thread();
        }
    }

    fn window(&self) -> Option<Rc<EditorWindow>> {
        self.window.borrow().clone()
    }

    fn open_window(&self) -> Result<Rc<EditorWindow>, PluginError> {
        self.window().ok_or(PluginError::Message("the editor has not been created"))
    }

    /// A logical size in the host's pixels.
    fn in_host_pixels(&self, (width, height): (f64, f64)) -> (u32, u32) {
        let unit = if is_logical() { 1.0 } else { self.scale.get().unwrap_or(1.0) };
        ((width * unit) as u32, (height * unit) as u32)
    }

    fn wanted_size(&self) -> (u32, u32) {
        self.size.get().unwrap_or_else(|| self.in_host_pixels(default_size()))
    }
}

impl PluginGuiImpl for Main<'_> {
    fn is_api_supported(&self, config: GuiConfiguration) -> bool {
        !config.is_floating && Some(config.api_type) == GuiApiType::default_for_current_platform()
    }

    fn get_preferred_api(&self) -> Option<GuiConfiguration<'_>> {
        let api_type = GuiApiType::default_for_current_platform()?;
        Some(GuiConfiguration { api_type, is_floating: false })
    }

    fn create(&self, config: GuiConfiguration) -> Result<(), PluginError> {
        if !self.is_api_supported(config) {
            return Err(PluginError::Message("only an embedded window of this system's kind"));
        }
        // SAFETY: the window holds this handle's copies, and it is closed by `destroy` or with `Main`,
        // both while the host exists.
        let host: HostSharedHandle<'static> = unsafe { self.shared.host.with_arbitrary_lifetime() };
        let (width, height) = self.gui.wanted_size();
        let window = EditorWindow::open(
            &self.shared.core,
            native_size(width, height),
            self.gui.scale.get(),
            Host::new().with_main_thread(MainThreadCaller(host)).with_callbacks(Callbacks(host)),
        )?;
        let old = self.gui.window.replace(Some(Rc::new(window)));
        drop(old);
        Ok(())
    }

    fn destroy(&self) {
        let window = self.gui.window.take();
        drop(window);
    }

    fn set_scale(&self, scale: f64) -> Result<(), PluginError> {
        if !(0.25..=8.0).contains(&scale) {
            return Err(PluginError::Message("no display has this scale"));
        }
        self.gui.scale.set(Some(scale));
        if let Some(window) = self.gui.window() {
            window.set_scale(scale);
        }
        Ok(())
    }

    fn get_size(&self) -> Option<GuiSize> {
        let size = self.gui.window().map(|window| window.native_size());
        let (width, height) = size.unwrap_or_else(|| self.gui.wanted_size());
        Some(GuiSize { width, height })
    }

    fn can_resize(&self) -> bool {
        true
    }

    fn adjust_size(&self, size: GuiSize) -> Option<GuiSize> {
        let (width, height) = self.gui.in_host_pixels(min_size());
        Some(GuiSize { width: size.width.max(width), height: size.height.max(height) })
    }

    fn set_size(&self, size: GuiSize) -> Result<(), PluginError> {
        self.gui.size.set(Some((size.width, size.height)));
        if let Some(window) = self.gui.window() {
            window.resize(native_size(size.width, size.height))?;
        }
        Ok(())
    }

    fn set_parent(&self, parent: Window) -> Result<(), PluginError> {
        Ok(self.gui.open_window()?.set_parent(&parent)?)
    }

    fn set_transient(&self, _parent: Window) -> Result<(), PluginError> {
        Err(PluginError::Message("the editor does not float"))
    }

    fn show(&self) -> Result<(), PluginError> {
        self.gui.open_window()?.show()?;
        self.shared.core.news.repaint.request_repaint();
        Ok(())
    }

    fn hide(&self) -> Result<(), PluginError> {
        Ok(self.gui.open_window()?.hide()?)
    }
}

/// The window's thread asks for the main thread through the host.
struct MainThreadCaller(HostSharedHandle<'static>);

impl HostMainThreadCaller for MainThreadCaller {
    fn call_main_thread(&mut self) {
        self.0.request_callback();
    }
}

/// What the window asks of the host, on the main thread.
struct Callbacks(HostSharedHandle<'static>);

impl HostCallbacks for Callbacks {
    fn request_resize(&mut self, size: WindowSize) -> Result<(), HandlerError> {
        let size = size.to_native_size::<u32>();
        match self.0.get_extension::<HostGui>() {
            Some(gui) => Ok(gui.request_resize(&self.0, size.width, size.height)?),
            None => Err(HandlerError::from_boxed("the host has no way to resize".into())),
        }
    }

    fn destroyed(&mut self) {
        if let Some(gui) = self.0.get_extension::<HostGui>() {
            gui.closed(&self.0, true);
        }
    }
}
