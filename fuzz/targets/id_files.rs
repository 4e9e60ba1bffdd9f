//! The released models' tables of artists and genres, and looking names up in them.

#![no_main]

use std::path::Path;

use encore::pack::labels::id_file::from_bytes;
use encore::pack::{LabelRule, Labels};
use encore_fuzz::sound;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(names) = sound(from_bytes(Path::new("v2_artist_ids.txt"), bytes)) else { return };
    let asked = names.last().map(|(name, _)| name.clone()).unwrap_or_default();
    for rule in [LabelRule::Plain, LabelRule::V2, LabelRule::V3] {
        let labels = Labels::new(rule, names.clone(), names.clone());
        for (name, _) in names.iter().take(8) {
            if let Ok(id) = labels.artist_id(name) {
                assert!(labels.artist_name(id).is_some());
            }
        }
        labels.find_artists(&asked);
        sound(labels.choose(Some(&asked), &[asked.clone(), "hip hop".into()], 5));
    }
});
