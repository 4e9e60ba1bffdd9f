//! The networks agree with the reference implementation, set by set.
//!
//! `ENCORE_FIXTURES` names the folder of sets; without it, the full sets beside the repository are
//! used where they exist, and otherwise the two small ones in `tests/fixtures`.
//! Each set runs once for every form of file that its weights are stored in. What cannot be run is
//! skipped by name, with the reason.

mod anchor;
mod expected;
mod labels;
mod pipeline;
mod prior;
mod sampling;
mod shapes;
mod tally;
mod training;
mod vqvae;
mod weights;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use expected::{Expected, codes};
use tally::Tally;
use weights::{Source, entries, name, sources};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;
type Outcome = Fallible<()>;

/// What makes a folder a set.
const MARKS: [&str; 3] = ["meta.json", "labels.json", "anchor.json"];
/// Folders within folders in which sets are looked for.
const MAX_DEPTH: usize = 3;

/// Without the test harness, which would hide what agreed and by how much.
fn main() -> ExitCode {
    let folder = fixtures();
    let mut total = Tally::new("total");
    for set in sets(&folder, 0) {
        let name = set.strip_prefix(&folder).unwrap_or(&set).to_string_lossy().into_owned();
        let mut tally = Tally::new(&name);
        if let Err(error) = run(&set, &mut tally, &mut total) {
            tally.fail("the set", &error.to_string());
        }
        tally.finish(&mut total);
    }
    println!("{}", total.counts());
    if total.n_passed == 0 {
        eprintln!("no set in {folder:?} could be run");
    }
    match 0 < total.n_passed && total.n_failed == 0 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// The sets of a folder; a folder without any is taken for one, and fails.
fn sets(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let folders = entries(folder, Path::is_dir);
    let folders = folders.unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let is_set = |path: &Path| MARKS.iter().any(|mark| path.join(mark).exists());
    let within = |path: PathBuf| match is_set(&path) || depth == MAX_DEPTH {
        true => vec![path],
        false => {
            let inner = sets(&path, depth + 1);
            if inner.is_empty() { vec![path] } else { inner }
        }
    };
    folders.into_iter().flat_map(within).collect()
}

/// Runs what a set says: what needs weights once for each form of them.
fn run(set: &Path, tally: &mut Tally, total: &mut Tally) -> Outcome {
    if set.join("labels.json").exists() {
        return labels::run(set, &json(&set.join("labels.json"))?, tally);
    }
    if set.join("anchor.json").exists() {
        return anchor::run(set, &json(&set.join("anchor.json"))?, tally);
    }
    let meta = json(&set.join("meta.json"))?;
    let expected = Expected::load(set)?;
    let check = match meta["kind"].as_str() {
        Some("vqvae") => vqvae::run,
        Some("prior") => prior::run,
        Some("pipeline") => pipeline::run,
        kind => return Err(format!("unknown kind {kind:?}").into()),
    };
    let sources = sources(set)?;
    if sources.is_empty() {
        return Err("it has no weights".into());
    }
    for source in &sources {
        let mut of_source = Tally::new(&format!("{} ({})", tally.name(), source.name));
        if let Err(error) = check(set, &meta, source, &expected, &mut of_source) {
            of_source.fail("the set", &error.to_string());
        }
        of_source.finish(total);
    }
    expected.report_unused(tally);
    if !meta["losses_eval"].is_null() {
        tally.aside("losses_eval of meta.json", "the tests of training compare it");
    }
    Ok(())
}

/// The folder of fixture sets.
fn fixtures() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    if let Some(named) = std::env::var_os("ENCORE_FIXTURES") {
        let named = PathBuf::from(named); // an absolute path replaces what it is joined to
        return if named.exists() { named } else { package.join(named) };
    }
    let beside = package.join("../shared/fixtures");
    if beside.exists() { beside } else { package.join("tests/fixtures") }
}

fn json(path: &Path) -> Fallible<Value> {
    let bytes = std::fs::read(path).map_err(|error| format!("{:?}: {error}", name(path)))?;
    Ok(serde_json::from_slice(&bytes)?)
}
