//! Tokens per second of a prior whose layers are on a device, sampling there included.

use std::time::Instant;

use encore::jukebox::device::STRETCH;
use encore::jukebox::{
    DeviceChoice, DevicePrior, DeviceWindow, JukeboxError, OpenDevice, Precision, SamplerSettings,
};
use serde_json::{Value, json};

use super::decode::{Decode, known_codes, row};
use super::machine::median;
use super::step_bytes;
use crate::failure::{Failure, note};

/// Columns that are written at once: one, and as many as a card has windows to upsample.
const BATCHES: [usize; 2] = [1, 40];
/// A measurement is of at least so many stretches of tokens, and as many as fit into this time.
const MIN_STRETCHES: usize = 3;
const MAX_STRETCHES: usize = 10;
const MEASURED_SECONDS: f64 = 2.0;
/// A stretch is shorter where it would take longer than this.
const STRETCH_SECONDS: f64 = 0.5;

/// Single and half precision with every batch, beside how fast the device's memory is. `host` is that of the
/// machine, for when the device is the processor; what has no room is passed over with a note.
pub fn decoding(
    device: &OpenDevice,
    host: f64,
    decodes: &mut Vec<Decode>,
    make: impl Fn(Precision) -> Result<DevicePrior, Failure>,
) -> Result<Value, Failure> {
    let choice = device.choice();
    let bandwidth = match choice {
        DeviceChoice::Cpu => host,
        _ => device.bandwidth()?,
    };
    for precision in [Precision::F32, choice.halves()] {
        let name = precision.name();
        match make(precision) {
            Err(e) => note(&format!("{name} was not measured on {choice}: {e}")),
            Ok(prior) => {
                for batch in BATCHES {
                    match steps(&prior, choice, batch, bandwidth) {
                        Ok(decode) => decodes.push(decode),
                        Err(e) => note(&format!(
                            "{name} with batch {batch} was not measured on {choice}: {e}"
                        )),
                    }
                }
            }
        }
    }
    Ok(json!({"name": choice.to_string(), "bandwidth_gb_s": bandwidth / 1e9}))
}

/// Steps of `batch` columns; the share is of `bandwidth` bytes per second.
fn steps(
    prior: &DevicePrior,
    choice: DeviceChoice,
    batch: usize,
    bandwidth: f64,
) -> Result<Decode, JukeboxError> {
    let mut window = begin(prior)?;
    window.repeat(batch)?;
    let first = seconds_per_step(&mut window, 1)?; // kernels are loaded when they are first used
    let second = seconds_per_step(&mut window, 1)?;
    let n_steps = ((STRETCH_SECONDS / first.min(second)) as usize).clamp(1, STRETCH);
    let (mut seconds, begun) = (Vec::new(), Instant::now());
    while window.n_tokens() + n_steps <= prior.config().n_ctx
        && (seconds.len() < MIN_STRETCHES
            || seconds.len() < MAX_STRETCHES && begun.elapsed().as_secs_f64() < MEASURED_SECONDS)
    {
        seconds.push(seconds_per_step(&mut window, n_steps)?);
    }
    let seconds_per_step = median(seconds);
    let n_bytes = step_bytes(prior.config(), prior.precision());
    Ok(Decode {
        backend: match choice {
            DeviceChoice::Cpu => "candle cpu",
            DeviceChoice::Cuda(_) => "candle cuda",
            DeviceChoice::Metal => "candle metal",
        },
        precision: prior.precision().name(),
        batch,
        tokens_per_second: batch as f64 / seconds_per_step,
        share_of_bandwidth: n_bytes as f64 / seconds_per_step / bandwidth,
    })
}

/// A window with known tokens, under arbitrary labels.
fn begin(prior: &DevicePrior) -> Result<DeviceWindow<'_>, JukeboxError> {
    let teller = prior.teller();
    let upper: Vec<_> = teller.n_upper().map(|n| vec![0; n]).into_iter().collect();
    let mut window = prior.start(&teller.condition(&[row(prior.config())], &upper)?)?;
    window.prefill(&[known_codes(prior.config())])?;
    Ok(window)
}

/// How long a step takes where so many are written, and then read together.
fn seconds_per_step(window: &mut DeviceWindow, n_steps: usize) -> Result<f64, JukeboxError> {
    let begun = Instant::now();
    let dice = |column| (column as f64 * 0.618 + 0.3).fract();
    window.write(n_steps, &SamplerSettings::default(), dice)?;
    Ok(begun.elapsed().as_secs_f64() / n_steps as f64)
}
