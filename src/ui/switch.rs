//! An on/off parameter as a switch with its name.

use egui::{Align2, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{Wish, theme, touch};
use crate::params::{ParamId, Values};

const TRACK: egui::Vec2 = vec2(30.0, 16.0);

/// Draws the switch of `id`; its colour is `on_color` when it is on.
pub fn switch_ui(ui: &mut Ui, id: ParamId, values: &Values, on_color: egui::Color32) -> Vec<Wish> {
    let param = id.param();
    let is_on = values[id.index()] > 0.5;
    let font = theme::font(theme::BODY);
    let name = ui.painter().layout_no_wrap(param.name.into(), font, theme::TEXT);
    let size = vec2(TRACK.x + 8.0 + name.size().x, theme::ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Switch, ui.is_enabled(), is_on, param.name));

    let track = Align2::LEFT_CENTER.anchor_size(rect.left_center(), TRACK);
    let fill = match (is_on, response.hovered()) {
        (true, _) => on_color,
        (false, true) => theme::CONTROL_PRESSED,
        (false, false) => theme::CONTROL_HOVERED,
    };
    ui.painter().rect_filled(track, TRACK.y / 2.0, fill);
    let thumb_x = if is_on { track.right() - TRACK.y / 2.0 } else { track.left() + TRACK.y / 2.0 };
    let thumb = if is_on { theme::TEXT_ON_ACCENT } else { theme::TEXT };
    ui.painter().circle_filled(pos2(thumb_x, track.center().y), TRACK.y / 2.0 - 3.0, thumb);
    let name_at = pos2(track.right() + 8.0, rect.center().y - name.size().y / 2.0);
    ui.painter().galley(name_at, name, theme::TEXT);
    if response.has_focus() {
        let around = track.expand(2.0);
        let outline = egui::StrokeKind::Outside;
        ui.painter().rect_stroke(around, TRACK.y, theme::focus_stroke(), outline);
    }

    let clicked = response.on_hover_text(param.help).clicked();
    if clicked { touch(id, if is_on { 0.0 } else { 1.0 }).into() } else { Vec::new() }
}
