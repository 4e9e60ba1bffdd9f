//! The last step of a mix: loudness that is alike from song to song, and peaks that are held.

use std::collections::VecDeque;

use crate::units::gain_from_db;

/// Loudness of a song where it plays, in dB below full scale (RMS).
pub const LOUDNESS_DB: f64 = -16.0;

/// No sample goes above this, in dB.
pub const CEILING_DB: f64 = -1.2;

/// How far a limiter looks ahead, in seconds.
const LOOK_SECONDS: f64 = 0.006;

/// Level of windows of 50 ms, in RMS; the last one may be shorter.
pub fn levels(audio: &[f32], rate: f64) -> Vec<f64> {
    let window = (0.05 * rate) as usize;
    let mean =
        |part: &[f32]| part.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / part.len() as f64;
    audio.chunks(window.max(1)).map(|part| mean(part).sqrt()).collect()
}

/// Level of a part when it plays: of its louder windows.
pub fn playing_level(audio: &[f32], rate: f64) -> f64 {
    let mut levels = levels(audio, rate);
    levels.sort_by(f64::total_cmp);
    let loudest = levels.last().copied().unwrap_or(0.0);
    levels.retain(|level| *level > 0.05 * loudest);
    levels.get(levels.len() * 4 / 5).copied().unwrap_or(0.0)
}

/// Frames of a mix until it is too quiet to matter.
pub fn heard(audio: &[f32], rate: f64) -> usize {
    let levels = levels(audio, rate);
    let loudest = levels.iter().copied().fold(0.0, f64::max);
    let n_windows = levels.iter().rposition(|level| *level > 0.02 * loudest).map_or(0, |at| at + 1);
    (n_windows * (0.05 * rate) as usize).min(audio.len())
}

/// Brings a mix to the common loudness, holds its peaks and fades its end out.
pub fn master(audio: &mut [f32], rate: f64, fade_seconds: f64) {
    without_rumble(audio, rate);
    for _ in 0..2 {
        // what the limiter takes away is given back once
        let gain = gain_from_db(LOUDNESS_DB) / loudness(audio, rate).max(1e-9);
        audio.iter_mut().for_each(|sample| *sample *= gain as f32);
        hold(audio, gain_from_db(CEILING_DB) as f32, (LOOK_SECONDS * rate) as usize);
    }
    let n_fade = ((fade_seconds * rate) as usize).min(audio.len());
    for (i, sample) in audio.iter_mut().rev().take(n_fade).enumerate() {
        *sample *= (i as f32 / n_fade as f32).powi(2);
    }
    let n_rise = (0.004 * rate) as usize;
    for (i, sample) in audio.iter_mut().take(n_rise).enumerate() {
        *sample *= i as f32 / n_rise as f32;
    }
}

/// RMS of the windows that are not quiet.
fn loudness(audio: &[f32], rate: f64) -> f64 {
    let levels = levels(audio, rate);
    let loudest = levels.iter().copied().fold(0.0, f64::max);
    let kept = levels.iter().filter(|level| **level > 0.1 * loudest);
    let (sum, n) = kept.fold((0.0, 0usize), |(sum, n), level| (sum + level * level, n + 1));
    (sum / n.max(1) as f64).sqrt()
}

/// Takes away what is below 30 Hz.
fn without_rumble(audio: &mut [f32], rate: f64) {
    let keep = (-std::f64::consts::TAU * 30.0 / rate).exp();
    let (mut before, mut through) = (0.0, 0.0);
    for sample in audio {
        let x = f64::from(*sample);
        through = keep * (through + x - before);
        before = x;
        *sample = through as f32;
    }
}

/// Turns down, smoothly and in time, what would go above `ceiling`.
fn hold(audio: &mut [f32], ceiling: f32, look: usize) {
    let wanted: Vec<f32> = audio.iter().map(|x| (ceiling / x.abs().max(1e-9)).min(1.0)).collect();
    // the least gain within `look` to both sides, averaged over `look` to both sides, never exceeds what is wanted
    let least = sliding_least(&wanted, look);
    let n = 2 * look + 1;
    let mut sum: f64 = f64::from(least.first().copied().unwrap_or(1.0)) * look as f64;
    sum += least.iter().take(look + 1).map(|gain| f64::from(*gain)).sum::<f64>();
    let last = least.len().saturating_sub(1);
    for i in 0..audio.len() {
        audio[i] = (audio[i] * (sum / n as f64) as f32).clamp(-ceiling, ceiling);
        sum +=
            f64::from(least[(i + look + 1).min(last)]) - f64::from(least[i.saturating_sub(look)]);
    }
}

fn sliding_least(values: &[f32], reach: usize) -> Vec<f32> {
    let mut candidates: VecDeque<usize> = VecDeque::new();
    let mut least = Vec::with_capacity(values.len());
    for i in 0..values.len() + reach {
        if let Some(value) = values.get(i) {
            while candidates.back().is_some_and(|back| values[*back] >= *value) {
                candidates.pop_back();
            }
            candidates.push_back(i);
        }
        if i >= reach {
            while candidates.front().is_some_and(|front| front + reach < i - reach) {
                candidates.pop_front();
            }
            least.push(candidates.front().map_or(1.0, |front| values[*front]));
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loud_and_quiet_songs_come_out_alike_and_below_the_ceiling() {
        for gain in [0.01, 3.0] {
            let wave = |i: usize| (i as f32 * 0.05).sin() * if i % 5000 < 300 { 6.0 } else { 1.0 };
            let mut audio: Vec<f32> = (0..88_200).map(|i| gain * wave(i)).collect();

            master(&mut audio, 44_100.0, 0.0);

            let peak = audio.iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
            let loudness_db = 20.0 * loudness(&audio, 44_100.0).log10();
            assert!(peak <= gain_from_db(CEILING_DB) as f32 + 1e-6, "{peak}");
            assert!((loudness_db - LOUDNESS_DB).abs() < 1.0, "{loudness_db}");
        }
    }
}
