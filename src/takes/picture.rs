//! A picture of a take: its waveform over its spectrogram, with the seam marked.

use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::canvas::Canvas;
use super::file::write_bytes;
use super::spectrogram::{Spectrogram, height_of};
use super::{TakeError, measure};
use crate::units::{db_from_gain, seconds_from_frames};

pub(super) const WIDTH: usize = 1600;
pub(super) const HEIGHT: usize = 900;
const FONT: &str = "encore";

/// Where things are, in pixels.
pub(super) const PLOT_X: std::ops::Range<usize> = 96..1496;
pub(super) const WAVE_Y: std::ops::Range<usize> = 112..292;
pub(super) const SPECTRUM_Y: std::ops::Range<usize> = 310..834;
pub(super) const BAR_X: std::ops::Range<usize> = 1514..1530;

pub(super) const BACKGROUND: RGBColor = RGBColor(16, 18, 24);
pub(super) const PANEL: RGBColor = RGBColor(23, 26, 34);
const LINE: RGBColor = RGBColor(58, 63, 77);
const TEXT: RGBColor = RGBColor(226, 229, 236);
const FAINT: RGBColor = RGBColor(144, 151, 168);
pub(super) const PRIME: RGBColor = RGBColor(116, 173, 216);
pub(super) const CONTINUATION: RGBColor = RGBColor(255, 180, 84);

/// Levels between the darkest and the lightest colour, in dB.
pub(super) const RANGE_DB: f32 = 80.0;
const FREQUENCIES_HZ: [f64; 9] = [100.0, 250.0, 500.0, 1e3, 2e3, 4e3, 8e3, 16e3, 32e3];
/// Steps that the seconds axis may have; the first that gives few enough labels is taken.
const STEPS_SECONDS: [f64; 14] =
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];
/// Room for the words at the seam, in pixels.
const SEAM_LABEL_WIDTH: i32 = 260;
const MAX_TIME_LABELS: f64 = 15.0;

/// Draws `samples` and writes a PNG; what lies before `seam_seconds` is the prime.
pub fn write(
    path: &Path,
    samples: &[f32],
    rate: f64,
    seam_seconds: Option<f64>,
    title: &str,
) -> Result<(), TakeError> {
    let failed = |problem: String| TakeError::Picture { path: path.into(), problem };
    if samples.is_empty() {
        return Err(failed("there is no audio".into()));
    }
    if let Some(frame_idx) = samples.iter().position(|x| !x.is_finite()) {
        return Err(TakeError::UnwritableSample { path: path.into(), frame_idx });
    }
    let seconds = seconds_from_frames(samples.len(), rate);
    let seam = seam_seconds.map(|seam| (seam / seconds).clamp(0.0, 1.0));
    let spectrogram = Spectrogram::new(samples, rate, PLOT_X.len(), SPECTRUM_Y.len());
    let top_db = 10.0 * (spectrogram.loudest_db / 10.0).ceil();

    let mut canvas = Canvas::new();
    canvas.waveform(samples, seam);
    canvas.spectrogram(&spectrogram, top_db);
    let axes = Axes { seconds, seam, rate, top_db, peak: measure::peak(samples), title };
    axes.draw(&mut canvas.pixels).map_err(failed)?;

    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(&canvas.pixels, WIDTH as u32, HEIGHT as u32, ExtendedColorType::Rgb8)
        .map_err(|e| failed(e.to_string()))?;
    write_bytes(path, &png)
}

/// What is written and ruled around and over the pixels.
struct Axes<'a> {
    seconds: f64,
    /// As a share of the whole.
    seam: Option<f64>,
    rate: f64,
    top_db: f32,
    peak: f32,
    title: &'a str,
}

type Area<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;
type Drawn = Result<(), String>;

impl Axes<'_> {
    fn draw(&self, pixels: &mut [u8]) -> Drawn {
        register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
            .map_err(|_| "its font is damaged".to_string())?;
        let size = (WIDTH as u32, HEIGHT as u32);
        let area = BitMapBackend::with_buffer(pixels, size).into_drawing_area();
        self.heading(&area)?;
        self.time(&area)?;
        self.frequency(&area)?;
        self.levels(&area)?;
        self.seam(&area)?;
        area.present().map_err(|e| e.to_string())
    }

    fn heading(&self, area: &Area) -> Drawn {
        let (x0, x1) = (PLOT_X.start as i32, PLOT_X.end as i32);
        let peak_db = db_from_gain(self.peak.into());
        let facts = format!(
            "{:.2} s   ·   {} kHz   ·   peak {} dBFS",
            self.seconds,
            self.rate / 1000.0,
            signed(format!("{peak_db:.1}"))
        );
        text(area, self.title, (x0, 44), 32, TEXT, HPos::Left)?;
        text(area, &facts, (x1, 46), 20, FAINT, HPos::Right)?;
        let middle = (WAVE_Y.start + WAVE_Y.end) as i32 / 2;
        text(area, "waveform", (x0 - 12, middle), 16, FAINT, HPos::Right)
    }

    fn time(&self, area: &Area) -> Drawn {
        let few = |step: &&f64| self.seconds / **step <= MAX_TIME_LABELS;
        let step = STEPS_SECONDS.iter().find(few).copied().unwrap_or(self.seconds / 10.0);
        let decimals = if step < 0.1 { 2 } else { usize::from(step < 1.0) };
        let y = SPECTRUM_Y.end as i32;
        for i in 0..=(self.seconds / step) as usize {
            let seconds = i as f64 * step;
            let x = x_at(seconds / self.seconds);
            rule(area, (x, y), (x, y + 7), LINE)?;
            let label = format!("{seconds:.decimals$}");
            text(area, &label, (x, y + 20), 18, FAINT, HPos::Center)?;
        }
        text(area, "seconds", (PLOT_X.end as i32, y + 46), 16, FAINT, HPos::Right)
    }

    fn frequency(&self, area: &Area) -> Drawn {
        let x = PLOT_X.start as i32;
        for hz in FREQUENCIES_HZ.into_iter().filter(|hz| *hz < 0.5 * self.rate) {
            let height = height_of(hz, self.rate) * SPECTRUM_Y.len() as f64;
            let y = SPECTRUM_Y.end as i32 - height as i32;
            rule(area, (x - 7, y), (x - 1, y), LINE)?;
            let label = if hz < 1e3 { format!("{hz}") } else { format!("{}k", hz / 1e3) };
            text(area, &label, (x - 12, y), 18, FAINT, HPos::Right)?;
        }
        text(area, "Hz", (x - 12, SPECTRUM_Y.start as i32 + 4), 16, FAINT, HPos::Right)
    }

    fn levels(&self, area: &Area) -> Drawn {
        let x = BAR_X.end as i32 + 8;
        for i in 0..=4 {
            let share = i as f32 / 4.0;
            let y = SPECTRUM_Y.start as f32 + share * SPECTRUM_Y.len() as f32;
            let label = signed(format!("{:.0}", self.top_db - share * RANGE_DB));
            text(area, &label, (x, y as i32), 18, FAINT, HPos::Left)?;
        }
        let below = (x, SPECTRUM_Y.end as i32 + 20);
        text(area, "dBFS", below, 16, FAINT, HPos::Left)
    }

    fn seam(&self, area: &Area) -> Drawn {
        let Some(seam) = self.seam else { return Ok(()) };
        let (x, y) = (x_at(seam), WAVE_Y.start as i32 - 22);
        let line = (WAVE_Y.start as i32 - 8, SPECTRUM_Y.end as i32);
        for (dx, ink) in [(-1, BACKGROUND), (0, WHITE), (1, WHITE), (2, BACKGROUND)] {
            rule(area, (x + dx, line.0), (x + dx, line.1), ink)?;
        }
        let label = format!("continuation from {:.2} s", seam * self.seconds);
        let right = PLOT_X.end as i32;
        let has_room = right - x > SEAM_LABEL_WIDTH;
        let (at, side) = if has_room { (x + 14, HPos::Left) } else { (right, HPos::Right) };
        text(area, &label, (at, y), 20, CONTINUATION, side)?;
        let prime_end = if has_room { x - 12 } else { right - SEAM_LABEL_WIDTH };
        if prime_end > PLOT_X.start as i32 + 50 {
            text(area, "prime", (prime_end, y), 20, PRIME, HPos::Right)?;
        }
        Ok(())
    }
}

fn x_at(share: f64) -> i32 {
    PLOT_X.start as i32 + (share * PLOT_X.len() as f64).round() as i32
}

/// A number with a minus sign as wide as a plus.
fn signed(number: String) -> String {
    if number == "-0" { "0".into() } else { number.replace('-', "\u{2212}") }
}

fn text(area: &Area, words: &str, at: (i32, i32), size: u32, ink: RGBColor, side: HPos) -> Drawn {
    let style = (FONT, size).into_font().color(&ink).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(words, at, style)).map_err(|e| e.to_string())
}

fn rule(area: &Area, from: (i32, i32), to: (i32, i32), ink: RGBColor) -> Drawn {
    area.draw(&PathElement::new([from, to], ink)).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(seconds: f64) -> Vec<f32> {
        let wave = |i: usize| (i as f32 * 0.05).sin() * 0.3;
        (0..(seconds * 44_100.0) as usize).map(wave).collect()
    }

    #[test]
    fn the_same_audio_is_always_the_same_picture_and_the_seam_shows() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let samples = tone(1.0);

        write(&path("a.png"), &samples, 44_100.0, Some(0.5), "Take 1").unwrap();
        write(&path("b.png"), &samples, 44_100.0, Some(0.5), "Take 1").unwrap();
        write(&path("c.png"), &samples, 44_100.0, None, "Take 1").unwrap();

        let bytes = |name: &str| std::fs::read(path(name)).unwrap();
        assert_eq!(bytes("a.png"), bytes("b.png"));
        assert_ne!(bytes("a.png"), bytes("c.png"));
        let seen = image::load_from_memory(&bytes("a.png")).unwrap();
        assert_eq!((seen.width(), seen.height()), (1600, 900));
    }

    #[test]
    fn any_length_and_any_seam_can_be_drawn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("take.png");

        for n_frames in [1, 100, 44_100] {
            for seam in [None, Some(0.0), Some(1e-4), Some(99.0)] {
                write(&path, &vec![0.0; n_frames], 44_100.0, seam, "").unwrap();
            }
        }
        assert!(write(&path, &[], 44_100.0, None, "").is_err());
        assert!(write(&path, &[f32::NAN], 44_100.0, None, "").is_err());
    }
}
