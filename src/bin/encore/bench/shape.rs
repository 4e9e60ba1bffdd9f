//! A prior of any shape with random weights, made without a file.

use candle_core::{DType, Device, Result as TensorResult, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use encore::jukebox::weights::Weights;
use encore::jukebox::{JukeboxError, Prior, PriorConfig, Quantisation};

/// Width and depth of a prior that is like the released ones otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriorShape {
    pub width: usize,
    pub depth: usize,
}

impl PriorShape {
    /// Window, heads and head as the released models have them; no labels.
    pub fn config(self) -> PriorConfig {
        PriorConfig {
            level: 0,
            n_ctx: 8192,
            width: self.width,
            depth: self.depth,
            heads: if self.width.is_multiple_of(8) { 2 } else { 1 },
            attn_order: 2,
            blocks: 128,
            m_attn: 0.25,
            m_mlp: 1.0,
            merged_decoder: true,
            res_scale: false,
            l_bins: 2048,
            labels: None,
            lyrics: None,
            conditioner: None,
        }
    }

    /// Makes the weights and holds the layers' matrices as asked for.
    pub fn prior(
        self,
        held_as: Option<Quantisation>,
        with_reference: bool,
    ) -> Result<Prior, JukeboxError> {
        let tensors = VarBuilder::from_backend(Box::new(Noise), DType::F32, Device::Cpu);
        let weights = Weights::from(tensors).held_as(held_as);
        match with_reference {
            true => Prior::load_with_reference(&self.config(), weights),
            false => Prior::load(&self.config(), weights),
        }
    }
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
