//! The label tables that lie beside checkpoints: OpenAI's id files, or Hugging Face's vocabularies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::checkpoint::{CheckpointError, MAX_JSON_BYTES, Model, read_json};
use super::{LabelRule, Labels};
use crate::jukebox::PriorConfig;

/// Folders in which id files are looked for, seen from the checkpoints'.
const FOLDERS: [&str; 4] = [".", "ids", "..", "../ids"];
/// What ends the names of the older tables, where one vocabulary holds both.
const V2_SUFFIX: &str = ".v2";

/// The tables of the coarsest prior, and of the finer ones where theirs are others. Where there are no
/// files, tables without names: then every name is the unknown one.
pub fn read(model: &Model) -> Result<(Labels, Option<Labels>), CheckpointError> {
    let Some(top) = model.priors.last().map(|prior| &prior.config) else {
        return Ok((Labels::default(), None));
    };
    let folder = match model.path.is_dir() {
        true => model.path.clone(),
        false => model.path.parent().unwrap_or(Path::new(".")).into(),
    };
    let of = |prior: &PriorConfig| fitting(table(&folder, rule(prior))?, prior);
    let finer = model.priors.iter().map(|prior| &prior.config).find(|p| rule(p) != rule(top));
    Ok((of(top)?, finer.map(of).transpose()?))
}

/// The newer tables go with one genre word and an alphabet of 79.
fn rule(prior: &PriorConfig) -> LabelRule {
    let n_vocab = prior.lyrics.as_ref().map(|lyrics| lyrics.n_vocab);
    let n_words = prior.labels.as_ref().map(|labels| labels.max_genre_words);
    match (n_vocab, n_words) {
        (Some(79), _) | (None, Some(1)) => LabelRule::V3,
        _ => LabelRule::V2,
    }
}

fn table(folder: &Path, rule: LabelRule) -> Result<Labels, CheckpointError> {
    let version = if rule == LabelRule::V3 { "v3" } else { "v2" };
    let names = ["artist", "genre"].map(|kind| format!("{version}_{kind}_ids.txt"));
    for beside in FOLDERS.map(|beside| folder.join(beside)) {
        let [artists, genres] = names.each_ref().map(|name| beside.join(name));
        if artists.is_file() && genres.is_file() {
            return Ok(Labels::read(rule, &artists, &genres)?);
        }
    }
    let [artists, genres] = ["artists.json", "genres.json"].map(|name| folder.join(name));
    if artists.is_file() && genres.is_file() {
        let (artists, genres) = (vocabulary(artists, rule)?, vocabulary(genres, rule)?);
        return Ok(Labels::new(rule, artists, genres));
    }
    Ok(Labels { rule, ..Labels::default() })
}

/// The names of one version in a vocabulary that holds both.
fn vocabulary(path: PathBuf, rule: LabelRule) -> Result<Vec<(String, u32)>, CheckpointError> {
    let ids: BTreeMap<String, u32> = read_json(&path, MAX_JSON_BYTES)?;
    let mut names: Vec<_> = ids
        .into_iter()
        .filter_map(|(name, id)| match (rule, name.strip_suffix(V2_SUFFIX)) {
            (LabelRule::V2, Some(name)) => Some((name.to_lowercase(), id)),
            (LabelRule::V3, None) => Some((name.to_lowercase(), id)),
            _ => None,
        })
        .collect();
    names.sort_by_key(|(_, id)| *id);
    Ok(names)
}

/// A table that has more ids than the prior has rows belongs to another model.
fn fitting(table: Labels, prior: &PriorConfig) -> Result<Labels, CheckpointError> {
    let Some(labels) = &prior.labels else {
        return Ok(Labels { rule: table.rule, ..Labels::default() });
    };
    let fits = table.artists.len() <= labels.artist_bins && table.genres.len() <= labels.genre_bins;
    Ok(if fits { table } else { Labels { rule: table.rule, ..Labels::default() } })
}
