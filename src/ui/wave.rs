//! A waveform as one mesh: a column per pixel, whatever its length.

use egui::{Color32, Mesh, Rangef, Rect, pos2};

use super::axis::Axis;
use crate::link::Waveform;

/// The waveform within `rect`, at its place on `axis`; `None` when nothing of it is in view.
pub fn wave_mesh(
    wave: &Waveform,
    axis: &Axis,
    rect: Rect,
    pixels_per_point: f32,
    color: Color32,
) -> Option<Mesh> {
    if wave.peaks.is_empty() || wave.rate <= 0.0 || wave.frames_per_peak == 0 {
        return None;
    }
    let peaks_per_second = wave.rate / wave.frames_per_peak as f64;
    let start = wave.start_frame as f64 / wave.rate;
    let end = start + wave.peaks.len() as f64 / peaks_per_second;
    let shown = Rangef::new(axis.x_from_seconds(start), axis.x_from_seconds(end))
        .intersection(Rangef::new(rect.left(), rect.right()));
    let column = 1.0 / pixels_per_point;
    let n_columns = (shown.span() / column).ceil().max(0.0) as usize;
    if shown.span() <= 0.0 || n_columns == 0 {
        return None;
    }
    let mut mesh = Mesh::default();
    mesh.reserve_triangles(2 * n_columns);
    mesh.reserve_vertices(4 * n_columns);
    for i in 0..n_columns {
        let left = shown.min + i as f32 * column;
        let right = (left + column).min(shown.max);
        let from = (axis.seconds_from_x(left) - start) * peaks_per_second;
        let to = (axis.seconds_from_x(right) - start) * peaks_per_second;
        let [low, high] = peaks_between(&wave.peaks, from, to);
        let y = |sample: f32| rect.center().y - 0.5 * rect.height() * sample.clamp(-1.0, 1.0);
        let (top, bottom) = (y(high), y(low));
        let thin = (column - (bottom - top)).max(0.0) / 2.0; // silence is still a line
        let column = Rect::from_min_max(pos2(left, top - thin), pos2(right, bottom + thin));
        mesh.add_colored_rect(column, color);
    }
    Some(mesh)
}

/// Lowest and highest sample between two positions counted in peaks; between peaks, a line joins them.
fn peaks_between(peaks: &[[f32; 2]], from: f64, to: f64) -> [f32; 2] {
    let last = peaks.len() - 1; // callers have at least one peak
    if to - from >= 1.0 {
        let first = (from.max(0.0) as usize).min(last);
        let end = (to.ceil().max(0.0) as usize).clamp(first + 1, last + 1);
        let widen = |a: [f32; 2], b: &[f32; 2]| [a[0].min(b[0]), a[1].max(b[1])];
        return peaks[first..end].iter().fold(peaks[first], widen);
    }
    let middle = (0.5 * (from + to) - 0.5).clamp(0.0, last as f64);
    let (a, b) = (peaks[middle as usize], peaks[(middle as usize + 1).min(last)]);
    let share = middle.fract() as f32;
    [a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::axis::Span;

    fn wave(n_peaks: usize) -> Waveform {
        let peaks = (0..n_peaks).map(|i| [-0.5, if i == 700 { 1.0 } else { 0.5 }]).collect();
        Waveform { start_frame: 0, rate: 48_000.0, frames_per_peak: 480, peaks }
    }

    #[test]
    fn no_peak_is_lost_between_the_pixels() {
        let rect = Rect::from_min_max(pos2(0.0, 0.0), pos2(100.0, 200.0));
        let axis = Axis { span: Span { start: 0.0, end: 60.0 }, x: rect.x_range() };

        let mesh = wave_mesh(&wave(6000), &axis, rect, 1.0, Color32::WHITE).unwrap();

        let top = mesh.vertices.iter().map(|v| v.pos.y).fold(f32::INFINITY, f32::min);
        assert_eq!(top, 0.0);
    }

    #[test]
    fn the_mesh_grows_with_the_pixels_and_not_with_the_song() {
        let rect = Rect::from_min_max(pos2(0.0, 0.0), pos2(800.0, 200.0));
        let axis = Axis { span: Span { start: 0.0, end: 600.0 }, x: rect.x_range() };

        let mesh = wave_mesh(&wave(60_000), &axis, rect, 2.0, Color32::WHITE).unwrap();

        assert!(mesh.vertices.len() <= 4 * 1600);
    }

    #[test]
    fn what_is_out_of_view_is_not_drawn() {
        let rect = Rect::from_min_max(pos2(0.0, 0.0), pos2(800.0, 200.0));
        let axis = Axis { span: Span { start: 100.0, end: 110.0 }, x: rect.x_range() };

        assert!(wave_mesh(&wave(600), &axis, rect, 1.0, Color32::WHITE).is_none());
        assert!(wave_mesh(&wave(0), &axis, rect, 1.0, Color32::WHITE).is_none());
    }
}
