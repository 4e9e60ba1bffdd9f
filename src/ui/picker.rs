//! Choosing one name out of thousands: a button that opens a searchable list.
//!
//! Only the rows in view are laid out. The arrow keys, Page Up and Page Down move through the list, Enter
//! picks, Escape closes.

use egui::{
    Align2, EventFilter, Key, Modifiers, Popup, PopupCloseBehavior, Pos2, Response, Role,
    ScrollArea, Sense, TextEdit, Ui, WidgetInfo, pos2, vec2,
};

use super::{text, theme, words};

/// Least width of the list; as wide as the button where that is wider.
const LIST_WIDTH: f32 = 264.0;
const LIST_HEIGHT: f32 = 240.0;
const ROWS_PER_PAGE: usize = 9;

/// What a picker remembers while it is open.
#[derive(Debug, Default)]
pub struct Picker {
    is_open: bool,
    query: String,
    /// Ids that match the query, best first.
    matches: Vec<u32>,
    /// Length of the table that was searched.
    n_searched: usize,
    /// The row the keyboard is on, counted in `matches`.
    row: usize,
    /// How far the list is scrolled, in points.
    scrolled: f32,
}

/// Draws the button and, when open, the list; returns the id that was picked.
///
/// `title` names it ("Artist"); an empty table shows the id and cannot be opened.
pub fn picker_ui(
    ui: &mut Ui,
    picker: &mut Picker,
    title: &str,
    help: &str,
    names: &[String],
    id: u32,
) -> Option<u32> {
    let button =
        ui.add_enabled_ui(!names.is_empty(), |ui| button_ui(ui, title, &words::label(names, id)));
    let response = button
        .inner
        .on_hover_text(help)
        .on_disabled_hover_text(format!("{help}\n\nNo model with such names is loaded."));
    if response.clicked() {
        *picker = Picker { is_open: !picker.is_open, ..Picker::default() };
        picker.search(names);
        picker.row = picker.matches.iter().position(|m| *m == id).unwrap_or(0);
        picker.scrolled = picker.row.saturating_sub(ROWS_PER_PAGE / 2) as f32 * theme::ROW_HEIGHT;
    }
    let mut is_open = picker.is_open && !names.is_empty();
    let picked = Popup::from_response(&response)
        .id(response.id.with("list"))
        .open_bool(&mut is_open)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .accessible_name(format!("{title} list"))
        .width(response.rect.width().max(LIST_WIDTH))
        .show(|ui| list_ui(ui, picker, title, names, id))
        .and_then(|shown| shown.inner);
    picker.is_open = is_open && picked.is_none();
    if picked.is_some() {
        response.request_focus();
    }
    picked
}

fn button_ui(ui: &mut Ui, title: &str, name: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::click());
    response.widget_info(|| WidgetInfo {
        current_text_value: Some(name.into()),
        ..WidgetInfo::labeled(Role::ComboBox, ui.is_enabled(), title)
    });
    let visuals = *ui.style().interact(&response);
    let stroke = if response.has_focus() { theme::focus_stroke() } else { visuals.bg_stroke };
    ui.painter().rect(
        rect,
        theme::ROUNDING,
        visuals.weak_bg_fill,
        stroke,
        egui::StrokeKind::Inside,
    );
    text::paint_line(
        ui,
        rect.shrink2(vec2(10.0, 0.0)).with_max_x(rect.right() - 24.0),
        Align2::LEFT_CENTER,
        name,
    );
    paint_chevron(ui, pos2(rect.right() - 14.0, rect.center().y + 2.5));
    response
}

/// The sign of something that opens below.
pub fn paint_chevron(ui: &Ui, tip: Pos2) {
    let chevron = vec![tip + vec2(-4.5, -4.5), tip, tip + vec2(4.5, -4.5)];
    ui.painter().line(chevron, egui::Stroke::new(1.5, theme::TEXT_WEAK));
}

fn list_ui(
    ui: &mut Ui,
    picker: &mut Picker,
    title: &str,
    names: &[String],
    id: u32,
) -> Option<u32> {
    ui.spacing_mut().item_spacing.y = 6.0;
    let entered = picker.take_keys(ui);
    let search = TextEdit::singleline(&mut picker.query)
        .hint_text("Type to search")
        .desired_width(f32::INFINITY)
        .margin(egui::Margin::symmetric(8, 4));
    let field = ui.add(search).accessible_name(format!("Search {title}"));
    if !field.has_focus() {
        field.request_focus(); // only then: asking again would let the arrow keys move the focus
    }
    let all_keys =
        EventFilter { tab: true, horizontal_arrows: true, vertical_arrows: true, escape: false };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(field.id, all_keys));
    if field.changed() || picker.n_searched != names.len() {
        picker.search(names);
    }
    if entered {
        return picker.matches.get(picker.row).copied();
    }
    let picked = rows_ui(ui, picker, names, id);
    let n_named = names.iter().filter(|name| !name.is_empty()).count();
    let found = match (picker.matches.len(), n_named) {
        (0, _) => format!("No name contains “{}”.", picker.query),
        (found, all) if found == all => format!("{all} names"),
        (found, all) => format!("{found} of {all} names"),
    };
    ui.add(egui::Label::new(egui::RichText::new(found).size(theme::SMALL).weak()).truncate());
    picked
}

fn rows_ui(ui: &mut Ui, picker: &mut Picker, names: &[String], id: u32) -> Option<u32> {
    ui.spacing_mut().item_spacing.y = 0.0;
    let mut picked = None;
    let scrolled = ScrollArea::vertical()
        .auto_shrink([false, true])
        .max_height(LIST_HEIGHT)
        .vertical_scroll_offset(picker.scrolled)
        .show_rows(ui, theme::ROW_HEIGHT, picker.matches.len(), |ui, rows| {
            for row in rows {
                let row_id = picker.matches[row]; // the area asks for rows it was told of
                let Some(name) = names.get(row_id as usize) else { continue };
                if row_ui(ui, name, row == picker.row, row_id == id).clicked() {
                    picked = Some(row_id);
                }
            }
        });
    picker.scrolled = scrolled.state.clamped_offset().y;
    picked
}

fn row_ui(ui: &mut Ui, name: &str, is_at: bool, is_chosen: bool) -> Response {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW_HEIGHT), Sense::CLICK);
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, is_chosen, name));
    let fill = match (is_at, response.hovered()) {
        (true, _) => Some(theme::faded(theme::HEARD, 0.35)),
        (false, true) => Some(theme::CONTROL_HOVERED),
        (false, false) => None,
    };
    if let Some(fill) = fill {
        ui.painter().rect_filled(rect, theme::ROUNDING, fill);
    }
    if is_chosen {
        ui.painter().circle_filled(rect.left_center() + vec2(9.0, 0.0), 3.0, theme::ACCENT);
    }
    text::paint_line(
        ui,
        rect.with_min_x(rect.left() + 18.0).with_max_x(rect.right() - 6.0),
        Align2::LEFT_CENTER,
        name,
    );
    response
}

impl Picker {
    /// Finds the names that contain the query: those that begin with it first, then those with a word that does.
    fn search(&mut self, names: &[String]) {
        let query = self.query.trim().to_lowercase();
        let rank = |name: &str| {
            let name = Some(name.to_lowercase()).filter(|name| !name.is_empty())?; // an id without one
            let at = name.find(&query)?;
            let starts_word = name[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
            Some(if at == 0 {
                0
            } else if starts_word {
                1
            } else {
                2
            })
        };
        let mut found: Vec<(u8, u32)> =
            (0..).zip(names).filter_map(|(id, name)| Some((rank(name)?, id))).collect();
        found.sort_by_key(|(rank, _)| *rank); // stable: ids stay in order
        self.matches = found.into_iter().map(|(_, id)| id).collect();
        self.n_searched = names.len();
        self.row = 0;
        self.scrolled = 0.0;
    }

    /// Moves with the keys that belong to the list, before the text field sees them; true on Enter.
    fn take_keys(&mut self, ui: &Ui) -> bool {
        let hit = |key| ui.input_mut(|input| input.count_and_consume_key(Modifiers::NONE, key));
        let down = hit(Key::ArrowDown) + ROWS_PER_PAGE * hit(Key::PageDown);
        let up = hit(Key::ArrowUp) + ROWS_PER_PAGE * hit(Key::PageUp);
        let entered = hit(Key::Enter) > 0;
        if down + up > 0 {
            let last = self.matches.len().saturating_sub(1);
            self.row = (self.row + down).saturating_sub(up).min(last);
            let top = self.row as f32 * theme::ROW_HEIGHT;
            self.scrolled =
                self.scrolled.clamp((top + theme::ROW_HEIGHT - LIST_HEIGHT).max(0.0), top);
        }
        entered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_begin_with_the_query_come_first() {
        let names = ["unknown", "The Tide", "Riptide", "Tidewater"].map(String::from);
        let mut picker = Picker { query: "tide".into(), ..Picker::default() };

        picker.search(&names);

        assert_eq!(picker.matches, [3, 1, 2]);
    }
}
