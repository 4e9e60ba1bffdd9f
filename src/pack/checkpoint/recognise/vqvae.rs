//! A VQ-VAE's shape, read from its tensors.

use super::super::{Checkpoint, CheckpointError};
use super::shapes::{count, share};
use super::told::ToldVqvae;
use super::{hps, released};
use crate::jukebox::VqvaeConfig;

/// Most levels that are looked for.
const MAX_LEVELS: usize = 8;

/// The shape of the VQ-VAE in a checkpoint, and the levels that it has weights of.
///
/// # Errors
/// When a tensor is missing, or the dilations are told nowhere.
pub fn vqvae(
    checkpoint: &Checkpoint,
    told: Option<ToldVqvae>,
) -> Result<(VqvaeConfig, Vec<usize>), CheckpointError> {
    let path = checkpoint.path();
    let missing =
        |name: String| CheckpointError::MissingTensor { path: path.into(), name, what: "VQ-VAE" };
    let unusable = |problem: String| CheckpointError::Config { path: path.into(), problem };
    let axis = |name: String, axis: usize| {
        checkpoint.shape(&name).and_then(|shape| shape.get(axis).copied()).ok_or(name)
    };
    let codebook = |level: usize| format!("bottleneck.level_blocks.{level}.k");
    let present: Vec<usize> =
        (0..MAX_LEVELS).filter(|level| checkpoint.contains(&codebook(*level))).collect();
    let Some(top) = present.last().copied() else {
        return Err(missing(codebook(0)));
    };
    let told = told.unwrap_or_else(|| hps::vqvae(checkpoint.hps()));

    // the coarsest encoder runs through every level's block
    let block = |b: usize| format!("encoders.{top}.level_blocks.{b}.model");
    let (mut downs_t, mut strides_t) = (Vec::new(), Vec::new());
    for b in 0..=top {
        let first = axis(format!("{}.0.0.weight", block(b)), 2).map_err(missing)?;
        downs_t.push(count(|i| checkpoint.contains(&format!("{}.{i}.0.weight", block(b)))));
        strides_t.push(first / 2);
    }
    let (mut widths, mut depths) = (Vec::new(), Vec::new());
    let mut m_conv = told.m_conv;
    for level in 0..=top {
        let level = if present.contains(&level) { level } else { top };
        let at = format!("encoders.{level}.level_blocks.0.model.0");
        let width = axis(format!("{at}.0.weight"), 0).map_err(missing)?;
        let hidden = axis(format!("{at}.1.model.0.model.1.weight"), 0).map_err(missing)?;
        let has = |j: usize| checkpoint.contains(&format!("{at}.1.model.{j}.model.1.weight"));
        widths.push(width);
        depths.push(count(has));
        m_conv = m_conv.or(Some(share(hidden, width.max(1))));
    }
    let (width, depth, multipliers) = factored(&told, &widths, &depths).ok_or_else(|| {
        unusable(format!(
            "its levels are {widths:?} wide and {depths:?} deep, which is no multiple of one shape"
        ))
    })?;
    let is_released = widths == [64, 32, 32] && depths == [8, 4, 4];
    let growth = told
        .dilation_growth_rate
        .or(is_released.then_some(released::DILATION_GROWTH_RATE))
        .ok_or_else(|| CheckpointError::Untold {
            path: path.into(),
            missing: vec!["dilation_growth_rate".into()],
        })?;
    let config = VqvaeConfig {
        levels: top + 1,
        downs_t,
        strides_t,
        emb_width: axis(codebook(top), 1).map_err(missing)?,
        l_bins: axis(codebook(top), 0).map_err(missing)?,
        width,
        depth,
        m_conv: m_conv.unwrap_or(1.0),
        multipliers,
        dilation_growth_rate: growth,
        dilation_cycle: told.dilation_cycle,
        reverse_decoder_dilation: told.reverse_decoder_dilation.unwrap_or(true),
    };
    match crate::pack::limits::vqvae_problem(&config) {
        None => Ok((config, present)),
        Some(problem) => Err(unusable(problem)),
    }
}

/// One width and depth, and a multiplier per level.
fn factored(
    told: &ToldVqvae,
    widths: &[usize],
    depths: &[usize],
) -> Option<(usize, usize, Vec<usize>)> {
    let fits = |width: usize, depth: usize, multipliers: &[usize]| {
        multipliers.len() == widths.len()
            && multipliers.iter().zip(widths).all(|(m, w)| m.checked_mul(width) == Some(*w))
            && multipliers.iter().zip(depths).all(|(m, d)| m.checked_mul(depth) == Some(*d))
    };
    let told_all = told.width.zip(told.depth).zip(told.multipliers.clone());
    let ratio = |width: usize| -> Option<Vec<usize>> {
        widths.iter().map(|w| w.checked_div(width)).collect()
    };
    let smallest = || Some((*widths.iter().min()?, *depths.iter().min()?));
    let candidates = [
        told_all.map(|((width, depth), multipliers)| (width, depth, multipliers)),
        told.width.zip(told.depth).and_then(|(width, depth)| Some((width, depth, ratio(width)?))),
        smallest().and_then(|(width, depth)| Some((width, depth, ratio(width)?))),
    ];
    candidates.into_iter().flatten().find(|(width, depth, m)| fits(*width, *depth, m))
}
