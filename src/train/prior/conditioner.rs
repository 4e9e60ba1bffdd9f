//! How an upsampler that learns hears the codes of the level above (SPEC §4.8), on rows `[b, t, c]`.

use candle_core::{Result as TensorResult, Tensor};

use super::Parameters;
use crate::jukebox::{ConditionerConfig, PriorConfig};
use crate::train::TrainError;
use crate::train::ops::dense::dense;
use crate::train::ops::lookup::{Lookup, sum_of_rows};
use crate::train::ops::norm::layer_norm;

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

/// Three taps, `dilation` apart: `[b, t, c_in]` to `[b, t, c_out]`, weights `[c_out, c_in, 3]`.
fn wide_conv(x: &Tensor, weight: &Tensor, bias: &Tensor, dilation: usize) -> TensorResult<Tensor> {
    let (n_steps, (n_out, n_in, n_taps)) = (x.dim(1)?, weight.dims3()?);
    let padded = x.pad_with_zeros(1, dilation, dilation)?;
    let taps = (0..n_taps).map(|tap| padded.narrow(1, tap * dilation, n_steps));
    let seen = Tensor::cat(&taps.collect::<TensorResult<Vec<_>>>()?, 2)?.contiguous()?;
    let weight = weight.permute((2, 1, 0))?.contiguous()?.reshape((n_taps * n_in, n_out))?;
    dense(&seen, &weight, bias)
}

/// Transposed, kernel twice the stride: `[b, t, c_in]` to `[b, t * stride, c_out]`, weights
/// `[c_in, c_out, 2 * stride]`.
fn up_conv(x: &Tensor, weight: &Tensor, bias: &Tensor, stride: usize) -> TensorResult<Tensor> {
    let ((b, n_steps, _), (n_in, n_out, n_taps)) = (x.dims3()?, weight.dims3()?);
    let weight = weight.permute((0, 2, 1))?.contiguous()?.reshape((n_in, n_taps * n_out))?;
    let none = Tensor::zeros(n_taps * n_out, x.dtype(), x.device())?;
    let taps = dense(x, &weight, &none)?.reshape((b, n_steps, 2, stride, n_out))?;
    let half = |idx: usize, before: usize| {
        taps.narrow(2, idx, 1)?.squeeze(2)?.pad_with_zeros(1, before, 1 - before)
    };
    let whole = (half(0, 0)? + half(1, 1)?)?.reshape((b, (n_steps + 1) * stride, n_out))?;
    whole.narrow(1, stride / 2, n_steps * stride)?.contiguous()?.broadcast_add(bias)
}
