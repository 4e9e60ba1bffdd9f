//! The row that starts and stops a continuation, and tells how it goes and how it went.

use egui::{
    Align, Align2, Button, Layout, Rect, RichText, Role, Sense, Stroke, Ui, WidgetInfo, vec2,
};

use super::{View, Wish, WishedCommand, choice, switch, text, theme, words};
use crate::{
    link::{ModelStatus, Phase, Progress, Stage, Status},
    params::ParamId,
};

/// Draws the row; returns what was asked for.
pub fn work_ui(ui: &mut Ui, view: &View) -> Vec<Wish> {
    let mut wishes = Vec::new();
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        if continue_ui(ui, view.status) {
            wishes.push(Wish::Command(WishedCommand::Continue));
        }
        wishes.extend(choice::choice_ui(ui, ParamId::TakeOver, view.values));
        if stop_ui(ui, view.status.phase) {
            wishes.push(Wish::Command(WishedCommand::Stop));
        }
        ui.add_space(4.0);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            wishes.extend(switch::switch_ui(
                ui,
                ParamId::FollowTransport,
                view.values,
                theme::HEARD,
            ));
            ui.add_space(4.0);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| story_ui(ui, view.status));
        });
    });
    wishes
}

fn continue_ui(ui: &mut Ui, status: &Status) -> bool {
    let obstacle = obstacle(status);
    ui.scope(|ui| {
        let widgets = &mut ui.visuals_mut().widgets;
        for (visuals, fill) in [
            (&mut widgets.inactive, theme::ACCENT),
            (&mut widgets.hovered, theme::ACCENT_HOVERED),
            (&mut widgets.active, theme::ACCENT_PRESSED),
        ] {
            visuals.weak_bg_fill = fill;
            visuals.bg_stroke = Stroke::NONE;
        }
        let is_possible = obstacle.is_none();
        let color = if is_possible { theme::TEXT_ON_ACCENT } else { theme::TEXT };
        let text = RichText::new("Continue").size(theme::LARGE).color(color);
        let button =
            Button::new(text).min_size(vec2(148.0, theme::WORK_HEIGHT - 4.0)).corner_radius(8.0);
        let button = if is_possible { button } else { button.fill(theme::CONTROL_PRESSED) };
        let response = ui.add_enabled(is_possible, button);
        if response.has_focus() {
            let around = response.rect.expand(2.0);
            let outside = egui::StrokeKind::Outside;
            ui.painter().rect_stroke(around, 9.0, theme::focus_stroke(), outside);
        }
        response
            .on_hover_text(ParamId::Continue.param().help)
            .on_disabled_hover_text(obstacle.unwrap_or_default())
            .clicked()
    })
    .inner
}

/// Why nothing can be composed now, and what to do about it.
fn obstacle(status: &Status) -> Option<&'static str> {
    match &status.model {
        ModelStatus::Unknown => Some("Still looking for a model."),
        ModelStatus::Loading { .. } => Some("The model is still loading."),
        ModelStatus::Unavailable { .. } => {
            Some("There is no model to compose with. The message at the top says what to do.")
        }
        ModelStatus::Ready(_) if status.captured.peaks.is_empty() => {
            Some("Nothing has been heard yet. Play your track, then press Continue.")
        }
        ModelStatus::Ready(_) => None,
    }
}

fn stop_ui(ui: &mut Ui, phase: Phase) -> bool {
    let button =
        Button::new("Stop").min_size(vec2(72.0, theme::WORK_HEIGHT - 4.0)).corner_radius(8.0);
    ui.add_enabled(phase != Phase::Idle, button)
        .on_hover_text(ParamId::Stop.param().help)
        .on_disabled_hover_text("Nothing is being composed.")
        .clicked()
}

/// How the work goes, how it went, or what to do to begin.
fn story_ui(ui: &mut Ui, status: &Status) {
    let line = match (status.phase, &status.take) {
        (Phase::Composing(progress), _) => return progress_ui(ui, &progress),
        (Phase::Armed(armed), _) => words::armed(&armed),
        (Phase::Loading, _) => "Loading what this artist taught the model…".into(),
        (Phase::Queued { n_ahead: 0 }, _) => "About to begin.".into(),
        (Phase::Queued { n_ahead: 1 }, _) => "Waiting for 1 other instance to finish.".into(),
        (Phase::Queued { n_ahead }, _) => {
            format!("Waiting for {n_ahead} other instances to finish.")
        }
        (Phase::Idle, Some(take)) => words::take(take),
        (Phase::Idle, None) => match heard_seconds(status) {
            seconds if seconds <= 0.0 => "Nothing heard yet.".into(),
            seconds => format!("Ready to continue what was heard ({}).", words::duration(seconds)),
        },
    };
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &line));
    // A second line begins with a whole fact, not in the middle of a number and its unit.
    let facts = line.replace(' ', "\u{a0}").replace("·\u{a0}", "· ");
    let facts = if line.contains('·') { &facts } else { &line };
    if text::paint(ui, rect, Align2::LEFT_CENTER, facts, 2) {
        response.on_hover_text(line);
    }
}

fn heard_seconds(status: &Status) -> f64 {
    let wave = &status.captured;
    (wave.peaks.len() * wave.frames_per_peak) as f64 / wave.rate.max(1.0)
}

fn progress_ui(ui: &mut Ui, progress: &Progress) {
    let text = words::progress(progress);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, &text));
    ui.painter().rect_filled(rect, theme::ROUNDING, theme::WELL);
    let done = match progress.stage {
        Stage::Generating => progress.seconds_done / progress.seconds_total.max(1e-3),
        Stage::Encoding | Stage::Prefilling => 0.0,
    };
    let filled = if done > 0.0 {
        rect.with_max_x(rect.left() + rect.width() * done.min(1.0) as f32)
    } else {
        waiting_rect(rect, ui.input(|input| input.time))
    };
    ui.painter().rect_filled(filled, theme::ROUNDING, theme::faded(theme::ACCENT, 0.45));
    text::paint_line(ui, rect.shrink2(vec2(8.0, 0.0)), Align2::CENTER_CENTER, &text);
}

/// A piece of the bar that wanders while there is nothing to count.
fn waiting_rect(rect: Rect, time: f64) -> Rect {
    let share = (0.5 - 0.5 * (time * 2.5).cos()) as f32;
    let width = 0.2 * rect.width();
    let left = rect.left() + share * (rect.width() - width);
    rect.with_min_x(left).with_max_x(left + width)
}
