//! The table of a pickle's values, and the account of what they take.

use std::collections::HashMap;

use super::dtype::Dtype;
use super::error::Problem;

/// What a pickle may take. The defaults are ten times what the largest released model needs.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of program.
    pub program_bytes: u64,
    /// Values, and entries of the stack and of the memo.
    pub values: u64,
    /// Bytes that values take, with their strings and items.
    pub memory_bytes: u64,
    /// Containers within containers.
    pub depth: u16,
    /// Bytes of one string.
    pub string_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            program_bytes: 64 << 20,
            values: 1 << 19,
            memory_bytes: 32 << 20,
            depth: 256,
            string_bytes: 1 << 20,
        }
    }
}

/// Index of a value.
pub type Id = u32;

/// A value. Others are named by index, so this has one size however deep the pickle goes.
#[derive(Debug)]
pub enum Node {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits.
    Big(Box<i128>),
    Float(f64),
    Str(Box<str>),
    Bytes(Box<[u8]>),
    Tuple(Box<[Id]>),
    List(Vec<Id>),
    /// In order; of two items with the same key the later counts.
    Dict(Vec<(Id, Id)>),
    Global(Box<Global>),
    /// What a call of something unknown would have made, and the items that were put into it.
    Object(Box<Object>),
    /// An index into [`Table::storages`].
    Storage(u32),
    Tensor(Box<TensorRef>),
    /// A type of numpy's, by its short name such as `f8`; `true` where it is big-endian.
    NumpyType(Box<(String, bool)>),
}

/// A class or function by name.
#[derive(Debug)]
pub struct Global {
    pub module: String,
    pub name: String,
}

#[derive(Debug, Default)]
pub struct Object {
    pub items: Vec<(Id, Id)>,
    pub state: Option<Id>,
}

/// Numbers that tensors are cut from.
#[derive(Debug, Clone, PartialEq)]
pub struct Storage {
    /// Its name in the file.
    pub key: String,
    pub n_bytes: u64,
    /// What legacy files count it in, and what its tensors are of unless they say otherwise.
    pub dtype: Dtype,
    /// Another storage that it is part of, and the byte at which it begins there.
    pub view_of: Option<(String, u64)>,
}

/// Which of a storage's numbers a tensor is made of. Checked against the storage's size.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorRef {
    /// Index of the storage.
    pub storage: usize,
    pub dtype: Dtype,
    /// First element.
    pub offset: u64,
    pub shape: Vec<usize>,
    /// Elements from one index to the next, per axis.
    pub strides: Vec<u64>,
}

pub struct Table {
    pub nodes: Vec<Node>,
    pub storages: Vec<Storage>,
    pub storage_of_key: HashMap<String, u32>,
    heights: Vec<u16>,
    limits: Limits,
    n_bytes: u64,
}

impl Table {
    pub fn new(limits: Limits) -> Self {
        Self {
            nodes: Vec::new(),
            storages: Vec::new(),
            storage_of_key: HashMap::new(),
            heights: Vec::new(),
            limits,
            n_bytes: 0,
        }
    }

    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize] // ids are only made by `add`
    }

    pub fn add(&mut self, node: Node) -> Result<Id, Problem> {
        let n_items = match &node {
            Node::Str(text) => text.len(),
            Node::Bytes(bytes) => bytes.len(),
            Node::Tuple(items) => 4 * items.len(),
            Node::List(items) => 4 * items.len(),
            Node::Dict(items) => 8 * items.len(),
            Node::Global(global) => 64 + global.module.len() + global.name.len(),
            Node::Object(_) | Node::Big(_) | Node::NumpyType(_) => 64,
            Node::Tensor(tensor) => 128 + 16 * tensor.shape.len(),
            _ => 0,
        };
        self.charge((size_of::<Node>() + n_items) as u64)?;
        let (found, limit) = (self.nodes.len() as u64 + 1, self.limits.values);
        if found > limit {
            return Err(Problem::TooMuch { what: "number of values", found, limit });
        }
        let height = match &node {
            Node::Tuple(items) => self.height_of(items)?,
            Node::Bool(_) | Node::Int(_) | Node::Float(_) | Node::Str(_) | Node::None => 0,
            _ => 1,
        };
        self.nodes.push(node);
        self.heights.push(height);
        Ok(self.nodes.len() as Id - 1)
    }

    /// Notes that a container takes in these values.
    pub fn put_into(&mut self, container: Id, items: &[Id]) -> Result<(), Problem> {
        self.charge(4 * items.len() as u64)?;
        let height = self.height_of(items)?.max(self.heights[container as usize]);
        self.heights[container as usize] = height;
        Ok(())
    }

    /// Takes `n_bytes` from what the values may take.
    pub fn charge(&mut self, n_bytes: u64) -> Result<(), Problem> {
        self.n_bytes += n_bytes;
        let (found, limit) = (self.n_bytes, self.limits.memory_bytes);
        match found <= limit {
            true => Ok(()),
            false => Err(Problem::TooMuch { what: "bytes of values", found, limit }),
        }
    }

    fn height_of(&self, items: &[Id]) -> Result<u16, Problem> {
        let highest = items.iter().map(|id| self.heights[*id as usize]).max().unwrap_or(0);
        let limit = self.limits.depth;
        if highest >= limit {
            let (found, limit) = (u64::from(highest) + 1, u64::from(limit));
            return Err(Problem::TooMuch { what: "containers within containers", found, limit });
        }
        Ok(highest + 1)
    }
}
