//! `encore info`: what is in a pack, once every byte of it was checked.

use std::path::Path;

use encore::pack::taught::Taught;
use encore::pack::{Manifest, Pack, Precision};
use encore::units::seconds_from_frames;
use serde_json::{Value, json};

use crate::failure::{Failure, print, print_json};
use crate::open;
use crate::progress::Spinner;

pub fn run(folder: &Path, as_json: bool) -> Result<(), Failure> {
    let pack = open::pack(folder)?;
    {
        let _spinner = Spinner::new("checking hashes");
        pack.verify()?;
    }
    if as_json { print_json(&facts(&pack)?) } else { print(&sheet(&pack)?) }
}

fn facts(pack: &Pack) -> Result<Value, Failure> {
    let Manifest { name, licence, description, sampling, files, labels, .. } = pack.manifest();
    let of = |precision: Precision| (precision.name(), pack.memory_bytes(precision));
    let memory = Precision::ALL.map(of);
    let memory: std::collections::BTreeMap<_, _> = memory.into();
    let mut levels = Vec::new();
    for &level in &pack.manifest().vqvae.levels_present {
        let hop = pack.hop(level)?;
        levels.push(json!({
            "level": level,
            "frames_per_token": hop,
            "tokens_per_second": f64::from(pack.sample_rate()) / hop as f64,
            "prior": pack.prior_config(level).ok(),
        }));
    }
    Ok(json!({
        "name": name,
        "licence": licence,
        "description": description,
        "folder": pack.dir(),
        "sealed": pack.is_sealed(),
        "sha256": pack.hash(),
        "sample_rate": pack.sample_rate(),
        "levels": levels,
        "parameters": pack.parameters(),
        "bytes": pack.bytes(),
        "memory_bytes": memory,
        "taught": pack.taught().iter().map(|taught| json!({
            "id": taught.artist_id,
            "artist": taught.card.artist,
            "genre": taught.card.genre,
            "audio_seconds": taught.card.audio_seconds,
            "steps": taught.card.n_steps,
            "bytes": taught.card.file.bytes,
            "file": taught.path,
        })).collect::<Vec<_>>(),
        "taught_left_out": pack.taught_problems().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "n_artists": labels.artists.len(),
        "n_genres": labels.genres.len(),
        "sampling": sampling,
        "files": files,
    }))
}

fn sheet(pack: &Pack) -> Result<String, Failure> {
    let manifest = pack.manifest();
    let mut lines = vec![manifest.name.clone()];
    if !manifest.description.is_empty() {
        lines.push(manifest.description.clone());
    }
    lines.push(String::new());
    let mut row = |what: &str, value: String| lines.push(format!("{what:<12} {value}"));
    row("licence", manifest.licence.clone());
    row("folder", pack.dir().display().to_string());
    row("audio", format!("{} Hz, mono", pack.sample_rate()));
    for &level in &manifest.vqvae.levels_present {
        row(&format!("level {level}"), level_line(pack, level)?);
    }
    row("parameters", format!("{:.1} million", pack.parameters() as f64 / 1e6));
    row("memory", memory_line(pack));
    let hashes = if pack.is_sealed() { "every hash is right" } else { "checkpoints, not a pack" };
    row("on disk", format!("{}, {hashes}", megabytes(pack.bytes())));
    let (artists, genres) = (manifest.labels.artists.len(), manifest.labels.genres.len());
    row("labels", format!("{artists} artists, {genres} genres"));
    for Taught { card, .. } in pack.taught() {
        let (audio, size) = (minutes(card.audio_seconds), megabytes(card.file.bytes));
        row("taught", format!("{}, from {audio} of recordings, {size}", card.artist));
    }
    for problem in pack.taught_problems() {
        row("left out", problem.to_string());
    }
    row("sampling", sampling_line(manifest));
    row("identity", pack.hash());
    Ok(lines.join("\n"))
}

fn level_line(pack: &Pack, level: usize) -> Result<String, Failure> {
    let hop = pack.hop(level)?;
    let rate = f64::from(pack.sample_rate());
    let codes = format!("{:.1} codes per second ({hop} frames each)", rate / hop as f64);
    Ok(match pack.prior_config(level) {
        Err(_) => format!("{codes}; no prior"),
        Ok(prior) => format!(
            "{codes}; prior {} wide, {} deep, window {} codes = {:.1} s",
            prior.width,
            prior.depth,
            prior.n_ctx,
            seconds_from_frames(prior.n_ctx * hop, rate)
        ),
    })
}

/// The memory of each precision; those that take the same are named together.
fn memory_line(pack: &Pack) -> String {
    let mut sizes: Vec<(u64, Vec<&str>)> = Vec::new();
    for precision in Precision::ALL {
        let (name, n_bytes) = (precision.name(), pack.memory_bytes(precision));
        match sizes.last_mut().filter(|(last, _)| *last == n_bytes) {
            Some((_, names)) => names.push(name),
            None => sizes.push((n_bytes, vec![name])),
        }
    }
    let sizes = sizes.iter();
    let sizes =
        sizes.map(|(n_bytes, names)| format!("{} as {}", megabytes(*n_bytes), names.join(", ")));
    sizes.collect::<Vec<_>>().join(", ")
}

fn sampling_line(manifest: &Manifest) -> String {
    let sampling = &manifest.sampling;
    let mut parts = vec![format!("temperature {}", sampling.temperature)];
    parts.extend(sampling.top_k.map(|k| format!("top-k {k}")));
    parts.extend(sampling.top_p.map(|p| format!("top-p {p}")));
    parts.push(format!("prime {} s", sampling.prime_seconds));
    parts.push(format!("song {} s", sampling.total_seconds));
    parts.join(", ")
}

/// "10 min 20 s".
fn minutes(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 60, whole % 60) {
        (0, s) => format!("{s} s"),
        (m, s) => format!("{m} min {s} s"),
    }
}

fn megabytes(n_bytes: u64) -> String {
    format!("{:.1} MB", n_bytes as f64 / 1e6)
}
