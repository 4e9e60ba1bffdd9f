//! Weights of a transformer in the form that its products take.
//!
//! The matrices of the layers come a few rows at a time, and other tensors one by one, so that loading
//! needs little more than what it keeps.

use candle_core::{Storage, Tensor};
use candle_nn::VarBuilder;

use super::float_matrix::FloatMatrix;
use super::matrix::PackedMatrix;
use super::rows::layer_norm;
use crate::jukebox::JukeboxError;
use crate::jukebox::config::StackShape;
use crate::jukebox::prior::attention::Attention;
use crate::jukebox::weights::Weights;

/// The layers of a transformer, packed.
pub struct PackedStack {
    pub(super) shape: StackShape,
    pub(super) layers: Vec<PackedLayer>,
}

pub(super) struct PackedLayer {
    pub attention: Attention,
    pub ln_0: Affine,
    /// To queries, keys and values side by side; to queries alone where the rest is of lyrics.
    pub c_attn: PackedMatrix,
    /// From states of lyrics to keys and values side by side.
    pub c_enc_kv: Option<PackedMatrix>,
    pub c_proj: PackedMatrix,
    pub ln_1: Affine,
    pub c_fc: PackedMatrix,
    pub c_out: PackedMatrix,
    /// Factor on both residual branches.
    pub branch_scale: f32,
}

impl PackedStack {
    /// Reads `{d}.*` below `weights` for each layer `d`.
    pub fn load(shape: &StackShape, weights: &Weights) -> Result<Self, JukeboxError> {
        let attentions = Attention::of_layers(shape)?.into_iter().enumerate();
        let layers = attentions
            .map(|(d, attention)| PackedLayer::load(shape, attention, &weights.pp(d)))
            .collect::<Result<_, _>>()?;
        Ok(Self { shape: shape.clone(), layers })
    }
}

impl PackedLayer {
    fn load(
        shape: &StackShape,
        attention: Attention,
        weights: &Weights,
    ) -> Result<Self, JukeboxError> {
        let (w, s, mlp) = (shape.width, shape.attn_width(), shape.mlp_width());
        let (attn, norms) = (weights.pp("attn"), &weights.tensors);
        let (n_attn, c_enc_kv) = match attention {
            Attention::Lyrics { .. } => (s, Some(attn.pp("c_enc_kv").dense(w, 2 * s)?)),
            _ => (3 * s, None),
        };
        Ok(Self {
            attention,
            ln_0: Affine::load(w, norms.pp("ln_0"))?,
            c_attn: attn.pp("c_attn").dense(w, n_attn)?,
            c_enc_kv,
            c_proj: attn.pp("c_proj").dense(s, w)?,
            ln_1: Affine::load(w, norms.pp("ln_1"))?,
            c_fc: weights.pp("mlp.c_fc").dense(w, mlp)?,
            c_out: weights.pp("mlp.c_proj").dense(mlp, w)?,
            branch_scale: if shape.res_scale { 1.0 / shape.depth as f32 } else { 1.0 },
        })
    }
}

/// Scale and shift of a layer norm.
pub struct Affine {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Affine {
    pub fn load(width: usize, vb: VarBuilder) -> Result<Self, JukeboxError> {
        let read = |name| vb.get(width, name)?.to_vec1::<f32>();
        Ok(Self { scale: read("weight")?, shift: read("bias")? })
    }

    /// Normalises each row of `x`.
    pub fn normalise(&self, x: &[f32], out: &mut [f32]) {
        layer_norm(x, &self.scale, &self.shift, out);
    }
}

/// A dense layer outside of the transformers, which is always held as floats.
pub fn packed_dense(
    n_in: usize,
    n_out: usize,
    vb: VarBuilder,
) -> Result<FloatMatrix, JukeboxError> {
    let bias = vb.get(n_out, "b")?.to_vec1::<f32>()?;
    with_numbers(&vb.get((n_in, n_out), "w")?, |weight| {
        FloatMatrix::from_fn(n_in, &bias, |i, o| weight[i * n_out + o])
    })
}

/// The numbers of a tensor, without a copy where they lie side by side.
pub fn with_numbers<T>(x: &Tensor, then: impl FnOnce(&[f32]) -> T) -> Result<T, JukeboxError> {
    let x = x.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(JukeboxError::Config("the networks run on the CPU".into()));
    };
    let start = layout.start_offset();
    Ok(then(&storage.as_slice::<f32>()?[start..start + x.elem_count()]))
}
