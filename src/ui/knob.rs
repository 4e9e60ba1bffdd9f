//! A knob: turned by dragging up and down (Shift for fine steps), by the arrow keys, or by typing a value;
//! a double click puts it back to its default.

use std::f32::consts::PI;

use egui::{
    Align2, Color32, EventFilter, Id, Key, Pos2, Rect, Response, Sense, Shape, Stroke, Ui, Vec2,
    WidgetInfo, accesskit::Action, vec2,
};

use super::{Wish, theme, touch, typed};
use crate::params::{Kind, Param, ParamId};

/// Points of dragging from one end to the other.
const DRAG_POINTS: f64 = 180.0;
/// How much finer Shift makes a drag.
const FINE: f64 = 0.1;
/// Share of the whole range that an arrow key moves.
const KEY_SHARE: f64 = 0.02;
/// Height of the name above and the value below.
const TEXT_HEIGHT: f32 = 18.0;

/// Where a cell holds its name, its knob (or whatever is there in its place) and its value.
pub struct Cell {
    pub name_at: Pos2,
    pub dial: Rect,
    pub value: Rect,
}

impl Cell {
    pub fn new(rect: Rect) -> Self {
        let middle = rect.shrink2(vec2(0.0, TEXT_HEIGHT));
        let diameter = middle.size().min_elem().min(theme::MAX_KNOB_DIAMETER);
        Self {
            name_at: rect.center_top() + vec2(0.0, TEXT_HEIGHT / 2.0),
            dial: Rect::from_center_size(middle.center(), vec2(diameter, diameter)),
            value: rect.with_min_y(middle.bottom()),
        }
    }
}

/// Draws one parameter as a knob in `color`, with its name and value, in a cell of `size`.
pub fn knob_ui(ui: &mut Ui, size: Vec2, id: ParamId, value: f64, color: Color32) -> Vec<Wish> {
    let param = id.param();
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let cell = Cell::new(rect);
    let font = theme::font(theme::SMALL);
    ui.painter().text(cell.name_at, Align2::CENTER_CENTER, param.name, font, theme::TEXT_WEAK);

    let response = ui.interact(cell.dial, Id::unique(("knob", id)), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::slider(ui.is_enabled(), value, param.name));
    paint_dial(ui, &response, position(param, value), position(param, param.default), color);

    let mut wishes = drag_wishes(ui, &response, id, value);
    if response.double_clicked() {
        wishes.extend(touch(id, param.default));
    }
    wishes.extend(key_wishes(ui, &response, id, value));
    let owner = response.id;
    response.on_hover_text(format!(
        "{}\n\nDrag to change, Shift for fine steps, double-click for {}.",
        param.help,
        crate::params::text(param, param.default, &Default::default())
    ));

    wishes.extend(
        typed::typed_value_ui(ui, cell.value, id, value, owner)
            .into_iter()
            .flat_map(|v| touch(id, v)),
    );
    wishes
}

/// The gesture of a drag. Its position is kept here, as the value may be rounded or come back late.
fn drag_wishes(ui: &Ui, response: &Response, id: ParamId, value: f64) -> Vec<Wish> {
    let key = response.id.with("drag");
    let dragged = ui.data(|data| data.get_temp::<f64>(key));
    let mut wishes = Vec::new();
    if response.dragged() {
        if dragged.is_none() {
            wishes.push(Wish::Begin(id));
        }
        let fine = ui.input(|input| input.modifiers.shift);
        let delta = response.drag_delta();
        let turned = f64::from(delta.x - delta.y) / DRAG_POINTS * if fine { FINE } else { 1.0 };
        let before = dragged.unwrap_or_else(|| position(id.param(), value));
        let now = (before + turned).clamp(0.0, 1.0);
        ui.data_mut(|data| data.insert_temp(key, now));
        let wanted = value_at(id.param(), now, fine);
        if wanted != value {
            wishes.push(Wish::Set(id, wanted));
        }
    } else if dragged.is_some() {
        ui.data_mut(|data| data.remove::<f64>(key));
        wishes.push(Wish::End(id));
    }
    wishes
}

/// Arrow keys and screen readers step the value; Enter types it.
fn key_wishes(ui: &Ui, response: &Response, id: ParamId, value: f64) -> Vec<Wish> {
    let requested =
        |action| ui.input(|i| i.num_accesskit_action_requests(response.id, action)) as i32;
    let mut n_steps = requested(Action::Increment) - requested(Action::Decrement);
    let mut fine = false;
    if response.has_focus() {
        let arrows =
            EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
        let pressed = |key| ui.input(|input| input.key_pressed(key)) as i32;
        n_steps += pressed(Key::ArrowUp) + pressed(Key::ArrowRight);
        n_steps -= pressed(Key::ArrowDown) + pressed(Key::ArrowLeft);
        fine = ui.input(|input| input.modifiers.shift);
        if pressed(Key::Enter) > 0 {
            typed::start_typing(ui, id, value);
        }
    }
    if n_steps == 0 {
        return Vec::new();
    }
    let param = id.param();
    let n_steps = f64::from(n_steps);
    let share = n_steps * KEY_SHARE * if fine { FINE } else { 1.0 };
    let mut wanted = value_at(param, (position(param, value) + share).clamp(0.0, 1.0), fine);
    if wanted == value {
        wanted = param.sane(value + n_steps * rounding(param, fine));
    }
    touch(id, wanted).into()
}

/// Where on the dial a value lies, 0 to 1. Seconds are spread so that each doubling takes as much room, unless
/// they begin at none.
fn position(param: &Param, value: f64) -> f64 {
    match param.kind {
        Kind::Seconds if 0.0 < param.min => {
            (value.max(param.min) / param.min).ln() / (param.max / param.min).ln()
        }
        _ => param.normalised(value),
    }
}

/// The value at a position of the dial, rounded to what a person would have typed.
fn value_at(param: &Param, position: f64, fine: bool) -> f64 {
    let value = match param.kind {
        Kind::Seconds if 0.0 < param.min => param.min * (param.max / param.min).powf(position),
        _ => param.plain(position),
    };
    let n_per_unit = (1.0 / rounding(param, fine)).round();
    param.sane((value * n_per_unit).round() / n_per_unit)
}

fn rounding(param: &Param, fine: bool) -> f64 {
    let coarse = match param.kind {
        Kind::Seconds | Kind::Decibels => 0.1,
        Kind::Number | Kind::Percent => 0.01,
        _ => 1.0,
    };
    if fine && coarse < 1.0 { coarse * FINE } else { coarse }
}

fn paint_dial(ui: &Ui, response: &Response, position: f64, default: f64, color: Color32) {
    let center = response.rect.center();
    let radius = response.rect.width() / 2.0 - 3.0;
    let angle = |position: f64| PI * (0.75 + 1.5 * position as f32);
    let at = |position: f64, radius: f32| center + radius * Vec2::angled(angle(position));
    let arc = |from: f64, to: f64, stroke: Stroke| {
        let n = 2 + (48.0 * (to - from)) as usize;
        let points =
            (0..=n).map(|i| at(from + (to - from) * i as f64 / n as f64, radius)).collect();
        Shape::line(points, stroke)
    };
    let painter = ui.painter();
    let (body, hand) = match (response.is_pointer_button_down_on(), response.hovered()) {
        (true, _) => (theme::CONTROL_PRESSED, theme::TEXT),
        (_, true) => (theme::CONTROL_HOVERED, theme::TEXT),
        _ => (theme::CONTROL, theme::TEXT),
    };
    painter.add(arc(0.0, 1.0, Stroke::new(3.5, theme::WELL)));
    painter.add(arc(0.0, position.clamp(0.0, 1.0), Stroke::new(3.5, color)));
    painter.circle_filled(at(default, radius + 4.5), 1.2, theme::TEXT_WEAK);
    painter.circle_filled(center, radius - 4.5, body);
    painter.line_segment(
        [at(position, radius - 6.0), at(position, radius - 13.0)],
        Stroke::new(2.0, hand),
    );
    if response.has_focus() {
        painter.circle_stroke(center, radius - 4.5, theme::focus_stroke());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::TABLE;

    #[test]
    fn the_dial_and_the_value_agree_over_the_whole_range() {
        for param in TABLE.iter().filter(|p| p.n_steps() == 0) {
            assert_eq!(value_at(param, 0.0, false), param.min, "{}", param.name);
            assert_eq!(value_at(param, 1.0, false), param.max, "{}", param.name);
            let back = value_at(param, position(param, param.default), true);
            assert!((back - param.default).abs() < 1e-9, "{}", param.name);
        }
    }
}
