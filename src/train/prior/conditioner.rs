//! How an upsampler that learns hears the codes of the level above (SPEC §4.8), on rows `[b, t, c]`.

use candle_core::Tensor;

use super::Parameters;
use crate::jukebox::{ConditionerConfig, PriorConfig};
use crate::train::TrainError;
use crate::train::ops::dense::dense;
use crate::train::ops::lookup::{Lookup, sum_of_rows};
use crate::train::ops::norm::layer_norm;
use crate::train::ops::{up_conv, wide_conv};

/// What each position of each window is told, `[b, n_ctx, w]`.
pub fn rows(
    config: &PriorConfig,
    conditioner: &ConditionerConfig,
    parameters: &Parameters,
    upper: &[&[u32]],
) -> Result<Tensor, TrainError> {
    let get = |name: &str| parameters.get(&format!("conditioner_blocks.0.{name}"));
    let (b, n_upper) = (upper.len(), config.n_ctx / conditioner.hop());
    let table = get("x_emb.weight")?;
    let embedded = sum_of_rows(vec![Lookup { table: &table, ids: upper.concat() }])?;
    let mut h = embedded.reshape((b, n_upper, config.width))?;
    h = wide_conv(&h, &get("cond.model.0.weight")?, &get("cond.model.0.bias")?, 1)?;
    let scale = match conditioner.res_scale {
        true => 1.0 / (conditioner.depth as f64).sqrt(),
        false => 1.0,
    };
    for stage in 1..=conditioner.downs_t {
        for block in 0..conditioner.depth {
            let get = |name: &str| get(&format!("cond.model.{stage}.0.blocks.{block}.{name}"));
            let power = conditioner.dilation_cycle.map_or(block, |cycle| block % cycle);
            let dilation = conditioner.dilation_growth_rate.pow(power as u32);
            let (weight, bias) = (get("model.1.weight")?, get("model.1.bias")?);
            let hidden = wide_conv(&h.relu()?, &weight, &bias, dilation)?.relu()?;
            let weight = get("model.3.weight")?.squeeze(2)?.t()?.contiguous()?;
            let branch = dense(&hidden, &weight, &get("model.3.bias")?)?;
            h = (h + (branch * scale)?)?;
        }
        let get = |name: &str| get(&format!("cond.model.{stage}.1.{name}"));
        h = up_conv(&h, &get("weight")?, &get("bias")?, conditioner.strides_t)?;
    }
    Ok(layer_norm(&h, &get("ln.weight")?, &get("ln.bias")?)?)
}
