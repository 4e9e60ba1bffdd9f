//! What is told about a network beside its tensors. Anything may be left out.

/// A VQ-VAE.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToldVqvae {
    pub width: Option<usize>,
    pub depth: Option<usize>,
    pub m_conv: Option<f64>,
    pub multipliers: Option<Vec<usize>>,
    pub dilation_growth_rate: Option<usize>,
    pub dilation_cycle: Option<usize>,
    pub reverse_decoder_dilation: Option<bool>,
    pub sample_rate: Option<u32>,
}

/// A prior.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToldPrior {
    /// 0 is the finest, whoever tells it.
    pub level: Option<usize>,
    pub heads: Option<usize>,
    pub attn_order: Option<usize>,
    pub blocks: Option<usize>,
    pub m_attn: Option<f64>,
    pub m_mlp: Option<f64>,
    pub merged_decoder: Option<bool>,
    pub res_scale: Option<bool>,
    pub single_enc_dec: Option<bool>,
    pub n_tokens: Option<usize>,
    pub n_vocab: Option<usize>,
    pub prime_loss_fraction: Option<f64>,
    pub alignment_layer: Option<usize>,
    pub alignment_head: Option<usize>,
    pub max_genre_words: Option<usize>,
    pub t_bins: Option<usize>,
    pub min_duration_seconds: Option<f64>,
    pub max_duration_seconds: Option<f64>,
    pub sample_rate: Option<u32>,
    /// Frames per token.
    pub hop: Option<usize>,
    pub cond_m_conv: Option<f64>,
    pub cond_growth_rate: Option<usize>,
    pub cond_cycle: Option<usize>,
    pub cond_res_scale: Option<bool>,
    pub prime_heads: Option<usize>,
    pub prime_attn_order: Option<usize>,
    pub prime_blocks: Option<usize>,
    pub prime_m_attn: Option<f64>,
    pub prime_m_mlp: Option<f64>,
    pub prime_res_scale: Option<bool>,
}

impl ToldPrior {
    /// This, and where it is silent, what `other` tells.
    pub fn or(self, other: Self) -> Self {
        macro_rules! either {
            ($($field:ident),* $(,)?) => { Self { $($field: self.$field.or(other.$field)),* } };
        }
        either!(
            level,
            heads,
            attn_order,
            blocks,
            m_attn,
            m_mlp,
            merged_decoder,
            res_scale,
            single_enc_dec,
            n_tokens,
            n_vocab,
            prime_loss_fraction,
            alignment_layer,
            alignment_head,
            max_genre_words,
            t_bins,
            min_duration_seconds,
            max_duration_seconds,
            sample_rate,
            hop,
            cond_m_conv,
            cond_growth_rate,
            cond_cycle,
            cond_res_scale,
            prime_heads,
            prime_attn_order,
            prime_blocks,
            prime_m_attn,
            prime_m_mlp,
            prime_res_scale,
        )
    }
}
