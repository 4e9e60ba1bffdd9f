//! The same layers in candle's operations, for other devices than the processor.

use candle_core::{Result, Tensor, bail};

use super::LayerTensors;
use crate::jukebox::config::StackShape;
use crate::jukebox::prior::attention::Attention;
use crate::train::ops::norm;

pub fn run(
    shape: &StackShape,
    layers: &[LayerTensors],
    x: &Tensor,
    states: Option<&Tensor>,
) -> Result<Tensor> {
    let scale = if shape.res_scale { 1.0 / shape.depth as f64 } else { 1.0 };
    let mut x = x.clone();
    for LayerTensors { attention, tensors } in layers {
        let h = norm::composed(&x, &tensors[0], &tensors[1])?;
        let qkv = dense(&h, &tensors[2], &tensors[3])?;
        let parts = match attention {
            Attention::Lyrics { .. } => {
                let Some(states) = states else {
                    bail!("a layer that looks at lyrics without lyrics");
                };
                let mut parts = split(&qkv, 1, shape.heads)?;
                let kv = dense(states, &tensors[12], &tensors[13])?;
                parts.extend(split(&kv, 2, shape.heads)?);
                parts
            }
            _ => split(&qkv, 3, shape.heads)?,
        };
        let a = attention.of_sequence(&parts[0], &parts[1], &parts[2], shape.block_len())?;
        let (b, _, n_steps, _) = a.dims4()?;
        let a = a.transpose(1, 2)?.contiguous()?.reshape((b, n_steps, ()))?;
        let a = dense(&a, &tensors[4], &tensors[5])?;
        let h = norm::composed(&(&x + &a)?, &tensors[6], &tensors[7])?;
        let h = dense(&h, &tensors[8], &tensors[9])?;
        let h = (&h * candle_nn::ops::sigmoid(&(&h * 1.702)?)?)?;
        let m = dense(&h, &tensors[10], &tensors[11])?;
        x = if scale == 1.0 { ((x + a)? + m)? } else { (x + ((a + m)? * scale)?)? };
    }
    Ok(x)
}

fn dense(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (b, n_steps, n_in) = x.dims3()?;
    let y = x.contiguous()?.reshape((b * n_steps, n_in))?.matmul(weight)?;
    y.broadcast_add(bias)?.reshape((b, n_steps, ()))
}

/// `[b, t, n * s]` to `n` times `[b, heads, t, c]`.
fn split(x: &Tensor, n: usize, heads: usize) -> Result<Vec<Tensor>> {
    let (b, n_steps, _) = x.dims3()?;
    let parts = x.reshape((b, n_steps, n, heads, ()))?;
    let part = |i| parts.narrow(2, i, 1)?.squeeze(2)?.transpose(1, 2)?.contiguous();
    (0..n).map(part).collect()
}
