//! One layer of the transformer, and the dense products it is made of (SPEC §3.2).

use candle_core::{Result, Tensor};
use candle_nn::{LayerNorm, Module, VarBuilder};

use super::attention::Attention;
use crate::jukebox::PriorConfig;

/// Added to the variance in every layer norm.
pub const LAYER_NORM_EPS: f64 = 1e-5;

/// `x + a + m` with `a = attn(ln_0(x))` and `m = mlp(ln_1(x + a))`.
pub struct Layer {
    pub attention: Attention,
    pub ln_0: LayerNorm,
    pub c_attn: Dense, // w to q, k and v, side by side
    pub c_proj: Dense, // attention width to w
    pub ln_1: LayerNorm,
    pub c_fc: Dense,  // w to the hidden width of the MLP
    pub c_out: Dense, // and back
    heads: usize,
    block_len: usize,
    branch_scale: f64,
}

impl Layer {
    /// Reads `ln_0`, `attn.*`, `ln_1` and `mlp.*` below `vb`.
    pub fn load(config: &PriorConfig, attention: Attention, vb: VarBuilder) -> Result<Self> {
        let (w, s, mlp) = (config.width, config.attn_width(), config.mlp_width());
        let branch_scale = if config.res_scale { 1.0 / config.depth as f64 } else { 1.0 };
        Ok(Self {
            attention,
            ln_0: candle_nn::layer_norm(w, LAYER_NORM_EPS, vb.pp("ln_0"))?,
            c_attn: Dense::load(w, 3 * s, vb.pp("attn.c_attn"))?,
            c_proj: Dense::load(s, w, vb.pp("attn.c_proj"))?,
            ln_1: candle_nn::layer_norm(w, LAYER_NORM_EPS, vb.pp("ln_1"))?,
            c_fc: Dense::load(w, mlp, vb.pp("mlp.c_fc"))?,
            c_out: Dense::load(mlp, w, vb.pp("mlp.c_proj"))?,
            heads: config.heads,
            block_len: config.block_len(),
            branch_scale,
        })
    }

    /// A whole sequence from its start, `[b, t, w]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [q, k, v] = self.split_heads(&self.qkv(x)?)?; // [b, heads, t, c] each
        let a = self.attention.of_sequence(&q, &k, &v, self.block_len)?;
        self.add_branches(x, &self.join_heads(&a)?)
    }

    /// Queries, keys and values side by side: `[b, t, w]` to `[b, t, 3 * s]`.
    pub fn qkv(&self, x: &Tensor) -> Result<Tensor> {
        self.c_attn.forward(&self.ln_0.forward(x)?)
    }

    /// `[b, t, 3 * s]` to three times `[b, heads, t, c]`; a head is a contiguous slice of `s`.
    pub fn split_heads(&self, qkv: &Tensor) -> Result<[Tensor; 3]> {
        let (b, n_steps, _) = qkv.dims3()?;
        let qkv = qkv.reshape((b, n_steps, 3, self.heads, ()))?;
        let part = |i: usize| -> Result<Tensor> {
            qkv.narrow(2, i, 1)?.squeeze(2)?.transpose(1, 2)?.contiguous() // [b, heads, t, c]
        };
        Ok([part(0)?, part(1)?, part(2)?])
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

    /// Factor on both residual branches.
    pub fn branch_scale(&self) -> f64 {
        self.branch_scale
    }
}

/// `x · w + b`, with `w` stored as `(in, out)`; the checkpoint calls this Conv1D.
pub struct Dense {
    pub weight: Tensor, // [c_in, c_out]
    pub bias: Tensor,   // [c_out]
}

impl Dense {
    fn load(c_in: usize, c_out: usize, vb: VarBuilder) -> Result<Self> {
        Ok(Self { weight: vb.get((c_in, c_out), "w")?, bias: vb.get(c_out, "b")? })
    }

    /// `[b, t, c_in]` to `[b, t, c_out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (b, n_steps, c_in) = x.dims3()?;
        let y = x.reshape((b * n_steps, c_in))?.matmul(&self.weight)?;
        y.broadcast_add(&self.bias)?.reshape((b, n_steps, ()))
    }
}

/// `x · sigmoid(1.702 x)`.
fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    x * candle_nn::ops::sigmoid(&(x * 1.702)?)?
}
