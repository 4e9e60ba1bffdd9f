//! Whole sequences on plain tensors: what the kernels are compared with.

use candle_core::Tensor;

use super::{Conditioning, Prior};
use crate::jukebox::JukeboxError;

impl Prior {
    /// The same as [`Prior::logits`], on the reference layers.
    pub fn reference_logits(
        &self,
        codes: &Tensor,
        cond: &Conditioning,
    ) -> Result<Tensor, JukeboxError> {
        let states = self.reference_hidden_states(codes, cond)?;
        let (Some(h), Some(head)) = (states.last(), &self.reference_head) else {
            return Err(JukeboxError::Config("loaded without the reference layers".into()));
        };
        let (b, n_steps, w) = h.dims3()?;
        let h = match self.config.merged_decoder {
            true => h.clone(),
            false => (h + told(cond, n_steps)?)?,
        };
        let rows = h.contiguous()?.reshape((b * n_steps, w))?;
        Ok(rows.matmul(&head.t()?)?.reshape((b, n_steps, ()))?)
    }

    /// The same as [`Prior::hidden_states`], on the reference layers.
    pub fn reference_hidden_states(
        &self,
        codes: &Tensor,
        cond: &Conditioning,
    ) -> Result<Vec<Tensor>, JukeboxError> {
        let symbols = self.whole_sequence(&codes.to_vec2()?, cond)?;
        let (b, n_steps) = (symbols.len(), symbols[0].len());
        let symbols = Tensor::new(symbols, codes.device())?;
        let before = symbols.narrow(1, 0, n_steps - 1)?.contiguous()?.flatten_all()?;
        let mut h = cond.y_cond.clone(); // [b, 1, w]
        if 1 < n_steps {
            let embedded = self.symbol_table()?.index_select(&before, 0)?; // [b * (t - 1), w]
            h = Tensor::cat(&[h, embedded.reshape((b, n_steps - 1, ()))?], 1)?; // [b, t, w]
        }
        h = h.broadcast_add(&self.transformer.pos_emb.narrow(0, 0, n_steps)?)?;
        h = (h + told(cond, n_steps)?)?;
        let mut states = Vec::new();
        for layer in self.transformer.reference()? {
            h = layer.forward(&h, cond.lyric_states.as_ref())?;
            states.push(h.clone());
        }
        Ok(states)
    }

    /// A row for each symbol, `[symbols, w]`.
    fn symbol_table(&self) -> Result<&Tensor, JukeboxError> {
        let missing = || JukeboxError::Config("loaded without the reference layers".into());
        self.x_emb.as_ref().or(self.reference_head.as_ref()).ok_or_else(missing)
    }
}

/// What each of the first positions is told, `[b, n_steps, w]`; zeros before the music.
fn told(cond: &Conditioning, n_steps: usize) -> candle_core::Result<Tensor> {
    let whole = cond.x_cond.pad_with_zeros(1, cond.n_before(), 0)?;
    whole.narrow(1, 0, n_steps)
}
