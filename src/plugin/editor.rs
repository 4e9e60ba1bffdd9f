//! The editor's window, the same in every format: an egui window inside the host's, drawn from the core.
//!
//! On Linux it is drawn on a thread of its own, elsewhere on the host's main thread; either way it only
//! reads the core and gives it wishes. It draws when asked (by input, by the engine, by running audio) and
//! rests otherwise.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use egui_baseview::{
    App, EguiWindow, EguiWindowSettings, Frame,
    baseview::{self, Window, dpi, host::Host},
};
use raw_window_handle::HasWindowHandle;

use super::{
    Core, Gesture, NAME,
    farewell::{Awaited, Pledge, farewell},
    guard::guard,
};
use crate::{
    link::{ModelStatus, Phase},
    ui::{self, Editor, Live, View, Wish, WishedCommand},
};

/// Time between two looks at whether something moved.
const POLL_INTERVAL: Duration = Duration::from_micros(16_667);

/// Time between two frames while the engine works and nothing else moves.
const WORKING_INTERVAL: Duration = Duration::from_millis(33);

/// Time after which a playhead that does not move means that the host has stopped processing.
const STILL_TIME: Duration = Duration::from_millis(400);

/// Why there is no window. The plugin works without one.
#[derive(Debug, thiserror::Error)]
#[error("the editor's window could not be opened: {0}")]
pub struct OpenError(String);

/// Smallest size that can be used, in logical pixels.
pub fn min_size() -> (f64, f64) {
    (ui::MIN_SIZE.0.into(), ui::MIN_SIZE.1.into())
}

/// Size at first, in logical pixels.
pub fn default_size() -> (f64, f64) {
    (ui::DEFAULT_SIZE.0.into(), ui::DEFAULT_SIZE.1.into())
}

/// An open editor; dropping it closes the window and waits for its thread.
pub struct EditorWindow {
    window: Window,
    /// The end of its thread; dropped, and so waited for, after the window.
    _ended: Awaited,
}

impl EditorWindow {
    /// Makes a window that waits for its parent. `host` carries what the window asks of the host.
    pub fn open(
        core: &Arc<Core>,
        size: impl Into<dpi::Size>,
        scale: Option<f64>,
        host: Host,
    ) -> Result<Self, OpenError> {
        let settings = EguiWindowSettings::new()
            .with_title(NAME)
            .with_size(size)
            .with_resizable(true)
            .wait_for_parent()
            .with_fallback_scale_factor(scale)
            .with_repaint_notifier(core.news.repaint.clone())
            .with_repaint_poll_interval(POLL_INTERVAL);
        let (pledge, ended) = farewell();
        let app = EditorApp {
            core: Arc::clone(core),
            pledge,
            editor: Editor::new(),
            stillness: Stillness::default(),
            is_broken: false,
        };
        let window = EguiWindow::create_with_host(settings, app, Some(host)).map_err(describe)?;
        Ok(Self { window, _ended: ended })
    }

    /// Puts the window into the host's and shows it.
    pub fn set_parent(&self, parent: &impl HasWindowHandle) -> Result<(), OpenError> {
        self.window.set_parent(parent).map_err(describe)
    }

    pub fn show(&self) -> Result<(), OpenError> {
        self.window.show().map_err(describe)
    }

    pub fn hide(&self) -> Result<(), OpenError> {
        self.window.hide().map_err(describe)
    }

    pub fn resize(&self, size: impl Into<dpi::Size>) -> Result<(), OpenError> {
        self.window.resize(size).map_err(describe)
    }

    /// Size as the platform counts it, `(width, height)`: logical on macOS, physical elsewhere.
    pub fn native_size(&self) -> (u32, u32) {
        let size = self.window.size().to_native_size::<u32>();
        (size.width, size.height)
    }

    /// The host knows the display's scale; the window uses it where the platform does not say.
    pub fn set_scale(&self, scale: f64) {
        let _ = self.window.suggest_fallback_scale_factor(scale); // a blurry window is still a window
    }

    /// Main thread: does what the window's thread left for it.
    pub fn main_thread(&self) {
        self.window.host_main_thread_callback();
    }
}

/// Whether hosts on this system count in logical pixels, which have the display's scale in them.
pub const fn is_logical() -> bool {
    dpi::NativeSize::<u32>::IS_LOGICAL
}

/// A size in the pixels that hosts on this system count in.
pub fn native_size(width: u32, height: u32) -> dpi::Size {
    if is_logical() {
        dpi::LogicalSize::new(width, height).into()
    } else {
        dpi::PhysicalSize::new(width, height).into()
    }
}

fn describe(error: baseview::Error) -> OpenError {
    OpenError(error.to_string())
}

/// Draws one frame at a time.
struct EditorApp {
    core: Arc<Core>,
    pledge: Pledge,
    editor: Editor,
    stillness: Stillness,
    is_broken: bool,
}

impl App for EditorApp {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut Frame) {
        if cfg!(target_os = "linux") {
            self.pledge.keep(); // elsewhere this is the host's main thread
        }
        if self.is_broken {
            ui.label(
                "The editor met an error. Close and open it again; the sound is not affected.",
            );
            return;
        }
        let is_drawn = guard(false, || {
            self.draw(ui);
            true
        });
        self.is_broken = !is_drawn;
    }
}

impl EditorApp {
    fn draw(&mut self, ui: &mut egui::Ui) {
        let (status, values) = (self.core.status(), self.core.values.all());
        let live = self.stillness.see(self.core.live(), Instant::now());
        let is_working = status.phase != Phase::Idle
            || matches!(status.model, ModelStatus::Unknown | ModelStatus::Loading { .. });
        let wishes = self.editor.ui(ui, &View { status: &status, values: &values, live });
        if !wishes.is_empty() {
            ui.ctx().request_repaint(); // shows what they changed
        }
        if is_working {
            ui.ctx().request_repaint_after(WORKING_INTERVAL);
        }
        wishes.into_iter().for_each(|wish| self.apply(wish));
    }

    fn apply(&self, wish: Wish) {
        let core = &*self.core;
        match wish {
            Wish::Begin(id) => core.edit(Gesture::Begin(id)),
            Wish::Set(id, value) => core.edit(Gesture::Value(id, id.param().sane(value))),
            Wish::End(id) => core.edit(Gesture::End(id)),
            Wish::Command(WishedCommand::Continue) => core.press_continue(),
            Wish::Command(WishedCommand::Stop) => core.press_stop(),
            Wish::Command(WishedCommand::ReloadModel) => core.reload_model(),
            Wish::Command(WishedCommand::DismissNotice) => core.dismiss_notice(),
        }
    }
}

/// A host that stops processing leaves the last word of the transport behind, which may be that it rolls.
#[derive(Default)]
struct Stillness {
    /// The playhead and since when it has been there.
    playhead: Option<(i64, Instant)>,
}

impl Stillness {
    /// The same numbers, but nothing rolls that has been in one place for [`STILL_TIME`].
    fn see(&mut self, live: Live, now: Instant) -> Live {
        let since = match self.playhead {
            Some((playhead, since)) if playhead == live.playhead => since,
            _ => now,
        };
        self.playhead = Some((live.playhead, since));
        Live { rolling: live.rolling && now.duration_since(since) < STILL_TIME, ..live }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playhead_that_stays_does_not_roll() {
        let (mut stillness, start) = (Stillness::default(), Instant::now());
        let mut rolls = |playhead, ms| {
            let live = Live { playhead, rolling: true, ..Live::default() };
            stillness.see(live, start + Duration::from_millis(ms)).rolling
        };

        assert!(rolls(100, 0));
        assert!(rolls(200, 399));
        assert!(rolls(200, 500));
        assert!(!rolls(200, 800));
        assert!(rolls(300, 900));
    }
}
