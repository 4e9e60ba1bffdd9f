//! The prior: an autoregressive transformer over one level's codes (SPEC §3, §4.1).
//!
//! `Prior` holds weights and answers for whole sequences; a [`Decoder`] goes token by token and
//! remembers what the layers need of the past.

pub mod attention;
mod decoder;
mod labels;
pub(crate) mod layer;
pub mod timing;

use std::sync::OnceLock;

use candle_core::{Result as TensorResult, Tensor};
use candle_nn::VarBuilder;

pub use self::decoder::Decoder;
pub use self::labels::{Conditioning, LabelRow};

use self::attention::Attention;
use self::labels::Embeddings;
use self::layer::Layer;
use super::kernels::{self, PackedStack};
use super::{JukeboxError, PriorConfig};

/// Weights of a prior.
pub struct Prior {
    config: PriorConfig,
    embeddings: Embeddings,
    pub(crate) x_emb: Tensor,   // [bins, w]
    pub(crate) pos_emb: Tensor, // [n_ctx, w]
    pub(crate) stack: Stack,
    packed: OnceLock<PackedStack>,
}

/// The layers and the head: what is the same for every way of running them.
pub(crate) struct Stack {
    pub layers: Vec<Layer>,
    /// `[bins, w]`; the token embedding itself unless the model is merged.
    pub head: Tensor,
    pub config: PriorConfig,
}

impl Prior {
    /// Reads `prior.*` and, where the model has labels, `y_emb.*` (SPEC §6.1).
    pub fn load(config: &PriorConfig, vb: VarBuilder) -> Result<Self, JukeboxError> {
        if let Some(problem) = config.problem() {
            return Err(JukeboxError::Config(problem));
        }
        let attentions = Attention::of_layers(config)?;
        let prior = vb.pp("prior");
        let layers_vb = prior.pp("transformer._attn_mods");
        let layers = attentions
            .into_iter()
            .enumerate()
            .map(|(d, attention)| Layer::load(config, attention, layers_vb.pp(d)))
            .collect::<TensorResult<Vec<_>>>()?;
        let x_emb = prior.get((config.l_bins, config.width), "x_emb.weight")?;
        let head = match config.merged_decoder {
            true => prior.get((config.l_bins, config.width), "x_out.weight")?,
            false => x_emb.clone(),
        };
        Ok(Self {
            config: config.clone(),
            embeddings: Embeddings::load(config, vb)?,
            pos_emb: prior.get((config.n_ctx, config.width), "pos_emb.pos_emb")?,
            x_emb,
            stack: Stack { layers, head, config: config.clone() },
            packed: OnceLock::new(),
        })
    }

    pub fn config(&self) -> &PriorConfig {
        &self.config
    }

    /// Labels as embeddings, one row of the batch each.
    ///
    /// A model without labels looks only at how many rows there are.
    pub fn condition(&self, rows: &[LabelRow]) -> Result<Conditioning, JukeboxError> {
        self.embeddings.condition(rows, self.config.n_ctx)
    }

    /// The limit that these labels break, if one is.
    pub fn check_labels(&self, row: &LabelRow) -> Result<(), JukeboxError> {
        self.config.labels.as_ref().map_or(Ok(()), |labels| row.check(labels))
    }

    /// Logits of each position given the tokens before it: `[b, t]` of `u32` to `[b, t, bins]`.
    pub fn logits(&self, tokens: &Tensor, cond: &Conditioning) -> Result<Tensor, JukeboxError> {
        let mut h = self.inputs(tokens, cond)?; // [b, t, w]
        for layer in &self.stack.layers {
            h = layer.forward(&h)?;
        }
        let cond = cond.x_cond.narrow(1, 0, h.dim(1)?)?;
        Ok(self.stack.logits(&h, &cond)?)
    }

    /// The output of each layer, `[b, t, w]`.
    pub fn hidden_states(
        &self,
        tokens: &Tensor,
        cond: &Conditioning,
    ) -> Result<Vec<Tensor>, JukeboxError> {
        let mut h = self.inputs(tokens, cond)?;
        let mut states = Vec::new();
        for layer in &self.stack.layers {
            h = layer.forward(&h)?;
            states.push(h.clone());
        }
        Ok(states)
    }

    /// Starts to write a window, one row of the batch per row of the conditioning.
    pub fn start(&self, conditioning: Conditioning) -> Result<Decoder<'_>, JukeboxError> {
        let b = conditioning.y_cond.dim(0)?;
        Decoder::new(self, kernels::fast(&self.stack, self.packed()?, b), conditioning)
    }

    /// The same as [`Prior::start`] on tensors alone: slower, and what the rest is checked against.
    pub fn start_reference(&self, conditioning: Conditioning) -> Result<Decoder<'_>, JukeboxError> {
        let b = conditioning.y_cond.dim(0)?;
        Decoder::new(self, kernels::reference(&self.stack, b)?, conditioning)
    }

    /// Packed on first use, then shared by all decoders.
    fn packed(&self) -> Result<&PackedStack, JukeboxError> {
        if let Some(packed) = self.packed.get() {
            return Ok(packed);
        }
        let packed = PackedStack::new(&self.stack)?;
        Ok(self.packed.get_or_init(|| packed))
    }

    /// Embedded tokens, shifted by one: the first position gets `y_cond` instead of a token.
    fn inputs(&self, tokens: &Tensor, cond: &Conditioning) -> Result<Tensor, JukeboxError> {
        let (b, n_steps) = tokens.dims2()?;
        let n_rows = cond.y_cond.dim(0)?;
        if n_rows != b {
            let (value, allowed) = (n_rows.to_string(), format!("{b}, one per sequence"));
            return Err(JukeboxError::Range { what: "the number of label rows", value, allowed });
        }
        if n_steps == 0 || self.config.n_ctx < n_steps {
            let allowed = format!("1 to {} tokens", self.config.n_ctx);
            let value = n_steps.to_string();
            return Err(JukeboxError::Range { what: "the sequence", value, allowed });
        }
        let before = tokens.narrow(1, 0, n_steps - 1)?.contiguous()?.flatten_all()?;
        self.check_codes(&before.to_vec1()?)?;
        let mut x = cond.y_cond.clone(); // [b, 1, w]
        if 1 < n_steps {
            let embedded = self.x_emb.index_select(&before, 0)?; // [b * (t - 1), w]
            x = Tensor::cat(&[x, embedded.reshape((b, n_steps - 1, ()))?], 1)?; // [b, t, w]
        }
        let x = x.broadcast_add(&self.pos_emb.narrow(0, 0, n_steps)?)?;
        Ok((x + cond.x_cond.narrow(1, 0, n_steps)?)?)
    }

    /// Names the first token that the vocabulary does not have.
    pub(crate) fn check_codes(&self, tokens: &[u32]) -> Result<(), JukeboxError> {
        match tokens.iter().find(|token| self.config.l_bins <= **token as usize) {
            None => Ok(()),
            Some(token) => Err(JukeboxError::Range {
                what: "a code",
                value: token.to_string(),
                allowed: format!("0 to {}", self.config.l_bins - 1),
            }),
        }
    }
}

impl Stack {
    /// `[b, t, w]` to `[b, t, bins]`; `cond` is added once more unless the model is merged.
    pub fn logits(&self, h: &Tensor, cond: &Tensor) -> TensorResult<Tensor> {
        let (b, n_steps, w) = h.dims3()?;
        let h = if self.config.merged_decoder { h.clone() } else { (h + cond)? };
        let rows = h.contiguous()?.reshape((b * n_steps, w))?;
        rows.matmul(&self.head.t()?)?.reshape((b, n_steps, ()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::jukebox::LabelConfig;
    use candle_core::{DType, Device};
    use candle_nn::VarMap;

    /// 24 tokens in blocks of 4, twelve codes, labelled.
    pub fn tiny() -> PriorConfig {
        PriorConfig {
            level: 1,
            n_ctx: 24,
            width: 20,
            depth: 5,
            heads: 2,
            attn_order: 2,
            blocks: 6,
            m_attn: 0.5,
            m_mlp: 1.0,
            merged_decoder: true,
            res_scale: false,
            l_bins: 12,
            labels: Some(LabelConfig {
                genre_bins: 4,
                artist_bins: 5,
                max_genre_words: 2,
                t_bins: 8,
                min_duration_seconds: 0.01,
                max_duration_seconds: 10.0,
                sample_rate: 44_100,
                hop: 16,
                timing: true,
            }),
        }
    }

    /// Label rows that differ from each other.
    pub fn rows(config: &PriorConfig, n: usize) -> Vec<LabelRow> {
        let labels = config.labels.as_ref().unwrap();
        (0..n)
            .map(|i| {
                let (offset, id) = (1000 * i as i64, i as u32);
                LabelRow::clamped(labels, config.n_ctx, 20_000, offset, id % 5, vec![id % 4])
            })
            .collect()
    }

    /// Random weights, strong enough that every layer is felt in the logits.
    pub fn random_prior(config: &PriorConfig) -> Prior {
        let map = VarMap::new();
        let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
        Prior::load(config, vb.clone()).unwrap();
        for var in map.all_vars() {
            var.set(&(var.randn_like(0.0, 1.0).unwrap() * 0.3).unwrap()).unwrap();
        }
        Prior::load(config, vb).unwrap()
    }

    #[test]
    fn a_shorter_sequence_has_the_same_logits() {
        let config = tiny();
        let prior = random_prior(&config);
        let cond = prior.condition(&rows(&config, 1)).unwrap();
        let tokens = Tensor::arange(0u32, 12, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let whole = prior.logits(&tokens, &cond).unwrap();

        let part = prior.logits(&tokens.narrow(1, 0, 7).unwrap(), &cond).unwrap();

        let off = (whole.narrow(1, 0, 7).unwrap() - part).unwrap().abs().unwrap();
        assert!(off.max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-5);
    }

    #[test]
    fn models_with_lyrics_are_refused_by_name() {
        let config = PriorConfig { attn_order: 12, depth: 16, ..tiny() };
        let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);

        let error = Prior::load(&config, vb).err().unwrap().to_string();

        assert!(error.contains("needs attention function 7"), "{error}");
    }

    #[test]
    fn networks_can_move_to_another_thread() {
        fn assert_send<T: Send>() {}
        assert_send::<Prior>();
        assert_send::<Decoder<'static>>();
        assert_send::<crate::jukebox::Vqvae>();
    }
}
