//! A parameter's value as text that becomes a text field when it is clicked.

use egui::{Align2, Id, Key, Rect, Sense, TextEdit, Ui};

use super::theme;
use crate::{
    link::Labels,
    params::{self, ParamId},
};

/// Draws the value within `rect`; returns what was typed when it means something and Enter or a click
/// elsewhere ended it. Escape leaves the value alone; either key hands the focus back to `owner`.
pub fn typed_value_ui(ui: &mut Ui, rect: Rect, id: ParamId, value: f64, owner: Id) -> Option<f64> {
    let key = typing_key(id);
    if let Some(text) = ui.data(|data| data.get_temp::<String>(key)) {
        return text_field_ui(ui, rect, id, text, owner);
    }
    let name = format!("{} value", id.param().name);
    let response = ui.interact(rect, key.with("text"), Sense::CLICK);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, ui.is_enabled(), &name));
    if response.hovered() {
        ui.painter().rect_filled(rect, theme::ROUNDING, theme::CONTROL);
    }
    let text = params::text(id.param(), value, &Labels::default());
    let text_color = if ui.is_enabled() { theme::TEXT } else { theme::TEXT_WEAK };
    let font = theme::font(theme::BODY);
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, font, text_color);
    if response.on_hover_text("Click to type a value.").clicked() {
        start_typing(ui, id, value);
    }
    None
}

/// Turns the value of `id` into a text field from the next frame on.
pub fn start_typing(ui: &Ui, id: ParamId, value: f64) {
    let text = params::text(id.param(), value, &Labels::default());
    ui.data_mut(|data| data.insert_temp(typing_key(id), text));
    ui.ctx().request_repaint();
}

fn text_field_ui(ui: &mut Ui, rect: Rect, id: ParamId, mut text: String, owner: Id) -> Option<f64> {
    let key = typing_key(id);
    let field_id = key.with("field");
    let is_new = ui.ctx().read_response(field_id).is_none();
    let field = TextEdit::singleline(&mut text)
        .id(field_id)
        .font(theme::font(theme::BODY))
        .align(egui::Align2::CENTER_CENTER)
        .margin(egui::Margin::symmetric(2, 1))
        .desired_width(rect.width());
    let room = rect.expand2(egui::vec2(0.0, 3.0));
    let mut output =
        ui.scope_builder(egui::UiBuilder::new().max_rect(room), |ui| field.show(ui)).inner;
    let response = output.response.response.clone();
    if is_new {
        response.request_focus();
        let all = egui::text::CCursorRange::two(
            egui::text::CCursor::new(0),
            egui::text::CCursor::new(text.chars().count()),
        );
        output.state.cursor.set_char_range(Some(all));
        output.state.store(ui.ctx(), field_id);
    }
    if is_new || !response.lost_focus() {
        ui.data_mut(|data| data.insert_temp(key, text));
        return None;
    }
    ui.data_mut(|data| data.remove::<String>(key));
    let ended_by = |key| ui.input(|input| input.key_pressed(key));
    let was_cancelled = ended_by(Key::Escape);
    if was_cancelled || ended_by(Key::Enter) {
        ui.memory_mut(|memory| memory.request_focus(owner));
    }
    if was_cancelled { None } else { params::parse(id.param(), &text, &Labels::default()) }
}

fn typing_key(id: ParamId) -> Id {
    Id::unique(("typed value", id))
}
