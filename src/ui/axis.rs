//! The time axis: song seconds to points and back, and where the ruler has its ticks.

use egui::Rangef;

/// Shortest stretch of song that fills the view, in seconds.
const MIN_SPAN: f64 = 0.05;
/// Longest stretch, in seconds.
const MAX_SPAN: f64 = 6.0 * 3600.0;

/// A stretch of song, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    pub start: f64,
    pub end: f64,
}

impl Span {
    pub fn seconds(&self) -> f64 {
        self.end - self.start
    }

    /// The smallest span that covers both.
    pub fn union(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// This content with air around it, widened to round numbers so that it does not creep while it grows.
    pub fn fitted(self) -> Span {
        let step = match self.seconds() {
            s if s < 30.0 => 2.0,
            s if s < 120.0 => 5.0,
            s if s < 600.0 => 15.0,
            _ => 60.0,
        };
        let air = 0.015 * self.seconds();
        let end = ((self.end + air) / step).ceil() * step;
        Span { start: self.start - air, end: end.max(self.start + 4.0) }
    }

    /// Scaled by `factor` around `center`, within reason.
    pub fn zoomed(self, factor: f64, center: f64) -> Span {
        let seconds = (self.seconds() * factor).clamp(MIN_SPAN, MAX_SPAN);
        let share = (center - self.start) / self.seconds();
        let start = center - share * seconds;
        Span { start, end: start + seconds }
    }

    pub fn moved(self, seconds: f64) -> Span {
        Span { start: self.start + seconds, end: self.end + seconds }
    }
}

/// A span laid over a horizontal range of points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    pub span: Span,
    pub x: Rangef,
}

impl Axis {
    pub fn x_from_seconds(&self, seconds: f64) -> f32 {
        let share = (seconds - self.span.start) / self.span.seconds();
        (f64::from(self.x.min) + share * f64::from(self.x.span())) as f32
    }

    pub fn seconds_from_x(&self, x: f32) -> f64 {
        self.span.start + f64::from(x - self.x.min) * self.seconds_per_point()
    }

    pub fn seconds_per_point(&self) -> f64 {
        self.span.seconds() / f64::from(self.x.span()).max(1.0)
    }

    /// Round song times at least `min_points` apart, and the decimals they need.
    pub fn ticks(&self, min_points: f32) -> (Vec<f64>, usize) {
        let min_seconds = self.seconds_per_point() * f64::from(min_points);
        let step = tick_step(min_seconds);
        let n_decimals = if step >= 1.0 { 0 } else { (-step.log10()).ceil() as usize };
        let first = (self.span.start / step).ceil() as i64;
        let last = (self.span.end / step).floor() as i64;
        ((first..=last).map(|i| i as f64 * step).collect(), n_decimals)
    }
}

/// The smallest step that is a round number of seconds or minutes and at least `min_seconds`.
fn tick_step(min_seconds: f64) -> f64 {
    const STEPS: [f64; 18] = [
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0,
        60.0, 300.0, 900.0,
    ];
    STEPS
        .into_iter()
        .find(|step| *step >= min_seconds)
        .unwrap_or((min_seconds / 3600.0).ceil() * 3600.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXIS: Axis =
        Axis { span: Span { start: -2.0, end: 38.0 }, x: Rangef { min: 10.0, max: 810.0 } };

    #[test]
    fn seconds_and_points_are_inverse() {
        for seconds in [-2.0, 0.0, 17.3, 38.0] {
            let back = AXIS.seconds_from_x(AXIS.x_from_seconds(seconds));
            assert!((back - seconds).abs() < 1e-4, "{seconds} came back as {back}");
        }
    }

    #[test]
    fn ticks_are_round_and_far_enough_apart() {
        let (ticks, n_decimals) = AXIS.ticks(70.0);

        assert_eq!(ticks, [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0]);
        assert_eq!(n_decimals, 0);
    }

    #[test]
    fn zooming_keeps_the_song_under_the_pointer() {
        let at = 5.0;
        let zoomed = Axis { span: AXIS.span.zoomed(0.25, at), ..AXIS };

        assert!((zoomed.x_from_seconds(at) - AXIS.x_from_seconds(at)).abs() < 1e-3);
        assert!((zoomed.span.seconds() - 10.0).abs() < 1e-9);
    }

    #[test]
    fn growing_content_does_not_move_the_view_every_frame() {
        let views: Vec<Span> = (0..50)
            .map(|i| Span { start: 0.0, end: 40.2 + 0.01 * f64::from(i) }.fitted())
            .collect();
        let n_ends = views.windows(2).filter(|w| w[0].end != w[1].end).count();
        assert!(n_ends <= 1);
    }
}
