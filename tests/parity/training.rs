//! What training makes small, and its gradients.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use encore::jukebox::{LabelRow, PriorConfig};
use encore::pack::shapes::prior_tensors;
use encore::train::prior::{Network, Parameters, Window};
use serde_json::Value;

use crate::{Outcome, Tally};

/// The loss of the network that learns and, where the set has them, the gradients of its tensors.
pub fn run(
    set: &Path,
    meta: &Value,
    config: &PriorConfig,
    weights: &VarBuilder,
    windows: &[Window],
    tally: &mut Tally,
) -> Outcome {
    let tensor = |name: &str, shape: Vec<usize>| {
        weights.get(shape, name)?.to_dtype(DType::F32)?.to_device(&Device::Cpu)
    };
    let tensors = prior_tensors(config).into_iter();
    let tensors = tensors.map(|t| Ok((t.name.clone(), tensor(&t.name, t.shape)?)));
    let tensors: BTreeMap<String, Tensor> = tensors.collect::<candle_core::Result<_>>()?;
    let parameters = Parameters::learnt(config, &tensors, &Device::Cpu)?;
    let network = Network { config: config.clone(), parameters };
    let losses = network.losses(windows)?;
    let bits = &meta["losses_bits"];
    let loss = losses.loss.to_scalar::<f32>()? as f64;
    for (name, got) in [("gen_loss", losses.music_bits), ("loss", loss)] {
        if let Some(want) = bits[name].as_f64() {
            tally.close(&format!("{name} (training)"), &number(got)?, &number(want)?)?;
        }
    }
    let path = set.join("grads.safetensors");
    if !path.exists() {
        return Ok(());
    }
    let grads = losses.loss.backward()?;
    let wanted = candle_core::safetensors::load(path, &Device::Cpu)?;
    let vars: BTreeMap<_, _> = network.parameters.vars().into_iter().collect();
    for (name, want) in wanted {
        let var = vars.get(&name).ok_or_else(|| format!("nothing is learnt of {name}"))?;
        match grads.get(var) {
            Some(got) => tally.close(&format!("the gradient of {name}"), got, &want)?,
            None => tally.fail(&format!("the gradient of {name}"), "there is none"),
        }
    }
    if let Some(want) = bits["total_grad_norm"].as_f64() {
        let mut square = 0.0;
        for var in vars.values() {
            if let Some(grad) = grads.get(var) {
                square += grad.sqr()?.sum_all()?.to_scalar::<f32>()? as f64;
            }
        }
        tally.close("total_grad_norm", &number(square.sqrt())?, &number(want)?)?;
    }
    Ok(())
}

/// Windows of a set: its codes, labels and codes of the level above, row by row.
pub fn windows(codes: &[Vec<u32>], rows: &[LabelRow], upper: &[Vec<u32>]) -> Vec<Window> {
    let each = codes.iter().zip(rows).enumerate();
    let window = |(idx, (codes, labels)): (usize, (&Vec<u32>, &LabelRow))| Window {
        codes: codes.clone(),
        labels: labels.clone(),
        upper: upper.get(idx).cloned().unwrap_or_default(),
    };
    each.map(window).collect()
}

fn number(x: f64) -> candle_core::Result<Tensor> {
    Tensor::new(&[x], &Device::Cpu)
}
