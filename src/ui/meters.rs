//! Level meters: what comes in and what goes out, in decibels below full scale, with the highest peak kept.

use egui::{Align2, Color32, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2};

use super::{Live, theme};
use crate::units::db_from_gain;

/// Bottom of the scale, in decibels.
const FLOOR_DB: f64 = -60.0;
/// Highest level that is told apart, in decibels.
const CEILING_DB: f64 = 24.0;
/// How fast bar and held line fall, in decibels per second.
const FALL_DB: f64 = 24.0;
/// How long a peak is held, in seconds.
const HOLD_SECONDS: f64 = 1.2;
/// Height of the number above each pair of bars and of the name below it.
const TEXT_HEIGHT: f32 = 20.0;
const TICKS_DB: [i32; 7] = [0, -6, -12, -18, -24, -36, -48];

/// What the meters remember: bars fall slower than sound.
#[derive(Debug, Default)]
pub struct Meters {
    input: Meter,
    output: Meter,
    /// egui's time at the last frame, in seconds.
    time: f64,
}

#[derive(Debug, Default)]
struct Meter {
    channels: [Channel; 2],
    /// Highest linear peak since the last click.
    highest: f32,
}

#[derive(Debug, Clone, Copy)]
struct Channel {
    level_db: f64,
    held_db: f64,
    held_until: f64,
}

impl Default for Channel {
    fn default() -> Self {
        Self { level_db: FLOOR_DB, held_db: FLOOR_DB, held_until: 0.0 }
    }
}

impl Meters {
    /// Takes the newest peaks at `time` and lets the bars fall.
    pub fn update(&mut self, live: &Live, time: f64) {
        let fall_db = FALL_DB * (time - self.time).max(0.0);
        self.time = time;
        self.input.update(live.input_peaks, time, fall_db);
        self.output.update(live.output_peaks, time, fall_db);
    }

    /// Whether a bar or line still has to fall.
    pub fn is_moving(&self) -> bool {
        let channels = self.input.channels.iter().chain(&self.output.channels);
        channels.into_iter().any(|channel| channel.held_db > FLOOR_DB)
    }
}

impl Meter {
    fn update(&mut self, peaks: [f32; 2], time: f64, fall_db: f64) {
        for (channel, peak) in self.channels.iter_mut().zip(peaks) {
            let peak = if peak.is_nan() { 0.0 } else { peak };
            let peak_db = db_from_gain(f64::from(peak)).clamp(FLOOR_DB, CEILING_DB);
            channel.level_db = peak_db.max(channel.level_db - fall_db);
            if channel.level_db >= channel.held_db {
                (channel.held_db, channel.held_until) = (channel.level_db, time + HOLD_SECONDS);
            } else if time > channel.held_until {
                channel.held_db = (channel.held_db - fall_db).max(channel.level_db);
            }
            self.highest = self.highest.max(peak);
        }
    }
}

/// Draws both meters with the scale between them; a click on a number forgets its peak.
pub fn meters_ui(ui: &mut Ui, meters: &mut Meters) {
    let (rect, _) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    ui.painter().rect_filled(rect, theme::ROUNDING, theme::PANEL);
    let rect = rect.shrink(6.0);
    let side = 36.0;
    let left = rect.with_max_x(rect.left() + side);
    let right = rect.with_min_x(rect.right() - side);
    meter_ui(ui, left, "In", &mut meters.input);
    meter_ui(ui, right, "Out", &mut meters.output);

    let bars = bars_rect(rect);
    let mut last_y = f32::NEG_INFINITY;
    for db in TICKS_DB {
        let at = pos2(rect.center().x, y_from_db(bars, f64::from(db)));
        let is_free = at.y - last_y > 13.0 && at.y < bars.bottom() - 2.0;
        if is_free {
            last_y = at.y;
            let text = db.unsigned_abs().to_string();
            let font = theme::font(theme::SMALL - 1.5);
            ui.painter().text(at, Align2::CENTER_CENTER, text, font, theme::TEXT_WEAK);
        }
    }
}

fn meter_ui(ui: &mut Ui, rect: Rect, name: &str, meter: &mut Meter) {
    let bars = bars_rect(rect);
    let gap = 3.0;
    let width = (bars.width() - gap) / 2.0;
    for (i, channel) in meter.channels.iter().enumerate() {
        let left = bars.left() + i as f32 * (width + gap);
        bar_ui(ui, bars.with_min_x(left).with_max_x(left + width), channel);
    }
    let name_at = pos2(rect.center().x, rect.bottom() - TEXT_HEIGHT / 2.0 + 2.0);
    ui.painter().text(
        name_at,
        Align2::CENTER_CENTER,
        name,
        theme::font(theme::SMALL),
        theme::TEXT_WEAK,
    );

    let number = rect.with_max_y(rect.top() + TEXT_HEIGHT - 3.0);
    let response = ui.interact(number, ui.scope_id().with(("peak", name)), Sense::click());
    let has_clipped = meter.highest >= 1.0;
    let text = peak_text(meter.highest);
    response.widget_info(|| {
        let clipped = if has_clipped { ", clipped" } else { "" };
        WidgetInfo::labeled(Role::Button, true, format!("{name} peak {text} dB{clipped}"))
    });
    paint_number(ui, number, &text, has_clipped, response.has_focus() || response.hovered());
    let help = "Highest peak in dB; red once it has clipped. Click to forget it.";
    if response.on_hover_text(help).clicked() {
        meter.highest = 0.0;
    }
}

/// "−6.2", or "−∞" for silence.
fn peak_text(peak: f32) -> String {
    match db_from_gain(f64::from(peak)) {
        db if db < FLOOR_DB => "−∞".into(),
        db if db < -0.05 => format!("−{:.1}", -db),
        db => format!("+{:.1}", db.max(0.0)),
    }
}

fn paint_number(ui: &Ui, rect: Rect, text: &str, has_clipped: bool, is_active: bool) {
    let (fill, color) = match (has_clipped, is_active) {
        (true, _) => (theme::ERROR, theme::TEXT_ON_ACCENT),
        (false, true) => (theme::CONTROL_HOVERED, theme::TEXT),
        (false, false) => (theme::WELL, theme::TEXT_WEAK),
    };
    let outline = if is_active { Stroke::new(1.0, theme::TEXT_WEAK) } else { Stroke::NONE };
    ui.painter().rect(rect, 3.0, fill, outline, StrokeKind::Inside);
    let font = theme::font(theme::SMALL - 1.0);
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, font, color);
}

fn bar_ui(ui: &Ui, rect: Rect, channel: &Channel) {
    let painter = ui.painter();
    painter.rect_filled(rect, 2.0, theme::WELL);
    let zones: [(f64, f64, Color32); 3] =
        [(FLOOR_DB, -12.0, theme::READY), (-12.0, -3.0, theme::SEAM), (-3.0, 0.0, theme::ERROR)];
    for (from, to, color) in zones {
        let to = to.min(channel.level_db);
        if to > from {
            let part =
                Rect::from_x_y_ranges(rect.x_range(), y_from_db(rect, to)..=y_from_db(rect, from));
            painter.rect_filled(part, 0.0, color);
        }
    }
    if channel.held_db > FLOOR_DB {
        let y = y_from_db(rect, channel.held_db).max(rect.top() + 1.0);
        let ends: [Pos2; 2] = [pos2(rect.left(), y), pos2(rect.right(), y)];
        painter.line_segment(ends, Stroke::new(1.5, theme::TEXT));
    }
}

fn bars_rect(rect: Rect) -> Rect {
    rect.with_min_y(rect.top() + TEXT_HEIGHT).with_max_y(rect.bottom() - TEXT_HEIGHT + 2.0)
}

fn y_from_db(rect: Rect, db: f64) -> f32 {
    let share = (db.clamp(FLOOR_DB, 0.0) / FLOOR_DB) as f32;
    (rect.top() + share * rect.height()).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(peak: f32) -> Live {
        Live { input_peaks: [peak; 2], ..Live::default() }
    }

    #[test]
    fn a_peak_is_held_and_then_falls_to_rest() {
        let mut meters = Meters::default();
        meters.update(&live(0.5), 10.0);
        meters.update(&live(0.0), 11.0);
        assert!((meters.input.channels[0].held_db + 6.02).abs() < 0.01);
        assert!((meters.input.channels[0].level_db + 30.02).abs() < 0.01);
        assert!(meters.is_moving());

        meters.update(&live(0.0), 12.0);
        meters.update(&live(0.0), 15.0);
        assert!(!meters.is_moving());
        assert_eq!(meters.input.highest, 0.5);
    }

    #[test]
    fn broken_peaks_do_not_stick() {
        let mut meters = Meters::default();
        meters.update(&live(f32::NAN), 1.0);
        assert!(!meters.is_moving());
        assert_eq!(meters.input.highest, 0.0);
    }

    #[test]
    fn peaks_read_as_decibels() {
        assert_eq!(peak_text(0.0), "−∞");
        assert_eq!(peak_text(0.5), "−6.0");
        assert_eq!(peak_text(1.0), "+0.0");
        assert_eq!(peak_text(2.0), "+6.0");
    }
}
