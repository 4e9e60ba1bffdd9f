//! A picture of whom the classifier hears: a row for each artist, a column for each answer.

use std::io::Write;
use std::path::Path;

use encore::takes::{TakeError, write_whole};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::real::{Confusion, accuracy};
use crate::failure::Failure;

const FONT: &str = "encore";
const CELL: i32 = 30;
/// Room for names to the left, and for a heading with names above.
const LEFT: i32 = 190;
const ABOVE: i32 = 190;
const MARGIN: i32 = 24;
/// Room for a heading.
const HEADING: i32 = 230;

const BACKGROUND: RGBColor = RGBColor(16, 18, 24);
const PANEL: RGBColor = RGBColor(23, 26, 34);
const TEXT: RGBColor = RGBColor(226, 229, 236);
const FAINT: RGBColor = RGBColor(144, 151, 168);
const RIGHT: RGBColor = RGBColor(116, 173, 216);
const WRONG: RGBColor = RGBColor(255, 180, 84);

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Drawn = Result<(), String>;

/// Draws matrices beside each other, each with its heading, and writes a PNG.
pub fn write(path: &Path, names: &[&str], matrices: &[(&str, &Confusion)]) -> Result<(), Failure> {
    let failed = |e: String| Failure::Failed(format!("{path:?} cannot be drawn: {e}"));
    let side = CELL * names.len() as i32;
    let width = LEFT + matrices.len() as i32 * (side.max(HEADING) + MARGIN);
    let (width, height) = (width as u32, (ABOVE + side + MARGIN) as u32);
    let mut pixels = vec![0; 3 * (width * height) as usize];
    draw(&mut pixels, (width, height), names, matrices).map_err(failed)?;
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(&pixels, width, height, ExtendedColorType::Rgb8)
        .map_err(|e| failed(e.to_string()))?;
    write_whole(path, |file| file.write_all(&png)).map_err(|e: TakeError| e.into())
}

fn draw(
    pixels: &mut [u8],
    size: (u32, u32),
    names: &[&str],
    matrices: &[(&str, &Confusion)],
) -> Drawn {
    register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| "its font is damaged".to_string())?;
    let area = BitMapBackend::with_buffer(pixels, size).into_drawing_area();
    area.fill(&BACKGROUND).map_err(|e| e.to_string())?;
    for (row, name) in names.iter().enumerate() {
        let y = ABOVE + CELL * row as i32 + CELL / 2;
        text(&area, name, (LEFT - 10, y), 16, TEXT, HPos::Right)?;
    }
    for (idx, (heading, confusion)) in matrices.iter().enumerate() {
        let x = LEFT + idx as i32 * ((CELL * names.len() as i32).max(HEADING) + MARGIN);
        let share = 100.0 * accuracy(confusion);
        text(&area, &format!("{heading}: {share:.0} %"), (x, 28), 20, TEXT, HPos::Left)?;
        for (column, name) in names.iter().enumerate() {
            let style = (FONT, 16).into_font().transform(FontTransform::Rotate270).color(&FAINT);
            let style = style.pos(Pos::new(HPos::Left, VPos::Center));
            let at = (x + CELL * column as i32 + CELL / 2, ABOVE - 8);
            area.draw(&Text::new(*name, at, style)).map_err(|e| e.to_string())?;
        }
        matrix(&area, confusion, x)?;
    }
    area.present().map_err(|e| e.to_string())
}

/// One matrix: the brighter a cell, the more of its row is in it.
fn matrix(area: &Area, confusion: &Confusion, x: i32) -> Drawn {
    for (row, counts) in confusion.iter().enumerate() {
        let n_of_row = counts.iter().sum::<usize>().max(1) as f64;
        for (column, count) in counts.iter().enumerate() {
            let (left, top) = (x + CELL * column as i32, ABOVE + CELL * row as i32);
            let ink = if row == column { RIGHT } else { WRONG };
            let cell = [(left, top), (left + CELL - 2, top + CELL - 2)];
            let fill = mixed(ink, PANEL, *count as f64 / n_of_row);
            area.draw(&Rectangle::new(cell, fill.filled())).map_err(|e| e.to_string())?;
            if 0 < *count {
                let middle = (left + CELL / 2 - 1, top + CELL / 2 - 1);
                text(area, &count.to_string(), middle, 15, TEXT, HPos::Center)?;
            }
        }
    }
    Ok(())
}

fn mixed(a: RGBColor, b: RGBColor, share: f64) -> RGBColor {
    let mix = |a: u8, b: u8| (f64::from(a) * share + f64::from(b) * (1.0 - share)) as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

fn text(area: &Area, words: &str, at: (i32, i32), size: u32, ink: RGBColor, side: HPos) -> Drawn {
    let style = (FONT, size).into_font().color(&ink).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(words, at, style)).map_err(|e| e.to_string())
}
