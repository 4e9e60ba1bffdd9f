//! Rooms import only what the map in `src/lib.rs` says.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Crates that only some rooms may know.
const GUARDED: [(&str, &[&str]); 12] = [
    ("candle_core", &["jukebox", "pack", "train"]),
    ("candle_nn", &["jukebox", "pack", "train"]),
    ("gemm", &["train"]),
    ("rustysynth", &["corpus"]),
    ("egui", &["ui", "plugin"]),
    ("egui_baseview", &["plugin"]),
    ("clack_plugin", &["plugin/clap"]),
    ("clack_extensions", &["plugin/clap"]),
    ("rubato", &["engine"]),
    ("rtrb", &["link"]),
    ("deunicode", &["lyrics"]),
    ("unidecode", &["lyrics"]),
];

/// What each room may import, read from the table in `src/lib.rs`.
fn table() -> Vec<(String, BTreeSet<String>)> {
    let map = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("//! | "));
    let mut rooms: Vec<(String, BTreeSet<String>)> = Vec::new();
    for row in rows.filter(|row| row.contains('`')) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let name = quoted(cells[0]).remove(0).replace("::", "/");
        let allowed = match cells[2] {
            "all above" => rooms.iter().map(|(name, _)| name.clone()).collect(),
            all_but if all_but.starts_with("all but") => {
                let barred = quoted(all_but);
                let all = rooms.iter().map(|(name, _)| name.clone());
                all.filter(|name| !barred.contains(name)).collect()
            }
            listed => quoted(listed).into_iter().collect(),
        };
        rooms.push((name, allowed));
    }
    rooms
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true => found.extend(sources(&entry)),
            false => found.extend(entry.extension().is_some_and(|e| e == "rs").then_some(entry)),
        }
    }
    found
}

/// Code without comments, strings' insides and unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// First path segments after every `start`, such as `crate::`; groups in braces are taken apart.
fn segments_after(code: &str, start: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(start) {
        let rest = &code[at + start.len()..];
        match rest.strip_prefix('{') {
            None => drop(found.insert(word(rest))),
            Some(group) => {
                let (mut depth, mut begins) = (0, true);
                for (i, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => begins = true,
                        c if begins && !c.is_whitespace() => {
                            found.insert(word(&group[i..]));
                            begins = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn every_room_imports_only_what_the_map_says() {
    let rooms = table();
    let names: BTreeSet<_> = rooms.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains("rt") && names.contains("engine"), "the map was not understood");
    let mut broken = Vec::new();
    for (room, allowed) in &rooms {
        let is_binary = room.starts_with("bin/");
        let files = match root().join("src").join(room) {
            folder if folder.is_dir() => sources(&folder),
            folder => vec![folder.with_extension("rs")],
        };
        assert!(!files.is_empty(), "{room} has no files");
        for file in files {
            let start = if is_binary { "encore::" } else { "crate::" };
            for import in segments_after(&code(&file), start) {
                let own = room.split('/').next() == Some(import.as_str());
                if !own && names.contains(import.as_str()) && !allowed.contains(&import) {
                    broken.push(format!("{} imports {import}", file.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut broken = Vec::new();
    for file in sources(&root().join("src")) {
        let code = code(&file);
        let room = file.strip_prefix(root().join("src")).unwrap();
        for (library, rooms) in GUARDED {
            let is_home = rooms.iter().any(|home| room.starts_with(home));
            let is_used = code.contains(&format!("{library}::"));
            if is_used && !is_home {
                broken.push(format!("{} uses {library}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_scanner_sees_imports_however_they_are_written() {
    let code = "use crate::{engine::{a, b}, units};\nlet x = crate::rt::y();";
    let found = segments_after(code, "crate::");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["engine", "rt", "units"]);
}
