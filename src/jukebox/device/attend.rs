//! Attention over known tensors, as a chunk of known positions needs it. Queries are scaled already.

use candle_core::{D, Result as TensorResult, Tensor};
use candle_nn::ops::softmax_last_dim;

/// `softmax(q · kᵀ) · v` over `[.., n_q, c]` and `[.., n_k, c]`.
///
/// Causal means that the last query sees every key and each one before it one key less.
pub fn attend(q: &Tensor, k: &Tensor, v: &Tensor, causal: bool) -> TensorResult<Tensor> {
    let (n_q, n_k, c) = (q.dim(D::Minus2)?, k.dim(D::Minus2)?, q.dim(D::Minus1)?);
    let flat = |x: &Tensor, n: usize| x.contiguous()?.reshape(((), n, c)); // one batch dimension
    let (flat_q, k, v) = (flat(q, n_q)?, flat(k, n_k)?, flat(v, n_k)?);
    let mut scores = flat_q.matmul(&k.t()?)?; // [_, n_q, n_k]
    if causal && 1 < n_q {
        scores = scores.broadcast_add(&mask(n_q, n_k, q)?)?;
    }
    softmax_last_dim(&scores)?.matmul(&v)?.reshape(q.shape())
}

/// Zeros, and numbers far below where a query may not look, `[n_q, n_k]`.
fn mask(n_q: usize, n_k: usize, like: &Tensor) -> TensorResult<Tensor> {
    let n_old = n_k - n_q;
    let row = |i| (0..n_k).map(move |j| if j <= n_old + i { 0.0f32 } else { -3e4 });
    let mask: Vec<f32> = (0..n_q).flat_map(row).collect(); // in the range of half precision
    Tensor::from_vec(mask, (n_q, n_k), like.device())?.to_dtype(like.dtype())
}
