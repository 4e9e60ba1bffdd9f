//! Broken and missing models in the engine: words for the user, and the audio flows on. Alone in its
//! process, because the search path is the process's.

use std::{fs, path::Path, time::Duration};

use encore::{
    engine::{Engine, Instance},
    link::{Command, ModelStatus},
};

const STARTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/starter");

fn settled(instance: &Instance) -> ModelStatus {
    let begun = std::time::Instant::now();
    loop {
        match instance.status().model.clone() {
            ModelStatus::Unknown | ModelStatus::Loading { .. } => {}
            model => return model,
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no word about the model");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn copy_pack(to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(STARTER).unwrap().map(|file| file.unwrap().path()) {
        fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}

#[test]
fn broken_and_missing_packs_are_named_and_a_good_one_is_found_behind_them() {
    let folder = tempfile::tempdir().unwrap();
    // SAFETY: the only test of this process, before any thread of the engine runs.
    unsafe {
        let models = Path::new(STARTER).parent().unwrap();
        std::env::set_var("ENCORE_PACKS", std::env::join_paths([folder.path(), models]).unwrap());
    }
    let instance = Instance::new(&Engine::shared(), Box::new(|| ()));

    assert!(matches!(settled(&instance), ModelStatus::Ready(_)));
    assert!(instance.status().notice.is_none());

    let broken = folder.path().join("broken");
    copy_pack(&broken);
    let weights = broken.join("prior_level_1.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&weights, bytes).unwrap();
    instance.send(Command::ReloadModel);

    assert!(matches!(settled(&instance), ModelStatus::Ready(_)));
    let begun = std::time::Instant::now();
    let notice = loop {
        if let Some(notice) = instance.status().notice.clone() {
            break notice;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "the broken pack was passed over in silence"
        );
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(notice.text.contains("prior_level_1.safetensors"), "{}", notice.text);
}
