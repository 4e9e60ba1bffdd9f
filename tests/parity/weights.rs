//! Where a set's weights come from: the same networks are stored in several forms of file.

use std::path::{Path, PathBuf};

use candle_nn::VarBuilder;
use encore::pack::checkpoint::{CheckpointError, Model};

/// A form of file.
pub struct Form {
    pub name: &'static str,
    /// The file or folder of a set that is in this form, if it has one.
    find: fn(&Path) -> Option<PathBuf>,
}

pub type Weights = VarBuilder<'static>;

/// One network of a set.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    Vqvae,
    Prior { level: usize },
}

/// All forms; a new one is a new row.
pub const FORMS: &[Form] = &[
    Form { name: "legacy", find: legacy },
    Form { name: "zip", find: |set| file(set, "model.zip.pth.tar") },
    Form { name: "safetensors", find: |set| file(set, "hf/model.safetensors") },
    Form { name: "safetensors index", find: |set| file(set, "hf/model.safetensors.index.json") },
    Form { name: "pytorch_model.bin", find: |set| file(set, "hf/pytorch_model.bin") },
    Form { name: "bin index", find: |set| file(set, "hf/pytorch_model.bin.index.json") },
];

impl Form {
    /// Weights of one network under OpenAI's names; none where the set does not have this form.
    pub fn open(&self, set: &Path, part: Part) -> Result<Option<Weights>, CheckpointError> {
        let Some(path) = (self.find)(set) else {
            return Ok(None);
        };
        let model = Model::open(&path)?;
        Ok(match part {
            Part::Vqvae => model.vqvae.map(|vqvae| vqvae.weights()),
            Part::Prior { level } => model.prior(level).map(|prior| prior.weights()),
        })
    }
}

/// A single file, or a folder in the released layout.
fn legacy(set: &Path) -> Option<PathBuf> {
    let whole = set.join("vqvae.pth.tar").exists().then(|| set.to_owned());
    whole.or_else(|| file(set, "model.pth.tar"))
}

fn file(set: &Path, name: &str) -> Option<PathBuf> {
    Some(set.join(name)).filter(|path| path.exists())
}
