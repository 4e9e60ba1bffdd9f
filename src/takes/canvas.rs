//! The part of a picture that is drawn pixel by pixel: the waveform and the spectrogram.

use plotters::style::RGBColor;

use super::measure;
use super::picture::{
    BACKGROUND, BAR_X, CONTINUATION, HEIGHT, PANEL, PLOT_X, PRIME, RANGE_DB, SPECTRUM_Y, WAVE_Y,
    WIDTH,
};
use super::spectrogram::{Spectrogram, colour};
use crate::units::gain_from_db;

/// What is drawn pixel by pixel.
pub(super) struct Canvas {
    /// Rows from the top, three bytes a pixel.
    pub pixels: Vec<u8>,
}

impl Canvas {
    /// The background, with an empty panel for the waveform.
    pub fn new() -> Self {
        let RGBColor(r, g, b) = BACKGROUND;
        let mut canvas = Self { pixels: [r, g, b].repeat(WIDTH * HEIGHT) };
        PLOT_X.for_each(|x| canvas.column(x, WAVE_Y.start, WAVE_Y.end, PANEL));
        canvas
    }

    fn column(&mut self, x: usize, from_y: usize, to_y: usize, RGBColor(r, g, b): RGBColor) {
        (from_y..to_y).for_each(|y| self.put(x, y, [r, g, b]));
    }

    fn put(&mut self, x: usize, y: usize, rgb: [u8; 3]) {
        let at = 3 * (y * WIDTH + x);
        self.pixels[at..at + 3].copy_from_slice(&rgb);
    }

    /// Each column from the lowest to the highest sample, and brighter up to the root mean square.
    pub fn waveform(&mut self, samples: &[f32], seam: Option<f64>) {
        let scale = 0.92 / f64::from(measure::peak(samples).max(1e-3));
        let half = WAVE_Y.len() as f64 / 2.0;
        let y_of = |x: f64| (WAVE_Y.start as f64 + half * (1.0 - scale * x)).round() as usize;
        for (i, x) in PLOT_X.enumerate() {
            let frame_at = |column: usize| column * samples.len() / PLOT_X.len();
            let first = frame_at(i);
            let column = &samples[first..frame_at(i + 1).max(first + 1).min(samples.len())];
            let low = column.iter().copied().fold(f32::INFINITY, f32::min).into();
            let high = column.iter().copied().fold(f32::NEG_INFINITY, f32::max).into();
            let rms = gain_from_db(measure::rms_db(column));

            let is_prime = seam.is_some_and(|seam| (i as f64) < seam * PLOT_X.len() as f64);
            let bright = if is_prime { PRIME } else { CONTINUATION };
            let dim = mixed(bright, PANEL, 0.5);
            self.column(x, y_of(high), y_of(low) + 1, dim);
            self.column(x, y_of(rms.min(high)), y_of((-rms).max(low)) + 1, bright);
        }
    }

    /// Lower frequencies further down; beside it the colours from quiet to loud.
    pub fn spectrogram(&mut self, spectrogram: &Spectrogram, top_db: f32) {
        let colour_of = |db: f32| colour(1.0 + (db - top_db) / RANGE_DB);
        for (x, column) in PLOT_X.zip(&spectrogram.columns) {
            for (y, db) in SPECTRUM_Y.rev().zip(column) {
                self.put(x, y, colour_of(*db));
            }
        }
        for (i, y) in SPECTRUM_Y.rev().enumerate() {
            let level = i as f32 / (SPECTRUM_Y.len() - 1) as f32;
            BAR_X.for_each(|x| self.put(x, y, colour(level)));
        }
    }
}

fn mixed(a: RGBColor, b: RGBColor, share: f64) -> RGBColor {
    let mix = |a: u8, b: u8| (f64::from(a) * (1.0 - share) + f64::from(b) * share) as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}
