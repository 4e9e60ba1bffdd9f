//! How a take is made, written down so that it can be made again.

use super::{model::Model, session::Request};
use crate::{
    jukebox::LevelPrior,
    pack::Labels,
    takes::{Label, PackId, Recipe, SamplerRecipe},
};

/// The recipe of a request's first take, without the prime, lyrics and finer levels, which this does not know.
pub fn recipe<P: LevelPrior>(model: &Model<P>, request: &Request) -> Recipe {
    let pack = &model.pack;
    let labels = pack.labels();
    let recommended = pack.manifest().sampling.total_seconds;
    let taught = pack.plays().map(|taught| taught.card.file.sha256.clone());
    Recipe {
        format_version: Recipe::FORMAT_VERSION,
        encore_version: env!("CARGO_PKG_VERSION").into(),
        pack: PackId { name: pack.name().into(), sha256: model.hash().into(), taught },
        backend: model.backend().into(),
        prime: None,
        prime_codes: Default::default(),
        codes: None,
        seed: request.seeds.first().copied().unwrap_or_default(),
        artist: artist_label(labels, request.artist),
        genres: request.genres.iter().map(|id| genre_label(labels, *id)).collect(),
        sampler: SamplerRecipe {
            temperature: request.sampler.temperature,
            top_k: request.sampler.top_k,
            top_p: request.sampler.top_p,
        },
        lyrics: None,
        level: model.level(),
        finest_level: model.level(),
        finer: None,
        length_seconds: request.length_seconds,
        total_seconds: request.total_seconds.unwrap_or(recommended),
        offset_seconds: request.offset_seconds,
    }
}

/// The id with its name.
pub fn artist_label(labels: &Labels, id: u32) -> Label {
    Label { id, name: labels.artist_name(id).unwrap_or("unknown").to_owned() }
}

/// The id with its name.
pub fn genre_label(labels: &Labels, id: u32) -> Label {
    Label { id, name: labels.genre_name(id).unwrap_or("unknown").to_owned() }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A recipe of no real pack.
    pub fn recipe() -> Recipe {
        Recipe {
            format_version: Recipe::FORMAT_VERSION,
            encore_version: "0".into(),
            pack: PackId { name: "Tiny".into(), sha256: "00".repeat(32), taught: None },
            backend: "cpu-f32".into(),
            prime: None,
            prime_codes: Default::default(),
            codes: None,
            seed: 1,
            artist: Label { id: 0, name: "unknown".into() },
            genres: Vec::new(),
            sampler: SamplerRecipe { temperature: 1.0, top_k: None, top_p: None },
            lyrics: None,
            level: 1,
            finest_level: 1,
            finer: None,
            length_seconds: 2.0,
            total_seconds: 40.0,
            offset_seconds: 0.0,
        }
    }
}
