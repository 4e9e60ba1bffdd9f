//! Where a set's weights come from: the same networks are stored in several forms of file.

use std::path::Path;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use encore::pack::hf::oai_name;

/// A form of file.
pub struct Form {
    pub name: &'static str,
    /// Weights of one network under OpenAI's names; none where the set does not have this form.
    pub open: fn(&Path, Part) -> Result<Option<Weights>, Box<dyn std::error::Error>>,
}

pub type Weights = VarBuilder<'static>;

/// One network of a set.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    Vqvae { downs_t: &'a [usize] },
    Prior { level: usize, n_levels: usize },
}

/// All forms; a new one is a new row.
pub const FORMS: &[Form] = &[Form { name: "safetensors", open: hf_safetensors }];

/// `hf/model.safetensors`, of one network or of a whole model.
fn hf_safetensors(set: &Path, part: Part) -> Result<Option<Weights>, Box<dyn std::error::Error>> {
    let path = set.join("hf/model.safetensors");
    if !path.exists() {
        return Ok(None);
    }
    let (prefix, downs_t) = match part {
        Part::Vqvae { downs_t } => ("vqvae.".to_string(), downs_t),
        Part::Prior { level, n_levels } => (format!("priors.{}.", n_levels - 1 - level), &[][..]),
    };
    let tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
    let is_whole = tensors.keys().any(|name| name.starts_with(&prefix));
    let named = tensors.into_iter().filter_map(|(name, tensor)| {
        let name = if is_whole { name.strip_prefix(&prefix)? } else { &name };
        Some((oai_name(name, downs_t), tensor))
    });
    Ok(Some(VarBuilder::from_tensors(named.collect(), DType::F32, &Device::Cpu)))
}
