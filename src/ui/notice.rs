//! What the user should read: bars below the header, each with the button that answers it.

use egui::{Align2, Color32, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use super::{View, WishedCommand, text, theme, words};
use crate::link::{ModelStatus, Severity};

/// Lines of text before the rest is left to the tooltip.
const MAX_LINES: usize = 2;
const BUTTON_WIDTH: f32 = 96.0;
const SIGN_WIDTH: f32 = 34.0;

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub severity: Severity,
    pub text: String,
    pub answer: Answer,
}

/// What a bar's button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Ask(WishedCommand),
    /// This many lost frames have been read about; the editor keeps that to itself.
    ForgetLost(u64),
}

impl Answer {
    fn label(self) -> &'static str {
        match self {
            Answer::Ask(WishedCommand::ReloadModel) => "Look again",
            _ => "Dismiss",
        }
    }
}

/// Everything worth a bar, most urgent first, when `n_lost_read` lost frames were already dismissed.
pub fn bars(view: &View, n_lost_read: u64) -> Vec<Bar> {
    let mut bars = Vec::new();
    if let ModelStatus::Unavailable { reason } = &view.status.model {
        let answer = Answer::Ask(WishedCommand::ReloadModel);
        bars.push(Bar { severity: Severity::Error, text: format!("No model: {reason}"), answer });
    }
    if let Some(notice) = &view.status.notice {
        let answer = Answer::Ask(WishedCommand::DismissNotice);
        bars.push(Bar { severity: notice.severity, text: notice.text.clone(), answer });
    }
    let n_lost = view.live.lost_frames;
    if n_lost > n_lost_read {
        let ms = 1000.0 * n_lost as f64 / view.live.rate.max(1.0);
        let text = format!(
            "{n_lost} frames ({}) of the recording were lost because the computer was too busy; what was heard has a gap there.",
            if ms < 1000.0 { format!("{ms:.0} ms") } else { words::duration(ms / 1000.0) }
        );
        bars.push(Bar { severity: Severity::Note, text, answer: Answer::ForgetLost(n_lost) });
    }
    bars
}

/// Draws one bar over the whole width; returns its answer when the button was clicked.
pub fn bar_ui(ui: &mut Ui, bar: &Bar) -> Option<Answer> {
    let width = ui.available_width();
    let text_width = width - SIGN_WIDTH - BUTTON_WIDTH - 2.0 * theme::PADDING;
    let galley =
        text::elided(ui.painter(), &bar.text, theme::BODY, theme::TEXT, text_width, MAX_LINES);
    let height = galley.size().y + 16.0;
    let (rect, response) = ui.allocate_exact_size(vec2(width, height.max(34.0)), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &bar.text));
    let color = color(bar.severity);
    ui.painter().rect(
        rect,
        theme::ROUNDING,
        theme::PANEL,
        Stroke::new(1.0, theme::faded(color, 0.6)),
        StrokeKind::Inside,
    );
    paint_sign(ui, pos2(rect.left() + SIGN_WIDTH / 2.0, rect.center().y), bar.severity);
    let at = pos2(rect.left() + SIGN_WIDTH, rect.center().y - galley.size().y / 2.0);
    let is_elided = galley.elided;
    ui.painter().galley(at, galley, theme::TEXT);
    if is_elided {
        response.on_hover_text(&bar.text);
    }
    let button_at = rect.right_center() - vec2(5.0, 0.0);
    let button_rect =
        Align2::RIGHT_CENTER.anchor_size(button_at, vec2(BUTTON_WIDTH, theme::ROW_HEIGHT));
    ui.place(button_rect, egui::Button::new(bar.answer.label())).clicked().then_some(bar.answer)
}

fn color(severity: Severity) -> Color32 {
    match severity {
        Severity::Note => theme::HEARD,
        Severity::Error => theme::ERROR,
    }
}

/// A round "i" for notes, a triangle with "!" for errors: told apart without colour.
fn paint_sign(ui: &Ui, center: egui::Pos2, severity: Severity) {
    let color = color(severity);
    let stroke = Stroke::new(1.5, color);
    let font = theme::font(theme::SMALL);
    match severity {
        Severity::Note => {
            ui.painter().circle_stroke(center, 7.5, stroke);
            ui.painter().text(center, Align2::CENTER_CENTER, "i", font, color);
        }
        Severity::Error => {
            let corners = [vec2(0.0, -8.5), vec2(8.5, 6.0), vec2(-8.5, 6.0)];
            let corners = corners.map(|corner| center + corner).to_vec();
            ui.painter().add(egui::Shape::closed_line(corners, stroke));
            let mark = Rect::from_center_size(center + vec2(0.0, -0.8), vec2(1.6, 5.6));
            ui.painter().rect_filled(mark, 0.0, color);
            ui.painter().circle_filled(center + vec2(0.0, 3.8), 1.0, color);
        }
    }
}
