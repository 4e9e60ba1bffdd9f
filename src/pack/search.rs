//! Where packs are looked for: `models/README.md` has the list for people.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::MANIFEST_FILE;

/// Environment variable with a list of folders, separated like `PATH`.
const PACKS_VARIABLE: &str = "ENCORE_PACKS";
/// Where packs lie, seen from a folder that holds the plugin or program, or from one above it.
const BESIDE_BINARY: [&str; 3] = ["models", "Resources/models", "Contents/Resources/models"];
/// Folders that are looked at above the one that holds the plugin or program.
const MAX_ANCESTORS: usize = 4;

/// Every pack that can be found, in the order of the search path. `binary` is the plugin or program.
pub fn find_packs(binary: Option<&Path>) -> Vec<PathBuf> {
    packs_in(&search_path(binary))
}

/// The folders in which packs are looked for, whether or not they exist.
pub fn search_path(binary: Option<&Path>) -> Vec<PathBuf> {
    let variable = std::env::var_os(PACKS_VARIABLE);
    folders(variable.as_deref(), binary, data_folder().as_deref())
}

/// Encore's own folder among the user's data, whether or not it exists; none where the system has no such place.
pub fn data_folder() -> Option<PathBuf> {
    dirs::data_dir().map(|data| data.join("encore"))
}

fn folders(variable: Option<&OsStr>, binary: Option<&Path>, data: Option<&Path>) -> Vec<PathBuf> {
    let named =
        variable.map(|list| std::env::split_paths(list).collect::<Vec<_>>()).unwrap_or_default();
    let above = binary.into_iter().flat_map(|b| b.ancestors().skip(1).take(1 + MAX_ANCESTORS));
    let beside = above.flat_map(|folder| BESIDE_BINARY.map(|name| folder.join(name)));
    let own = data.map(|data| data.join("models"));
    named
        .into_iter()
        .filter(|folder| !folder.as_os_str().is_empty())
        .chain(beside)
        .chain(own)
        .collect()
}

/// Packs among these folders: each may be a pack, or hold packs.
fn packs_in(folders: &[PathBuf]) -> Vec<PathBuf> {
    let is_pack = |folder: &Path| folder.join(MANIFEST_FILE).is_file();
    let mut found: Vec<(PathBuf, PathBuf)> = Vec::new(); // real path, path as found
    for folder in folders {
        let mut packs = if is_pack(folder) {
            vec![folder.clone()]
        } else {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).filter(|path| is_pack(path)).collect()
        };
        packs.sort();
        for pack in packs {
            let real = pack.canonicalize().unwrap_or_else(|_| pack.clone());
            if found.iter().all(|(known, _)| *known != real) {
                found.push((real, pack));
            }
        }
    }
    found.into_iter().map(|(_, pack)| pack).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make_pack(folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(MANIFEST_FILE), "{}").unwrap();
    }

    #[test]
    fn named_folders_come_first_then_those_beside_the_binary_then_the_data_folder() {
        let named = std::env::join_paths(["/a", "/b"]).unwrap();

        let folders = folders(
            Some(&named),
            Some(Path::new("/opt/Encore.vst3/Contents/x86_64-linux/Encore.so")),
            Some(Path::new("/home/me/data/encore")),
        );

        assert_eq!(folders[..2], [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert!(folders.contains(&"/opt/Encore.vst3/Contents/Resources/models".into()));
        assert_eq!(folders.last(), Some(&PathBuf::from("/home/me/data/encore/models")));
    }

    #[test]
    fn a_folder_may_be_a_pack_or_hold_packs_and_none_is_found_twice() {
        let dir = tempfile::tempdir().unwrap();
        let (one, many) = (dir.path().join("one"), dir.path().join("many"));
        make_pack(&one);
        make_pack(&many.join("b"));
        make_pack(&many.join("a"));
        std::fs::create_dir(many.join("empty")).unwrap();

        let packs = packs_in(&[one.clone(), many.clone(), dir.path().join("gone"), one.clone()]);

        assert_eq!(packs, [one, many.join("a"), many.join("b")]);
    }
}
