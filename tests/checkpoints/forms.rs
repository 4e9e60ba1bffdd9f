//! Every set of the fixtures in all of its forms.

use std::path::{Path, PathBuf};

use encore::jukebox::{PriorConfig, VqvaeConfig};
use encore::pack::checkpoint::{Checkpoint, Model};
use encore::pack::shapes::{prior_tensors, vqvae_tensors};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::shapes;

fn fixtures() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    if let Some(named) = std::env::var_os("ENCORE_FIXTURES") {
        let named = PathBuf::from(named); // an absolute path replaces what it is joined to
        return if named.exists() { named } else { package.join(named) };
    }
    let beside = package.join("../shared/fixtures");
    if beside.exists() { beside } else { package.join("tests/fixtures") }
}

/// Folders of the fixtures, each with the forms that its model is there in.
fn sets() -> Vec<(PathBuf, Vec<PathBuf>)> {
    let mut sets: Vec<_> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|set| set.is_dir())
        .map(|set| {
            let forms = ["model.pth.tar", "model.zip.pth.tar", "hf", "hf/pytorch_model.bin"];
            let mut forms: Vec<_> = forms.iter().map(|form| set.join(form)).collect();
            if set.join("vqvae.pth.tar").is_file() {
                forms.push(set.clone());
            }
            forms.retain(|form| form.exists());
            (set, forms)
        })
        .filter(|(_, forms)| !forms.is_empty())
        .collect();
    sets.sort();
    sets
}

fn assert_same_weights(names: &[String], one: &Checkpoint, other: &Checkpoint) {
    for name in names {
        let (a, b) = (one.tensor(name).unwrap(), other.tensor(name).unwrap());
        assert_eq!(a.dims(), b.dims(), "{name}");
        let bits = |t: candle_core::Tensor| -> Vec<u32> {
            let values = t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            values.into_iter().map(f32::to_bits).collect()
        };
        assert!(bits(a) == bits(b), "{name} in {:?} and {:?}", one.path(), other.path());
    }
}

/// What the reference says of the priors and the VQ-VAE of a set.
fn stated(set: &Path) -> (Vec<PriorConfig>, Option<VqvaeConfig>) {
    let meta: Value =
        serde_json::from_slice(&std::fs::read(set.join("meta.json")).unwrap()).unwrap();
    let hps = &meta["hps"];
    let prior = |hps: &Value, vqvae: &Value| shapes::prior(hps, vqvae).unwrap();
    match meta["kind"].as_str() {
        Some("vqvae") => (vec![], Some(shapes::vqvae(hps).unwrap())),
        Some("prior") => (vec![prior(hps, &meta["vqvae"])], None),
        _ => {
            let priors = hps["priors"].as_array().unwrap().iter();
            let priors = priors.map(|hps_of| prior(hps_of, &hps["vqvae"])).collect();
            (priors, Some(shapes::vqvae(&hps["vqvae"]).unwrap()))
        }
    }
}

#[test]
fn every_form_of_a_set_has_the_same_shape_and_the_same_weights() {
    for (set, forms) in sets() {
        let models: Vec<_> = forms.iter().map(|form| (form, Model::open(form).unwrap())).collect();
        let (_, first) = &models[0];
        let (stated_priors, stated_vqvae) = stated(&set);
        for (form, model) in &models {
            let priors = model.priors.iter().map(|prior| prior.config.clone());
            let priors = priors.zip(&stated_priors);
            let priors: Vec<_> = priors.map(|(told, known)| shapes::as_told(told, known)).collect();
            assert_eq!(shapes::difference(&priors, &stated_priors), None, "{form:?}");
            let vqvae = model.vqvae.as_ref().map(|vqvae| vqvae.config.clone());
            assert_eq!(shapes::difference(&vqvae, &stated_vqvae), None, "{form:?}");
            if let (Some(vqvae), Some(other)) = (&first.vqvae, &model.vqvae) {
                let tensors = vqvae_tensors(&vqvae.config, &first.levels_present);
                let names: Vec<_> = tensors.into_iter().map(|tensor| tensor.name).collect();
                assert_same_weights(&names, &vqvae.checkpoint, &other.checkpoint);
            }
            for (prior, other) in first.priors.iter().zip(&model.priors) {
                let tensors = prior_tensors(&prior.config);
                let names: Vec<_> = tensors.into_iter().map(|tensor| tensor.name).collect();
                assert_same_weights(&names, &prior.checkpoint, &other.checkpoint);
            }
        }
        println!("{}: {} forms", set.display(), forms.len());
    }
}

/// Tied weights are often stored once, under either name.
#[test]
fn a_head_that_is_the_embedding_is_stored_under_one_name_or_the_other() {
    let of_repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let folder = of_repository.join("prior_unlabelled/hf");
    let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let whole = Model::open(&folder).unwrap();
    let names = prior_tensors(&whole.priors[0].config).into_iter().map(|tensor| tensor.name);
    let names: Vec<_> = names.collect();
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let silent = config.replace("merged_decoder", "other"); // then it is the file that tells
    for (missing, config) in [
        ("prior.embed_tokens.weight", &config),
        ("prior.fc_proj_out.weight", &config),
        ("prior.fc_proj_out.weight", &silent),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), config).unwrap();
        let kept = tensors.tensors().into_iter().filter(|(name, _)| name != missing);
        let file = dir.path().join("model.safetensors");
        safetensors::serialize_to_file(kept, None, &file).unwrap();

        let model = Model::open(dir.path()).unwrap();

        assert_eq!(model.priors[0].config, whole.priors[0].config);
        assert_same_weights(&names, &model.priors[0].checkpoint, &whole.priors[0].checkpoint);
    }
}
