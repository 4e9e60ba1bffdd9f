//! A picture of a run: how each figure went, step by step.

use std::collections::BTreeSet;
use std::path::Path;

use encore::train::run::MetricsLine;
use plotters::prelude::*;
use plotters::style::register_font;

use crate::failure::Failure;

const FONT: &str = "encore";
const WIDTH: u32 = 1200;
const ROW_HEIGHT: u32 = 260;
const BACKGROUND: RGBColor = RGBColor(16, 18, 24);
const LINE: RGBColor = RGBColor(58, 63, 77);
const TEXT: RGBColor = RGBColor(200, 205, 216);
const TRAINING: RGBColor = RGBColor(116, 173, 216);
const HELD_OUT: RGBColor = RGBColor(255, 180, 84);

/// Draws a row for each figure: of the training (blue) and of what is held out (amber).
pub fn write(path: &Path, lines: &[MetricsLine]) -> Result<(), Failure> {
    let failed = |e: String| Failure::Failed(format!("{path:?} cannot be drawn: {e}"));
    draw(path, lines).map_err(|e| failed(e.to_string()))
}

fn draw(path: &Path, lines: &[MetricsLine]) -> Result<(), Box<dyn std::error::Error>> {
    let of_training = lines.iter().flat_map(|line| line.training.keys());
    let of_held_out = lines.iter().filter_map(|line| line.held_out.as_ref());
    let names: BTreeSet<&String> =
        of_training.chain(of_held_out.flat_map(|all| all.keys())).collect();
    if names.is_empty() {
        return Ok(());
    }
    register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| "its font is damaged")?;
    let size = (WIDTH, ROW_HEIGHT * names.len() as u32);
    let mut pixels = vec![0; 3 * size.0 as usize * size.1 as usize];
    let area = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
    area.fill(&BACKGROUND)?;
    let last = lines.last().map_or(1, |line| line.step).max(1);
    for (name, row) in names.iter().zip(area.split_evenly((names.len(), 1))) {
        let points = |held_out: bool| -> Vec<(u64, f64)> {
            let at = |line: &MetricsLine| {
                let all = if held_out { line.held_out.as_ref()? } else { &line.training };
                Some((line.step, *all.get(*name)?))
            };
            lines.iter().filter_map(at).collect()
        };
        let (training, held_out) = (points(false), points(true));
        let values = || training.iter().chain(&held_out).map(|(_, y)| *y);
        let (low, high) = values().fold((f64::MAX, f64::MIN), |(a, b), y| (a.min(y), b.max(y)));
        let margin = ((high - low) * 0.08).max(high.abs() * 1e-3).max(1e-9);
        let mut chart = ChartBuilder::on(&row)
            .caption(name.as_str(), (FONT, 22).into_font().color(&TEXT))
            .margin(12)
            .x_label_area_size(28)
            .y_label_area_size(72)
            .build_cartesian_2d(0..last, low - margin..high + margin)?;
        chart
            .configure_mesh()
            .axis_style(LINE)
            .bold_line_style(LINE.mix(0.6))
            .light_line_style(LINE.mix(0.2))
            .label_style((FONT, 15).into_font().color(&TEXT))
            .draw()?;
        chart.draw_series(LineSeries::new(training, TRAINING.stroke_width(2)))?;
        chart.draw_series(LineSeries::new(held_out.iter().copied(), HELD_OUT.stroke_width(2)))?;
        chart.draw_series(held_out.iter().map(|at| Circle::new(*at, 3, HELD_OUT.filled())))?;
    }
    area.present()?;
    drop(area);
    Ok(image::save_buffer(path, &pixels, size.0, size.1, image::ExtendedColorType::Rgb8)?)
}
