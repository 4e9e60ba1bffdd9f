//! What candle's own quantised products take, for comparison.

use std::borrow::Cow;
use std::time::Instant;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{Device, Module, Result as TensorResult, Tensor};
use encore::jukebox::PriorConfig;

use super::decode::Decode;
use super::machine::median;

/// Numbers of a block that candle quantises together; other widths it cannot take.
const BLOCK: usize = 32;
const N_STEPS: usize = 7;

/// The dense products of one step in Q8_0, and nothing else of the step: a lower bound of its time. None
/// where the widths are not whole blocks.
pub fn q8_products(config: &PriorConfig, bandwidth: f64) -> TensorResult<Option<Decode>> {
    let (w, s) = (config.width, (config.width as f64 * config.m_attn) as usize);
    let mlp = (config.width as f64 * config.m_mlp) as usize;
    if [w, s, mlp].iter().any(|width| !width.is_multiple_of(BLOCK)) {
        return Ok(None);
    }
    let shapes = [(w, 3 * s), (s, w), (w, mlp), (mlp, w)];
    let mut layers = Vec::new();
    for _ in 0..config.depth {
        layers.push(shapes.map(|(n_in, n_out)| product(n_in, n_out)));
    }
    let inputs =
        shapes.map(|(n_in, _)| Tensor::ones((1, n_in), candle_core::DType::F32, &Device::Cpu));
    let inputs: Vec<Tensor> = inputs.into_iter().collect::<TensorResult<_>>()?;
    let layers: Vec<Vec<QMatMul>> =
        layers.into_iter().map(|layer| layer.into_iter().collect()).collect::<TensorResult<_>>()?;
    let mut seconds = Vec::new();
    for _ in 0..N_STEPS {
        let begun = Instant::now();
        for layer in &layers {
            for (product, x) in layer.iter().zip(&inputs) {
                product.forward(x)?;
            }
        }
        seconds.push(begun.elapsed().as_secs_f64());
    }
    let n_weights: usize = shapes.iter().map(|(n_in, n_out)| n_in * n_out).sum();
    let n_bytes = (n_weights * config.depth) as f64 * 34.0 / 32.0;
    let seconds = median(seconds);
    Ok(Some(Decode {
        backend: "candle (products only)",
        precision: "q8_0",
        batch: 1,
        tokens_per_second: 1.0 / seconds,
        share_of_bandwidth: n_bytes / seconds / bandwidth,
    }))
}

fn product(n_in: usize, n_out: usize) -> TensorResult<QMatMul> {
    let bytes = vec![0u8; n_in * n_out / BLOCK * (BLOCK + 2)];
    let storage = QStorage::from_data(Cow::Owned(bytes), &Device::Cpu, GgmlDType::Q8_0)?;
    QMatMul::from_qtensor(QTensor::new(storage, (n_out, n_in))?)
}
