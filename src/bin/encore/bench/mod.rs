//! `encore bench`: what this machine makes of a pack, or of a shape, beside what it could at most.
//!
//! Everything is measured in one run, as medians, and the speed of decoding is told as a share of the
//! memory bandwidth that was measured right before, because that is its limit.

mod candle;
mod decode;
mod device;
mod machine;
mod networks;
mod quality;
pub mod shape;

use encore::engine::model::Model;
use encore::jukebox::kernels::instructions;
use encore::jukebox::yardstick::{device_prior_of_noise, prior_of_noise, vqvae_of_noise};
use encore::jukebox::{DeviceChoice, Prior, PriorConfig, Vqvae, crew};
use encore::pack::checkpoint::released;
use encore::pack::shapes::{TensorShape, prior_tensors};
use encore::pack::{Precision, tensor_bytes};
use serde_json::{Value, json};

use crate::args::BenchArgs;
use crate::failure::{Failure, print, print_json};
use crate::open;
use crate::progress::Spinner;
use decode::{BATCHES, Decode};
use machine::{Bandwidth, Load};

/// Larger weights are not loaded a second time for candle to run on.
const MAX_REFERENCE_BYTES: u64 = 8 << 30;
/// Rate of the released models, in Hz.
const RELEASED_RATE: f64 = 44_100.0;

pub fn run(args: &BenchArgs, as_json: bool) -> Result<(), Failure> {
    let pack = args.pack().map(open::pack).transpose()?;
    let device = args.device.map(DeviceChoice::open).transpose()?;
    let spinner = Spinner::new("measuring the machine");
    let mut bandwidth = Bandwidth::default();
    bandwidth.now();
    let load = Load::new(args.load);
    spinner.say("measuring decoding");
    let (mut decodes, mut facts) = (Vec::new(), json!({}));
    let mut lines = Vec::new();
    match (&pack, args.shape) {
        (_, Some(shape)) => {
            let config = shape.config();
            let make = |precision: Precision, with_reference| {
                Ok(prior_of_noise(&config, precision, with_reference)?)
            };
            facts["prefill_tokens_per_s"] = decoding(&config, &mut bandwidth, &mut decodes, make)?;
            if let Some(device) = &device {
                let make = |precision| Ok(device_prior_of_noise(&config, device, precision)?);
                facts["device"] = device::decoding(device, bandwidth.now(), &mut decodes, make)?;
            }
        }
        (Some(pack), None) => {
            let top = pack.top_level();
            let make = |precision, with_reference| match with_reference {
                true => Ok(pack.load_reference_prior(top)?),
                false => Ok(pack.load_prior_as(top, precision)?),
            };
            let config = pack.prior_config(top)?.clone();
            facts["prefill_tokens_per_s"] = decoding(&config, &mut bandwidth, &mut decodes, make)?;
            if let Some(device) = &device {
                let make = |precision| Ok(pack.load_prior_on(top, device, precision)?);
                facts["device"] = device::decoding(device, bandwidth.now(), &mut decodes, make)?;
            }
        }
        (None, None) => {
            return Err(Failure::BadInput("give a pack, or --shape WIDTHxDEPTH".into()));
        }
    }
    if args.shape.is_some() {
        spinner.say("measuring the released VQ-VAE's shape");
        let vqvae = vqvae_of_noise(&released::vqvae())?;
        add_codings(&vqvae, RELEASED_RATE, &mut facts, &mut lines)?;
    }
    if let Some(pack) = pack.filter(|_| args.shape.is_none()) {
        let qualities = quality::measure(args, &pack)?;
        lines.extend(qualities.iter().map(quality::Quality::line));
        facts["quality"] = qualities.iter().map(quality::Quality::json).collect();
        spinner.say("measuring a continuation");
        let model = Model::load_as(pack, args.precision)?;
        add_codings(&model.vqvae, model.rate(), &mut facts, &mut lines)?;
        let composing = networks::composing(&model)?;
        lines.push(format!(
            "first sound after {:.0} ms; the top level's codes {:.2}, with their audio {:.2} times real time",
            composing.first_sound_ms, composing.top_level, composing.end_to_end
        ));
        let stages = &composing.stages;
        lines.push(format!(
            "of these, encoding {:.0} ms, reading {:.0} and the first piece {:.0}; {:.0} ms where the prime \
             was listened to ahead",
            stages.encoding_ms, stages.prefilling_ms, stages.first_piece_ms, composing.warm_ms
        ));
        facts["first_sound_stages_ms"] = json!({
            "encoding": stages.encoding_ms,
            "prefilling": stages.prefilling_ms,
            "first_piece": stages.first_piece_ms,
        });
        facts["first_sound_warm_ms"] = composing.warm_ms.into();
        facts["first_sound_ms"] = composing.first_sound_ms.into();
        facts["end_to_end_x"] = composing.end_to_end.into();
        facts["top_level_x"] = composing.top_level.into();
    }
    drop((spinner, load));
    facts["bandwidth_gb_s"] = (bandwidth.median() / 1e9).into();
    facts["instructions"] = instructions().into();
    facts["threads"] = crew::n_threads().into();
    facts["load_threads"] = args.load.into();
    facts["decode"] = decodes.iter().map(Decode::json).collect();
    if as_json {
        return print_json(&facts);
    }
    print(&format!(
        "memory is read at {:.1} GB/s by {} threads; {} busy threads beside; instructions: {}",
        bandwidth.median() / 1e9,
        crew::n_threads(),
        args.load,
        instructions()
    ))?;
    decodes.iter().map(Decode::line).chain(lines).try_for_each(|line| print(&line))
}

/// The speed of each level of a VQ-VAE.
fn add_codings(
    vqvae: &Vqvae,
    rate: f64,
    facts: &mut Value,
    lines: &mut Vec<String>,
) -> Result<(), Failure> {
    let levels = vqvae.levels_present().iter();
    let codings = levels.map(|level| networks::coding(vqvae, *level, rate));
    let codings = codings.collect::<Result<Vec<_>, _>>()?;
    lines.extend(codings.iter().map(networks::Coding::line));
    facts["vqvae"] = codings.iter().map(networks::Coding::json).collect();
    Ok(())
}

/// Every precision and batch on our kernels, then candle; the speed of prefilling by precision.
fn decoding(
    config: &PriorConfig,
    bandwidth: &mut Bandwidth,
    decodes: &mut Vec<Decode>,
    make: impl Fn(Precision, bool) -> Result<Prior, Failure>,
) -> Result<Value, Failure> {
    let mut prefills = json!({});
    for precision in Precision::ALL {
        let name = precision.name();
        let (prior, n_bytes) = (make(precision, false)?, step_bytes(config, precision));
        let bandwidth = bandwidth.now();
        for batch in BATCHES {
            let names = ["encore", name];
            decodes.push(decode::steps(&prior, names, batch, n_bytes, bandwidth, decode::begin)?);
        }
        prefills[name] = decode::prefill(&prior)?.into();
    }
    let (n_bytes, bandwidth) = (step_bytes(config, Precision::F32), bandwidth.now());
    if 2 * n_bytes < MAX_REFERENCE_BYTES {
        let (prior, names) = (make(Precision::F32, true)?, ["candle", "f32"]);
        let begin = decode::begin_on_candle;
        decodes.push(decode::steps(&prior, names, 1, n_bytes, bandwidth, begin)?);
    }
    decodes.extend(candle::q8_products(config, bandwidth)?);
    Ok(prefills)
}

/// Bytes of the weights that every step reads: the layers and the head, and not the tables.
fn step_bytes(config: &PriorConfig, precision: Precision) -> u64 {
    let is_read = |tensor: &&TensorShape| {
        tensor.name.starts_with("prior.transformer.")
            || tensor.name == "prior.x_out.weight"
            || (!config.merged_decoder && tensor.name == "prior.x_emb.weight")
    };
    let tensors = prior_tensors(config);
    let read = tensors.iter().filter(is_read);
    read.map(|tensor| tensor_bytes(tensor, Precision::F32, precision)).sum()
}
