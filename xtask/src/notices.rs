//! `THIRD-PARTY-NOTICES.md`: what the plugin contains that others wrote, with their licences.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
};

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, Package, PackageId};

use crate::steps::{Failure, root};

const FILE: &str = "THIRD-PARTY-NOTICES.md";

/// Writes the notices anew.
pub fn write() -> Result<(), Failure> {
    let text = text()?;
    fs::write(root().join(FILE), text)
        .map_err(|e| Failure(format!("{FILE} cannot be written: {e}")))
}

/// Fails when a library in the plugin is not named in the notices at its version.
pub fn check() -> Result<(), Failure> {
    let written = fs::read_to_string(root().join(FILE)).unwrap_or_default();
    let metadata = metadata()?;
    let missing: Vec<_> = contained(&metadata)
        .into_iter()
        .map(heading)
        .filter(|heading| !written.contains(heading.as_str()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure(format!("{FILE} lacks {}; run cargo xtask notices", missing.join(", "))))
}

fn text() -> Result<String, Failure> {
    let metadata = metadata()?;
    // texts that differ in line breaks alone are printed once
    let mut texts: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    let mut list = String::new();
    for package in contained(&metadata) {
        let licence = package.license.as_deref().unwrap_or("see its licence file");
        list += &format!("- {}: {licence}\n", heading(package));
        for text in licence_texts(package) {
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            texts.entry(words).or_insert((text, vec![])).1.push(heading(package));
        }
    }
    let mut out = format!(
        "# Third-party notices\n\nEncore's plugin and command line contain these libraries, and the \
         fonts that come with `epaint_default_fonts` (Ubuntu-Light, Hack, NotoEmoji and emoji-icon-font, \
         under the licences printed below). The model in `models/starter` is our own and in the public \
         domain (CC0-1.0).\n\n{list}"
    );
    for (text, mut packages) in texts.into_values() {
        packages.dedup();
        out += &format!("\n---\n\n## {}\n\n```text\n{text}\n```\n", packages.join(", "));
    }
    Ok(out)
}

fn metadata() -> Result<Metadata, Failure> {
    let manifest = root().join("Cargo.toml");
    let metadata =
        MetadataCommand::new().manifest_path(manifest).features(CargoOpt::AllFeatures).exec();
    metadata.map_err(|e| Failure(format!("cargo metadata failed: {e}")))
}

fn heading(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

/// Everything that `encore` is linked from, on any system and with any feature, but for itself.
fn contained(metadata: &Metadata) -> Vec<&Package> {
    let nodes: HashMap<&PackageId, _> =
        metadata.resolve.iter().flat_map(|resolve| &resolve.nodes).map(|n| (&n.id, n)).collect();
    let Some(encore) = metadata.packages.iter().find(|p| *p.name == "encore") else {
        return vec![];
    };
    let mut seen = BTreeSet::from([&encore.id]);
    let mut waiting = vec![&encore.id];
    while let Some(id) = waiting.pop() {
        for dependency in nodes.get(id).iter().flat_map(|node| &node.deps) {
            let is_linked =
                dependency.dep_kinds.iter().any(|info| info.kind == DependencyKind::Normal);
            if is_linked && seen.insert(&dependency.pkg) {
                waiting.push(&dependency.pkg);
            }
        }
    }
    let mut packages: Vec<_> = metadata
        .packages
        .iter()
        .filter(|package| seen.contains(&package.id) && package.id != encore.id)
        .collect();
    packages.sort_by_key(|package| heading(package));
    packages
}

/// The licence files that a library comes with, and those of its fonts.
fn licence_texts(package: &Package) -> Vec<String> {
    let Some(folder) = package.manifest_path.parent() else { return vec![] };
    let mut texts = Vec::new();
    for folder in [folder.as_std_path().to_owned(), folder.as_std_path().join("fonts")] {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if is_licence(&entry.path())
                && let Ok(text) = fs::read_to_string(entry.path())
            {
                texts.push(text.replace("\r\n", "\n").replace("```", "'''").trim().to_owned());
            }
        }
    }
    texts.sort();
    texts
}

fn is_licence(path: &Path) -> bool {
    let name =
        path.file_name().map(|name| name.to_string_lossy().to_uppercase()).unwrap_or_default();
    let is_text = path.is_file()
        && ![".RS", ".TTF"].iter().any(|e| name.ends_with(e))
        && !name.contains("GPL");
    is_text
        && ["LICEN", "COPYING", "NOTICE", "OFL", "UFL", "HACK", "ICONS"]
            .iter()
            .any(|word| name.contains(word))
}
