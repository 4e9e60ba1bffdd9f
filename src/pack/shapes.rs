//! The tensors that a network's configuration calls for: names as in the checkpoints, and shapes.
//!
//! With this list a file is checked before anything is allocated, and an error can say which tensor
//! is wrong. It also counts parameters without opening the weights.

use crate::jukebox::config::StackShape;
use crate::jukebox::prior::attention::function_number;
use crate::jukebox::{ConditionerConfig, PriorConfig, VqvaeConfig};

/// A tensor that a file must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorShape {
    pub name: String,
    pub shape: Vec<usize>,
}

impl TensorShape {
    /// `[n_in, n_out]`, if this is one of the large matrices of a transformer's layers.
    pub fn as_layer_matrix(&self) -> Option<[usize; 2]> {
        let is_of_layer =
            self.name.contains(".transformer._attn_mods.") && self.name.ends_with(".w");
        match *self.shape.as_slice() {
            [n_in, n_out] if is_of_layer => Some([n_in, n_out]),
            _ => None,
        }
    }

    pub fn n_values(&self) -> u64 {
        self.shape.iter().map(|n| *n as u64).product()
    }
}

/// Everything that the levels `present` of a VQ-VAE are made of.
pub fn vqvae_tensors(config: &VqvaeConfig, present: &[usize]) -> Vec<TensorShape> {
    let mut list = List::default();
    for &level in present {
        for block in 0..=level {
            list.encoder_block(config, level, block);
            list.decoder_block(config, level, block);
        }
        list.conv(format!("decoders.{level}.out"), 1, config.emb_width, 3);
        let codebook = [config.l_bins, config.emb_width];
        list.add(format!("bottleneck.level_blocks.{level}.k"), codebook);
    }
    list.0
}

/// Everything that a prior is made of.
pub fn prior_tensors(config: &PriorConfig) -> Vec<TensorShape> {
    let (w, n_symbols) = (config.width, config.n_symbols());
    let mut list = List::default();
    list.transformer("prior", &config.stack(), n_symbols);
    if config.merged_decoder {
        list.add("prior.x_out.weight", [n_symbols, w]);
    }
    match &config.labels {
        None => list.add("prior.start_token", [1, w]),
        Some(labels) => {
            list.add("y_emb.artist_emb.emb.weight", [labels.artist_bins, w]);
            list.add("y_emb.bow_genre_emb.emb.weight", [labels.genre_bins, w]);
            if labels.timing {
                for table in ["total_length", "absolute_pos", "relative_pos"] {
                    list.add(format!("y_emb.{table}_emb.emb.weight"), [labels.t_bins, w]);
                }
            }
        }
    }
    if let (Some(shape), Some(lyrics)) = (config.encoder_stack(), &config.lyrics) {
        list.transformer("prime_prior", &shape, lyrics.n_vocab);
        list.add("prime_prior.start_token", [1, shape.width]);
        list.dense("prime_state_proj".into(), shape.width, w);
        list.norm("prime_state_ln".into(), w);
        list.add("prime_x_out.weight", [lyrics.n_vocab, w]);
    }
    if let Some(conditioner) = &config.conditioner {
        list.conditioner(conditioner, w);
    }
    list.0
}

/// Numbers in these tensors.
pub fn n_parameters(tensors: &[TensorShape]) -> u64 {
    tensors.iter().map(TensorShape::n_values).sum()
}

#[derive(Default)]
struct List(Vec<TensorShape>);

impl List {
    fn add(&mut self, name: impl Into<String>, shape: impl Into<Vec<usize>>) {
        self.0.push(TensorShape { name: name.into(), shape: shape.into() });
    }

    /// A convolution over time, weights `(out, in, k)`.
    fn conv(&mut self, at: String, n_out: usize, n_in: usize, kernel: usize) {
        self.add(format!("{at}.weight"), [n_out, n_in, kernel]);
        self.add(format!("{at}.bias"), [n_out]);
    }

    /// A transposed convolution over time, weights `(in, out, k)`.
    fn transposed_conv(&mut self, at: String, n_in: usize, n_out: usize, kernel: usize) {
        self.add(format!("{at}.weight"), [n_in, n_out, kernel]);
        self.add(format!("{at}.bias"), [n_out]);
    }

    /// A dense layer, weights `(in, out)`.
    fn dense(&mut self, at: String, n_in: usize, n_out: usize) {
        self.add(format!("{at}.w"), [n_in, n_out]);
        self.add(format!("{at}.b"), [n_out]);
    }

    /// A layer norm.
    fn norm(&mut self, at: String, width: usize) {
        self.add(format!("{at}.weight"), [width]);
        self.add(format!("{at}.bias"), [width]);
    }

    /// Embeddings and layers.
    fn transformer(&mut self, at: &str, shape: &StackShape, n_symbols: usize) {
        let (w, state, mlp) = (shape.width, shape.attn_width(), shape.mlp_width());
        self.add(format!("{at}.x_emb.weight"), [n_symbols, w]);
        self.add(format!("{at}.pos_emb.pos_emb"), [shape.n_positions, w]);
        for layer in 0..shape.depth {
            let at = |part: &str| format!("{at}.transformer._attn_mods.{layer}.{part}");
            self.norm(at("ln_0"), w);
            self.norm(at("ln_1"), w);
            if function_number(shape.attn_order, layer) == 6 {
                self.dense(at("attn.c_attn"), w, state);
                self.dense(at("attn.c_enc_kv"), w, 2 * state);
            } else {
                self.dense(at("attn.c_attn"), w, 3 * state);
            }
            self.dense(at("attn.c_proj"), state, w);
            self.dense(at("mlp.c_fc"), w, mlp);
            self.dense(at("mlp.c_proj"), mlp, w);
        }
    }

    /// What makes conditioning of the codes of the level above.
    fn conditioner(&mut self, config: &ConditionerConfig, w: usize) {
        let at = "conditioner_blocks.0";
        let hidden = (config.m_conv * config.width as f64) as usize;
        self.add(format!("{at}.x_emb.weight"), [config.l_bins, w]);
        self.conv(format!("{at}.cond.model.0"), config.width, w, 3);
        for i in 1..=config.downs_t {
            let n_out = if i == config.downs_t { w } else { config.width };
            let blocks = format!("{at}.cond.model.{i}.0.blocks");
            self.residual_blocks(&blocks, config.depth, config.width, hidden);
            let kernel = 2 * config.strides_t;
            self.transposed_conv(format!("{at}.cond.model.{i}.1"), config.width, n_out, kernel);
        }
        self.norm(format!("{at}.ln"), w);
    }

    fn residual_stack(&mut self, at: &str, config: &VqvaeConfig, level: usize) {
        let width = config.width * config.multipliers[level];
        let hidden = (config.m_conv * width as f64) as usize;
        let depth = config.depth * config.multipliers[level];
        self.residual_blocks(&format!("{at}.model"), depth, width, hidden);
    }

    fn residual_blocks(&mut self, at: &str, depth: usize, width: usize, hidden: usize) {
        for j in 0..depth {
            self.conv(format!("{at}.{j}.model.1"), hidden, width, 3);
            self.conv(format!("{at}.{j}.model.3"), width, hidden, 1);
        }
    }

    fn encoder_block(&mut self, config: &VqvaeConfig, level: usize, block: usize) {
        let at = format!("encoders.{level}.level_blocks.{block}.model");
        let width = config.width * config.multipliers[level];
        let mut n_in = if block == 0 { 1 } else { config.emb_width };
        for i in 0..config.downs_t[block] {
            self.conv(format!("{at}.{i}.0"), width, n_in, 2 * config.strides_t[block]);
            self.residual_stack(&format!("{at}.{i}.1"), config, level);
            n_in = width;
        }
        self.conv(format!("{at}.{}", config.downs_t[block]), config.emb_width, n_in, 3);
    }

    fn decoder_block(&mut self, config: &VqvaeConfig, level: usize, block: usize) {
        let at = format!("decoders.{level}.level_blocks.{block}.model");
        let width = config.width * config.multipliers[level];
        self.conv(format!("{at}.0"), width, config.emb_width, 3);
        for i in 1..=config.downs_t[block] {
            let is_last = i == config.downs_t[block];
            let n_out = if is_last { config.emb_width } else { width };
            let kernel = 2 * config.strides_t[block];
            self.residual_stack(&format!("{at}.{i}.0"), config, level);
            self.transposed_conv(format!("{at}.{i}.1"), width, n_out, kernel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jukebox::{EncoderConfig, LabelConfig, LyricsConfig, LyricsKind};

    /// The shapes of the released 5b model (SPEC §1).
    fn released() -> VqvaeConfig {
        VqvaeConfig {
            levels: 3,
            downs_t: vec![3, 2, 2],
            strides_t: vec![2, 2, 2],
            emb_width: 64,
            l_bins: 2048,
            width: 32,
            depth: 4,
            m_conv: 1.0,
            multipliers: vec![2, 1, 1],
            dilation_growth_rate: 3,
            dilation_cycle: None,
            reverse_decoder_dilation: true,
        }
    }

    #[test]
    fn the_released_vqvae_has_as_many_parameters_as_the_original() {
        assert_eq!(n_parameters(&vqvae_tensors(&released(), &[0, 1, 2])), 1_485_763 + 393_216);
    }

    fn labels(timing: bool) -> LabelConfig {
        LabelConfig {
            genre_bins: 120,
            artist_bins: 4111,
            max_genre_words: 5,
            t_bins: 128,
            min_duration_seconds: 60.0,
            max_duration_seconds: 600.0,
            sample_rate: 44_100,
            hop: 128,
            timing,
        }
    }

    fn released_5b() -> PriorConfig {
        PriorConfig {
            level: 2,
            n_ctx: 8192,
            width: 4800,
            depth: 72,
            heads: 8,
            attn_order: 2,
            blocks: 128,
            m_attn: 0.25,
            m_mlp: 1.0,
            merged_decoder: true,
            res_scale: false,
            l_bins: 2048,
            labels: Some(labels(true)),
            lyrics: None,
            conditioner: None,
        }
    }

    /// Tensors and parameters; the files hold `x_out` even where it is tied to the embedding.
    fn size(config: &PriorConfig) -> (usize, u64) {
        let tensors = prior_tensors(config);
        let n_tied = usize::from(!config.merged_decoder);
        (tensors.len() + n_tied, n_parameters(&tensors))
    }

    #[test]
    fn the_released_priors_have_as_many_parameters_as_the_originals() {
        let encoder = EncoderConfig {
            width: 1280,
            depth: 18,
            heads: 4,
            attn_order: 2,
            blocks: 32,
            m_attn: 0.25,
            m_mlp: 1.0,
            res_scale: false,
        };
        let lyrics = |n_tokens, n_vocab, kind| {
            Some(LyricsConfig {
                n_tokens,
                n_vocab,
                kind,
                alignment: None,
                prime_loss_fraction: 0.4,
            })
        };
        let with_lyrics = PriorConfig {
            depth: 79,
            attn_order: 10,
            lyrics: lyrics(512, 80, LyricsKind::SeparateEncoder(encoder)),
            ..released_5b()
        };
        let single_sequence = PriorConfig {
            n_ctx: 6144,
            width: 2048,
            heads: 2,
            attn_order: 12,
            blocks: 64,
            merged_decoder: false,
            labels: Some(LabelConfig {
                genre_bins: 604,
                artist_bins: 7898,
                t_bins: 64,
                ..labels(true)
            }),
            lyrics: lyrics(384, 79, LyricsKind::SingleSequence),
            ..released_5b()
        };
        let upsampler = PriorConfig {
            level: 1,
            width: 1920,
            heads: 1,
            merged_decoder: false,
            labels: Some(labels(false)),
            conditioner: Some(ConditionerConfig {
                width: 1024,
                depth: 16,
                m_conv: 1.0,
                dilation_growth_rate: 3,
                dilation_cycle: Some(8),
                res_scale: true,
                downs_t: 2,
                strides_t: 2,
                l_bins: 2048,
            }),
            ..released_5b()
        };

        assert_eq!(size(&released_5b()), (872, 5_060_452_800));
        assert_eq!(size(&with_lyrics), (1194, 5_640_506_800));
        assert_eq!(size(&single_sequence), (872, 942_643_200));
        assert_eq!(size(&upsampler), (1006, 981_298_176));
    }
}
