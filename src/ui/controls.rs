//! The cards at the bottom: whose style, how much of the recording, how daring, and how loud.

use egui::{Align2, Button, Color32, Rect, RichText, Sense, Ui, Vec2, pos2, vec2};

use super::{
    View, Wish,
    knob::{Cell, knob_ui},
    picker::{Picker, picker_ui},
    theme, touch, typed, words,
};
use crate::{
    link::{Labels, ModelStatus},
    params::{ParamId, Values},
};

const TITLE_HEIGHT: f32 = 18.0;
const NOTE_HEIGHT: f32 = 12.0;
/// Narrowest the style card may get before the knobs give way.
const MIN_STYLE_WIDTH: f32 = 200.0;
const MAX_STYLE_WIDTH: f32 = 420.0;
/// Two, three and two knobs.
const KNOBS: [f32; 3] = [2.0, 3.0, 2.0];

/// What the cards remember: the pickers while they are open.
#[derive(Debug, Default)]
pub struct Controls {
    artist: Picker,
    genre: Picker,
}

/// Draws the cards over the whole width.
pub fn controls_ui(ui: &mut Ui, controls: &mut Controls, view: &View) -> Vec<Wish> {
    let room = ui.max_rect();
    let widths = card_widths(room.width());
    let mut left = room.left();
    let mut next_card = |i: usize| {
        let rect = Rect::from_min_size(pos2(left, room.top()), vec2(widths[i], room.height()));
        left += widths[i] + theme::GAP;
        rect
    };
    let mut wishes = Vec::new();
    wishes.extend(card_ui(ui, next_card(0), "Style", |ui| style_ui(ui, controls, view)));
    wishes.extend(card_ui(ui, next_card(1), "Recording", |ui| recording_ui(ui, view)));
    wishes.extend(card_ui(ui, next_card(2), "Sampling", |ui| sampling_ui(ui, view.values)));
    wishes.extend(card_ui(ui, next_card(3), "Output", |ui| output_ui(ui, view.values)));
    wishes
}

/// The knobs get what they need and some air, the names the rest.
fn card_widths(width: f32) -> [f32; 4] {
    let n_knobs: f32 = KNOBS.iter().sum();
    let fixed = 3.0 * (theme::GAP + 2.0 * theme::PADDING);
    let for_cells = (width - fixed - MAX_STYLE_WIDTH).max(n_knobs * theme::KNOB_CELL);
    let cell = (for_cells / n_knobs).min(1.6 * theme::KNOB_CELL);
    let [a, b, c] = KNOBS.map(|n| n * cell + 2.0 * theme::PADDING);
    [(width - a - b - c - 3.0 * theme::GAP).max(MIN_STYLE_WIDTH), a, b, c]
}

fn card_ui<R>(ui: &mut Ui, rect: Rect, title: &str, content: impl FnOnce(&mut Ui) -> R) -> R {
    ui.painter().rect_filled(rect, theme::ROUNDING, theme::PANEL);
    let inner = rect.shrink(theme::PADDING);
    let font = theme::font(theme::SMALL);
    ui.painter().text(inner.min, Align2::LEFT_TOP, title, font, theme::TEXT);
    let below = inner.with_min_y(inner.top() + TITLE_HEIGHT);
    ui.scope_builder(egui::UiBuilder::new().id_salt(title).max_rect(below), content).inner
}

fn style_ui(ui: &mut Ui, controls: &mut Controls, view: &View) -> Vec<Wish> {
    let none = Labels::default();
    let labels = match &view.status.model {
        ModelStatus::Ready(pack) => &pack.labels,
        _ => &none,
    };
    let mut wishes = Vec::new();
    let row = |ui: &mut Ui, picker: &mut Picker, id: ParamId, names: &[String]| {
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(42.0, 28.0), Sense::hover());
            let font = theme::font(theme::BODY);
            let at = rect.left_center();
            ui.painter().text(at, Align2::LEFT_CENTER, id.param().name, font, theme::TEXT_WEAK);
            let chosen = view.values[id.index()] as u32;
            picker_ui(ui, picker, id.param().name, id.param().help, names, chosen)
        })
        .inner
    };
    if let Some(artist) = row(ui, &mut controls.artist, ParamId::Artist, &labels.artists) {
        wishes.extend(touch(ParamId::Artist, f64::from(artist)));
        let genre = words::genre_of(labels, artist);
        wishes.extend(genre.into_iter().flat_map(|genre| touch(ParamId::Genre, f64::from(genre))));
    }
    if let Some(genre) = row(ui, &mut controls.genre, ParamId::Genre, &labels.genres) {
        wishes.extend(touch(ParamId::Genre, f64::from(genre)));
    }
    let size = match (labels.artists.len(), labels.genres.len()) {
        (0, 0) => "The names come with the model.".into(),
        (artists, genres) => {
            let known = |n: usize| n.saturating_sub(1); // row 0 is "unknown"
            format!("{} artists, {} genres", known(artists), known(genres))
        }
    };
    ui.add(egui::Label::new(RichText::new(size).size(theme::SMALL).weak()).truncate());
    wishes
}

fn recording_ui(ui: &mut Ui, view: &View) -> Vec<Wish> {
    let knobs = [(ParamId::PrimeSeconds, theme::HEARD), (ParamId::LengthSeconds, theme::ACCENT)];
    ui.spacing_mut().item_spacing.y = 0.0;
    let wishes = knobs_ui(ui, &knobs, view.values);
    if let Some(note) = prime_note(view) {
        let label = egui::Label::new(RichText::new(&note).size(theme::SMALL).color(theme::ACCENT));
        ui.add(label.truncate().show_tooltip_when_elided(false)).on_hover_text(format!(
            "{note}: this model's window reaches no further, so a longer prime changes nothing."
        ));
    }
    wishes
}

/// Said when more of the recording is asked for than the model can listen to.
fn prime_note(view: &View) -> Option<String> {
    let ModelStatus::Ready(pack) = &view.status.model else { return None };
    let is_too_long = view.values[ParamId::PrimeSeconds.index()] > pack.max_prime_seconds + 1e-6;
    is_too_long.then(|| format!("model hears {:.1} s", pack.max_prime_seconds))
}

fn sampling_ui(ui: &mut Ui, values: &Values) -> Vec<Wish> {
    let cell = cell_size(ui, 3);
    ui.spacing_mut().item_spacing.x = 0.0;
    ui.horizontal_top(|ui| {
        let mut wishes = Vec::new();
        for id in [ParamId::Temperature, ParamId::TopP] {
            wishes.extend(knob_ui(ui, cell, id, values[id.index()], theme::ACCENT));
        }
        wishes.extend(seed_ui(ui, cell, values));
        wishes
    })
    .inner
}

fn output_ui(ui: &mut Ui, values: &Values) -> Vec<Wish> {
    let knobs = [(ParamId::DryWet, theme::HEARD), (ParamId::OutputGain, theme::HEARD)];
    knobs_ui(ui, &knobs, values)
}

/// Room for each of `n` knobs, and a note below them.
fn cell_size(ui: &Ui, n: usize) -> Vec2 {
    vec2(ui.available_width() / n as f32, ui.available_height() - NOTE_HEIGHT)
}

fn knobs_ui(ui: &mut Ui, knobs: &[(ParamId, Color32)], values: &Values) -> Vec<Wish> {
    let cell = cell_size(ui, knobs.len());
    ui.spacing_mut().item_spacing.x = 0.0;
    let row = |ui: &mut Ui| {
        let knob =
            |(id, color): &(ParamId, Color32)| knob_ui(ui, cell, *id, values[id.index()], *color);
        knobs.iter().flat_map(knob).collect()
    };
    ui.horizontal_top(row).inner
}

/// The seed as a number to type, with dice for a new one.
fn seed_ui(ui: &mut Ui, size: Vec2, values: &Values) -> Vec<Wish> {
    let id = ParamId::Seed;
    let seed = values[id.index()];
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.on_hover_text(id.param().help);
    let cell = Cell::new(rect);
    let font = theme::font(theme::SMALL);
    ui.painter().text(cell.name_at, Align2::CENTER_CENTER, id.param().name, font, theme::TEXT_WEAK);

    let dice = cell.dial.shrink(4.0);
    let button = ui.place(dice, Button::new("").min_size(dice.size()).corner_radius(9.0));
    button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "New seed"));
    paint_five(ui, dice);
    let owner = button.id;
    let mut wishes = Vec::new();
    if button.on_hover_text("Throws the dice: another seed, another take.").clicked() {
        wishes.extend(touch(id, another_seed(seed, ui.input(|input| input.time))));
    }
    let typed = typed::typed_value_ui(ui, cell.value, id, seed, owner);
    wishes.extend(typed.into_iter().flat_map(|seed| touch(id, seed)));
    wishes
}

fn paint_five(ui: &Ui, dice: Rect) {
    for (x, y) in [(-1.0, -1.0), (1.0, -1.0), (0.0, 0.0), (-1.0, 1.0), (1.0, 1.0)] {
        let at = dice.center() + 0.22 * dice.width() * vec2(x, y);
        ui.painter().circle_filled(at, 0.065 * dice.width(), theme::TEXT);
    }
}

/// A seed that differs from `seed`, drawn from the time of the click.
fn another_seed(seed: f64, time: f64) -> f64 {
    let param = ParamId::Seed.param();
    let n_seeds = param.n_steps() as u64 + 1;
    let mixed = time.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15); // spreads the low bits of the time
    let step = 1 + (mixed >> 32) % (n_seeds - 1);
    ((seed as u64 + step) % n_seeds) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_never_throw_the_same_seed_again() {
        for i in 0..10_000 {
            let seed = f64::from(i % 7);
            let thrown = another_seed(seed, 0.016 * f64::from(i));
            assert_ne!(thrown, seed);
            assert_eq!(ParamId::Seed.param().sane(thrown), thrown);
        }
    }

    #[test]
    fn cards_fill_the_width_at_every_size() {
        for width in [776.0, 976.0, 1256.0, 1900.0] {
            let sum: f32 = card_widths(width).iter().sum();
            assert!((sum + 3.0 * theme::GAP - width).abs() < 0.5, "{width}");
        }
    }
}
