//! The editor: one screen that draws what is true and returns what the user asked for.
//!
//! It runs on the host's main thread inside whatever window the plugin opened, and knows no engine, no
//! thread and no plugin format.

use crate::{link, params, params::ParamId};

/// Width and height of a fresh editor, in points.
pub const DEFAULT_SIZE: (u32, u32) = (1000, 640);
/// Smallest size at which nothing is cut off, in points.
pub const MIN_SIZE: (u32, u32) = (800, 500);

/// Numbers that change with every block of audio, read once per frame.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Live {
    /// Sample rate of the host, in Hz.
    pub rate: f64,
    /// Song position, in frames.
    pub playhead: i64,
    pub rolling: bool,
    /// Positions count our own frames, as there is no transport to follow.
    pub free_clock: bool,
    /// Highest linear peaks since the last frame of the editor, left and right.
    pub input_peaks: [f32; 2],
    pub output_peaks: [f32; 2],
    /// Captured frames that found no room since the link was opened.
    pub lost_frames: u64,
}

/// Everything one frame of the editor is drawn from.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub status: &'a link::Status,
    pub values: &'a params::Values,
    pub live: Live,
}

/// Something the user asked for. A gesture on a parameter is `Begin`, any number of `Set`s, `End`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wish {
    Begin(ParamId),
    /// A plain value within the parameter's range.
    Set(ParamId, f64),
    End(ParamId),
    Command(WishedCommand),
}

/// A command before the plugin adds the settings that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WishedCommand {
    Continue,
    Stop,
    ReloadModel,
    DismissNotice,
}

/// What the editor itself remembers between frames: views, open pickers, falling meters.
#[derive(Debug, Default)]
pub struct Editor {}

impl Editor {
    pub fn new() -> Self {
        Self::default()
    }

    /// Draws one frame into all of `ui` and returns what was asked for, in order.
    pub fn ui(&mut self, ui: &mut egui::Ui, view: &View) -> Vec<Wish> {
        let mut wishes = Vec::new();
        if ui.button("Continue").clicked() {
            wishes.push(Wish::Command(WishedCommand::Continue));
        }
        if view.status.notice.is_some() && ui.button("Dismiss").clicked() {
            wishes.push(Wish::Command(WishedCommand::DismissNotice));
        }
        wishes
    }
}
