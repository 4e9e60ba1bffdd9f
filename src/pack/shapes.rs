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
    list.add("prior.x_emb.weight", [n_symbols, w]);
    if config.merged_decoder {
        list.add("prior.x_out.weight", [n_symbols, w]);
    }
    list.transformer("prior", &config.stack());
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
    if let (Some(lyrics), Some(stack)) = (&config.lyrics, config.encoder_stack()) {
        list.add("prime_prior.x_emb.weight", [lyrics.n_vocab, stack.width]);
        list.add("prime_prior.start_token", [1, stack.width]);
        list.transformer("prime_prior", &stack);
        list.dense("prime_state_proj".into(), stack.width, w);
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
    tensors.iter().map(|tensor| tensor.shape.iter().map(|n| *n as u64).product::<u64>()).sum()
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

    fn norm(&mut self, at: String, width: usize) {
        self.add(format!("{at}.weight"), [width]);
        self.add(format!("{at}.bias"), [width]);
    }

    /// Positions and layers.
    fn transformer(&mut self, at: &str, stack: &StackShape) {
        let (w, state, mlp) = (stack.width, stack.attn_width(), stack.mlp_width());
        self.add(format!("{at}.pos_emb.pos_emb"), [stack.n_positions, w]);
        for layer in 0..stack.depth {
            let at = |part: &str| format!("{at}.transformer._attn_mods.{layer}.{part}");
            self.norm(at("ln_0"), w);
            self.norm(at("ln_1"), w);
            match function_number(stack.attn_order, layer) {
                6 => {
                    self.dense(at("attn.c_attn"), w, state);
                    self.dense(at("attn.c_enc_kv"), w, 2 * state);
                }
                _ => self.dense(at("attn.c_attn"), w, 3 * state),
            }
            self.dense(at("attn.c_proj"), state, w);
            self.dense(at("mlp.c_fc"), w, mlp);
            self.dense(at("mlp.c_proj"), mlp, w);
        }
    }

    fn conditioner(&mut self, config: &ConditionerConfig, w: usize) {
        let (width, at) = (config.width, "conditioner_blocks.0");
        let hidden = (config.m_conv * width as f64) as usize;
        self.add(format!("{at}.x_emb.weight"), [config.l_bins, w]);
        self.conv(format!("{at}.cond.model.0"), width, w, 3);
        for i in 1..=config.downs_t {
            for j in 0..config.depth {
                let block = format!("{at}.cond.model.{i}.0.blocks.{j}.model");
                self.conv(format!("{block}.1"), hidden, width, 3);
                self.conv(format!("{block}.3"), width, hidden, 1);
            }
            let n_out = if i == config.downs_t { w } else { width };
            self.transposed_conv(format!("{at}.cond.model.{i}.1"), width, n_out, 2 * config.strides_t);
        }
        self.norm(format!("{at}.ln"), w);
    }

    fn residual_stack(&mut self, at: &str, config: &VqvaeConfig, level: usize) {
        let width = config.width * config.multipliers[level];
        let hidden = (config.m_conv * width as f64) as usize;
        for j in 0..config.depth * config.multipliers[level] {
            self.conv(format!("{at}.model.{j}.model.1"), hidden, width, 3);
            self.conv(format!("{at}.model.{j}.model.3"), width, hidden, 1);
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

    #[test]
    fn the_released_5b_prior_has_as_many_parameters_as_the_original() {
        let labels = crate::jukebox::LabelConfig {
            genre_bins: 120,
            artist_bins: 4111,
            max_genre_words: 5,
            t_bins: 128,
            min_duration_seconds: 60.0,
            max_duration_seconds: 600.0,
            sample_rate: 44_100,
            hop: 128,
            timing: true,
        };
        let prior = PriorConfig {
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
            labels: Some(labels),
            lyrics: None,
            conditioner: None,
        };

        assert_eq!(n_parameters(&prior_tensors(&prior)), 5_060_452_800);
    }
}
