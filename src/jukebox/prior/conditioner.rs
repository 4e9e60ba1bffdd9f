//! The network that lets an upsampler hear the codes of the level above (SPEC §4.8).

use candle_nn::VarBuilder;

use crate::jukebox::JukeboxError;
use crate::jukebox::config::{ConditionerConfig, PriorConfig};
use crate::jukebox::kernels::{Affine, with_numbers};
use crate::jukebox::vqvae::layers::{Buffers, Conv, ResStack, UpConv, dilation};

/// Codes of the level above to a row for each token of this level.
pub struct Conditioner {
    config: ConditionerConfig,
    n_ctx: usize,
    width: usize,    // of the prior
    x_emb: Vec<f32>, // [bins, w]
    input: Conv,
    stages: Vec<(ResStack, UpConv)>,
    norm: Affine,
}

impl Conditioner {
    /// Reads `conditioner_blocks.0.*`; none where the prior is of the top level.
    pub fn load(prior: &PriorConfig, vb: VarBuilder) -> Result<Option<Self>, JukeboxError> {
        let Some(config) = &prior.conditioner else {
            return Ok(None);
        };
        let (w, inner) = (prior.width, config.width);
        let hidden = (config.m_conv * inner as f64) as usize;
        let scale = if config.res_scale { 1.0 / (config.depth as f64).sqrt() } else { 1.0 };
        let dilations = (0..config.depth)
            .map(|j| dilation(config.dilation_growth_rate, config.dilation_cycle, j))
            .collect::<Result<Vec<_>, _>>()?;
        let vb = vb.pp("conditioner_blocks.0");
        let cond = vb.pp("cond.model");
        let mut stages = Vec::new();
        for i in 1..=config.downs_t {
            let n_out = if i == config.downs_t { w } else { inner };
            let vb = cond.pp(i);
            let blocks = vb.pp("0.blocks");
            let stack = ResStack::load(inner, hidden, &dilations, scale, blocks)?;
            stages.push((stack, UpConv::load(inner, n_out, config.strides_t, vb.pp(1))?));
        }
        Ok(Some(Self {
            config: config.clone(),
            n_ctx: prior.n_ctx,
            width: w,
            x_emb: with_numbers(&vb.get((config.l_bins, w), "x_emb.weight")?, <[f32]>::to_vec)?,
            input: Conv::wide(w, inner, 1, cond.pp(0))?,
            stages,
            norm: Affine::load(w, vb.pp("ln"))?,
        }))
    }

    /// Codes of the level above that belong to a window.
    pub fn n_upper(&self) -> usize {
        self.n_ctx / self.config.hop()
    }

    /// What is added to each position of a window, `[n_ctx, w]`.
    pub fn rows(&self, upper: &[u32]) -> Result<Vec<f32>, JukeboxError> {
        if upper.len() != self.n_upper() {
            let what = "the number of codes of the level above in a window";
            return Err(JukeboxError::range(what, upper.len(), self.n_upper().to_string()));
        }
        if let Some(code) = upper.iter().find(|code| self.config.l_bins <= **code as usize) {
            let allowed = format!("0 to {}", self.config.l_bins - 1);
            return Err(JukeboxError::range("a code of the level above", code, allowed));
        }
        let embedded: Vec<f32> = upper
            .iter()
            .flat_map(|code| &self.x_emb[*code as usize * self.width..][..self.width])
            .copied()
            .collect(); // [t, w]
        let mut buffers = Buffers::default();
        let mut h = self.input.forward(&embedded, &mut buffers); // [t, inner]
        for (stack, up) in &self.stages {
            h = stack.forward(h, &mut buffers);
            h = up.forward(&h, &mut buffers); // [t * stride, ..]
        }
        let mut rows = vec![0.0; h.len()];
        self.norm.normalise(&h, &mut rows);
        Ok(rows)
    }
}
