//! What is on the timeline: which stretches of the song were heard, composed, or come next, and their
//! pictures.

use egui::{Color32, Painter, Rect, Shape, Stroke, pos2, vec2};

use super::{
    View,
    axis::{Axis, Span},
    text, theme,
    wave::wave_mesh,
    words,
};
use crate::{
    link::{Phase, TakeStatus, Waveform},
    params::ParamId,
};

/// Paints everything that has a place in the song into `lane`.
pub fn paint_song(painter: &Painter, lane: Rect, axis: &Axis, view: &View) {
    paint_heard(painter, lane, axis, view);
    let is_waiting = matches!(view.status.phase, Phase::Idle | Phase::Armed(_));
    if let Some(next) = next_span(view).filter(|_| is_waiting) {
        paint_next(painter, lane, axis, next, view.values[ParamId::PrimeSeconds.index()]);
    }
    if let Some(take) = &view.status.take {
        paint_take(painter, lane, axis, take, rate(&take.waveform, view));
    }
}

/// Everything that should be in view, and room for what comes next, as long as that hides nothing.
pub fn content(view: &View) -> Option<Span> {
    let heard = heard_span(view);
    let take = view.status.take.as_ref().map(|take| take_span(take, rate(&take.waveform, view)));
    let room = heard.map_or(0.0, |heard| heard.seconds().max(10.0));
    let next = next_span(view).map(|next| Span { end: next.end.min(next.start + room), ..next });
    [heard, take, next].into_iter().flatten().reduce(Span::union)
}

/// The picture in words, for those who do not see it.
pub fn told(view: &View) -> String {
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

/// Where an armed take goes, or else where the first take would: at the playhead, or at the end of what was
/// heard when that rests.
fn next_span(view: &View) -> Option<Span> {
    let rate = view.live.rate.max(1.0);
    let start = match view.status.phase {
        Phase::Armed(armed) => armed.frame as f64 / rate,
        _ => {
            let heard = heard_span(view).filter(|_| view.status.take.is_none())?;
            if view.live.rolling { view.live.playhead as f64 / rate } else { heard.end }
        }
    };
    Some(Span { start, end: start + view.values[ParamId::LengthSeconds.index()] })
}

/// What was heard; fainter where a take is placed over it.
fn paint_heard(painter: &Painter, lane: Rect, axis: &Axis, view: &View) {
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

fn paint_take(painter: &Painter, lane: Rect, axis: &Axis, take: &TakeStatus, rate: f64) {
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
fn paint_next(painter: &Painter, lane: Rect, axis: &Axis, next: Span, prime_seconds: f64) {
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

fn paint_region(painter: &Painter, lane: Rect, axis: &Axis, span: Span, color: Color32) {
    let x = axis.x_from_seconds(span.start)..=axis.x_from_seconds(span.end);
    let region = Rect::from_x_y_ranges(x, lane.top() + 1.0..=lane.bottom());
    painter.rect_filled(region, 0.0, theme::faded(color, 0.09));
    painter.vline(region.right(), region.y_range(), Stroke::new(1.0, theme::faded(color, 0.35)));
}

/// The name of a region at its lower left, as far as it is in view.
fn paint_name(painter: &Painter, lane: Rect, axis: &Axis, span: Span, name: &str, color: Color32) {
    let left = axis.x_from_seconds(span.start).max(lane.left()) + 7.0;
    let right = axis.x_from_seconds(span.end).min(lane.right()) - 5.0;
    if right - left < 24.0 {
        return;
    }
    let name = text::elided(painter, name, theme::SMALL, color, right - left, 1);
    painter.galley(pos2(left, lane.bottom() - 18.0), name, color);
}
