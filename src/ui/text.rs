//! Text that never leaves its place: cut with an ellipsis where there is no more room.

use std::sync::Arc;

use egui::{Align2, Color32, Galley, Painter, Rect, Ui, text::LayoutJob};

use super::theme;

/// `text` in at most `max_rows` lines of `width` points.
pub fn elided(
    painter: &Painter,
    text: &str,
    size: f32,
    color: Color32,
    width: f32,
    max_rows: usize,
) -> Arc<Galley> {
    let mut job = LayoutJob::simple(text.into(), theme::font(size), color, width.max(0.0));
    job.wrap.max_rows = max_rows;
    job.wrap.break_anywhere = max_rows == 1;
    painter.layout_job(job)
}

/// Paints one line of text within `rect`, aligned in it; tells whether it was cut.
pub fn paint_line(ui: &Ui, rect: Rect, align: Align2, text: &str) -> bool {
    paint(ui, rect, align, text, 1)
}

/// Paints up to `max_rows` lines of text within `rect`, aligned in it; tells whether they were cut.
pub fn paint(ui: &Ui, rect: Rect, align: Align2, text: &str, max_rows: usize) -> bool {
    let color = if ui.is_enabled() { theme::TEXT } else { theme::TEXT_WEAK };
    let galley = elided(ui.painter(), text, theme::BODY, color, rect.width(), max_rows);
    let at = align.align_size_within_rect(galley.size(), rect).min;
    let is_cut = galley.elided;
    ui.painter().galley(at, galley, color);
    is_cut
}
