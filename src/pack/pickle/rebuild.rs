//! What stands for a call: the few constructors that checkpoints need. Nothing is ever called.

use super::dtype::Dtype;
use super::error::Problem;
use super::storage::{malformed, tensor};
use super::table::{Global, Id, Node, Object, Table};

/// Arguments of a call that are looked at.
const MAX_ARGUMENTS: usize = 8;

/// The value of `callable(*arguments)`; of what is unknown, an opaque object.
pub fn call(table: &mut Table, callable: Id, arguments: Id) -> Result<Id, Problem> {
    let arguments: Vec<Id> = match table.node(arguments) {
        Node::Tuple(items) => items.iter().take(MAX_ARGUMENTS).copied().collect(),
        _ => return Err(malformed("the arguments of a call are not a tuple")),
    };
    let Global { module, name } = match table.node(callable) {
        Node::Global(global) => &**global,
        Node::Object(_) => return table.add(Node::Object(Object::default().into())),
        _ => return Err(malformed("what is called is not a function")),
    };
    let node = match (module.as_str(), name.as_str()) {
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => {
            tensor(table, &arguments, None)?
        }
        ("torch._utils", "_rebuild_tensor_v3") => {
            let dtype = torch_dtype(table, arguments.get(6))?;
            tensor(table, &arguments, Some(dtype))?
        }
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            let data = arguments.first().copied();
            return data.ok_or_else(|| malformed("a parameter without its tensor"));
        }
        ("collections", "OrderedDict") | ("builtins" | "__builtin__", "dict") => {
            dict(table, &arguments)?
        }
        ("torch", "Size") | ("builtins" | "__builtin__", "tuple" | "list" | "set") => {
            match arguments.first() {
                None => Node::List(Vec::new()),
                Some(items) => return Ok(*items),
            }
        }
        ("_codecs", "encode") => encoded(table, &arguments)?,
        ("numpy", "dtype") => numpy_type(table, &arguments)?,
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => {
            numpy_scalar(table, &arguments)?
        }
        _ => Node::Object(Object::default().into()),
    };
    table.add(node)
}

/// Sets the state of what was built: attributes of known kinds of values mean nothing to us.
pub fn set_state(table: &mut Table, object: Id, state: Id) -> Result<(), Problem> {
    let is_big_endian = match table.node(state) {
        Node::Tuple(parts) => {
            parts.get(1).is_some_and(|id| matches!(table.node(*id), Node::Str(s) if &**s == ">"))
        }
        _ => false,
    };
    match &mut table.nodes[object as usize] {
        Node::Object(object) => object.state = Some(state),
        Node::NumpyType(dtype) => dtype.1 |= is_big_endian,
        Node::Dict(_) | Node::List(_) | Node::Tensor(_) | Node::Global(_) => {}
        _ => return Err(malformed("BUILD is given a value that has no state")),
    }
    Ok(())
}

/// `OrderedDict()`, or with a list of pairs as Python 2 wrote it.
fn dict(table: &Table, arguments: &[Id]) -> Result<Node, Problem> {
    let Some(pairs) = arguments.first() else {
        return Ok(Node::Dict(Vec::new()));
    };
    let items = match table.node(*pairs) {
        Node::Dict(items) => items.clone(),
        Node::List(pairs) => {
            let pair = |id: &Id| match table.node(*id) {
                Node::Tuple(pair) => <[Id; 2]>::try_from(&**pair).ok(),
                Node::List(pair) => <[Id; 2]>::try_from(pair.as_slice()).ok(),
                _ => None,
            };
            let pairs = pairs.iter().map(|id| pair(id).map(|[key, value]| (key, value)));
            pairs
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| malformed("a dictionary is made of something else than pairs"))?
        }
        _ => return Err(malformed("a dictionary is made of something else than a list")),
    };
    Ok(Node::Dict(items))
}

/// `torch.float16` and its like, as an argument.
fn torch_dtype(table: &Table, argument: Option<&Id>) -> Result<Dtype, Problem> {
    let dtype = argument.and_then(|id| match table.node(*id) {
        Node::Global(global) => Dtype::of_torch(&global.name),
        _ => None,
    });
    dtype.ok_or_else(|| malformed("a tensor is of an unknown type"))
}

/// Bytes, as Python 3 writes them for protocol 2: text of the characters up to 255.
fn encoded(table: &Table, arguments: &[Id]) -> Result<Node, Problem> {
    let [text, ..] = arguments else {
        return Err(malformed("bytes are encoded from nothing"));
    };
    let Node::Str(text) = table.node(*text) else {
        return Err(malformed("bytes are encoded from something else than text"));
    };
    let bytes = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<_>>>();
    let bytes = bytes.ok_or_else(|| malformed("bytes are encoded from letters beyond 255"))?;
    Ok(Node::Bytes(bytes.into()))
}

/// `numpy.dtype('f8', ..)`.
fn numpy_type(table: &Table, arguments: &[Id]) -> Result<Node, Problem> {
    match arguments.first().map(|id| table.node(*id)) {
        Some(Node::Str(name)) if name.len() <= 16 => {
            Ok(Node::NumpyType((name.to_string(), name.starts_with('>')).into()))
        }
        _ => Ok(Node::Object(Object::default().into())), // records and the like
    }
}

/// A numpy number as the plain number that it is; of other types, an opaque object.
fn numpy_scalar(table: &Table, arguments: &[Id]) -> Result<Node, Problem> {
    let opaque = Node::Object(Object::default().into());
    let [dtype, bytes] = arguments else {
        return Ok(opaque);
    };
    let (Node::NumpyType(dtype), Node::Bytes(bytes)) = (table.node(*dtype), table.node(*bytes))
    else {
        return Ok(opaque);
    };
    let (name, is_big_endian) = &**dtype;
    if bytes.len() > 8 {
        return Ok(opaque);
    }
    let mut bytes = bytes.to_vec();
    if *is_big_endian {
        bytes.reverse();
    }
    let name = name.trim_start_matches(['<', '>', '=', '|']);
    let node = match (name, bytes.as_slice()) {
        ("b1" | "?", [byte]) => Some(Node::Bool(*byte != 0)),
        ("i1", [byte]) => Some(Node::Int((*byte as i8).into())),
        ("u1", [byte]) => Some(Node::Int((*byte).into())),
        ("i2", _) => bytes.try_into().ok().map(|b| Node::Int(i16::from_le_bytes(b).into())),
        ("u2", _) => bytes.try_into().ok().map(|b| Node::Int(u16::from_le_bytes(b).into())),
        ("i4", _) => bytes.try_into().ok().map(|b| Node::Int(i32::from_le_bytes(b).into())),
        ("u4", _) => bytes.try_into().ok().map(|b| Node::Int(u32::from_le_bytes(b).into())),
        ("i8", _) => bytes.try_into().ok().map(|b| Node::Int(i64::from_le_bytes(b))),
        ("u8", _) => {
            bytes.try_into().ok().map(|b| Node::Big(i128::from(u64::from_le_bytes(b)).into()))
        }
        ("f2", _) => {
            bytes.try_into().ok().map(|b| Node::Float(shortest(half::f16::from_le_bytes(b))))
        }
        ("f4", _) => bytes.try_into().ok().map(|b| Node::Float(shortest(f32::from_le_bytes(b)))),
        ("f8", _) => bytes.try_into().ok().map(|b| Node::Float(f64::from_le_bytes(b))),
        _ => return Ok(opaque),
    };
    node.ok_or_else(|| Problem::Malformed(format!("a numpy {name} has the wrong length")))
}

/// The shortest number that is rounded to this one: 0.7 for what a `f32` makes of 0.7, so that products
/// with it are rounded down as the author of a hyper-parameter meant them.
fn shortest(number: impl std::fmt::Display + Into<f64> + Copy) -> f64 {
    number.to_string().parse().unwrap_or(number.into())
}
