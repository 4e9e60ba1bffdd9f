//! Every set of the fixtures in all of its forms.

use std::path::{Path, PathBuf};

use encore::pack::checkpoint::{Checkpoint, Model};
use encore::pack::shapes::{prior_tensors, vqvae_tensors};

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

#[test]
fn every_form_of_a_set_has_the_same_shape_and_the_same_weights() {
    for (set, forms) in sets() {
        let models: Vec<_> = forms.iter().map(|form| (form, Model::open(form).unwrap())).collect();
        let (_, first) = &models[0];
        for (form, model) in &models {
            let shapes = |model: &Model| -> Vec<_> {
                model.priors.iter().map(|prior| prior.config.clone()).collect()
            };
            assert_eq!(shapes(model), shapes(first), "{form:?}");
            let codec = |model: &Model| model.vqvae.as_ref().map(|vqvae| vqvae.config.clone());
            assert_eq!(codec(model), codec(first), "{form:?}");
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
