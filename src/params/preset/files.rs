//! The user's own presets, each a file in one folder.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Preset, PresetError};

/// Largest file that is read as a preset, in bytes.
const MAX_BYTES: u64 = 64 << 10;
/// Presets that are listed of a folder, at most.
pub const MAX_PRESETS: usize = 1000;
const EXTENSION: &str = "json";

/// What a folder of presets holds.
#[derive(Debug, Default)]
pub struct Listed {
    /// By name.
    pub presets: Vec<(PathBuf, Preset)>,
    pub problems: Vec<PresetError>,
}

/// Where the user's presets are kept, whether or not it is there yet.
///
/// # Errors
/// When the system names no place for a user's data.
pub fn user_folder() -> Result<PathBuf, PresetError> {
    let data = dirs::data_dir().ok_or(PresetError::NoFolder)?;
    Ok(data.join("encore").join("presets"))
}

/// The presets in a folder; a folder that is not there has none.
pub fn list(folder: &Path) -> Listed {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_preset = |path: &PathBuf| path.extension().is_some_and(|found| found == EXTENSION);
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).filter(is_preset).collect();
    paths.sort();
    let mut listed = Listed::default();
    for path in paths.into_iter().take(MAX_PRESETS) {
        match load(&path) {
            Ok(preset) => listed.presets.push((path, preset)),
            Err(problem) => listed.problems.push(problem),
        }
    }
    listed.presets.sort_by_cached_key(|(path, preset)| (preset.name.to_lowercase(), path.clone()));
    listed
}

/// Reads a preset.
///
/// # Errors
/// When it cannot be read, or is not one.
pub fn load(path: &Path) -> Result<Preset, PresetError> {
    let refused = |source| PresetError::Read { path: path.into(), source };
    if !fs::metadata(path).map_err(refused)?.is_file() {
        let problem = "it is not a file".into(); // opening a pipe would wait for somebody to write
        return Err(PresetError::Malformed { path: path.into(), problem });
    }
    let mut json = Vec::new();
    File::open(path)
        .map_err(refused)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut json)
        .map_err(refused)?;
    if MAX_BYTES < json.len() as u64 {
        return Err(PresetError::TooLarge { path: path.into(), max_bytes: MAX_BYTES });
    }
    Preset::from_json(&json)
        .map_err(|problem| PresetError::Malformed { path: path.into(), problem })
}

/// Writes a preset into a folder, which is made where it is not there. One of the same name is replaced, others
/// never are. The file is there whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn save(folder: &Path, preset: &Preset) -> Result<PathBuf, PresetError> {
    let path = path_for(folder, &preset.name);
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let write = || {
        fs::create_dir_all(folder)?;
        fs::write(&part, serde_json::to_string_pretty(preset)? + "\n")?;
        fs::rename(&part, &path)
    };
    write().map_err(|source| {
        let _ = fs::remove_file(&part); // nothing is left to do where this fails
        PresetError::Write { path: path.clone(), source }
    })?;
    Ok(path)
}

/// The file of this name's preset, or one that is not there yet.
fn path_for(folder: &Path, name: &str) -> PathBuf {
    let plain = |c: char| if c.is_alphanumeric() || "-_ ".contains(c) { c } else { '_' };
    let stem: String = name.chars().map(plain).collect();
    let stem = match stem.trim() {
        "" => "preset",
        stem => stem,
    };
    let numbered = |n: usize| match n {
        1 => folder.join(format!("{stem}.{EXTENSION}")),
        n => folder.join(format!("{stem} {n}.{EXTENSION}")),
    };
    let is_free =
        |path: &PathBuf| !path.exists() || load(path).is_ok_and(|preset| preset.name == name);
    let free = (1..=MAX_PRESETS).map(numbered).find(is_free);
    free.unwrap_or_else(|| numbered(MAX_PRESETS + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Preset {
        Preset { name: name.into(), ..Preset::factory()[0].clone() }
    }

    #[test]
    fn a_preset_comes_back_as_it_was_saved_and_one_of_its_name_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("made/presets");
        let [first, other] = ["Mine: 1/2", "Mine_ 1_2"].map(named);

        let path = save(&folder, &first).unwrap();
        let beside = save(&folder, &other).unwrap();
        let changed = Preset { temperature: Some(0.5), ..first };

        assert_ne!(path, beside, "two names that look alike as files");
        assert_eq!(save(&folder, &changed).unwrap(), path);
        assert_eq!(load(&path).unwrap(), changed);
        let listed = list(&folder);
        assert_eq!(listed.presets, [(path, changed), (beside, other)]);
        assert!(listed.problems.is_empty());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn files_that_are_no_presets_are_named_and_the_others_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), &named("Good")).unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
        let name = "x".repeat(1000);
        write("a.json", b"{");
        write("b.json", br#"{"encore_preset":2,"name":"tomorrow","future":[]}"#);
        write("c.json", &vec![b' '; 100_000]);
        write("d.json", format!(r#"{{"encore_preset":1,"name":"{name}"}}"#).as_bytes());
        write("e.json", br#"{"encore_preset":1,"name":"\u0007"}"#);
        write("f.json", br#"{"encore_preset":1,"name":"n","temperature":"hot"}"#);
        fs::create_dir(dir.path().join("g.json")).unwrap();
        write("notes.txt", b"not looked at");

        let Listed { presets, problems } = list(dir.path());

        assert_eq!(presets.len(), 1);
        let problems: Vec<_> = problems.iter().map(PresetError::to_string).collect();
        assert_eq!(problems.len(), 7, "{problems:#?}");
        for (problem, file) in problems.iter().zip(["a", "b", "c", "d", "e", "f", "g"]) {
            assert!(problem.contains(&format!("{file}.json")), "{problem}");
            assert!(problem.len() < 500, "{problem}");
        }
        assert!(problems[1].contains("version 2"));
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_presets_and_one_that_cannot_be_made_is_said() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();

        assert!(list(&dir.path().join("gone")).presets.is_empty());
        let refused = save(&dir.path().join("file/presets"), &named("Mine")).unwrap_err();
        assert!(refused.to_string().contains("Mine.json"), "{refused}");
    }
}
