//! `config.json`, as the Hugging Face port writes it (SPEC §6.2).
//!
//! It leaves out what equals the defaults of its classes, which differ from the released models'; so
//! nothing here falls back on such a default. What a config is silent about is read from the tensors.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::super::CheckpointError;
use super::super::index::{parse_json, read_json};
use super::hps::{blocks, share, size, sizes, truth};
use super::released;
use super::shapes::hop;
use super::told::{ToldPrior, ToldVqvae};
use crate::pack::brief;

/// A config of a whole model, of a VQ-VAE or of a prior.
#[derive(Debug, Clone)]
pub struct HfConfig {
    path: PathBuf,
    root: Map<String, Value>,
}

/// Values of the whole model that replace those of its priors.
const SHARED: [&str; 4] = ["sampling_rate", "timing_dims", "min_duration", "max_duration"];
/// Longest file, in bytes: some twenty times the longest of a released model.
const MAX_BYTES: u64 = 256 << 10;
/// Most priors of a model.
const MAX_PRIORS: usize = 8;

impl HfConfig {
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        Ok(Self { path: path.into(), root: read_json(path, MAX_BYTES)? })
    }

    /// The same of a text that was read already; `path` is for the messages.
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, CheckpointError> {
        Ok(Self { path: path.into(), root: parse_json(path, text)? })
    }

    /// Whether it describes a VQ-VAE and its priors together.
    pub fn is_whole_model(&self) -> bool {
        let parts = ["vqvae_config", "prior_config_list", "prior_0"];
        parts.iter().any(|part| self.root.get(*part).is_some_and(|value| !value.is_null()))
    }

    /// What it tells of the VQ-VAE.
    pub fn vqvae(&self) -> ToldVqvae {
        let inner = self.root.get("vqvae_config").and_then(Value::as_object);
        let config = inner.unwrap_or(&self.root);
        ToldVqvae {
            width: size(config, "res_conv_width"),
            depth: size(config, "res_conv_depth"),
            m_conv: share(config, "res_convolution_multiplier"),
            multipliers: sizes(config, "multipliers"),
            dilation_growth_rate: size(config, "res_dilation_growth_rate")
                .or(Some(released::DILATION_GROWTH_RATE)), // left out only where it equals this
            dilation_cycle: size(config, "res_dilation_cycle"),
            reverse_decoder_dilation: None,
            sample_rate: self.sample_rate(),
        }
    }

    pub fn sample_rate(&self) -> Option<u32> {
        size(&self.root, "sampling_rate").and_then(|rate| rate.try_into().ok())
    }

    /// Share of a window by which the coarsest prior moves on; here it comes first.
    pub fn hop_fraction(&self) -> Option<f64> {
        self.root.get("hop_fraction")?.get(0)?.as_f64()
    }

    /// What it tells of each prior, in its own order: the coarsest first.
    pub fn priors(&self) -> Result<Vec<ToldPrior>, CheckpointError> {
        let bad = |problem: String| CheckpointError::Json { path: self.path.clone(), problem };
        if !self.is_whole_model() {
            return Ok(vec![self.prior(&self.root)?]);
        }
        let listed = self.root.get("prior_config_list").and_then(Value::as_array);
        let named = (0..MAX_PRIORS).map_while(|i| self.root.get(&format!("prior_{i}")));
        let configs: Vec<&Value> = match listed {
            Some(list) if !list.is_empty() => list.iter().collect(),
            _ => named.collect(),
        };
        if configs.len() > MAX_PRIORS {
            return Err(bad(format!("it lists {} priors (at most {MAX_PRIORS})", configs.len())));
        }
        let mut told = Vec::new();
        for (i, config) in configs.into_iter().enumerate() {
            let mut config = config
                .as_object()
                .cloned()
                .ok_or_else(|| bad(format!("prior {i} is no object")))?;
            for name in SHARED {
                if let Some(value) = self.root.get(name).filter(|value| !value.is_null()) {
                    config.insert(name.into(), value.clone());
                }
            }
            told.push(self.prior(&config)?);
        }
        self.correct_genre_words(&mut told);
        Ok(told)
    }

    fn prior(&self, config: &Map<String, Value>) -> Result<ToldPrior, CheckpointError> {
        let encoder = config.get("encoder_config").and_then(Value::as_object);
        let empty = Map::new();
        let encoder = encoder.unwrap_or(&empty);
        let downs = sizes(config, "res_downs_t");
        let strides = sizes(config, "res_strides_t");
        let n_levels = downs.as_ref().map_or(released::DOWNS_T.len(), Vec::len);
        let level =
            size(config, "level").and_then(|level| n_levels.checked_sub(level)?.checked_sub(1));
        let hop = level.zip(downs.zip(strides));
        Ok(ToldPrior {
            level,
            heads: size(config, "n_heads"),
            attn_order: self.attn_order(config)?,
            blocks: blocks(config, "blocks"),
            m_attn: share(config, "attention_multiplier"),
            m_mlp: share(config, "mlp_multiplier"),
            merged_decoder: truth(config, "merged_decoder"),
            res_scale: truth(config, "attn_res_scale"),
            single_enc_dec: truth(config, "is_encoder_decoder"),
            n_tokens: size(config, "nb_relevant_lyric_tokens"),
            n_vocab: size(config, "lyric_vocab_size"),
            prime_loss_fraction: share(config, "encoder_loss_fraction"),
            alignment_layer: size(config, "alignment_layer"),
            alignment_head: size(config, "alignment_head"),
            max_genre_words: size(config, "max_nb_genres"),
            t_bins: size(config, "timing_dims"),
            min_duration_seconds: share(config, "min_duration"),
            max_duration_seconds: share(config, "max_duration"),
            sample_rate: size(config, "sampling_rate").and_then(|rate| rate.try_into().ok()),
            hop: hop.and_then(|(level, (downs, strides))| self::hop(&downs, &strides, level)),
            cond_m_conv: share(config, "res_convolution_multiplier"),
            cond_growth_rate: size(config, "res_dilation_growth_rate"),
            cond_cycle: size(config, "res_dilation_cycle"),
            cond_res_scale: truth(config, "conv_res_scale"),
            prime_heads: size(encoder, "n_heads"),
            prime_attn_order: self.attn_order(encoder)?,
            prime_blocks: blocks(encoder, "blocks"),
            prime_m_attn: share(encoder, "attention_multiplier"),
            prime_m_mlp: share(encoder, "mlp_multiplier"),
            prime_res_scale: truth(encoder, "attn_res_scale"),
        })
    }

    fn attn_order(&self, config: &Map<String, Value>) -> Result<Option<usize>, CheckpointError> {
        let Some(pattern) = config.get("attention_pattern").and_then(Value::as_str) else {
            return Ok(None);
        };
        Ok(Some(match pattern {
            "full_dense_attention" => 0,
            "raw_column_previous_row_attention" => 2,
            "large_separated_enc_dec_w_lyrics" => 10,
            "enc_dec_with_lyrics" => 12,
            _ => {
                let problem = brief(&format!("attention_pattern {pattern:?} is unknown"));
                return Err(CheckpointError::Json { path: self.path.clone(), problem });
            }
        }))
    }

    /// The port keeps one limit of genre words for all of a model's priors, the coarsest one's. Where
    /// that has the labels of v3 (one word, 79 characters), the others keep those of v2 (five words).
    fn correct_genre_words(&self, told: &mut [ToldPrior]) {
        let Some((top, finer)) = told.split_first_mut() else {
            return;
        };
        if top.max_genre_words == Some(1) && top.n_vocab == Some(79) {
            for prior in finer.iter_mut().filter(|prior| prior.n_vocab == Some(80)) {
                prior.max_genre_words = Some(5);
            }
        }
    }
}
