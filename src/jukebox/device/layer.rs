//! One layer of the transformer as tensors of a device.
//!
//! Two factors are put into the weights when they are read, so that no step has to multiply: the scale of
//! the queries, and the 1.702 of `x · sigmoid(1.702 x)`, which becomes candle's `silu`.

use candle_core::{DType, Device, Result as TensorResult, Tensor};

use super::cache::Cache;
use crate::jukebox::JukeboxError;
use crate::jukebox::config::StackShape;
use crate::jukebox::prior::attention::Attention;
use crate::jukebox::prior::layer::LAYER_NORM_EPS;
use crate::jukebox::weights::Weights;

/// Steepness of the sigmoid in the MLP's activation.
const QUICK_GELU: f32 = 1.702;

/// Where tensors are to lie, and as what.
#[derive(Clone)]
pub struct Place {
    pub device: Device,
    pub dtype: DType,
}

/// `x + a + m` with `a = attn(ln_0(x))` and `m = mlp(ln_1(x + a))`.
pub struct DeviceLayer {
    pub attention: Attention,
    ln_0: Norm,
    /// To queries, keys and values side by side; to queries alone where the rest is of lyrics.
    c_attn: Dense,
    /// From states of lyrics to keys and values side by side.
    c_enc_kv: Option<Dense>,
    c_proj: Dense,
    ln_1: Norm,
    c_fc: Dense,
    c_out: Dense,
    branch_scale: f64,
}

impl DeviceLayer {
    /// Reads `ln_0`, `attn.*`, `ln_1` and `mlp.*` below `weights`.
    pub fn load(
        shape: &StackShape,
        attention: Attention,
        weights: &Weights,
        place: &Place,
    ) -> Result<Self, JukeboxError> {
        let (w, s, mlp) = (shape.width, shape.attn_width(), shape.mlp_width());
        let query_scale = 1.0 / ((s / shape.heads) as f32).sqrt();
        let of_queries = |output_idx| if output_idx < s { query_scale } else { 1.0 };
        let attn = weights.pp("attn");
        let dense = |weights: &Weights, n_in, n_out, factors: Factors| {
            Dense::load(weights, [n_in, n_out], factors, place)
        };
        let (n_attn, c_enc_kv) = match attention {
            Attention::Lyrics { .. } => {
                (s, Some(dense(&attn.pp("c_enc_kv"), w, 2 * s, Factors::NONE)?))
            }
            _ => (3 * s, None),
        };
        let (steep, shallow) = (
            Factors { outputs: &|_| QUICK_GELU, inputs: 1.0 },
            Factors { outputs: &|_| 1.0, inputs: 1.0 / QUICK_GELU },
        );
        Ok(Self {
            attention,
            ln_0: Norm::load(w, &weights.pp("ln_0"), place)?,
            c_attn: dense(
                &attn.pp("c_attn"),
                w,
                n_attn,
                Factors { outputs: &of_queries, inputs: 1.0 },
            )?,
            c_enc_kv,
            c_proj: dense(&attn.pp("c_proj"), s, w, Factors::NONE)?,
            ln_1: Norm::load(w, &weights.pp("ln_1"), place)?,
            c_fc: dense(&weights.pp("mlp.c_fc"), w, mlp, steep)?,
            c_out: dense(&weights.pp("mlp.c_proj"), mlp, w, shallow)?,
            branch_scale: if shape.res_scale { 1.0 / shape.depth as f64 } else { 1.0 },
        })
    }

    /// The next `n_steps` positions of all columns, `[b * n_steps, w]`, from position `first` on.
    pub fn run(
        &self,
        x: &Tensor,
        cache: &Cache,
        first: usize,
        n_steps: usize,
    ) -> TensorResult<Tensor> {
        let qkv = self.c_attn.forward(&self.ln_0.forward(x)?)?; // [b * t, 3 * s]
        let a = match n_steps {
            1 => cache.step(first, &qkv)?,
            _ => cache.chunk(first, n_steps, &qkv)?,
        }; // [b * t, s]
        let a = self.c_proj.forward(&a)?; // [b * t, w]
        let with_a = (x + &a)?;
        let h = self.c_fc.forward(&self.ln_1.forward(&with_a)?)?.silu()?; // [b * t, mlp]
        let m = self.c_out.forward(&h)?; // [b * t, w]
        if self.branch_scale == 1.0 { with_a + m } else { x + ((a + m)? * self.branch_scale)? }
    }

    /// Weights of all its products and norms.
    pub fn n_weights(&self) -> usize {
        let dense = [&self.c_attn, &self.c_proj, &self.c_fc, &self.c_out];
        let dense = dense.into_iter().chain(&self.c_enc_kv).map(Dense::n_weights);
        dense.sum::<usize>() + 4 * self.ln_0.scale.elem_count()
    }

    /// Keys and values side by side, `[n, 2 * s]`, of states of lyrics, `[n, w]`; none where the layer
    /// does not look at them.
    pub fn lyric_keys_and_values(&self, states: &Tensor) -> TensorResult<Option<Tensor>> {
        self.c_enc_kv.as_ref().map(|c_enc_kv| c_enc_kv.forward(states)).transpose()
    }
}

/// Layer norm over the last dimension; its sums are of single precision.
struct Norm {
    scale: Tensor, // [w]
    shift: Tensor, // [w]
}

impl Norm {
    fn load(width: usize, weights: &Weights, place: &Place) -> Result<Self, JukeboxError> {
        let read = |name| place.put(&weights.tensors.get(width, name)?);
        Ok(Self { scale: read("weight")?, shift: read("bias")? })
    }

    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        candle_nn::ops::layer_norm(x, &self.scale, &self.shift, LAYER_NORM_EPS as f32)
    }
}

/// `x · w + b`.
struct Dense {
    weight: Tensor, // [n_in, n_out]
    bias: Tensor,   // [1, n_out]
}

/// What weights are multiplied by: a factor for each output, which goes for its bias too, and one for
/// all inputs.
#[derive(Clone, Copy)]
struct Factors<'a> {
    outputs: &'a dyn Fn(usize) -> f32,
    inputs: f32,
}

impl Factors<'static> {
    const NONE: Self = Self { outputs: &|_| 1.0, inputs: 1.0 };
}

impl Dense {
    fn load(
        weights: &Weights,
        [n_in, n_out]: [usize; 2],
        factors: Factors,
        place: &Place,
    ) -> Result<Self, JukeboxError> {
        let (mut weight, mut bias) = weights.dense_numbers(n_in, n_out)?;
        let outputs: Vec<f32> = (0..n_out).map(factors.outputs).collect();
        if outputs.iter().any(|factor| *factor * factors.inputs != 1.0) {
            for row in weight.chunks_exact_mut(n_out) {
                let row = row.iter_mut().zip(&outputs);
                row.for_each(|(weight, factor)| *weight *= factor * factors.inputs);
            }
            bias.iter_mut().zip(&outputs).for_each(|(bias, factor)| *bias *= factor);
        }
        let weight = Tensor::from_vec(weight, (n_in, n_out), &Device::Cpu)?;
        let bias = Tensor::from_vec(bias, (1, n_out), &Device::Cpu)?;
        Ok(Self { weight: place.put(&weight)?, bias: place.put(&bias)? })
    }

    fn n_weights(&self) -> usize {
        self.weight.elem_count() + self.bias.elem_count()
    }

    /// `[n, n_in]` to `[n, n_out]`.
    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        x.matmul(&self.weight)?.broadcast_add(&self.bias)
    }
}

impl Place {
    /// The same numbers there, as what is wanted there. They are converted first, which halves the way.
    pub fn put(&self, x: &Tensor) -> Result<Tensor, JukeboxError> {
        Ok(x.to_dtype(self.dtype)?.to_device(&self.device)?.contiguous()?)
    }

    /// The same place for single precision.
    pub fn of_f32(&self) -> Self {
        Self { device: self.device.clone(), dtype: DType::F32 }
    }
}
