//! Between the host's rate and the model's, without moving anything in time.

use audioadapter_buffers::direct::SequentialSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

use super::EngineError;

/// Rates that are resampled at all, in Hz.
pub const RATES: std::ops::RangeInclusive<f64> = 1_000.0..=2_000_000.0;

/// Frames that go through the filter at once.
const BLOCK_FRAMES: usize = 512;

/// Length of the filter, in frames of the faster rate.
const FILTER_FRAMES: usize = 128;

/// Most frames of silence put before the audio to bring the filter's delay to whole frames.
const MAX_LEAD_FRAMES: usize = 512;

/// The whole of `mono` at another rate; frame 0 stays at frame 0 and the length is the nearest that fits.
///
/// # Errors
/// When a rate is not one that audio has.
pub fn to_rate(mono: &[f32], from_hz: f64, to_hz: f64) -> Result<Vec<f32>, EngineError> {
    let mut resampler = StreamResampler::new(from_hz, to_hz)?;
    let mut out = Vec::with_capacity((mono.len() as f64 * to_hz / from_hz) as usize + BLOCK_FRAMES);
    resampler.push(mono, &mut out)?;
    resampler.finish(&mut out)?;
    Ok(out)
}

/// Resamples audio that comes in pieces; what comes out is what [`to_rate`] would make of the whole.
pub struct StreamResampler {
    /// None when both rates are the same.
    filter: Option<Async<f32>>,
    ratio: f64,
    waiting: Vec<f32>,
    produced: Vec<f32>,
    /// Frames of the filter's delay that are still to be dropped.
    n_skip: usize,
    n_in: usize,
    n_out: usize,
    rates: (f64, f64),
}

impl StreamResampler {
    /// # Errors
    /// When a rate is not one that audio has.
    pub fn new(from_hz: f64, to_hz: f64) -> Result<Self, EngineError> {
        let rates = (from_hz, to_hz);
        let refused = |why: String| EngineError::Resample { from_hz, to_hz, why };
        if !RATES.contains(&from_hz) || !RATES.contains(&to_hz) {
            return Err(refused(format!(
                "rates from {} to {} Hz are possible",
                RATES.start(),
                RATES.end()
            )));
        }
        let ratio = to_hz / from_hz;
        let filter = if from_hz == to_hz {
            None
        } else {
            let shape = SincInterpolationParameters {
                sinc_len: FILTER_FRAMES,
                f_cutoff: None,
                interpolation: SincInterpolationType::Cubic,
                oversampling_factor: 256,
                window: WindowFunction::BlackmanHarris2,
            };
            let filter = Async::new_sinc(ratio, 1.0, &shape, BLOCK_FRAMES, 1, FixedAsync::Input);
            Some(filter.map_err(|e| refused(e.to_string()))?)
        };
        let (n_lead, n_skip) = if filter.is_some() { lead(ratio) } else { (0, 0) };
        Ok(Self {
            ratio,
            waiting: vec![0.0; n_lead],
            produced: filter.as_ref().map_or(Vec::new(), |f| vec![0.0; f.output_frames_max()]),
            n_skip,
            filter,
            n_in: 0,
            n_out: 0,
            rates,
        })
    }

    /// Forgets all audio, as if it were new.
    pub fn restart(&mut self) {
        if let Some(filter) = &mut self.filter {
            filter.reset();
            let (n_lead, n_skip) = lead(self.ratio);
            self.waiting.clear();
            self.waiting.resize(n_lead, 0.0);
            self.n_skip = n_skip;
        }
        (self.n_in, self.n_out) = (0, 0);
    }

    /// Adds `frames` and appends what can be said already to `out`.
    ///
    /// # Errors
    /// When the filter fails, which it does not on finite audio.
    pub fn push(&mut self, frames: &[f32], out: &mut Vec<f32>) -> Result<(), EngineError> {
        self.n_in += frames.len();
        if self.filter.is_none() {
            self.n_out += frames.len();
            out.extend_from_slice(frames);
            return Ok(());
        }
        self.waiting.extend_from_slice(frames);
        let mut n_used = 0;
        while self.waiting.len() - n_used >= BLOCK_FRAMES {
            self.filter_block(n_used, BLOCK_FRAMES, out)?;
            n_used += BLOCK_FRAMES;
        }
        self.waiting.drain(..n_used);
        Ok(())
    }

    /// Appends the rest, as if silence followed, and makes the length exact.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), EngineError> {
        let n_wanted = (self.n_in as f64 * self.ratio).round() as usize;
        let mut n_left = self.waiting.len();
        while self.filter.is_some() && self.n_out < n_wanted {
            self.filter_block(0, n_left, out)?;
            self.waiting.clear();
            n_left = 0;
        }
        out.truncate(out.len() - self.n_out.saturating_sub(n_wanted).min(out.len()));
        Ok(())
    }

    /// Filters `n_frames` waiting frames from `start` on (a whole block, or less at the very end).
    fn filter_block(
        &mut self,
        start: usize,
        n_frames: usize,
        out: &mut Vec<f32>,
    ) -> Result<(), EngineError> {
        let Some(filter) = &mut self.filter else { return Ok(()) };
        let (from_hz, to_hz) = self.rates;
        let refused = |why: String| EngineError::Resample { from_hz, to_hz, why };
        let mut block = [0.0; BLOCK_FRAMES];
        block[..n_frames].copy_from_slice(&self.waiting[start..start + n_frames]);
        let n_room = self.produced.len();
        let input =
            SequentialSlice::new(&block, 1, BLOCK_FRAMES).map_err(|e| refused(e.to_string()))?;
        let mut output = SequentialSlice::new_mut(&mut self.produced, 1, n_room)
            .map_err(|e| refused(e.to_string()))?;
        let whole = Indexing::new();
        let (_, n_made) = filter
            .process_into_buffer(&input, &mut output, Some(&whole))
            .map_err(|e| refused(e.to_string()))?;
        let n_dropped = self.n_skip.min(n_made);
        self.n_skip -= n_dropped;
        self.n_out += n_made - n_dropped;
        out.extend_from_slice(&self.produced[n_dropped..n_made]);
        Ok(())
    }
}

/// Frames of silence to put first and frames to drop, so that frame 0 comes out as frame 0.
///
/// The filter's first frame lies half its length before the audio, less one step; in output frames that is
/// rarely whole, so the silence is chosen to bring it as near to whole as can be.
fn lead(ratio: f64) -> (usize, usize) {
    let delay = |n_lead: usize| (n_lead + FILTER_FRAMES / 2) as f64 * ratio - 1.0;
    let off = |n_lead: usize| (delay(n_lead) - delay(n_lead).round()).abs();
    let best = (0..MAX_LEAD_FRAMES).min_by(|a, b| off(*a).total_cmp(&off(*b))).unwrap_or(0);
    (best, delay(best).round().max(0.0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: f64, n_frames: usize) -> Vec<f32> {
        (0..n_frames)
            .map(|i| (std::f64::consts::TAU * 440.0 * i as f64 / rate).sin() as f32)
            .collect()
    }

    #[test]
    fn every_rate_keeps_pitch_place_and_length() {
        const MODEL_HZ: f64 = 44_100.0;
        for rate in [8_000.0, 22_050.0, 48_000.0, 88_200.0, 96_000.0, 192_000.0, 9_876.5] {
            for (from_hz, to_hz) in [(rate, MODEL_HZ), (MODEL_HZ, rate)] {
                let n_frames = from_hz as usize;

                let there = to_rate(&sine(from_hz, n_frames), from_hz, to_hz).unwrap();

                let wanted = sine(to_hz, there.len());
                assert_eq!(there.len(), (n_frames as f64 * to_hz / from_hz).round() as usize);
                let inner = 2_000..there.len() - 2_000;
                let worst = inner.map(|i| (there[i] - wanted[i]).abs()).fold(0.0, f32::max);
                assert!(worst < 4e-3, "{from_hz} to {to_hz} Hz: {worst} away"); // a frame would be 0.06
            }
        }
    }

    #[test]
    fn pieces_make_the_same_as_the_whole() {
        let clip = sine(44_100.0, 30_000);
        let whole = to_rate(&clip, 44_100.0, 48_000.0).unwrap();
        let mut resampler = StreamResampler::new(44_100.0, 48_000.0).unwrap();
        let mut pieces = Vec::new();
        for piece in clip.chunks(777) {
            resampler.push(piece, &mut pieces).unwrap();
        }
        resampler.finish(&mut pieces).unwrap();
        assert_eq!(whole, pieces);
    }

    #[test]
    fn the_same_rate_changes_nothing_and_nonsense_is_refused() {
        let clip = sine(44_100.0, 100);
        assert_eq!(to_rate(&clip, 44_100.0, 44_100.0).unwrap(), clip);
        assert!(to_rate(&clip, 0.0, 44_100.0).is_err());
        assert!(to_rate(&clip, f64::NAN, 44_100.0).is_err());
    }
}
