//! The networks agree with the reference implementation, set by set.
//!
//! `ENCORE_FIXTURES` names the folder of sets; without it, the full sets beside the repository are
//! used where they exist, and otherwise the two small ones in `tests/fixtures`.
//! Each set runs once for every form of file that its weights are stored in. What cannot be run is
//! skipped by name, with the reason.

mod anchor;
mod labels;
mod pipeline;
mod prior;
mod shapes;
mod tally;
mod vqvae;
mod weights;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use candle_core::{DType, Device, Tensor};
use serde_json::Value;

use tally::Tally;
use weights::{FORMS, Form};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Without the test harness, which would hide what agreed and by how much.
fn main() -> ExitCode {
    let folder = fixtures();
    let mut sets: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{folder:?}: {error}"))
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    sets.sort();
    let mut total = Tally::new("total");
    for set in &sets {
        for (idx, form) in FORMS.iter().enumerate() {
            let name = set.file_name().unwrap_or_default().to_string_lossy();
            let mut tally = Tally::new(&format!("{name} ({})", form.name));
            if let Err(error) = run(set, form, idx == 0, &mut tally) {
                tally.fail("the set", &error.to_string());
            }
            if !tally.is_empty() {
                println!("{}", tally.line());
            }
            total.add(&tally);
        }
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

/// Runs what a set says, with its weights in one form; what needs no weights runs with the first.
fn run(set: &Path, form: &Form, is_first: bool, tally: &mut Tally) -> Outcome {
    if set.join("labels.json").exists() {
        let labels = json(&set.join("labels.json"))?;
        return if is_first { labels::run(set, &labels, tally) } else { Ok(()) };
    }
    if set.join("anchor.json").exists() {
        return if is_first { anchor::run(set, tally) } else { Ok(()) };
    }
    let meta = json(&set.join("meta.json"))?;
    match meta["kind"].as_str() {
        Some("vqvae") => vqvae::run(set, &meta, form, tally),
        Some("prior") => prior::run(set, &meta, form, tally),
        Some("pipeline") => pipeline::run(set, &meta, form, tally),
        kind => Err(format!("unknown kind {kind:?}").into()),
    }
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

fn json(path: &Path) -> Result<Value, Box<dyn std::error::Error>> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

/// What the reference gave.
struct Expected(HashMap<String, Tensor>);

impl Expected {
    fn load(set: &Path) -> candle_core::Result<Self> {
        let path = set.join("expected.safetensors");
        Ok(Self(candle_core::safetensors::load(path, &Device::Cpu)?))
    }

    fn get(&self, name: &str) -> Result<&Tensor, String> {
        self.0.get(name).ok_or_else(|| format!("expected.safetensors has no {name}"))
    }
}

/// Integers of a fixture as codes.
fn codes(tensor: &Tensor) -> candle_core::Result<Vec<Vec<u32>>> {
    let rows = tensor.to_dtype(DType::I64)?.to_vec2::<i64>()?;
    Ok(rows.into_iter().map(|row| row.into_iter().map(|code| code as u32).collect()).collect())
}
