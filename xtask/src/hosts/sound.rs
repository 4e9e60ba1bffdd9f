//! Audio that hosts leave behind, and how two of it differ.

use std::{fs, ops::Range, path::Path};

use crate::steps::Failure;

pub const RATE: usize = 48_000;

/// Stereo frames at [`RATE`].
pub struct Sound(Vec<[f32; 2]>);

impl Sound {
    /// Interleaved stereo, 32-bit floats without a header.
    pub fn read_raw(path: &Path) -> Result<Self, Failure> {
        let bytes = fs::read(path).map_err(|e| Failure(format!("{}: {e}", path.display())))?;
        let sample = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        Ok(Self(bytes.chunks_exact(8).map(|b| [sample(&b[..4]), sample(&b[4..])]).collect()))
    }

    /// A stereo WAV file.
    pub fn read_wav(path: &Path) -> Result<Self, Failure> {
        let (samples, n_channels) = wav(path)?;
        if n_channels != 2 {
            return Err(Failure(format!("{} has {n_channels} channels", path.display())));
        }
        Ok(Self(samples.chunks_exact(2).map(|frame| [frame[0], frame[1]]).collect()))
    }

    /// Two mono WAV files, of which the first samples stand at `first_frame` of the song.
    pub fn read_pair(left: &Path, right: &Path, first_frame: usize) -> Result<Self, Failure> {
        let (left, right) = (wav(left)?.0, wav(right)?.0);
        let before = std::iter::repeat_n([0.0; 2], first_frame);
        Ok(Self(before.chain(left.into_iter().zip(right).map(|(l, r)| [l, r])).collect()))
    }

    /// The frames of a range in which two sounds are not the same, bit by bit; one that ended differs.
    pub fn differing(&self, other: &Sound, range: Range<usize>) -> Vec<usize> {
        let bits = |sound: &Sound, i: usize| sound.0.get(i).map(|frame| frame.map(f32::to_bits));
        range.filter(|i| bits(self, *i).is_none() || bits(self, *i) != bits(other, *i)).collect()
    }

    /// Largest sample of a range.
    pub fn peak(&self, range: Range<usize>) -> f32 {
        let frames = self.0.get(range).unwrap_or_default();
        frames.iter().flatten().fold(0.0, |peak, s| s.abs().max(peak))
    }
}

/// Nothing differs, or what does.
pub fn same(a: &Sound, b: &Sound, range: Range<usize>, what: &str) -> Result<String, String> {
    let n = range.len();
    let differing = a.differing(b, range);
    let seconds = |frame: &usize| *frame as f64 / RATE as f64;
    match (differing.first(), differing.last()) {
        (Some(first), Some(last)) => Err(format!(
            "{what}: {} of {n} frames differ, from {:.3} to {:.3} s",
            differing.len(),
            seconds(first),
            seconds(last)
        )),
        _ => Ok(format!("{what}: {n} frames, bit by bit")),
    }
}

/// The take replaced the song in `range`: all but a little of it, as the odd sample may be equal.
pub fn replaced(a: &Sound, song: &Sound, range: Range<usize>) -> Result<String, String> {
    let (n, peak) = (range.len(), a.peak(range.clone()));
    let n_replaced = a.differing(song, range).len();
    let said = format!("{n_replaced} of {n} frames replaced, peak {peak:.2}");
    match n_replaced * 100 >= n * 95 && (0.001..=1.0).contains(&peak) {
        true => Ok(said),
        false => Err(said),
    }
}

/// How alike two sounds are, window by window, where one may lag behind the other and jump: the correlations of
/// the left channel at the best lag, averaged. 1 is the same, 0 is something else; silence is like nothing.
pub fn likeness(a: &Sound, b: &Sound, range: Range<usize>) -> f64 {
    let left = |sound: &Sound| sound.0.iter().map(|frame| f64::from(frame[0])).collect::<Vec<_>>();
    let (a, b) = (left(a), left(b));
    let windows: Vec<_> = range.step_by(WINDOW).filter(|first| first + WINDOW <= a.len()).collect();
    let best = |first: &usize| {
        let window = &a[*first..first + WINDOW];
        let lags = first.saturating_sub(MAX_LAG)..first + MAX_LAG;
        let others = lags.filter_map(|from| b.get(from..from + WINDOW));
        others.map(|other| correlation(window, other)).fold(0.0, f64::max)
    };
    windows.iter().map(best).sum::<f64>() / windows.len().max(1) as f64
}

/// Frames that are compared at one lag, and the largest lag.
const WINDOW: usize = RATE / 8;
const MAX_LAG: usize = 2048;

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt().max(1e-9)
}

/// Interleaved samples and the number of channels.
fn wav(path: &Path) -> Result<(Vec<f32>, u16), Failure> {
    let explain = |e: hound::Error| Failure(format!("{}: {e}", path.display()));
    let mut reader = hound::WavReader::open(path).map_err(explain)?;
    let spec = reader.spec();
    let samples: Result<Vec<f32>, _> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples().collect(),
        hound::SampleFormat::Int => {
            let full = (1u64 << (spec.bits_per_sample - 1)) as f32;
            reader.samples::<i32>().map(|s| s.map(|s| s as f32 / full)).collect()
        }
    };
    Ok((samples.map_err(explain)?, spec.channels))
}
