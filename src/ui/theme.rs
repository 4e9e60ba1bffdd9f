//! How the editor looks: every colour, distance and text size, and nothing else.
//!
//! What was heard is blue and what was composed is amber, everywhere. The pair and the red of errors stay
//! apart for colour-blind eyes, and no state is told by colour alone.

use egui::{
    Color32, Context, CornerRadius, FontFamily, FontId, Id, Margin, Shadow, Stroke, TextStyle,
    Vec2,
    style::{Selection, WidgetVisuals},
};

pub const BACKGROUND: Color32 = Color32::from_rgb(0x12, 0x15, 0x1a);
pub const PANEL: Color32 = Color32::from_rgb(0x1a, 0x1e, 0x25);
/// Where something is drawn or typed.
pub const WELL: Color32 = Color32::from_rgb(0x0d, 0x10, 0x14);
pub const CONTROL: Color32 = Color32::from_rgb(0x2a, 0x30, 0x3a);
pub const CONTROL_HOVERED: Color32 = Color32::from_rgb(0x36, 0x3e, 0x4a);
pub const CONTROL_PRESSED: Color32 = Color32::from_rgb(0x43, 0x4d, 0x5b);
pub const OUTLINE: Color32 = Color32::from_rgb(0x30, 0x37, 0x42);
pub const GRID: Color32 = Color32::from_rgb(0x20, 0x25, 0x2d);

pub const TEXT: Color32 = Color32::from_rgb(0xe8, 0xeb, 0xf0);
pub const TEXT_WEAK: Color32 = Color32::from_rgb(0x9d, 0xa7, 0xb5);
/// Text on [`ACCENT`].
pub const TEXT_ON_ACCENT: Color32 = Color32::from_rgb(0x1d, 0x14, 0x04);

/// What was composed, and the way to more of it.
pub const ACCENT: Color32 = Color32::from_rgb(0xf5, 0xb0, 0x4c);
pub const ACCENT_HOVERED: Color32 = Color32::from_rgb(0xff, 0xc5, 0x72);
pub const ACCENT_PRESSED: Color32 = Color32::from_rgb(0xdb, 0x96, 0x30);
/// What was heard.
pub const HEARD: Color32 = Color32::from_rgb(0x7d, 0xa7, 0xd0);
pub const READY: Color32 = Color32::from_rgb(0x4f, 0xc3, 0xa1);
pub const ERROR: Color32 = Color32::from_rgb(0xff, 0x6b, 0x57);
pub const PLAYHEAD: Color32 = Color32::from_rgb(0xff, 0xff, 0xff);
pub const SEAM: Color32 = Color32::from_rgb(0xf2, 0xe6, 0xc4);

/// From the window's edge, and between rooms.
pub const MARGIN: f32 = 12.0;
pub const GAP: f32 = 8.0;
/// From a panel's edge to what is in it.
pub const PADDING: f32 = 10.0;
pub const ROUNDING: u8 = 6;
pub const HEADER_HEIGHT: f32 = 32.0;
pub const WORK_HEIGHT: f32 = 46.0;
pub const METERS_WIDTH: f32 = 104.0;
/// Narrowest room for a knob.
pub const KNOB_CELL: f32 = 62.0;
pub const MAX_KNOB_DIAMETER: f32 = 62.0;
/// Height of the cards in the smallest and in a tall window.
pub const CARD_HEIGHTS: (f32, f32) = (138.0, 160.0);
pub const ROW_HEIGHT: f32 = 24.0;

pub const SMALL: f32 = 11.5;
pub const BODY: f32 = 13.5;
pub const LARGE: f32 = 17.0;
pub const WORDMARK: f32 = 20.0;

/// Frames per second while something moves.
pub const MOVING_FPS: f64 = 30.0;

pub fn font(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// The outline of whatever the keyboard is on.
pub fn focus_stroke() -> Stroke {
    Stroke::new(1.5, TEXT)
}

/// `color`, seen through: 0 is nothing, 1 is all of it.
pub fn faded(color: Color32, opacity: f32) -> Color32 {
    color.gamma_multiply(opacity)
}

/// Dresses `ctx`, once.
pub fn install(ctx: &Context) {
    let installed = Id::unique("encore theme installed");
    if ctx.data(|data| data.get_temp::<bool>(installed)).unwrap_or(false) {
        return;
    }
    ctx.data_mut(|data| data.insert_temp(installed, true));
    ctx.set_theme(egui::Theme::Dark);
    ctx.all_styles_mut(dress);
}

fn dress(style: &mut egui::Style) {
    style.text_styles = [
        (TextStyle::Small, font(SMALL)),
        (TextStyle::Body, font(BODY)),
        (TextStyle::Button, font(BODY)),
        (TextStyle::Heading, font(LARGE)),
        (TextStyle::Monospace, FontId::new(BODY, FontFamily::Monospace)),
    ]
    .into();
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style.spacing.item_spacing = Vec2::splat(GAP);
    style.spacing.button_padding = Vec2::new(10.0, 4.0);
    style.spacing.interact_size.y = ROW_HEIGHT;
    style.spacing.tooltip_width = 300.0;
    style.spacing.menu_margin = Margin::same(8);

    let visuals = &mut style.visuals;
    visuals.dark_mode = true;
    visuals.weak_text_color = Some(TEXT_WEAK);
    visuals.panel_fill = BACKGROUND;
    visuals.window_fill = PANEL;
    visuals.window_stroke = Stroke::new(1.0, OUTLINE);
    visuals.window_corner_radius = CornerRadius::same(ROUNDING);
    visuals.menu_corner_radius = CornerRadius::same(ROUNDING);
    visuals.popup_shadow =
        Shadow { offset: [0, 4], blur: 16, spread: 0, color: Color32::from_black_alpha(140) };
    visuals.extreme_bg_color = WELL;
    visuals.text_edit_bg_color = Some(WELL);
    visuals.faint_bg_color = GRID;
    visuals.error_fg_color = ERROR;
    visuals.warn_fg_color = ACCENT;
    visuals.disabled_alpha = 0.45;
    visuals.selection = Selection { bg_fill: faded(HEARD, 0.4), stroke: Stroke::new(1.0, TEXT) };
    let widget = |fill, outline, text| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: outline,
        corner_radius: CornerRadius::same(ROUNDING),
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    let outline = Stroke::new(1.0, OUTLINE);
    visuals.widgets.noninteractive = widget(PANEL, outline, TEXT);
    visuals.widgets.inactive = widget(CONTROL, Stroke::NONE, TEXT);
    visuals.widgets.hovered = widget(CONTROL_HOVERED, Stroke::new(1.0, CONTROL_PRESSED), TEXT);
    visuals.widgets.active = widget(CONTROL_PRESSED, focus_stroke(), TEXT);
    visuals.widgets.open = widget(CONTROL_HOVERED, outline, TEXT);
}
