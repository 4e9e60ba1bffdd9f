//! A spoken syllable taken apart: what the throat shapes (envelopes, as cepstra) and what only hisses or bursts.
//!
//! The voiced part can then be sounded again on any pitch for any time, while consonants without pitch are
//! played as they are. Envelopes follow the known method of windows three periods long, smoothed over the
//! harmonics (M. Morise, "CheapTrick", 2015).

use std::f32::consts::PI;

use realfft::RealFftPlanner;
use realfft::num_complex::Complex32;

use super::espeak::ESPEAK_RATE;

/// Length of the transforms, in frames.
pub const FFT_LEN: usize = 1024;
/// Bins of a spectrum.
pub const N_BINS: usize = FFT_LEN / 2 + 1;
/// Frames between two envelopes: about 5 ms.
pub const HOP: usize = 110;
/// Coefficients kept of an envelope's cepstrum.
pub const ORDER: usize = 110;
/// An envelope as a cepstrum of natural logarithms of amplitude.
pub type Cepstrum = [f32; ORDER];

/// Below this all is voice or none, above [`HIGH_HZ`] likewise, and between them it goes over.
const LOW_HZ: f32 = 1_500.0;
const HIGH_HZ: f32 = 3_000.0;
/// How far down a part without voice is put, in natural logarithms of amplitude: 46 dB.
const UNVOICED_LOG: f32 = -5.3;

/// A syllable taken apart.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Envelope of the voiced part at every [`HOP`] frames.
    pub envelopes: Vec<Cepstrum>,
    /// How much of the low sound is voiced at every hop, 0 to 1.
    pub voiced: Vec<f32>,
    /// Sound without a pitch, at [`ESPEAK_RATE`].
    pub hiss: Vec<f32>,
}

/// Takes `audio` (at [`ESPEAK_RATE`]) apart, spoken on one pitch.
pub fn take_apart(audio: &[f32]) -> Parts {
    let period = period_frames(audio);
    let (low, high) = split(audio);
    let n_hops = audio.len() / HOP + 1;
    let voiced: Vec<f32> =
        (0..n_hops).map(|i| rise(sameness(&low, i * HOP, period), 0.45, 0.75)).collect();
    let voiced_high: Vec<f32> = (0..n_hops)
        .map(|i| rise(sameness(&high, i * HOP, period), 0.15, 0.45) * voiced[i])
        .collect();

    let mut envelope = Envelope::new(period);
    let envelopes =
        (0..n_hops).map(|i| envelope.at(audio, i * HOP, voiced[i], voiced_high[i])).collect();
    let between = |values: &[f32], frame: usize| {
        let (i, part) = (frame / HOP, (frame % HOP) as f32 / HOP as f32);
        values[i] + part * (values[(i + 1).min(values.len() - 1)] - values[i])
    };
    let hiss = (0..audio.len())
        .map(|f| low[f] * (1.0 - between(&voiced, f)) + high[f] * (1.0 - between(&voiced_high, f)))
        .collect();
    Parts { envelopes, voiced, hiss }
}

/// Makes envelopes of one syllable.
struct Envelope {
    window: Vec<f32>,
    pitch_hz: f32,
    planner: RealFftPlanner<f32>,
}

impl Envelope {
    fn new(period: f32) -> Self {
        let half = (1.5 * period) as usize;
        let window: Vec<f32> = (0..=2 * half)
            .map(|i| 0.5 - 0.5 * (PI * (i as f32 + 0.5) / (half as f32 + 0.5)).cos())
            .collect();
        let norm = window.iter().map(|w| w * w).sum::<f32>().sqrt();
        Self {
            window: window.iter().map(|w| w / norm).collect(),
            pitch_hz: ESPEAK_RATE as f32 / period,
            planner: RealFftPlanner::new(),
        }
    }

    /// Cepstrum of the amplitude of a pulse that, once a period, makes the sound around `centre`.
    fn at(&mut self, audio: &[f32], centre: usize, voiced: f32, voiced_high: f32) -> Cepstrum {
        let half = self.window.len() / 2;
        let mut frames = vec![0.0; FFT_LEN];
        for (i, (frame, w)) in frames.iter_mut().zip(&self.window).enumerate() {
            let heard = (centre + i).checked_sub(half).and_then(|at| audio.get(at));
            *frame = w * heard.copied().unwrap_or(0.0);
        }
        let bin_hz = ESPEAK_RATE as f32 / FFT_LEN as f32;
        let power = self.power(&mut frames); // [N_BINS]
        let smooth = smoothed(&power, self.pitch_hz / bin_hz);
        // a train of pulses with the amplitude h has, through this window, the power h² · pitch / rate
        let pulse_gain = ESPEAK_RATE as f32 / self.pitch_hz;
        let logs: Vec<f32> = (0..N_BINS)
            .map(|bin| {
                let hz = bin as f32 * bin_hz;
                let voice = voiced + (voiced_high - voiced) * rise(hz, LOW_HZ, HIGH_HZ);
                let unvoiced = voice.max(1e-3).ln().max(UNVOICED_LOG);
                0.5 * (smooth[bin] * pulse_gain + 1e-9).ln() + unvoiced
            })
            .collect();
        let mut cepstrum = cepstrum(&mut self.planner, &logs);
        for (i, c) in cepstrum.iter_mut().enumerate().skip(1) {
            let turns = i as f32 * self.pitch_hz / ESPEAK_RATE as f32; // quefrency in periods
            let lifter = (PI * turns).sin() / (PI * turns);
            *c *= lifter * (1.18 - 0.18 * (2.0 * PI * turns).cos());
        }
        cepstrum
    }

    fn power(&mut self, frames: &mut [f32]) -> Vec<f32> {
        let mut spectrum = vec![Complex32::default(); N_BINS];
        // lengths are right by construction, which is all that this can complain of
        let _ = self.planner.plan_fft_forward(FFT_LEN).process(frames, &mut spectrum);
        spectrum.iter().map(Complex32::norm_sqr).collect()
    }
}

/// The first coefficients of the cepstrum of `logs` (`[N_BINS]`).
pub fn cepstrum(planner: &mut RealFftPlanner<f32>, logs: &[f32]) -> Cepstrum {
    let mut spectrum: Vec<Complex32> = logs.iter().map(|&log| Complex32::new(log, 0.0)).collect();
    let mut quefrencies = vec![0.0; FFT_LEN];
    let _ = planner.plan_fft_inverse(FFT_LEN).process(&mut spectrum, &mut quefrencies);
    std::array::from_fn(|i| quefrencies[i] / FFT_LEN as f32)
}

/// Natural logarithms of amplitude (`[N_BINS]`) that `cepstrum` stands for.
pub fn logs(planner: &mut RealFftPlanner<f32>, cepstrum: &Cepstrum) -> Vec<f32> {
    let mut quefrencies = vec![0.0; FFT_LEN];
    for (i, &c) in cepstrum.iter().enumerate() {
        quefrencies[i] = if i == 0 { c } else { 2.0 * c };
    }
    let mut spectrum = vec![Complex32::default(); N_BINS];
    let _ = planner.plan_fft_forward(FFT_LEN).process(&mut quefrencies, &mut spectrum);
    spectrum.iter().map(|z| z.re).collect()
}

/// Mean over two thirds of a harmonic's distance; what lies below the first harmonic is as strong as it.
fn smoothed(power: &[f32], harmonic_bins: f32) -> Vec<f32> {
    let first = harmonic_bins.round() as usize;
    let at = |bin: i64| {
        let bin = bin.unsigned_abs() as usize;
        let bin = if bin < first { 2 * first - bin } else { bin };
        power[bin.min(power.len() - 1)].max(if bin < first { power[first] } else { 0.0 })
    };
    let reach = harmonic_bins / 3.0;
    let whole = reach.floor() as i64;
    let edge = reach - whole as f32;
    let mean = |bin: usize| {
        let bin = bin as i64;
        let inside: f32 = (bin - whole..=bin + whole).map(at).sum();
        let outside = edge * (at(bin - whole - 1) + at(bin + whole + 1));
        (inside + outside) / ((2 * whole + 1) as f32 + 2.0 * edge)
    };
    (0..power.len()).map(mean).collect()
}

/// Frames in a period: where the loudest part is most like itself.
fn period_frames(audio: &[f32]) -> f32 {
    let shortest = (ESPEAK_RATE / 150) as usize;
    let longest = (ESPEAK_RATE / 70) as usize;
    let len = 4 * longest;
    let energy = |start: usize| audio[start..start + len].iter().map(|x| x * x).sum::<f32>();
    let starts = (0..audio.len().saturating_sub(len + longest)).step_by(HOP);
    let Some(start) = starts.max_by(|&a, &b| energy(a).total_cmp(&energy(b))) else {
        return ESPEAK_RATE as f32 / 100.0;
    };
    let likeness = |lag: usize| -> f32 {
        let (a, b) = (&audio[start..start + len], &audio[start + lag..start + lag + len]);
        let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        dot / (energy(start) * b.iter().map(|x| x * x).sum::<f32>()).sqrt().max(1e-9)
    };
    let best = (shortest..longest).max_by(|&a, &b| likeness(a).total_cmp(&likeness(b)));
    best.unwrap_or(longest) as f32
}

/// How alike the two periods beside `centre` are, -1 to 1; silence is unlike anything.
fn sameness(audio: &[f32], centre: usize, period: f32) -> f32 {
    let len = (1.2 * period) as usize;
    let (from, to) = ((0.94 * period) as usize, (1.06 * period) as usize);
    let at = |i: usize| {
        let frame = (centre + i).checked_sub(len / 2 + to / 2);
        frame.and_then(|f| audio.get(f)).copied().unwrap_or(0.0)
    };
    let first: Vec<f32> = (0..len).map(at).collect();
    let mut best = 0.0f32;
    for lag in from..=to {
        let (mut dot, mut other) = (0.0, 0.0);
        for (i, a) in first.iter().enumerate() {
            let b = at(i + lag);
            dot += a * b;
            other += b * b;
        }
        let energy = first.iter().map(|a| a * a).sum::<f32>();
        best = best.max(dot / ((energy * other).sqrt() + 1e-4));
    }
    best
}

/// Sound below and above [`LOW_HZ`]…[`HIGH_HZ`]; together they are the whole.
fn split(audio: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let len = (audio.len() + FFT_LEN).next_power_of_two();
    let mut planner = RealFftPlanner::new();
    let mut frames = vec![0.0; len];
    frames[..audio.len()].copy_from_slice(audio);
    let mut spectrum = vec![Complex32::default(); len / 2 + 1];
    let _ = planner.plan_fft_forward(len).process(&mut frames, &mut spectrum);
    for (bin, z) in spectrum.iter_mut().enumerate() {
        let hz = bin as f32 * ESPEAK_RATE as f32 / len as f32;
        *z *= (1.0 - rise(hz, LOW_HZ, HIGH_HZ)) / len as f32;
    }
    let _ = planner.plan_fft_inverse(len).process(&mut spectrum, &mut frames);
    frames.truncate(audio.len());
    let high = audio.iter().zip(&frames).map(|(all, low)| all - low).collect();
    (frames, high)
}

/// 0 up to `from`, 1 from `to` on, smooth between.
pub fn rise(x: f32, from: f32, to: f32) -> f32 {
    let part = ((x - from) / (to - from)).clamp(0.0, 1.0);
    part * part * (3.0 - 2.0 * part)
}
