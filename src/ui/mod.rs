//! The editor: one screen that draws what is true and returns what the user asked for.
//!
//! It runs on the host's main thread inside whatever window the plugin opened, and knows no engine, no
//! thread and no plugin format.

mod axis;
mod choice;
mod controls;
mod header;
mod knob;
mod meters;
mod notice;
mod picker;
mod song;
mod switch;
mod text;
mod theme;
mod timeline;
mod typed;
mod wave;
mod words;
mod work;

use egui::{Rect, Ui, UiBuilder};

use crate::{
    link::{self, ModelStatus, Phase},
    params::{self, ParamId},
};

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

/// A whole gesture: what a click or a typed value asks for.
fn touch(id: ParamId, value: f64) -> [Wish; 3] {
    [Wish::Begin(id), Wish::Set(id, id.param().sane(value)), Wish::End(id)]
}

/// What the editor itself remembers between frames: views, open lists, falling meters.
#[derive(Debug, Default)]
pub struct Editor {
    timeline: timeline::Timeline,
    meters: meters::Meters,
    controls: controls::Controls,
    /// Lost frames the user has read about.
    n_lost_read: u64,
}

impl Editor {
    pub fn new() -> Self {
        Self::default()
    }

    /// Draws one frame into all of `ui` and returns what was asked for, in order.
    ///
    /// It asks egui for another frame only while something moves: whoever owns the window draws again when
    /// the status or the live numbers have changed.
    pub fn ui(&mut self, ui: &mut Ui, view: &View) -> Vec<Wish> {
        theme::install(ui.ctx());
        self.meters.update(&view.live, ui.input(|input| input.time));
        ui.painter().rect_filled(ui.max_rect(), 0.0, theme::BACKGROUND);
        let mut room = ui.max_rect().shrink(theme::MARGIN);
        let mut wishes = Vec::new();

        let header = take_top(&mut room, theme::HEADER_HEIGHT);
        wishes.extend(within(ui, header, |ui| header::header_ui(ui, view)));
        for bar in notice::bars(view, self.n_lost_read) {
            let (answer, height) =
                within(ui, room, |ui| (notice::bar_ui(ui, &bar), ui.min_rect().height()));
            take_top(&mut room, height);
            match answer {
                Some(notice::Answer::Ask(command)) => wishes.push(Wish::Command(command)),
                Some(notice::Answer::ForgetLost(n_lost)) => self.n_lost_read = n_lost,
                None => {}
            }
        }
        let (least, most) = theme::CARD_HEIGHTS;
        let card_height = (0.22 * ui.max_rect().height()).clamp(least, most);
        let controls = take_bottom(&mut room, card_height);
        let work = take_bottom(&mut room, theme::WORK_HEIGHT);
        let song = room.with_max_x(room.right() - theme::METERS_WIDTH - theme::GAP);
        let levels = room.with_min_x(room.right() - theme::METERS_WIDTH);
        within(ui, song, |ui| timeline::timeline_ui(ui, &mut self.timeline, view));
        within(ui, levels, |ui| meters::meters_ui(ui, &mut self.meters));
        wishes.extend(within(ui, work, |ui| work::work_ui(ui, view)));
        wishes
            .extend(within(ui, controls, |ui| controls::controls_ui(ui, &mut self.controls, view)));

        if self.is_moving(view) {
            ui.ctx().request_repaint_after_secs((1.0 / theme::MOVING_FPS) as f32);
        }
        wishes
    }

    fn is_moving(&self, view: &View) -> bool {
        let is_loading = matches!(view.status.model, ModelStatus::Loading { .. });
        let is_working = view.status.phase != Phase::Idle;
        view.live.rolling || is_working || is_loading || self.meters.is_moving()
    }
}

/// Draws `content` in `rect`, whatever is around it.
fn within<R>(ui: &mut Ui, rect: Rect, content: impl FnOnce(&mut Ui) -> R) -> R {
    ui.scope_builder(UiBuilder::new().max_rect(rect), content).inner
}

/// Cuts `height` and a gap off the top of `room`.
fn take_top(room: &mut Rect, height: f32) -> Rect {
    let taken = room.with_max_y(room.top() + height);
    room.min.y = taken.bottom() + theme::GAP;
    taken
}

/// Cuts `height` and a gap off the bottom of `room`.
fn take_bottom(room: &mut Rect, height: f32) -> Rect {
    let taken = room.with_min_y(room.bottom() - height);
    room.max.y = taken.top() - theme::GAP;
    taken
}
