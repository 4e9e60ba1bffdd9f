//! Positions and a stack of layers: what a prior and its lyric encoder share.

use candle_core::{Result as TensorResult, Storage, Tensor};

use super::attention::Attention;
use super::layer::Layer;
use crate::jukebox::JukeboxError;
use crate::jukebox::config::StackShape;
use crate::jukebox::kernels::{self, PackedStack, Slots, StepBackend};
use crate::jukebox::weights::Weights;

/// Layers, and the rows of positions. Symbols and the head belong to whoever has them.
pub struct Transformer {
    shape: StackShape,
    n_slots: usize,      // of all layers
    pub pos_emb: Tensor, // [positions, w]
    packed: PackedStack,
    reference: Option<Vec<Layer>>,
}

impl Transformer {
    /// Reads `pos_emb` and `transformer.*` below `weights`.
    ///
    /// The reference layers are a second copy of the weights.
    pub fn load(
        shape: StackShape,
        weights: &Weights,
        with_reference: bool,
    ) -> Result<Self, JukeboxError> {
        let layers = weights.pp("transformer._attn_mods");
        let packed = PackedStack::load(&shape, &layers)?;
        let reference = match with_reference {
            false => None,
            true => {
                let attentions = Attention::of_layers(&shape)?.into_iter().enumerate();
                let layer = |(d, attention)| Layer::load(&shape, attention, layers.tensors.pp(d));
                Some(attentions.map(layer).collect::<TensorResult<_>>()?)
            }
        };
        let slots = |attention| Slots::new(&shape, attention).capacity();
        let n_slots = Attention::of_layers(&shape)?.into_iter().map(slots).sum();
        let size = (shape.n_positions, shape.width);
        let pos_emb = weights.tensors.get(size, "pos_emb.pos_emb")?.contiguous()?;
        Ok(Self { pos_emb, packed, reference, n_slots, shape })
    }

    /// `b` sequences from their start; `states` of lyrics are `[b, n, w]`.
    pub fn start(&self, b: usize, states: &[f32]) -> Box<dyn StepBackend + '_> {
        kernels::fast(&self.packed, b, states)
    }

    /// The same as [`Transformer::start`] on the reference layers.
    pub fn start_reference(
        &self,
        b: usize,
        states: &[f32],
    ) -> Result<Box<dyn StepBackend + '_>, JukeboxError> {
        kernels::reference(&self.shape, self.reference()?, b, states)
    }

    pub fn reference(&self) -> Result<&[Layer], JukeboxError> {
        let missing = || JukeboxError::Config("loaded without the reference layers".into());
        self.reference.as_deref().ok_or_else(missing)
    }

    /// Keys, and as many values, that the layers remember of one sequence, `[n_slots, s]` together.
    pub fn n_slots(&self) -> usize {
        self.n_slots
    }

    pub fn shape(&self) -> &StackShape {
        &self.shape
    }

    /// Adds the row of a position.
    pub fn add_position(&self, position: usize, out: &mut [f32]) -> Result<(), JukeboxError> {
        add_row(&self.pos_emb, position, out)
    }
}

/// Adds row `idx` of a contiguous table, `[.., w]`, without allocating.
pub fn add_row(table: &Tensor, idx: usize, out: &mut [f32]) -> Result<(), JukeboxError> {
    let (storage, layout) = table.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(JukeboxError::Config("decoding runs on the CPU".into()));
    };
    let start = layout.start_offset() + idx * out.len();
    let row = &storage.as_slice::<f32>()?[start..start + out.len()];
    out.iter_mut().zip(row).for_each(|(out, value)| *out += value);
    Ok(())
}
