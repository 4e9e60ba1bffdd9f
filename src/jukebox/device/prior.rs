//! The weights of a prior on a device.

use candle_core::{Device, Result as TensorResult, Tensor};

use super::OpenDevice;
use super::cache::Cache;
use super::choose::Chooser;
use super::layer::{DeviceLayer, Place};
use super::window::{DeviceWindow, Known};
use crate::jukebox::config::StackShape;
use crate::jukebox::kernels::Slots;
use crate::jukebox::prior::attention::Attention;
use crate::jukebox::prior::{Conditioning, Teller};
use crate::jukebox::{JukeboxError, Precision, PriorConfig, Weights};

/// A prior whose layers run on a device.
pub struct DevicePrior {
    config: PriorConfig,
    shape: StackShape,
    precision: Precision,
    place: Place,
    teller: Teller,
    layers: Vec<DeviceLayer>,
    pos_emb: Tensor, // [positions, w], f32 like those below
    x_emb: Tensor,   // [symbols, w]
    head: Tensor,    // [symbols, w], the same as `x_emb` where the model has one table for both
    chooser: Chooser,
}

impl DevicePrior {
    /// Reads what [`Prior::load`](crate::jukebox::Prior::load) reads, with the layers on `device` in
    /// `precision`. On this side it takes memory for what tells windows about their song, and for one matrix
    /// at a time.
    ///
    /// # Errors
    /// When the weights are none of this prior, the device cannot compute in this precision, or it has no
    /// room.
    pub fn load<'a>(
        config: &PriorConfig,
        weights: impl Into<Weights<'a>>,
        device: &OpenDevice,
        precision: Precision,
    ) -> Result<Self, JukeboxError> {
        if let Some(problem) = config.problem() {
            return Err(JukeboxError::Config(problem));
        }
        let place = Place { device: device.device.clone(), dtype: device.dtype(precision)? };
        let (weights, shape) = (weights.into(), config.stack());
        let (prior, exact) = (weights.pp("prior"), place.of_f32());
        let table = |n: usize, name| exact.put(&prior.tensors.get((n, shape.width), name)?);
        let x_emb = table(config.n_symbols(), "x_emb.weight")?;
        let head = match config.merged_decoder {
            true => table(config.n_symbols(), "x_out.weight")?,
            false => x_emb.clone(),
        };
        let layers = prior.pp("transformer._attn_mods");
        let layer = |(d, attention): (usize, Attention)| {
            DeviceLayer::load(&shape, attention, &layers.pp(d), &place)
        };
        Ok(Self {
            layers: Attention::of_layers(&shape)?
                .into_iter()
                .enumerate()
                .map(layer)
                .collect::<Result<_, _>>()?,
            pos_emb: table(shape.n_positions, "pos_emb.pos_emb")?,
            chooser: Chooser::new(config.n_symbols(), &place.device)?,
            teller: Teller::load(config, &weights)?,
            config: config.clone(),
            x_emb,
            head,
            shape,
            precision,
            place,
        })
    }

    pub fn config(&self) -> &PriorConfig {
        &self.config
    }

    /// What tells its windows about their song.
    pub fn teller(&self) -> &Teller {
        &self.teller
    }

    /// What its layers are held as.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Memory on the device for the weights, in bytes.
    pub fn n_bytes(&self) -> u64 {
        let layers: usize = self.layers.iter().map(DeviceLayer::n_weights).sum();
        let tables = [&self.pos_emb, &self.x_emb, &self.head].map(Tensor::elem_count);
        let n_tables = if self.config.merged_decoder { 3 } else { 2 }; // the head may be one of them
        let tables: usize = tables[..n_tables].iter().sum();
        (layers * self.place.dtype.size_in_bytes() + 4 * tables) as u64
    }

    /// Memory on the device for what a column of a window remembers, keys and values, in bytes.
    pub fn window_bytes(&self) -> usize {
        let slots = |layer: &DeviceLayer| Slots::new(&self.shape, layer.attention).capacity();
        let n_slots: usize = self.layers.iter().map(slots).sum();
        2 * n_slots * self.shape.attn_width() * self.place.dtype.size_in_bytes()
    }

    /// Starts to write a window, a column for each row of the conditioning, as [`Teller::condition`]
    /// gives it.
    ///
    /// # Errors
    /// When the conditioning is not of this prior, or the device has no room.
    pub fn start(&self, conditioning: &Conditioning) -> Result<DeviceWindow<'_>, JukeboxError> {
        DeviceWindow::new(self, conditioning)
    }

    /// Empty caches for `b` columns; `states` of lyrics are `[b, n, w]`.
    pub(super) fn caches(
        &self,
        b: usize,
        states: Option<&Tensor>,
    ) -> Result<Vec<Cache>, JukeboxError> {
        let states = states.map(|states| -> Result<Tensor, JukeboxError> {
            Ok(self.place.put(states)?.reshape(((), self.shape.width))?) // [b * n, w]
        });
        let states = states.transpose()?;
        let cache = |layer: &DeviceLayer| -> TensorResult<Cache> {
            let of_lyrics = states.as_ref().map(|states| layer.lyric_keys_and_values(states));
            match of_lyrics.transpose()?.flatten() {
                Some(kv) => Cache::of_lyrics(&self.shape, layer.attention, &kv),
                None => Cache::new(&self.shape, layer.attention, b, &self.place),
            }
        };
        Ok(self.layers.iter().map(cache).collect::<TensorResult<_>>()?)
    }

    /// The inputs of positions from `first` on, `[b, t, w]` in single precision: the symbols before them,
    /// `[b * t]` (without one for position 0), their places, and what they are told.
    pub(super) fn inputs(
        &self,
        known: &Known,
        first: usize,
        n_steps: usize,
        symbols: Option<&Tensor>,
    ) -> TensorResult<Tensor> {
        let (b, w) = (known.b, self.shape.width);
        let mut parts = Vec::new();
        if first == 0 {
            parts.push(known.y_cond.broadcast_as((b, 1, w))?.contiguous()?);
        }
        if let Some(symbols) = symbols {
            parts.push(self.x_emb.index_select(symbols, 0)?.reshape((b, (), w))?);
        }
        let x = Tensor::cat(&parts, 1)?; // [b, t, w]
        let x = x.broadcast_add(&self.pos_emb.narrow(0, first, n_steps)?.unsqueeze(0)?)?;
        match known.told(first, n_steps)? {
            None => Ok(x),
            Some(told) => x.broadcast_add(&told),
        }
    }

    /// The next positions through all layers, `[b, t, w]`.
    pub(super) fn run(
        &self,
        x: &Tensor,
        caches: &[Cache],
        first: usize,
        n_steps: usize,
    ) -> TensorResult<Tensor> {
        let (b, w) = (x.dim(0)?, self.shape.width);
        let mut x = x.reshape((b * n_steps, w))?.to_dtype(self.place.dtype)?;
        for (layer, cache) in self.layers.iter().zip(caches) {
            x = layer.run(&x, cache, first, n_steps)?;
        }
        x.reshape((b, n_steps, w))
    }

    /// Logits of the symbol at `position`, `[b, symbols]` in single precision, from what the layers made
    /// of it, `[b, 1, w]`.
    pub(super) fn logits(
        &self,
        known: &Known,
        position: usize,
        h: &Tensor,
    ) -> TensorResult<Tensor> {
        let mut h = h.to_dtype(self.head.dtype())?;
        if let Some(told) = known.told(position, 1)?.filter(|_| !self.config.merged_decoder) {
            h = h.broadcast_add(&told)?;
        }
        h.squeeze(1)?.matmul(&self.head.t()?)
    }

    /// Positions in an attention block.
    pub(super) fn block_len(&self) -> usize {
        self.shape.block_len()
    }

    pub(super) fn chooser(&self) -> &Chooser {
        &self.chooser
    }

    pub(super) fn device(&self) -> &Device {
        &self.place.device
    }

    pub(super) fn exact(&self) -> Place {
        self.place.of_f32()
    }
}

impl AsRef<Teller> for DevicePrior {
    fn as_ref(&self) -> &Teller {
        &self.teller
    }
}
