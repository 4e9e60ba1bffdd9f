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
    theme,
    wave::wave_mesh,
    words,
};
use crate::{
    link::{Phase, TakeStatus, Waveform},
    params::ParamId,
};

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
    let told = told(view);
    response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, &told));
    let content = content(view);
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
    paint_heard(&painter, lane, &axis, view);
    if let Some(next) = next_span(view).filter(|_| view.status.phase == Phase::Idle) {
        paint_next(&painter, lane, &axis, next, view.values[ParamId::PrimeSeconds.index()]);
    }
    if let Some(take) = &view.status.take {
        paint_take(&painter, lane, &axis, take, rate(&take.waveform, view));
    }
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

/// Frames per second of a waveform, or the host's while it is empty.
fn rate(wave: &Waveform, view: &View) -> f64 {
    if wave.rate > 0.0 { wave.rate } else { view.live.rate.max(1.0) }
}

fn heard_span(view: &View) -> Option<Span> {
    let wave = &view.status.captured;
    let rate = rate(wave, view);
    let span = Span { start: wave.start_frame as f64 / rate, end: wave.end_frame() as f64 / rate };
    (!wave.peaks.is_empty()).then_some(span)
}

/// From the seam to where the take will end.
fn take_span(take: &TakeStatus, rate: f64) -> Span {
    let start = take.seam_frame as f64 / rate;
    Span { start, end: start + take.length_seconds.max(0.0) }
}

/// Where the first take would go: at the playhead, or at the end of what was heard when that rests.
fn next_span(view: &View) -> Option<Span> {
    let heard = heard_span(view).filter(|_| view.status.take.is_none())?;
    let playhead = view.live.playhead as f64 / view.live.rate.max(1.0);
    let start = if view.live.rolling { playhead } else { heard.end };
    Some(Span { start, end: start + view.values[ParamId::LengthSeconds.index()] })
}

/// Everything that should be in view, and room for what comes next, as long as that hides nothing.
fn content(view: &View) -> Option<Span> {
    let heard = heard_span(view);
    let take = view.status.take.as_ref().map(|take| take_span(take, rate(&take.waveform, view)));
    let room = heard.map_or(0.0, |heard| heard.seconds().max(10.0));
    let next = next_span(view).map(|next| Span { end: next.end.min(next.start + room), ..next });
    [heard, take, next].into_iter().flatten().reduce(Span::union)
}

/// The picture in words, for those who do not see it.
fn told(view: &View) -> String {
    let span =
        |span: Span| format!("{} to {}", words::clock(span.start, 1), words::clock(span.end, 1));
    let heard = heard_span(view).map_or("nothing heard".into(), |s| format!("heard {}", span(s)));
    match &view.status.take {
        Some(take) => {
            let at = span(take_span(take, rate(&take.waveform, view)));
            format!("Timeline: {heard}, take {} from {at}", take.number)
        }
        None => format!("Timeline: {heard}"),
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

/// What was heard; fainter where a take is placed over it.
fn paint_heard(painter: &egui::Painter, lane: Rect, axis: &Axis, view: &View) {
    let Some(span) = heard_span(view) else { return };
    let covered = view.status.take.as_ref().map(|take| take_span(take, rate(&take.waveform, view)));
    paint_region(painter, lane, axis, span, theme::HEARD);
    let cuts = covered.map_or([lane.right(); 2], |take| {
        [take.start, take.end].map(|s| axis.x_from_seconds(s).clamp(lane.left(), lane.right()))
    });
    let parts =
        [(lane.left(), cuts[0], 1.0), (cuts[0], cuts[1], 0.3), (cuts[1], lane.right(), 1.0)];
    for (left, right, opacity) in parts.into_iter().filter(|(left, right, _)| right > left) {
        let part = wave_rect(lane).with_min_x(left).with_max_x(right);
        let color = theme::faded(theme::HEARD, opacity);
        let mesh = wave_mesh(&view.status.captured, axis, part, painter.pixels_per_point(), color);
        painter.extend(mesh.map(Shape::mesh));
    }
    let named = Span {
        end: covered.map_or(span.end, |take| take.start.clamp(span.start, span.end)),
        ..span
    };
    paint_name(painter, lane, axis, named, "heard", theme::HEARD);
}

fn paint_take(painter: &egui::Painter, lane: Rect, axis: &Axis, take: &TakeStatus, rate: f64) {
    let span = take_span(take, rate);
    paint_region(painter, lane, axis, span, theme::ACCENT);
    let part = wave_rect(lane);
    let mesh = wave_mesh(&take.waveform, axis, part, painter.pixels_per_point(), theme::ACCENT);
    painter.extend(mesh.map(Shape::mesh));
    let name = format!("take {} · {}", take.number, take.artist);
    paint_name(painter, lane, axis, span, &name, theme::ACCENT);

    let x = axis.x_from_seconds(span.start).round() + 0.5;
    painter.vline(x, lane.y_range(), Stroke::new(1.5, theme::SEAM));
    let tag = painter.layout_no_wrap(
        "seam".into(),
        theme::font(theme::SMALL - 0.5),
        theme::TEXT_ON_ACCENT,
    );
    let at = pos2(x, lane.top() + 1.0);
    let rect = Rect::from_min_size(at, tag.size() + vec2(10.0, 3.0));
    painter.rect_filled(rect, egui::CornerRadius { ne: 0, nw: 0, sw: 0, se: 4 }, theme::SEAM);
    painter.galley(at + vec2(5.0, 1.0), tag, theme::TEXT_ON_ACCENT);
}

/// A faint place for the next take, and a bar below what of the recording it would listen to.
fn paint_next(painter: &egui::Painter, lane: Rect, axis: &Axis, next: Span, prime_seconds: f64) {
    paint_region(painter, lane, axis, next, theme::faded(theme::ACCENT, 0.5));
    let name = format!("next {:.1} s", next.seconds());
    paint_name(painter, lane, axis, next, &name, theme::faded(theme::ACCENT, 0.8));
    let x = axis.x_from_seconds(next.start - prime_seconds)..=axis.x_from_seconds(next.start);
    let bar = Rect::from_x_y_ranges(x, lane.bottom() - 3.0..=lane.bottom());
    painter.rect_filled(bar, 0.0, theme::HEARD);
}

fn wave_rect(lane: Rect) -> Rect {
    lane.with_min_y(lane.top() + 22.0).with_max_y(lane.bottom() - 22.0)
}

fn paint_region(painter: &egui::Painter, lane: Rect, axis: &Axis, span: Span, color: Color32) {
    let x = axis.x_from_seconds(span.start)..=axis.x_from_seconds(span.end);
    let region = Rect::from_x_y_ranges(x, lane.top() + 1.0..=lane.bottom());
    painter.rect_filled(region, 0.0, theme::faded(color, 0.09));
    painter.vline(region.right(), region.y_range(), Stroke::new(1.0, theme::faded(color, 0.35)));
}

/// The name of a region at its lower left, as far as it is in view.
fn paint_name(
    painter: &egui::Painter,
    lane: Rect,
    axis: &Axis,
    span: Span,
    name: &str,
    color: Color32,
) {
    let left = axis.x_from_seconds(span.start).max(lane.left()) + 7.0;
    let right = axis.x_from_seconds(span.end).min(lane.right()) - 5.0;
    if right - left < 24.0 {
        return;
    }
    let mut job =
        egui::text::LayoutJob::simple_singleline(name.into(), theme::font(theme::SMALL), color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(right - left);
    painter.galley(pos2(left, lane.bottom() - 18.0), painter.layout_job(job), color);
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
