//! The reference backend: the layers' own tensors, with caches that are written in place.
//!
//! A chunk is cut where a block ends. Within a block the positions of one layer read either the
//! same keys up to their own, or columns side by side, or the same earlier block.

use candle_core::{DType, Device, Result as TensorResult, Tensor};

use super::StepBackend;
use super::cache::Slots;
use crate::jukebox::JukeboxError;
use crate::jukebox::prior::Stack;
use crate::jukebox::prior::attention::{Attention, attend};

pub struct TensorBackend<'m> {
    stack: &'m Stack,
    b: usize,
    position: usize,
    caches: Vec<Cache>, // one per layer
}

/// Keys and values of one layer, `[b, heads, slots, c]` each.
struct Cache {
    slots: Slots,
    attention: Attention,
    keys: Tensor,
    values: Tensor,
}

impl<'m> TensorBackend<'m> {
    pub fn new(stack: &'m Stack, b: usize) -> TensorResult<Self> {
        let config = &stack.config;
        let head_width = config.attn_width() / config.heads;
        let cache = |attention| -> TensorResult<Cache> {
            let slots = Slots::new(config, attention);
            let shape = (b, config.heads, slots.capacity(), head_width);
            let zeros = || Tensor::zeros(shape, DType::F32, &Device::Cpu);
            Ok(Cache { slots, attention, keys: zeros()?, values: zeros()? })
        };
        let caches =
            stack.layers.iter().map(|layer| cache(layer.attention)).collect::<TensorResult<_>>()?;
        Ok(Self { stack, b, position: 0, caches })
    }

    /// The next positions through all layers, `[b, t, w]`.
    fn advance(&mut self, rows: &[f32], n_steps: usize) -> TensorResult<Tensor> {
        let config = &self.stack.config;
        let (start, end) = (self.position, self.position + n_steps);
        let mut x = Tensor::from_slice(rows, (self.b, n_steps, config.width), &Device::Cpu)?;
        for (layer, cache) in self.stack.layers.iter().zip(&self.caches) {
            let qkv = layer.split_heads(&layer.qkv(&x)?)?; // [b, heads, t, c] each
            let mut parts = Vec::new();
            let mut first = start;
            while first < end {
                let block_end = (first / config.block_len() + 1) * config.block_len();
                let n = block_end.min(end) - first;
                let part = |x: &Tensor| x.narrow(2, first - start, n)?.contiguous();
                let [q, k, v] = &qkv;
                parts.push(cache.attend(first, &part(q)?, &part(k)?, &part(v)?)?);
                first += n;
            }
            let a = Tensor::cat(&parts, 2)?; // [b, heads, t, c]
            x = layer.add_branches(&x, &layer.join_heads(&a)?)?;
        }
        self.position = end;
        Ok(x)
    }
}

impl Cache {
    /// Keeps the keys and values of positions of one block, then lets their queries attend.
    fn attend(&self, first: usize, q: &Tensor, k: &Tensor, v: &Tensor) -> TensorResult<Tensor> {
        let (b, heads, n, c) = q.dims4()?;
        for i in 0..n {
            let slot = self.slots.write(first + i);
            self.keys.slice_set(&k.narrow(2, i, 1)?.contiguous()?, 2, slot)?;
            self.values.slice_set(&v.narrow(2, i, 1)?.contiguous()?, 2, slot)?;
        }
        let (from, to) = (self.slots.read(first), self.slots.read(first + n - 1));
        let read = |kept: &Tensor| kept.narrow(2, from.start, to.end - from.start);
        match self.attention {
            Attention::Dense | Attention::Block => {
                attend(q, &read(&self.keys)?, &read(&self.values)?, true)
            }
            Attention::PreviousBlock if from.is_empty() => q.zeros_like(),
            Attention::PreviousBlock => attend(q, &read(&self.keys)?, &read(&self.values)?, false),
            Attention::Column => {
                let n_blocks = self.slots.n_blocks();
                let columns = |kept: &Tensor| -> TensorResult<Tensor> {
                    let kept = kept.reshape((b, heads, (), n_blocks, c))?;
                    kept.narrow(2, from.start / n_blocks, n)?.narrow(3, 0, from.len())
                };
                let q = q.unsqueeze(3)?; // [b, heads, n, 1, c]
                attend(&q, &columns(&self.keys)?, &columns(&self.values)?, false)?.squeeze(3)
            }
        }
    }
}

impl StepBackend for TensorBackend<'_> {
    fn prefill(&mut self, rows: &[f32], n_steps: usize) -> Result<(), JukeboxError> {
        self.advance(rows, n_steps)?;
        Ok(())
    }

    fn step(
        &mut self,
        rows: &[f32],
        before_head: Option<&[f32]>,
        logits: &mut [f32],
    ) -> Result<(), JukeboxError> {
        let h = self.advance(rows, 1)?; // [b, 1, w]
        let cond = match before_head {
            Some(cond) => Tensor::from_slice(cond, h.shape(), &Device::Cpu)?,
            None => h.zeros_like()?,
        };
        let y = self.stack.logits(&h, &cond)?; // [b, 1, bins]
        logits.copy_from_slice(&y.flatten_all()?.to_vec1::<f32>()?);
        Ok(())
    }
}
