//! Numbers published for the released weights, which only those who have them can check.

use std::path::Path;

use candle_core::{Device, Tensor};
use encore::jukebox::{LabelRow, Prior, Vqvae};
use encore::pack::checkpoint::{CheckpointError, Model};
use serde_json::Value;

use crate::{Fallible, Outcome, Tally, entries};

/// Names a folder with the released files.
const VARIABLE: &str = "ENCORE_REAL_WEIGHTS";
/// The level that the numbers are of.
const LEVEL: usize = 2;
/// Rows of the table of artists of the model that the numbers are of.
const N_ARTISTS: usize = 7898;

pub fn run(set: &Path, anchor: &Value, tally: &mut Tally) -> Outcome {
    let Some(folder) = std::env::var_os(VARIABLE) else {
        let why = format!("it needs {VARIABLE} to name a folder with the released files");
        tally.skip("the set", &why);
        return Ok(());
    };
    let models = models(Path::new(&folder))?;
    match models.iter().find(|model| model.vqvae.is_some()) {
        Some(model) => vqvae(set, model, anchor, tally)?,
        None => tally.skip("the VQ-VAE", &format!("{folder:?} has no vqvae.pth.tar")),
    }
    let is_1b = |model: &&Model| {
        let labels = model.prior(LEVEL).and_then(|prior| prior.config.labels.as_ref());
        labels.is_some_and(|labels| labels.artist_bins == N_ARTISTS)
    };
    match models.iter().find(is_1b) {
        Some(model) => conditioning(model, &anchor["prior_1b_cond"], tally)?,
        None => tally.skip("prior_1b_cond", &format!("{folder:?} has no 1b_lyrics")),
    }
    Ok(())
}

/// Every model in a folder, and in the folders in it (`5b`, `1b_lyrics`).
fn models(folder: &Path) -> Fallible<Vec<Model>> {
    let mut models = Vec::new();
    for path in std::iter::once(folder.to_owned()).chain(entries(folder, Path::is_dir)?) {
        match Model::open(&path) {
            Ok(model) => models.push(model),
            Err(CheckpointError::NoModel { .. }) => {} // a folder of something else
            Err(error) => return Err(error.into()),
        }
    }
    Ok(models)
}

/// Codes of a noise, and how they sound.
fn vqvae(set: &Path, model: &Model, anchor: &Value, tally: &mut Tally) -> Outcome {
    let stored = model.vqvae.as_ref().ok_or("no VQ-VAE")?;
    let vqvae = Vqvae::load(&stored.config, &[LEVEL], stored.weights())?;
    let waveform = candle_core::safetensors::load(set.join("waveform.safetensors"), &Device::Cpu)?;
    let x = waveform.get("x").ok_or("waveform.safetensors has no x")?.flatten_all()?;

    let want: Vec<u32> = serde_json::from_value(anchor["vqvae_encode_level2"].clone())?;
    let codes = vqvae.encode(&x.to_vec1::<f32>()?, LEVEL)?;
    tally.equal("vqvae_encode_level2", &codes, &want);

    let audio = vqvae.decode(&want, LEVEL)?;
    first_numbers("vqvae_decode_level2_first40", &audio, anchor, tally)
}

/// What a song of 24 seconds is told to the smaller model.
fn conditioning(model: &Model, anchor: &Value, tally: &mut Tally) -> Outcome {
    let stored = model.prior(LEVEL).ok_or("no prior")?;
    let mut config = stored.config.clone();
    config.depth = 1; // no layer has a part in this
    let labels = config.labels.as_mut().ok_or("the prior has no labels")?;
    let min_duration = anchor["min_duration_used"].as_f64();
    labels.min_duration_seconds = min_duration.ok_or("no min_duration_used")?;
    let prior = Prior::load(&config, stored.weights())?;

    let number = |name: &str| anchor[name].as_i64().ok_or(format!("anchor.json has no {name}"));
    let cond = prior.condition(&[LabelRow {
        total_length: number("total_length")?,
        offset: number("offset")?,
        sample_length: number("sample_length")?,
        artist: number("artist_v3")? as u32,
        genres: vec![number("genre_v3")? as u32],
        lyrics: vec![0; config.n_lyric_tokens()],
    }])?;
    for (name, got) in [("x_cond_pos0_first30", cond.x_cond), ("y_cond_first30", cond.y_cond)] {
        first_numbers(name, &got.flatten_all()?.to_vec1::<f32>()?, anchor, tally)?;
    }
    Ok(())
}

/// The first of many numbers, as many as were published.
fn first_numbers(name: &str, got: &[f32], anchor: &Value, tally: &mut Tally) -> Outcome {
    let want: Vec<f32> = serde_json::from_value(anchor[name].clone())?;
    let got = got.get(..want.len()).ok_or(format!("{name}: only {} numbers", got.len()))?;
    let tensor = |x: &[f32]| Tensor::from_slice(x, x.len(), &Device::Cpu);
    Ok(tally.close(name, &tensor(got)?, &tensor(&want)?)?)
}
