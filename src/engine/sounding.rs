//! From a model's audio to the sound of a take at its place in the song: resampled, cut, counted and drawn.
//!
//! A take that is composed now and one whose codes are decoded again go the same way, so they sound the same
//! to the bit.

use std::sync::Arc;

use super::{EngineError, resample::StreamResampler};
use crate::{
    link::{CHUNK_FRAMES, Sound, Waveform},
    takes,
    units::{FADE_SECONDS, frames_from_seconds},
};

/// Peaks per second in the picture of a take.
const PEAKS_PER_SECOND: f64 = 100.0;

/// Longest lead-in that there is room for, in seconds.
const LEAD_IN_SECONDS: f64 = 0.5;

/// Where a take goes, in frames of the host that plays it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placing {
    /// Song position of the first frame that continues.
    pub seam_frame: i64,
    /// Song position of the first new frame; at or before the seam, and rarely whole.
    pub begins_at: f64,
    /// Nothing of it, not even a fade, is to come before the seam.
    pub takes_over: bool,
    /// Sample rate of the host, in Hz.
    pub rate: f64,
    /// Length from the seam on.
    pub length_seconds: f64,
}

/// The sound of one take while it grows.
pub struct Sounding {
    sound: Arc<Sound>,
    placing: Placing,
    model_rate: f64,
    /// Song position of the first frame of the sound.
    start: i64,
    /// Resampled frames that are still to be dropped, as they lie before the take.
    n_skip: usize,
    n_frames_left: usize,
    resampler: StreamResampler,
    /// Resampled frames that do not fill a chunk yet.
    waiting: Vec<f32>,
    n_drawn: usize,
    waveform: Waveform,
    /// Of all frames.
    sum_of_squares: f64,
}

impl Placing {
    /// A take's place where the host counts frames at `rate`, which may be another one than when the take was
    /// composed.
    pub fn of(place: &takes::Place, length_seconds: f64, rate: f64) -> Self {
        let takes::Place { seam_frame, begins_at, takes_over, .. } = *place;
        if rate == place.rate {
            return Self { seam_frame, begins_at, takes_over, rate, length_seconds };
        }
        let ratio = rate / place.rate;
        let seam_frame = (seam_frame as f64 * ratio).round() as i64;
        let begins_at = begins_at * ratio;
        Self { seam_frame, begins_at, takes_over, rate, length_seconds }
    }

    /// What is composed before the seam, in seconds.
    pub fn ahead_seconds(&self) -> f64 {
        (self.seam_frame as f64 - self.begins_at) / self.rate
    }
}

impl Sounding {
    /// # Errors
    /// When the host's rate cannot be resampled to.
    pub fn new(placing: Placing, model_rate: f64) -> Result<Self, EngineError> {
        let Placing { seam_frame, rate, length_seconds, .. } = placing;
        let frames_per_peak = (rate / PEAKS_PER_SECOND).round().max(1.0) as usize;
        let longest = length_seconds + LEAD_IN_SECONDS;
        Ok(Self {
            sound: Arc::new(Sound::with_room(frames_from_seconds(longest, rate))),
            placing,
            model_rate,
            start: seam_frame,
            n_skip: 0,
            n_frames_left: frames_from_seconds(length_seconds, rate),
            resampler: StreamResampler::new(model_rate, rate)?,
            waiting: Vec::new(),
            n_drawn: 0,
            waveform: Waveform {
                start_frame: seam_frame,
                rate,
                frames_per_peak,
                peaks: Vec::new(),
            },
            sum_of_squares: 0.0,
        })
    }

    /// The last milliseconds of the prime as the model hears them. The take starts a little before the seam,
    /// so that it has faded in there when the song comes by; one that takes over starts at the seam.
    ///
    /// # Errors
    /// As [`Self::audio`].
    pub fn lead_in(&mut self, frames: &[f32]) -> Result<(), EngineError> {
        let (n_model, start) = self.lead_in_at(frames.len());
        let n_before = (self.placing.seam_frame - start).max(0) as usize;
        if self.placing.takes_over {
            self.n_skip = n_before;
        } else {
            self.start = start;
            self.waveform.start_frame = start;
            self.n_frames_left += n_before;
        }
        self.audio(&frames[frames.len() - n_model..])
    }

    /// The next piece of the continuation: mono, at the model's rate.
    ///
    /// # Errors
    /// When the resampler fails, which it does not on finite audio.
    pub fn audio(&mut self, frames: &[f32]) -> Result<(), EngineError> {
        let n_before = self.waiting.len();
        self.resampler.push(frames, &mut self.waiting)?;
        self.take_from(n_before);
        while CHUNK_FRAMES <= self.waiting.len() {
            self.send(CHUNK_FRAMES);
        }
        Ok(())
    }

    /// Nothing follows. Also right after an early end: what exists stays.
    ///
    /// # Errors
    /// As [`Self::audio`].
    pub fn finish(&mut self) -> Result<(), EngineError> {
        let n_before = self.waiting.len();
        self.resampler.finish(&mut self.waiting)?;
        self.take_from(n_before);
        while !self.waiting.is_empty() {
            self.send(self.waiting.len().min(CHUNK_FRAMES));
        }
        self.sound.finish();
        Ok(())
    }

    /// What can be heard of it so far.
    pub fn sound(&self) -> &Arc<Sound> {
        &self.sound
    }

    /// Song position of the first frame of the sound; known from the lead-in on.
    pub fn start(&self) -> i64 {
        self.start
    }

    pub fn placing(&self) -> &Placing {
        &self.placing
    }

    pub fn waveform(&self) -> &Waveform {
        &self.waveform
    }

    /// How much there is from the seam on, in seconds.
    pub fn seconds(&self) -> f64 {
        let n_before = (self.placing.seam_frame - self.start).max(0) as usize;
        self.n_drawn.saturating_sub(n_before) as f64 / self.placing.rate
    }

    /// Root of the mean square of everything so far; 0 where there is nothing.
    pub fn rms(&self) -> f64 {
        (self.sum_of_squares / self.n_drawn.max(1) as f64).sqrt()
    }

    /// How many of the lead-in's frames to use and at which song frame these begin: enough to fade over, and
    /// as nearly on a frame as can be, so that the seam keeps its own.
    fn lead_in_at(&self, n_model_max: usize) -> (usize, i64) {
        let ratio = self.placing.rate / self.model_rate;
        let at = |n: usize| self.placing.begins_at - n as f64 * ratio;
        let off = |n: usize| (at(n) - at(n).round()).abs();
        let n_min = frames_from_seconds(FADE_SECONDS, self.model_rate).min(n_model_max);
        // of those that are equally near, up to rounding, the longest
        let nearer = |best: usize, n: usize| if off(n) < off(best) - 1e-6 { n } else { best };
        let n_model = (n_min..n_model_max).rev().fold(n_model_max, nearer);
        (n_model, at(n_model).round() as i64)
    }

    /// Draws the frames that arrived in `waiting` from `start` on, and drops what is beyond the take.
    fn take_from(&mut self, start: usize) {
        let n_skipped = (self.waiting.len() - start).min(self.n_skip);
        self.waiting.drain(start..start + n_skipped);
        self.n_skip -= n_skipped;
        let n_new = (self.waiting.len() - start).min(self.n_frames_left);
        self.waiting.truncate(start + n_new);
        self.n_frames_left -= n_new;
        for frame in &self.waiting[start..] {
            if self.n_drawn.is_multiple_of(self.waveform.frames_per_peak) {
                self.waveform.peaks.push([0.0; 2]);
            }
            if let Some([low, high]) = self.waveform.peaks.last_mut() {
                (*low, *high) = (low.min(*frame), high.max(*frame));
            }
            self.sum_of_squares += f64::from(*frame).powi(2);
            self.n_drawn += 1;
        }
    }

    fn send(&mut self, n_frames: usize) {
        self.sound.push(self.waiting.drain(..n_frames).map(|sample| [sample; 2]).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: takes::Place = takes::Place {
        seam_frame: 96_000,
        begins_at: 95_900.25,
        rate: 48_000.0,
        takes_over: false,
        beat: None,
        tempo_bpm: None,
    };

    fn hum(n_frames: usize) -> Vec<f32> {
        (0..n_frames).map(|i| (i as f32 * 0.05).sin() * 0.5).collect()
    }

    fn heard(place: takes::Place, rate: f64, pieces: &[usize]) -> (i64, Vec<[f32; 2]>) {
        let placing = Placing::of(&place, 0.5, rate);
        let mut sounding = Sounding::new(placing, 44_100.0).unwrap();
        let audio = hum(384 + 22_050 + 200);
        sounding.lead_in(&audio[..384]).unwrap();
        let mut rest = &audio[384..];
        for n in pieces {
            sounding.audio(&rest[..*n]).unwrap();
            rest = &rest[*n..];
        }
        sounding.audio(rest).unwrap();
        sounding.finish().unwrap();
        let sound = sounding.sound();
        assert!(sound.is_complete());
        (sounding.start(), (0..sound.n_frames()).filter_map(|i| sound.frame(i)).collect())
    }

    #[test]
    fn a_take_lasts_from_its_lead_in_to_its_length_after_the_seam() {
        let (start, frames) = heard(PLACE, 48_000.0, &[]);
        assert!(95_400 < start && start < 95_660, "{start}");
        assert_eq!(start + frames.len() as i64, 96_000 + 24_000);

        let (start, frames) = heard(takes::Place { takes_over: true, ..PLACE }, 48_000.0, &[]);
        assert_eq!((start, frames.len()), (96_000, 24_000));
    }

    #[test]
    fn pieces_sound_as_the_whole_does() {
        assert_eq!(heard(PLACE, 48_000.0, &[]), heard(PLACE, 48_000.0, &[100, 6_144, 7_000]));
    }

    #[test]
    fn another_rate_keeps_the_place_in_seconds() {
        let (start, frames) = heard(PLACE, 96_000.0, &[]);

        assert!((start as f64 / 96_000.0 - 95_500.0 / 48_000.0).abs() < 0.01);
        assert_eq!(start + frames.len() as i64, 192_000 + 48_000);
    }
}
