//! A pack of our own: its manifest, and a file of its weights.

#![no_main]

use std::path::Path;

use encore::pack::Manifest;
use encore::pack::shapes::{n_parameters, prior_tensors, vqvae_tensors};
use encore_fuzz::{checkpoint, model, read_all, sound};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if bytes.first() == Some(&b'{') {
        manifest(bytes);
    } else if let Some(checkpoint) = checkpoint("vqvae.safetensors", bytes) {
        read_all(&checkpoint);
        model(checkpoint, None);
    }
});

/// What is asked of a manifest before and while its networks are read.
fn manifest(text: &[u8]) {
    let Some(manifest) = sound(Manifest::parse(Path::new("pack.json"), text)) else { return };
    let (vqvae, levels) = (&manifest.vqvae.config, &manifest.vqvae.levels_present);
    n_parameters(&vqvae_tensors(vqvae, levels));
    for prior in &manifest.priors {
        n_parameters(&prior_tensors(&prior.config));
        let labels = manifest.labels_of(prior.config.level);
        labels.find_artists("a");
        sound(labels.choose(Some("ada"), &["x".into(), "loops".into()], 1));
    }
    levels.iter().for_each(|level| assert!(vqvae.hop(*level) > 0));
    let again = serde_json::to_vec(&manifest).ok();
    let again = again.and_then(|text| sound(Manifest::parse(Path::new("pack.json"), &text)));
    assert_eq!(again.as_ref(), Some(&manifest), "a manifest reads as it was written");
}
