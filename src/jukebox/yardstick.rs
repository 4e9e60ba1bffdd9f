//! What speed and exactness are measured with: priors of noise in any shape, candle's own quantised
//! products, and how far one prior is from another.

use std::borrow::Cow;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{DType, Device, Module, Result as TensorResult, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use super::weights::Weights;
use super::{
    Conditioning, DevicePrior, JukeboxError, OpenDevice, Precision, Prior, PriorConfig, Vqvae,
    VqvaeConfig,
};

/// Numbers that candle quantises together; other widths it cannot take.
const BLOCK: usize = 32;
/// Bytes of such a block.
const BLOCK_BYTES: usize = 34;

/// How far the next token's probabilities of `other` are from those of `exact`, in nats: the divergence of
/// Kullback and Leibler, for each of the given codes after those before it.
///
/// # Errors
/// When the codes or what is told are none of the priors'.
pub fn divergences(
    exact: &Prior,
    other: &Prior,
    codes: &[u32],
    cond: &Conditioning,
) -> Result<Vec<f64>, JukeboxError> {
    let codes = Tensor::from_slice(codes, (1, codes.len()), &Device::Cpu)?;
    let rows = |prior: &Prior| -> Result<Vec<Vec<f32>>, JukeboxError> {
        Ok(prior.logits(&codes, cond)?.squeeze(0)?.to_vec2()?)
    };
    let (exact, other) = (rows(exact)?, rows(other)?);
    let pairs = exact.iter().zip(&other);
    Ok(pairs.map(|(exact, other)| divergence(&log_shares(exact), &log_shares(other))).collect())
}

fn divergence(exact: &[f64], other: &[f64]) -> f64 {
    exact.iter().zip(other).map(|(exact, other)| exact.exp() * (exact - other)).sum()
}

/// Logarithms of the softmax.
fn log_shares(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let apart = |logit: &f32| f64::from(logit - highest);
    let total = logits.iter().map(|logit| apart(logit).exp()).sum::<f64>().ln();
    logits.iter().map(|logit| apart(logit) - total).collect()
}

/// A prior of noise, made without a file, with its layers' matrices held as asked for.
///
/// # Errors
/// When it cannot have this shape.
pub fn prior_of_noise(
    config: &PriorConfig,
    held_as: Precision,
    with_reference: bool,
) -> Result<Prior, JukeboxError> {
    let tensors = VarBuilder::from_backend(Box::new(Noise), DType::F32, Device::Cpu);
    let weights = Weights::from(tensors).held_as(held_as);
    match with_reference {
        true => Prior::load_with_reference(config, weights),
        false => Prior::load(config, weights),
    }
}

/// A VQ-VAE of noise with all of its levels.
///
/// # Errors
/// When it cannot have this shape.
pub fn vqvae_of_noise(config: &VqvaeConfig) -> Result<Vqvae, JukeboxError> {
    let levels: Vec<usize> = (0..config.levels).collect();
    Vqvae::load(config, &levels, VarBuilder::from_backend(Box::new(Noise), DType::F32, Device::Cpu))
}

/// The same with its layers on a device.
///
/// # Errors
/// As [`DevicePrior::load`].
pub fn device_prior_of_noise(
    config: &PriorConfig,
    device: &OpenDevice,
    precision: Precision,
) -> Result<DevicePrior, JukeboxError> {
    let tensors = VarBuilder::from_backend(Box::new(Noise), DType::F32, Device::Cpu);
    DevicePrior::load(config, tensors, device, precision)
}

/// Every tensor is there, and filled with noise of a trained model's strength.
struct Noise;

impl SimpleBackend for Noise {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        _: DType,
        device: &Device,
    ) -> TensorResult<Tensor> {
        let is_gain = name.contains("ln_") && name.ends_with("weight");
        let (middle, spread) = if is_gain { (1.0, 0.0) } else { (0.0, 0.04) };
        let mut dice =
            name.bytes().fold(1u64, |dice, byte| dice.wrapping_mul(31) + u64::from(byte));
        let number = |_| {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            middle + spread * ((dice >> 40) as f32 / (1 << 23) as f32 - 1.0)
        };
        let numbers: Vec<f32> = (0..shape.elem_count()).map(number).collect();
        Tensor::from_vec(numbers, shape, device)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> TensorResult<Tensor> {
        Err(candle_core::Error::Msg(format!("{name} has no shape")))
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// The dense products of one step of a prior by candle, in Q8_0: nothing else of the step.
pub struct CandleProducts {
    layers: Vec<Vec<(QMatMul, Tensor)>>, // with an input each
    /// Bytes of their weights.
    pub n_bytes: usize,
}

impl CandleProducts {
    /// None where the widths are not whole blocks.
    ///
    /// # Errors
    /// When the tensor library refuses.
    pub fn new(config: &PriorConfig) -> Result<Option<Self>, JukeboxError> {
        let stack = config.stack();
        let (w, s, mlp) = (stack.width, stack.attn_width(), stack.mlp_width());
        if [w, s, mlp].iter().any(|width| !width.is_multiple_of(BLOCK)) {
            return Ok(None);
        }
        let shapes = [(w, 3 * s), (s, w), (w, mlp), (mlp, w)];
        let layer = || shapes.iter().map(|(n_in, n_out)| product(*n_in, *n_out)).collect();
        let layers = (0..stack.depth).map(|_| layer()).collect::<TensorResult<_>>()?;
        let n_weights: usize = shapes.iter().map(|(n_in, n_out)| n_in * n_out).sum();
        Ok(Some(Self { layers, n_bytes: n_weights / BLOCK * BLOCK_BYTES * stack.depth }))
    }

    /// All products once.
    ///
    /// # Errors
    /// When the tensor library refuses.
    pub fn run(&self) -> Result<(), JukeboxError> {
        for (product, x) in self.layers.iter().flatten() {
            product.forward(x)?;
        }
        Ok(())
    }
}

/// A product, and something to multiply.
fn product(n_in: usize, n_out: usize) -> TensorResult<(QMatMul, Tensor)> {
    let bytes = vec![0u8; n_in * n_out / BLOCK * BLOCK_BYTES];
    let storage = QStorage::from_data(Cow::Owned(bytes), &Device::Cpu, GgmlDType::Q8_0)?;
    let product = QMatMul::from_qtensor(QTensor::new(storage, (n_out, n_in))?)?;
    Ok((product, Tensor::ones((1, n_in), DType::F32, &Device::Cpu)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jukebox::prior::tests::{conditioning, tiny};

    #[test]
    fn a_prior_is_not_apart_from_itself_and_a_quantised_one_is_a_little() {
        let config = PriorConfig { width: 64, m_attn: 0.5, ..tiny() };
        let prior = |held_as| prior_of_noise(&config, held_as, false).unwrap();
        let exact = prior(Precision::F32);
        let cond = conditioning(&exact, 1);
        let codes: Vec<u32> = (0..24).map(|i| i * 5 % 12).collect();
        let mean = |other: &Prior| {
            let apart = divergences(&exact, other, &codes, &cond).unwrap();
            assert_eq!(apart.len(), 24);
            apart.iter().sum::<f64>() / 24.0
        };

        let [f16, bf16, q8, q4] = [Precision::F16, Precision::BF16, Precision::Q8, Precision::Q4]
            .map(|held_as| mean(&prior(held_as)));

        assert!(mean(&exact).abs() < 1e-12);
        assert!(
            0.0 < f16 && f16 < bf16 && bf16 < q8 && q8 < q4 && q4 < 0.1,
            "{f16} {bf16} {q8} {q4}"
        );
    }
}
