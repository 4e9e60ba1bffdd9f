//! One layer of the transformer in tensors, and the dense products it is made of (SPEC §3.2).
//!
//! The reference for `kernels`, which run the same on packed weights.

use candle_core::{Result, Tensor};
use candle_nn::{LayerNorm, Module, VarBuilder};

use super::attention::Attention;
use crate::jukebox::config::StackShape;

/// Added to the variance in every layer norm.
pub const LAYER_NORM_EPS: f64 = 1e-5;

/// `x + a + m` with `a = attn(ln_0(x))` and `m = mlp(ln_1(x + a))`.
pub struct Layer {
    pub attention: Attention,
    ln_0: LayerNorm,
    /// To q, k and v side by side; to q alone where k and v are of lyrics.
    c_attn: Dense,
    /// From states of lyrics to k and v, side by side.
    c_enc_kv: Option<Dense>,
    c_proj: Dense,
    ln_1: LayerNorm,
    c_fc: Dense,  // to the hidden width of the MLP
    c_out: Dense, // and back
    heads: usize,
    block_len: usize,
    branch_scale: f64,
}

impl Layer {
    /// Reads `ln_0`, `attn.*`, `ln_1` and `mlp.*` below `vb`.
    pub fn load(shape: &StackShape, attention: Attention, vb: VarBuilder) -> Result<Self> {
        let (w, s, mlp) = (shape.width, shape.attn_width(), shape.mlp_width());
        let branch_scale = if shape.res_scale { 1.0 / shape.depth as f64 } else { 1.0 };
        let (n_attn, c_enc_kv) = match attention {
            Attention::Lyrics { .. } => (s, Some(Dense::load(w, 2 * s, vb.pp("attn.c_enc_kv"))?)),
            _ => (3 * s, None),
        };
        Ok(Self {
            attention,
            ln_0: candle_nn::layer_norm(w, LAYER_NORM_EPS, vb.pp("ln_0"))?,
            c_attn: Dense::load(w, n_attn, vb.pp("attn.c_attn"))?,
            c_enc_kv,
            c_proj: Dense::load(s, w, vb.pp("attn.c_proj"))?,
            ln_1: candle_nn::layer_norm(w, LAYER_NORM_EPS, vb.pp("ln_1"))?,
            c_fc: Dense::load(w, mlp, vb.pp("mlp.c_fc"))?,
            c_out: Dense::load(mlp, w, vb.pp("mlp.c_proj"))?,
            heads: shape.heads,
            block_len: shape.block_len(),
            branch_scale,
        })
    }

    /// A whole sequence from its start, `[b, t, w]`; `states` of lyrics are `[b, n, w]`.
    pub fn forward(&self, x: &Tensor, states: Option<&Tensor>) -> Result<Tensor> {
        let mut qkv = self.queries_keys_values(x)?; // [b, heads, t, c] each
        if let Some(states) = states.filter(|_| self.c_enc_kv.is_some()) {
            qkv.extend(self.lyric_keys_and_values(states)?);
        }
        let [q, k, v] = qkv.as_slice() else {
            candle_core::bail!("attention to lyrics without lyrics");
        };
        let a = self.attention.of_sequence(q, k, v, self.block_len)?;
        self.add_branches(x, &self.join_heads(&a)?)
    }

    /// `[b, t, w]` to queries, keys and values, `[b, heads, t, c]` each; to queries alone where the
    /// layer looks at lyrics.
    pub fn queries_keys_values(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let n = if self.c_enc_kv.is_some() { 1 } else { 3 };
        self.split_heads(&self.c_attn.forward(&self.ln_0.forward(x)?)?, n)
    }

    /// Keys and values of the states of lyrics, `[b, n, w]`.
    pub fn lyric_keys_and_values(&self, states: &Tensor) -> Result<[Tensor; 2]> {
        let Some(c_enc_kv) = &self.c_enc_kv else {
            candle_core::bail!("this layer does not look at lyrics");
        };
        let kv = self.split_heads(&c_enc_kv.forward(states)?, 2)?;
        Ok([kv[0].clone(), kv[1].clone()])
    }

    /// `[b, t, n * s]` to `n` times `[b, heads, t, c]`; a head is a contiguous slice of `s`.
    fn split_heads(&self, side_by_side: &Tensor, n: usize) -> Result<Vec<Tensor>> {
        let (b, n_steps, _) = side_by_side.dims3()?;
        let parts = side_by_side.reshape((b, n_steps, n, self.heads, ()))?;
        let part = |i: usize| -> Result<Tensor> {
            parts.narrow(2, i, 1)?.squeeze(2)?.transpose(1, 2)?.contiguous() // [b, heads, t, c]
        };
        (0..n).map(part).collect()
    }

    /// `[b, heads, t, c]` to `[b, t, s]`.
    pub fn join_heads(&self, a: &Tensor) -> Result<Tensor> {
        let (b, _, n_steps, _) = a.dims4()?;
        a.transpose(1, 2)?.contiguous()?.reshape((b, n_steps, ()))
    }

    /// Everything after the attention itself: `x` is `[b, t, w]`, `a` is `[b, t, s]`.
    pub fn add_branches(&self, x: &Tensor, a: &Tensor) -> Result<Tensor> {
        let a = self.c_proj.forward(a)?; // [b, t, w]
        let h = self.ln_1.forward(&(x + &a)?)?;
        let m = self.c_out.forward(&quick_gelu(&self.c_fc.forward(&h)?)?)?; // [b, t, w]
        if self.branch_scale == 1.0 { (x + a)? + m } else { x + ((a + m)? * self.branch_scale)? }
    }
}

/// `x · w + b`, with `w` stored as `(in, out)`; the checkpoint calls this Conv1D.
pub struct Dense {
    weight: Tensor, // [c_in, c_out]
    bias: Tensor,   // [c_out]
}

impl Dense {
    fn load(c_in: usize, c_out: usize, vb: VarBuilder) -> Result<Self> {
        Ok(Self { weight: vb.get((c_in, c_out), "w")?, bias: vb.get(c_out, "b")? })
    }

    /// `[b, t, c_in]` to `[b, t, c_out]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (b, n_steps, c_in) = x.dims3()?;
        let y = x.reshape((b * n_steps, c_in))?.matmul(&self.weight)?;
        y.broadcast_add(&self.bias)?.reshape((b, n_steps, ()))
    }
}

/// `x · sigmoid(1.702 x)`.
fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    x * candle_nn::ops::sigmoid(&(x * 1.702)?)?
}
