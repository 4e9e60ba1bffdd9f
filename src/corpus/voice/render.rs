//! Sound of a placed song: pulses through each moment's throat, and the consonants' hiss over them.

use std::collections::HashMap;
use std::f32::consts::PI;
use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::analysis::{Cepstrum, FFT_LEN, HOP, N_BINS, ORDER, rise};
use super::espeak::ESPEAK_RATE;
use super::plan::{Melody, Placed};
use super::timbre::{Shaper, Timbre};
use super::unit::Unit;

/// Consonants stand behind the vowels by this much, as a gain.
const HISS_GAIN: f32 = 0.8;
/// Fade where a consonant is cut short, in seconds.
const CUT_SECONDS: f64 = 0.006;
/// Pitch at which a pulse is as strong as it was spoken, in Hz.
const SPOKEN_HZ: f64 = 100.0;
/// Kinds of breath that a pulse can come with.
const N_BREATHS: usize = 64;
/// Nothing sounds below this bin: 65 Hz.
const FIRST_BIN: usize = 3;

/// Sings `units` where they are `placed`, from time 0, at [`ESPEAK_RATE`].
pub fn render(units: &[Arc<Unit>], placed: &[Placed], melody: &Melody) -> Vec<f32> {
    let end = placed.last().map_or(0.0, |last| last.end) + 0.1;
    let mut audio = vec![0.0; (end * f64::from(ESPEAK_RATE)) as usize];
    for (unit, placed) in units.iter().zip(placed) {
        add_hiss(&mut audio, unit, placed);
    }
    add_voice(&mut audio, units, placed, melody);
    audio
}

/// Adds the pulses of every voiced moment.
fn add_voice(audio: &mut [f32], units: &[Arc<Unit>], placed: &[Placed], melody: &Melody) {
    let mut throat = Throat::new(melody.timbre);
    let mut shaped: HashMap<*const Unit, Arc<Vec<Cepstrum>>> = HashMap::new();
    let envelopes: Vec<Arc<Vec<Cepstrum>>> = units
        .iter()
        .map(|unit| shaped.entry(Arc::as_ptr(unit)).or_insert_with(|| throat.shape(unit)).clone())
        .collect();
    let (mut seconds, mut first) = (0.0, 0);
    loop {
        while placed.get(first).is_some_and(|p| p.sounds().1 <= seconds) {
            first += 1;
        }
        let Some(next) = placed.get(first) else { break };
        if next.sounds().0 > seconds {
            seconds = next.sounds().0;
        }
        let mut moment = Moment::default();
        let mut note_idx = first;
        for idx in first..placed.len() {
            if placed[idx].sounds().0 > seconds {
                break;
            }
            moment.add(&units[idx], &envelopes[idx], &placed[idx], seconds);
            if placed[idx].start <= seconds {
                note_idx = idx;
            }
        }
        let hz = melody.hz(note_idx, seconds);
        if moment.voiced > 1e-3 {
            let gain = moment.weight.min(1.0) * (SPOKEN_HZ / hz).sqrt() as f32;
            throat.pulse(audio, seconds, &moment.envelope(), gain);
        }
        seconds += 1.0 / hz;
    }
}

/// The throat between the syllables that sound at one moment.
struct Moment {
    sum: Cepstrum,
    weight: f32,
    voiced: f32,
}

impl Default for Moment {
    fn default() -> Self {
        Self { sum: [0.0; ORDER], weight: 0.0, voiced: 0.0 }
    }
}

impl Moment {
    fn add(&mut self, unit: &Unit, envelopes: &[Cepstrum], placed: &Placed, seconds: f64) {
        let weight = placed.weight(seconds) as f32;
        let at = placed.position(unit, seconds) * f64::from(ESPEAK_RATE) / HOP as f64;
        let (hop, part) = (at as usize, at.fract() as f32);
        let last = envelopes.len() - 1;
        let (a, b) = (&envelopes[hop.min(last)], &envelopes[(hop + 1).min(last)]);
        for ((sum, a), b) in self.sum.iter_mut().zip(a).zip(b) {
            *sum += weight * (a + part * (b - a));
        }
        self.sum[0] += weight * (unit.gain * placed.swell(seconds) as f32).ln();
        self.weight += weight;
        self.voiced += weight * unit.parts.voiced[hop.min(last)];
    }

    fn envelope(&self) -> Cepstrum {
        self.sum.map(|sum| sum / self.weight.max(1e-6))
    }
}

/// Makes the sound of single pulses.
struct Throat {
    shaper: Shaper,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// What excites the throat: a pulse at the bottom, more and more breath towards the top.
    breaths: Vec<Vec<Complex32>>,
    rng: ChaCha8Rng,
    frames: Vec<f32>,
    spectrum: Vec<Complex32>,
}

impl Throat {
    fn new(timbre: &Timbre) -> Self {
        let mut planner = RealFftPlanner::new();
        let mut rng = ChaCha8Rng::seed_from_u64(timbre.seed);
        let forward = planner.plan_fft_forward(FFT_LEN);
        let breaths = (0..N_BREATHS).map(|_| breath(timbre.breath, &mut rng, &*forward)).collect();
        Self {
            shaper: Shaper::new(timbre),
            forward,
            inverse: planner.plan_fft_inverse(FFT_LEN),
            breaths,
            rng,
            frames: vec![0.0; FFT_LEN],
            spectrum: vec![Complex32::default(); N_BINS],
        }
    }

    fn shape(&mut self, unit: &Unit) -> Arc<Vec<Cepstrum>> {
        let spoken = unit.parts.envelopes.iter();
        Arc::new(spoken.map(|envelope| self.shaper.shape(envelope)).collect())
    }

    /// Adds one pulse at `seconds`: the shortest sound (minimum phase) that has this envelope.
    fn pulse(&mut self, audio: &mut [f32], seconds: f64, envelope: &Cepstrum, gain: f32) {
        self.frames.fill(0.0);
        self.frames[0] = envelope[0];
        for (frame, c) in self.frames.iter_mut().zip(envelope).skip(1) {
            *frame = 2.0 * c;
        }
        // lengths are right by construction, which is all that the transforms can complain of
        let _ = self.forward.process(&mut self.frames, &mut self.spectrum);
        let at = seconds * f64::from(ESPEAK_RATE);
        let delay = 2.0 * PI * at.fract() as f32 / FFT_LEN as f32;
        let excited = &self.breaths[self.rng.random_range(0..N_BREATHS)];
        for (bin, (z, e)) in self.spectrum.iter_mut().zip(excited).enumerate() {
            let amplitude = gain * z.re.min(20.0).exp() / FFT_LEN as f32;
            *z = e * Complex32::from_polar(amplitude, z.im - delay * bin as f32);
        }
        self.spectrum[..FIRST_BIN].fill(Complex32::default());
        self.spectrum[N_BINS - 1] = Complex32::default();
        let _ = self.inverse.process(&mut self.spectrum, &mut self.frames);
        let start = (at as usize).min(audio.len());
        for (sample, frame) in audio[start..].iter_mut().zip(&self.frames) {
            *sample += frame;
        }
    }
}

/// Spectrum of a pulse with a puff of noise a few milliseconds long.
fn breath(amount: f32, rng: &mut ChaCha8Rng, forward: &dyn RealToComplex<f32>) -> Vec<Complex32> {
    let len = ESPEAK_RATE as usize / 300;
    let mut puff = vec![0.0; FFT_LEN];
    for (i, sample) in puff.iter_mut().take(len).enumerate() {
        let window = (PI * (i as f32 + 0.5) / len as f32).sin();
        *sample = window * rng.random_range(-1.0f32..1.0);
    }
    let energy = puff.iter().map(|x| x * x).sum::<f32>().sqrt();
    let mut spectrum = vec![Complex32::default(); N_BINS];
    let _ = forward.process(&mut puff, &mut spectrum);
    let pulse = Complex32::new(1.0, 0.0);
    for (bin, z) in spectrum.iter_mut().enumerate() {
        let hz = bin as f32 * ESPEAK_RATE as f32 / FFT_LEN as f32;
        let noisy = amount * rise(hz, 1_500.0, 7_000.0);
        *z = pulse * (1.0 - noisy * noisy).sqrt() + *z / energy * noisy;
    }
    spectrum
}

/// Adds the consonants' hiss, at the pace it was spoken.
fn add_hiss(audio: &mut [f32], unit: &Unit, placed: &Placed) {
    let onset = placed.vowel_start - placed.start;
    let from = unit.vowel_start - onset;
    let rest = placed.coda_start.min(placed.vowel_start + unit.hold - unit.vowel_start);
    copy_hiss(audio, unit, from, placed.start, rest);
    copy_hiss(audio, unit, unit.vowel_end, placed.coda_start, placed.end);
}

/// Copies what is hissed from `from` in the unit to `start`..`end` of the song.
fn copy_hiss(audio: &mut [f32], unit: &Unit, from: f64, start: f64, end: f64) {
    let rate = f64::from(ESPEAK_RATE);
    let n_frames = ((end - start).max(0.0) * rate) as usize;
    let (from, start) = ((from.max(0.0) * rate) as usize, (start.max(0.0) * rate) as usize);
    let hiss = unit.parts.hiss.get(from..).unwrap_or_default();
    let n_frames = n_frames.min(hiss.len());
    let cut = CUT_SECONDS * rate;
    let is_cut_first = from > 0;
    for (i, (sample, hiss)) in audio.iter_mut().skip(start).zip(&hiss[..n_frames]).enumerate() {
        let fade_in = if is_cut_first { (i as f64 / cut).min(1.0) } else { 1.0 };
        let fade_out = ((n_frames - i) as f64 / cut).min(1.0);
        *sample += hiss * unit.gain * HISS_GAIN * (fade_in * fade_out) as f32;
    }
}
