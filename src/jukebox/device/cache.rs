//! What a layer remembers of earlier positions, in the device's memory and written in place.
//!
//! Slots are those of the kernels: whatever a step reads lies side by side, so a step copies nothing that
//! it remembers.

use candle_core::{Result as TensorResult, Tensor};
use candle_nn::ops::softmax_last_dim;

use super::attend::attend;
use super::layer::Place;
use crate::jukebox::config::StackShape;
use crate::jukebox::kernels::Slots;
use crate::jukebox::prior::attention::Attention;

/// Keys and values of one layer for `b` columns.
pub struct Cache {
    slots: Slots,
    attention: Attention,
    kv: Tensor, // [2, b, heads, slots, c]
}

impl Cache {
    /// Nothing yet.
    pub fn new(
        shape: &StackShape,
        attention: Attention,
        b: usize,
        place: &Place,
    ) -> TensorResult<Self> {
        let (slots, heads) = (Slots::new(shape, attention), shape.heads);
        let size = (2, b, heads, slots.capacity(), shape.attn_width() / heads);
        let kv = Tensor::zeros(size, place.dtype, &place.device)?;
        Ok(Self { slots, attention, kv })
    }

    /// Those of lyrics, which stay as they are: `kv` is `[b * slots, 2 * s]`.
    pub fn of_lyrics(shape: &StackShape, attention: Attention, kv: &Tensor) -> TensorResult<Self> {
        let (slots, heads) = (Slots::new(shape, attention), shape.heads);
        let kv = kv.reshape(((), slots.capacity(), 2, heads, shape.attn_width() / heads))?;
        let kv = kv.permute((2, 0, 3, 1, 4))?.contiguous()?; // [2, b, heads, slots, c]
        Ok(Self { slots, attention, kv })
    }

    /// Makes `b` columns of the only one.
    pub fn repeat(&mut self, b: usize) -> TensorResult<()> {
        self.kv = self.kv.repeat((1, b, 1, 1, 1))?.contiguous()?;
        Ok(())
    }

    /// Keeps one position of each column and returns what it attends to, `[b, s]`; `qkv` is
    /// `[b, 3 * s]`, or `[b, s]` where keys and values are of lyrics.
    pub fn step(&self, position: usize, qkv: &Tensor) -> TensorResult<Tensor> {
        let (_, b, heads, _, c) = self.kv.dims5()?;
        let qkv = qkv.reshape((b, (), heads, c))?; // [b, 3, heads, c]
        if let Some(slot) = self.slots.write(position) {
            let kv = qkv.narrow(1, 1, 2)?.transpose(0, 1)?.contiguous()?; // [2, b, heads, c]
            self.kv.slice_set(&kv.unsqueeze(3)?, 3, slot)?;
        }
        let read = self.slots.read(position);
        if read.is_empty() {
            return Tensor::zeros((b, heads * c), qkv.dtype(), qkv.device());
        }
        let q = qkv.narrow(1, 0, 1)?.transpose(1, 2)?.contiguous()?; // [b, heads, 1, c]
        let seen = |part| self.part(part)?.narrow(2, read.start, read.len()); // [b, heads, n, c]
        let weights = softmax_last_dim(&q.matmul(&seen(0)?.t()?)?)?; // [b, heads, 1, n]
        weights.matmul(&seen(1)?)?.reshape((b, heads * c))
    }

    /// The same for positions from `first` on, `[b * n_steps, 3 * s]` to `[b * n_steps, s]`.
    pub fn chunk(&self, first: usize, n_steps: usize, qkv: &Tensor) -> TensorResult<Tensor> {
        let (_, b, heads, _, c) = self.kv.dims5()?;
        let qkv = qkv.reshape((b, n_steps, (), heads, c))?;
        let qkv = qkv.permute((2, 0, 3, 1, 4))?.contiguous()?; // [3, b, heads, t, c]
        let (mut parts, mut from) = (Vec::new(), first);
        while from < first + n_steps {
            let n = self.slots.alike_until(from).min(first + n_steps) - from;
            parts.push(self.piece(from, &qkv.narrow(3, from - first, n)?.contiguous()?)?);
            from += n;
        }
        let a = Tensor::cat(&parts, 2)?; // [b, heads, t, c]
        a.transpose(1, 2)?.contiguous()?.reshape((b * n_steps, heads * c))
    }

    /// Positions that read alike, `[3, b, heads, n, c]` to `[b, heads, n, c]`.
    fn piece(&self, first: usize, qkv: &Tensor) -> TensorResult<Tensor> {
        let (q, n) = (qkv.get(0)?, qkv.dim(3)?);
        if self.slots.write(first).is_some() {
            self.keep(first, &qkv.narrow(0, 1, 2)?)?;
        }
        let (from, to) = (self.slots.read(first), self.slots.read(first + n - 1));
        let seen = |part| self.part(part)?.narrow(2, from.start, to.end - from.start);
        match self.attention {
            Attention::PreviousBlock if from.is_empty() => q.zeros_like(),
            Attention::Column => {
                let (b, heads, _, c) = q.dims4()?;
                let n_blocks = self.slots.n_blocks();
                let columns = |part| -> TensorResult<Tensor> {
                    let kept = self.part(part)?.reshape((b, heads, (), n_blocks, c))?;
                    kept.narrow(2, from.start / n_blocks, n)?.narrow(3, 0, from.len())
                };
                let q = q.unsqueeze(3)?; // [b, heads, n, 1, c]
                attend(&q, &columns(0)?, &columns(1)?, false)?.squeeze(3)
            }
            Attention::Dense | Attention::Block => attend(&q, &seen(0)?, &seen(1)?, true),
            Attention::Prime { n } => attend(&q, &seen(0)?, &seen(1)?, first < n),
            Attention::PreviousBlock | Attention::Lyrics { .. } => {
                attend(&q, &seen(0)?, &seen(1)?, false)
            }
        }
    }

    /// Keeps keys and values, `[2, b, heads, n, c]`, of positions that read alike.
    fn keep(&self, first: usize, kv: &Tensor) -> TensorResult<()> {
        let (n, n_blocks) = (kv.dim(3)?, self.slots.n_blocks());
        let slot = |i: usize| self.slots.write(first + i);
        if self.attention != Attention::Column {
            return slot(0).map_or(Ok(()), |slot| self.kv.slice_set(kv, 3, slot));
        }
        let (_, b, heads, capacity, c) = self.kv.dims5()?;
        if n * n_blocks == capacity {
            // a whole block is one place of every column
            let columns = self.kv.reshape((2 * b * heads * n, n_blocks, c))?;
            let kv = kv.reshape((2 * b * heads * n, 1, c))?;
            return columns.slice_set(&kv, 1, first / n);
        }
        for (i, slot) in (0..n).filter_map(|i| Some((i, slot(i)?))) {
            self.kv.slice_set(&kv.narrow(3, i, 1)?.contiguous()?, 3, slot)?;
        }
        Ok(())
    }

    /// Keys, or values: `[b, heads, slots, c]`.
    fn part(&self, part: usize) -> TensorResult<Tensor> {
        self.kv.get(part)
    }
}
