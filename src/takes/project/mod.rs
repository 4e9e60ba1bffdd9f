//! What a project keeps of an instance: its parameters and its takes, as bytes for the host.
//!
//! A take costs the bits of its codes and about a kilobyte: at 344.5 codes a second of 11 bits, 474 bytes for
//! each second of music. Undoing does not outlive the project.
//!
//! Whatever the bytes are, what can be read of them is read and the rest is said. What a newer Encore wrote and
//! this one does not understand is kept, and written again.

mod kept;
mod sections;

use std::collections::BTreeMap;

use super::{MAX_TAKES, Take, TakeId, Tree};
use sections::{Parts, Tag, join};
pub use sections::{Section, VERSION};

const PARAMS: Tag = *b"PARM";
const TREE: Tag = *b"TREE";
const TAKE: Tag = *b"TAKE";

/// Largest project that is read at all, in bytes.
const MAX_BYTES: usize = 256 << 20;
/// What a small project may inflate to, in bytes; a large one to [`EXPANSION`] times its size more.
const SMALL_BYTES: usize = 16 << 20;
const EXPANSION: usize = 16;
/// Most characters of why a take makes no sense: hostile ones are quoted in it.
const MAX_WHY: usize = 200;

/// What was read of a project.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The parameters' bytes as they were given to [`save`]; none where they are missing or damaged.
    pub params: Option<Vec<u8>>,
    pub tree: Tree,
    /// What this Encore does not understand, for [`save`].
    pub others: Vec<Section>,
    /// What could not be read, in sentences for the user.
    pub problems: Vec<String>,
}

/// What is kept of the tree itself.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct KeptTree {
    next_id: u64,
}

/// A project's bytes. `others` are those of [`Loaded`].
pub fn save(params: &[u8], tree: &Tree, others: &[Section]) -> Vec<u8> {
    let kept = KeptTree { next_id: tree.coming_id() };
    let kept = serde_json::to_vec(&kept).unwrap_or_default(); // a number always is JSON
    let mut sections = vec![Section::new(PARAMS, params), Section::new(TREE, &kept)];
    sections.extend(tree.takes().map(|take| Section::new(TAKE, &kept::to_bytes(take))));
    join(sections.iter().chain(others))
}

/// Reads what [`save`] wrote, and the bare parameters that Encore wrote before there were takes.
pub fn load(bytes: &[u8]) -> Loaded {
    let mut loaded = Loaded::default();
    if MAX_BYTES < bytes.len() {
        let problem =
            format!("the project's Encore state is {} bytes long, too long to read", bytes.len());
        loaded.problems.push(problem);
        return loaded;
    }
    if bytes.trim_ascii_start().starts_with(b"{") {
        loaded.params = Some(bytes.to_vec());
        return loaded;
    }
    let parts = Parts::read(bytes);
    if parts.version.is_none() && parts.sections.is_empty() {
        loaded.problems.push(
            "the project's Encore state cannot be read: it is none, or all of it is damaged".into(),
        );
        return loaded;
    }
    if let Some(version) = parts.version.filter(|version| VERSION < *version) {
        loaded.problems.push(format!(
            "this project was saved by a newer Encore (its state has version {version}, and this one knows \
             {VERSION}); what this one understands was read"
        ));
    }
    loaded.problems.extend(damage(&parts.damaged));
    let room = SMALL_BYTES + EXPANSION * bytes.len();
    Reader {
        loaded,
        takes: BTreeMap::new(),
        kept: KeptTree::default(),
        n_bytes: room,
        n_codes: room,
    }
    .read(parts.sections)
}

/// Reads sections one by one.
struct Reader {
    loaded: Loaded,
    takes: BTreeMap<TakeId, Take>,
    kept: KeptTree,
    /// Bytes and codes that may still come.
    n_bytes: usize,
    n_codes: usize,
}

impl Reader {
    fn read(mut self, sections: Vec<Section>) -> Loaded {
        for section in sections {
            if ![PARAMS, TREE, TAKE].contains(&section.tag) {
                self.loaded.others.push(section);
                continue;
            }
            let Some(bytes) = section.inflate(&mut self.n_bytes) else {
                self.loaded.problems.extend(damage(&[section.tag]));
                continue;
            };
            match section.tag {
                PARAMS => self.loaded.params = Some(bytes),
                TREE => self.kept = serde_json::from_slice(&bytes).unwrap_or_default(),
                _ => self.take(section, &bytes),
            }
        }
        self.loaded.tree = Tree::of_kept(self.takes.into_values().collect(), self.kept.next_id);
        self.loaded
    }

    /// A take that makes no sense here may do so to the Encore that wrote it, and is kept.
    fn take(&mut self, section: Section, bytes: &[u8]) {
        let problem = match kept::from_bytes(bytes, &mut self.n_codes) {
            Ok(take) if MAX_TAKES <= self.takes.len() || self.takes.contains_key(&take.id) => {
                format!("take {} is there already, or there are too many", take.id)
            }
            Ok(take) => {
                self.takes.insert(take.id, take);
                return;
            }
            Err(problem) => problem.chars().filter(|c| !c.is_control()).take(MAX_WHY).collect(),
        };
        self.loaded.problems.push(format!(
            "a take of this project is not one that this Encore understands ({problem}); it is kept in the \
             project and not shown"
        ));
        self.loaded.others.push(section);
    }
}

/// What was lost, in sentences.
fn damage(tags: &[Tag]) -> Vec<String> {
    const WHY: &str = "could not be read (damaged bytes)";
    let n_of = |tag: Tag| tags.iter().filter(|found| **found == tag).count();
    let (n_takes, n_params) = (n_of(TAKE), n_of(PARAMS));
    let mut sentences = Vec::new();
    match n_takes {
        0 => {}
        1 => sentences.push(format!("a take of this project {WHY}; the others are there")),
        n => sentences.push(format!("{n} takes of this project {WHY}; the others are there")),
    }
    if n_params > 0 {
        sentences.push(format!("the settings of this project {WHY}; they were left as they are"));
    }
    if n_takes + n_params < tags.len() {
        sentences.push(format!("a part of this project's Encore state {WHY}; the rest is there"));
    }
    sentences
}

#[cfg(test)]
mod tests;
