//! The reference backend: the layers' own tensors, with caches that are written in place.
//!
//! A chunk is cut where positions stop to read alike: where a block or a prime ends.

use candle_core::{DType, Device, Result as TensorResult, Tensor};

use super::cache::Slots;
use super::{LyricStates, Observer, StepBackend};
use crate::jukebox::JukeboxError;
use crate::jukebox::config::StackShape;
use crate::jukebox::prior::attention::{Attention, attend};
use crate::jukebox::prior::layer::Layer;

pub struct TensorBackend<'m> {
    shape: &'m StackShape,
    layers: &'m [Layer],
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
    pub fn new(
        shape: &'m StackShape,
        layers: &'m [Layer],
        b: usize,
        states: LyricStates,
    ) -> TensorResult<Self> {
        let head_width = shape.attn_width() / shape.heads;
        let cache = |layer: &Layer| -> TensorResult<Cache> {
            let (attention, slots) = (layer.attention, Slots::new(shape, layer.attention));
            if let Attention::Lyrics { n } = attention {
                let states = Tensor::from_slice(states, (b, n, shape.width), &Device::Cpu)?;
                let [keys, values] = layer.lyric_keys_and_values(&states)?;
                return Ok(Cache { slots, attention, keys, values });
            }
            let shape = (b, shape.heads, slots.capacity(), head_width);
            let zeros = || Tensor::zeros(shape, DType::F32, &Device::Cpu);
            Ok(Cache { slots, attention, keys: zeros()?, values: zeros()? })
        };
        let caches = layers.iter().map(cache).collect::<TensorResult<_>>()?;
        Ok(Self { shape, layers, b, position: 0, caches })
    }

    /// The next positions through all layers, `[b, t, w]`.
    fn advance(
        &mut self,
        rows: &[f32],
        n_steps: usize,
        observer: &mut dyn Observer,
    ) -> TensorResult<Tensor> {
        let (start, end) = (self.position, self.position + n_steps);
        let mut x = Tensor::from_slice(rows, (self.b, n_steps, self.shape.width), &Device::Cpu)?;
        for (layer_idx, (layer, cache)) in self.layers.iter().zip(&self.caches).enumerate() {
            let qkv = layer.queries_keys_values(&x)?; // [b, heads, t, c] each
            let mut parts = Vec::new();
            let mut first = start;
            while first < end {
                let n = cache.slots.alike_until(first).min(end) - first;
                let part = |x: &Tensor| x.narrow(2, first - start, n)?.contiguous();
                let qkv = qkv.iter().map(part).collect::<TensorResult<Vec<_>>>()?;
                parts.push(cache.attend(first, &qkv)?);
                first += n;
            }
            let a = Tensor::cat(&parts, 2)?; // [b, heads, t, c]
            x = layer.add_branches(&x, &layer.join_heads(&a)?)?;
            observer.after_layer(layer_idx, &x.flatten_all()?.to_vec1::<f32>()?);
        }
        self.position = end;
        Ok(x)
    }
}

impl Cache {
    /// Keeps the keys and values of positions that read alike, then lets their queries attend.
    /// `qkv` are queries, keys and values, or queries alone.
    fn attend(&self, first: usize, qkv: &[Tensor]) -> TensorResult<Tensor> {
        let q = &qkv[0];
        let (b, heads, n, c) = q.dims4()?;
        for i in 0..n {
            if let (Some(slot), [_, k, v]) = (self.slots.write(first + i), qkv) {
                self.keys.slice_set(&k.narrow(2, i, 1)?.contiguous()?, 2, slot)?;
                self.values.slice_set(&v.narrow(2, i, 1)?.contiguous()?, 2, slot)?;
            }
        }
        let (from, to) = (self.slots.read(first), self.slots.read(first + n - 1));
        let read = |kept: &Tensor| kept.narrow(2, from.start, to.end - from.start);
        let causal = match self.attention {
            Attention::PreviousBlock if from.is_empty() => return q.zeros_like(),
            Attention::Dense | Attention::Block => true,
            Attention::Prime { n } => first < n,
            Attention::PreviousBlock | Attention::Lyrics { .. } => false,
            Attention::Column => {
                let n_blocks = self.slots.n_blocks();
                let columns = |kept: &Tensor| -> TensorResult<Tensor> {
                    let kept = kept.reshape((b, heads, (), n_blocks, c))?;
                    kept.narrow(2, from.start / n_blocks, n)?.narrow(3, 0, from.len())
                };
                let q = q.unsqueeze(3)?; // [b, heads, n, 1, c]
                let a = attend(&q, &columns(&self.keys)?, &columns(&self.values)?, false)?;
                return a.squeeze(3);
            }
        };
        attend(q, &read(&self.keys)?, &read(&self.values)?, causal)
    }
}

impl StepBackend for TensorBackend<'_> {
    fn run(
        &mut self,
        rows: &mut [f32],
        n_steps: usize,
        observer: &mut dyn Observer,
    ) -> Result<(), JukeboxError> {
        let x = self.advance(rows, n_steps, observer)?; // [b, t, w]
        rows.copy_from_slice(&x.flatten_all()?.to_vec1::<f32>()?);
        Ok(())
    }

    fn repeat(&mut self, b: usize) -> Result<(), JukeboxError> {
        for cache in &mut self.caches {
            cache.keys = cache.keys.repeat((b, 1, 1, 1))?.contiguous()?;
            cache.values = cache.values.repeat((b, 1, 1, 1))?.contiguous()?;
        }
        self.b = b;
        Ok(())
    }

    fn fork<'a>(&self) -> Result<Box<dyn StepBackend + 'a>, JukeboxError>
    where
        Self: 'a,
    {
        // a clone of a tensor would be written to together with it
        let copy = |Cache { slots, attention, keys, values }: &Cache| -> TensorResult<Cache> {
            let (keys, values) = (keys.copy()?, values.copy()?);
            Ok(Cache { slots: *slots, attention: *attention, keys, values })
        };
        let caches = self.caches.iter().map(copy).collect::<TensorResult<_>>()?;
        Ok(Box::new(TensorBackend { caches, ..*self }))
    }
}
