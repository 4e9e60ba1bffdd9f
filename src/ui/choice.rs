//! A parameter that is one of a few things, as a list that opens.

use egui::{Align2, Button, Popup, RichText, Role, Ui, WidgetInfo, vec2};

use super::{Wish, picker::paint_chevron, theme, touch};
use crate::params::{Kind, ParamId, Values};

const WIDTH: f32 = 100.0;
/// From the edge to the text.
const INDENT: f32 = 10.0;

/// Draws the name of `id` above what is chosen; a click opens the list.
pub fn choice_ui(ui: &mut Ui, id: ParamId, values: &Values) -> Vec<Wish> {
    let param = id.param();
    let Kind::Choice(names) = param.kind else { return Vec::new() };
    let chosen = param.sane(values[id.index()]) as usize;
    let name = names.get(chosen).copied().unwrap_or_default();
    let size = vec2(WIDTH, theme::WORK_HEIGHT - 4.0);
    let response = ui.add(Button::new("").min_size(size).corner_radius(8.0));
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ComboBox, ui.is_enabled(), param.name);
        info.current_text_value = Some(name.into());
        info
    });
    let (top, bottom) = response.rect.split_top_bottom_at_fraction(0.5);
    let painter = ui.painter();
    let small = theme::font(theme::SMALL - 0.5);
    let at = top.left_center() + vec2(INDENT, 2.5);
    painter.text(at, Align2::LEFT_CENTER, param.name, small, theme::TEXT_WEAK);
    let at = bottom.left_center() + vec2(INDENT, -3.0);
    painter.text(at, Align2::LEFT_CENTER, name, theme::font(theme::BODY), theme::TEXT);
    paint_chevron(ui, response.rect.right_center() + vec2(-13.0, 2.5));
    if response.has_focus() {
        let around = response.rect.expand(2.0);
        painter.rect_stroke(around, 9.0, theme::focus_stroke(), egui::StrokeKind::Outside);
    }

    let mut wishes = Vec::new();
    Popup::menu(&response).show(|ui| {
        ui.set_min_width(WIDTH);
        for (value, name) in names.iter().enumerate() {
            let row = ui.selectable_label(value == chosen, RichText::new(*name));
            if row.clicked() {
                wishes.extend(touch(id, value as f64));
            }
        }
    });
    response.on_hover_text(param.help);
    wishes
}
