//! The song: what was heard and what was composed on one time axis, with the seam and the playhead.
//!
//! The view follows the content until the user zooms (wheel) or moves it (drag); a double click, or the
//! "Fit" button, goes back to following.

use egui::{
    Align2, Color32, PointerButton, Rect, Response, Role, Sense, Shape, Stroke, Ui, WidgetInfo,
    pos2, vec2,
};

use super::{
    View,
    axis::{Axis, Span},
    song, theme, words,
};
use crate::link::Phase;

const RULER_HEIGHT: f32 = 22.0;
const TICK_POINTS: f32 = 74.0;
/// What is in view before there is anything to show.
const EMPTY: Span = Span { start: 0.0, end: 30.0 };

/// What the timeline remembers: the stretch the user has chosen to look at, if any.
#[derive(Debug, Default)]
pub struct Timeline {
    chosen: Option<Span>,
}

/// Draws the song over all the room there is.
pub fn timeline_ui(ui: &mut Ui, timeline: &mut Timeline, view: &View) {
    let size = ui.available_size();
    let (rect, response) = ui.allocate_exact_size(size, Sense::CLICK | Sense::DRAG);
    let told = song::told(view);
    response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, &told));
    let content = song::content(view);
    let fitted = content.map_or(EMPTY, Span::fitted);
    let x = rect.x_range();
    navigate(ui, timeline, &response, Axis { span: timeline.chosen.unwrap_or(fitted), x });
    let axis = Axis { span: timeline.chosen.unwrap_or(fitted), x };

    let lane = rect.with_min_y(rect.top() + RULER_HEIGHT);
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, theme::ROUNDING, theme::WELL);
    paint_ruler(&painter, rect, lane, &axis);
    match content {
        Some(_) => paint_grid(&painter, lane, &axis),
        None => invitation_ui(ui, lane),
    }
    song::paint_song(&painter, lane, &axis, view);
    paint_playhead(&painter, rect, lane, &axis, view);
    if timeline.chosen.is_some() && fit_ui(ui, lane) {
        timeline.chosen = None;
    }
}

/// The wheel zooms around the pointer, dragging moves, a double click fits.
fn navigate(ui: &Ui, timeline: &mut Timeline, response: &Response, axis: Axis) {
    if response.double_clicked() {
        timeline.chosen = None;
    } else if response.dragged_by(PointerButton::Primary) {
        let seconds = -f64::from(response.drag_delta().x) * axis.seconds_per_point();
        timeline.chosen = Some(axis.span.moved(seconds));
    } else if let Some(pointer) = response.hover_pos() {
        let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta(), input.zoom_delta()));
        let zoom = f64::from(pinch) * f64::from(scroll.y * 0.005).exp();
        if zoom != 1.0 || scroll.x != 0.0 {
            let at = axis.seconds_from_x(pointer.x);
            let moved = axis.span.moved(-f64::from(scroll.x) * axis.seconds_per_point());
            timeline.chosen = Some(moved.zoomed(1.0 / zoom, at));
        }
    }
}

fn invitation_ui(ui: &mut Ui, lane: Rect) {
    let line = |text: &str, size: f32, color: Color32| {
        egui::Label::new(egui::RichText::new(text).size(size).color(color))
            .halign(egui::Align::Center)
    };
    let middle = Rect::from_center_size(lane.center(), vec2((lane.width() - 32.0).max(1.0), 52.0));
    ui.place(
        middle.with_max_y(middle.top() + 26.0),
        line("Play your track: Encore listens as it passes.", theme::LARGE, theme::TEXT),
    );
    ui.place(
        middle.with_min_y(middle.top() + 28.0),
        line("Then press Continue.", theme::BODY, theme::TEXT_WEAK),
    );
}

fn fit_ui(ui: &mut Ui, lane: Rect) -> bool {
    let corner = lane.right_top() + vec2(-8.0, 8.0);
    let rect = Align2::RIGHT_TOP.anchor_size(corner, vec2(44.0, 22.0));
    let help = "Shows everything again and follows it. A double click does the same.";
    ui.place(rect, egui::Button::new("Fit").small()).on_hover_text(help).clicked()
}

fn paint_ruler(painter: &egui::Painter, rect: Rect, lane: Rect, axis: &Axis) {
    let (ticks, n_decimals) = axis.ticks(TICK_POINTS);
    for seconds in ticks {
        let x = axis.x_from_seconds(seconds).round() + 0.5;
        painter.vline(x, rect.top()..=lane.top(), Stroke::new(1.0, theme::GRID));
        let text = words::clock(seconds, n_decimals);
        let text = painter.layout_no_wrap(text, theme::font(theme::SMALL), theme::TEXT_WEAK);
        let at = pos2(x + 5.0, rect.top() + (RULER_HEIGHT - text.size().y) / 2.0);
        if rect.x_range().contains(at.x + text.size().x) {
            painter.galley(at, text, theme::TEXT_WEAK);
        }
    }
    painter.hline(rect.x_range(), lane.top(), Stroke::new(1.0, theme::OUTLINE));
}

fn paint_grid(painter: &egui::Painter, lane: Rect, axis: &Axis) {
    let grid = Stroke::new(1.0, theme::GRID);
    for seconds in axis.ticks(TICK_POINTS).0 {
        painter.vline(axis.x_from_seconds(seconds).round() + 0.5, lane.y_range(), grid);
    }
    painter.hline(lane.x_range(), lane.center().y, grid);
}

/// The playhead, or an arrow at the edge beyond which it is.
fn paint_playhead(painter: &egui::Painter, rect: Rect, lane: Rect, axis: &Axis, view: &View) {
    if view.live.rate <= 0.0 {
        return;
    }
    let x = axis.x_from_seconds(view.live.playhead as f64 / view.live.rate);
    let idle = view.status.phase == Phase::Idle && !view.live.rolling;
    let color = if idle { theme::faded(theme::PLAYHEAD, 0.75) } else { theme::PLAYHEAD };
    let triangle =
        |points: [egui::Pos2; 3]| Shape::convex_polygon(points.into(), color, Stroke::NONE);
    if rect.x_range().contains(x) {
        painter.vline(x, lane.y_range(), Stroke::new(1.5, color));
        let (tip, top) = (pos2(x, lane.top()), lane.top() - 8.0);
        painter.add(triangle([pos2(x - 5.5, top), pos2(x + 5.5, top), tip]));
    } else {
        let is_left = x < rect.left();
        let edge = if is_left { rect.left() + 3.0 } else { rect.right() - 3.0 };
        let back = if is_left { edge + 8.0 } else { edge - 8.0 };
        let y = lane.top() - RULER_HEIGHT / 2.0;
        painter.add(triangle([pos2(edge, y), pos2(back, y - 5.5), pos2(back, y + 5.5)]));
    }
}
