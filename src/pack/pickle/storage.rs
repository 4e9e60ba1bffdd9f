//! Storages and the tensors cut from them: described, and checked against each other.

use super::dtype::Dtype;
use super::error::Problem;
use super::table::{Id, Node, Object, Storage, Table, TensorRef};

/// Most axes of a tensor.
const MAX_AXES: usize = 8;
/// Most numbers in a tensor.
const MAX_VALUES: u64 = 1 << 40;
/// Longest name of a storage; PyTorch's are numbers.
const MAX_KEY_BYTES: u64 = 512;

/// What a persistent id stands for: a storage, or a module's source code, which is passed over.
pub fn persistent(table: &mut Table, named: Id) -> Result<Node, Problem> {
    let Node::Tuple(parts) = table.node(named) else {
        return Err(malformed("a persistent id is not a tuple"));
    };
    let parts: Vec<Id> = parts.iter().take(6).copied().collect();
    let node = |i: usize| parts.get(i).map(|id| table.node(*id));
    match (node(0), node(1), node(2), node(4)) {
        (
            Some(Node::Str(kind)),
            Some(Node::Global(class)),
            Some(Node::Str(key)),
            Some(Node::Int(n)),
        ) if &**kind == "storage" => {
            let dtype = Dtype::of_storage(&class.name).ok_or_else(|| {
                Problem::Malformed(format!("a storage is of the unknown type {}", class.name))
            })?;
            let n_elements = u64::try_from(*n).ok();
            let n_bytes = n_elements.and_then(|n| n.checked_mul(dtype.size()));
            let (n_bytes, n_elements) = n_bytes
                .zip(n_elements)
                .ok_or_else(|| Problem::Malformed(format!("storage {key:?} has {n} elements")))?;
            let whole = Storage { key: name_of(key)?, n_bytes, dtype, view_of: None };
            let storage = match node(5) {
                Some(Node::Tuple(view)) => {
                    let view = view_of(table, &whole, n_elements, view)?;
                    known(table, whole)?;
                    view
                }
                _ => whole,
            };
            Ok(Node::Storage(known(table, storage)?))
        }
        (Some(Node::Str(kind)), ..) if &**kind == "module" => {
            Ok(Node::Object(Object::default().into()))
        }
        _ => Err(malformed("a persistent id that names no storage")),
    }
}

/// Part of a legacy storage, named as if it were a storage itself.
fn view_of(
    table: &Table,
    whole: &Storage,
    n_elements: u64,
    view: &[Id],
) -> Result<Storage, Problem> {
    let (Some(Node::Str(key)), Some(Node::Int(offset)), Some(Node::Int(n))) = (
        view.first().map(|id| table.node(*id)),
        view.get(1).map(|id| table.node(*id)),
        view.get(2).map(|id| table.node(*id)),
    ) else {
        return Err(malformed("a view of a storage is not (key, offset, size)"));
    };
    let (offset, n) = (u64::try_from(*offset), u64::try_from(*n));
    let inside = |offset: u64, n: u64| offset.checked_add(n).is_some_and(|end| end <= n_elements);
    match (offset, n) {
        (Ok(offset), Ok(n)) if inside(offset, n) => Ok(Storage {
            key: name_of(key)?,
            n_bytes: n * whole.dtype.size(),
            dtype: whole.dtype,
            view_of: Some((whole.key.clone(), offset * whole.dtype.size())),
        }),
        _ => Err(malformed("a view reaches beyond its storage")),
    }
}

/// A storage's name. Short, because every mention of a storage compares it.
fn name_of(key: &str) -> Result<String, Problem> {
    match key.len() as u64 {
        ..=MAX_KEY_BYTES => Ok(key.to_owned()),
        found => {
            Err(Problem::TooMuch { what: "bytes of a storage's name", found, limit: MAX_KEY_BYTES })
        }
    }
}

/// The index of a storage; the same key always means the same storage.
fn known(table: &mut Table, storage: Storage) -> Result<u32, Problem> {
    if let Some(idx) = table.storage_of_key.get(&storage.key) {
        let known = &table.storages[*idx as usize];
        return match *known == storage {
            true => Ok(*idx),
            false => Err(Problem::Malformed(format!(
                "storage {:?} is described twice, as {} and as {} bytes",
                storage.key, known.n_bytes, storage.n_bytes
            ))),
        };
    }
    table.charge(128 + 2 * storage.key.len() as u64)?;
    let idx = table.storages.len() as u32; // fewer than values
    table.storage_of_key.insert(storage.key.clone(), idx);
    table.storages.push(storage);
    Ok(idx)
}

/// `(storage, offset, size, stride, ..)`, if all of it lies inside the storage.
pub fn tensor(table: &Table, arguments: &[Id], dtype: Option<Dtype>) -> Result<Node, Problem> {
    let [storage, offset, shape, strides, ..] = arguments else {
        return Err(malformed("a tensor needs a storage, an offset, a size and strides"));
    };
    let Node::Storage(storage) = table.node(*storage) else {
        return Err(malformed("a tensor's storage is not a storage"));
    };
    let Node::Int(offset) = table.node(*offset) else {
        return Err(malformed("a tensor's offset is not an integer"));
    };
    let (shape, strides) = (sizes(table, *shape)?, sizes(table, *strides)?);
    let Storage { key, n_bytes, dtype: stored, .. } = &table.storages[*storage as usize];
    let dtype = dtype.unwrap_or(*stored);
    let offset = u64::try_from(*offset)
        .map_err(|_| Problem::Malformed(format!("a tensor begins at element {offset}")))?;
    if shape.len() != strides.len() || shape.len() > MAX_AXES {
        return Err(Problem::Malformed(format!(
            "a tensor has {} sizes and {} strides (as many, at most {MAX_AXES})",
            shape.len(),
            strides.len()
        )));
    }
    let last = shape.iter().zip(&strides).try_fold(offset, |last, (n, stride)| {
        last.checked_add(n.saturating_sub(1).checked_mul(*stride)?)
    });
    // an axis of none counts as one here, so that whatever is computed with a shape has a limit
    let n_values = shape.iter().try_fold(1u64, |n, size| n.checked_mul((*size).max(1)));
    let end = last.and_then(|last| last.checked_add(1)?.checked_mul(dtype.size()));
    let fits = shape.contains(&0) || end.is_some_and(|end| end <= *n_bytes);
    if !fits || n_values.is_none_or(|n| n > MAX_VALUES) {
        return Err(Problem::Malformed(format!(
            "a tensor of shape {shape:?} and strides {strides:?} at element {offset} does not lie \
             in its storage {key:?}, which has {n_bytes} bytes"
        )));
    }
    if !lies_in_order(&shape, &strides) {
        return Err(Problem::Malformed(format!(
            "a tensor of shape {shape:?} goes over its storage {key:?} again and again with strides \
             {strides:?}"
        )));
    }
    let shape = shape.into_iter().map(|n| n as usize).collect();
    Ok(Node::Tensor(TensorRef { storage: *storage as usize, dtype, offset, shape, strides }.into()))
}

/// Whether its numbers, but for repeated ones, can be read from first to last without going back. All
/// that slicing, transposing and expanding make can be.
fn lies_in_order(shape: &[u64], strides: &[u64]) -> bool {
    let axes = shape.iter().zip(strides).filter(|(n, stride)| **n > 1 && **stride > 0);
    let mut axes: Vec<_> = axes.collect();
    axes.sort_by_key(|(_, stride)| **stride);
    let mut reach = 0u64; // of the axes inside
    axes.into_iter().all(|(n, stride)| {
        let is_beyond = *stride > reach;
        reach = reach.saturating_add(stride.saturating_mul(n - 1));
        is_beyond
    })
}

/// A size or strides: few integers, none below 0.
fn sizes(table: &Table, id: Id) -> Result<Vec<u64>, Problem> {
    let items = match table.node(id) {
        Node::Tuple(items) => items,
        Node::List(items) => items.as_slice(),
        _ => return Err(malformed("a tensor's size or strides are not a tuple")),
    };
    let size = |id: &Id| match table.node(*id) {
        Node::Int(n) => u64::try_from(*n)
            .map_err(|_| Problem::Malformed(format!("{n} among a tensor's sizes and strides"))),
        _ => Err(malformed("a tensor's size or strides are not integers")),
    };
    items.iter().take(MAX_AXES + 1).map(size).collect()
}

pub fn malformed(problem: &str) -> Problem {
    Problem::Malformed(problem.to_owned())
}
