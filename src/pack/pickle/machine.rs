//! The stack machine: one step per opcode.

use std::collections::HashMap;

use super::error::{PickleError, Problem};
use super::input::Input;
use super::opcode as op;
use super::rebuild;
use super::storage;
use super::table::{Global, Id, Limits, Node, Object, Table};
use super::value::Pickle;

/// Longest name of a module or class.
const MAX_NAME_BYTES: u64 = 512;
/// Longest integer; the longest that is looked at is the magic number, with 10 bytes.
const MAX_INTEGER_BYTES: usize = 16;

pub struct Machine {
    limits: Limits,
    table: Table,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl Machine {
    pub fn new(limits: Limits) -> Self {
        let (stack, marks, memo) = (Vec::new(), Vec::new(), HashMap::new());
        Self { limits, table: Table::new(limits), stack, marks, memo }
    }

    /// Runs to the end of the program, and hands over what it left on the stack.
    pub fn run(mut self, input: &mut Input) -> Result<Pickle, PickleError> {
        let start = input.offset();
        loop {
            let offset = input.offset();
            let (found, limit) = (offset - start, self.limits.program_bytes);
            if found > limit {
                return Err(Problem::TooMuch { what: "bytes of pickle", found, limit }.at(offset));
            }
            let opcode = input.byte()?;
            if opcode == op::STOP {
                let root = self.pop("STOP").map_err(|problem| problem.at(offset))?;
                let Table { nodes, storages, .. } = self.table;
                return Ok(Pickle::new(nodes, storages, root));
            }
            match self.literal(opcode, input)? {
                Some(Ok(node)) => self.push(node),
                Some(Err(problem)) => Err(problem),
                None => match self.argument(opcode, input)? {
                    Some(argument) => self.refer(opcode, argument),
                    None => self.step(opcode),
                },
            }
            .map_err(|problem| problem.at(offset))?;
        }
    }

    /// The value that an opcode and the bytes after it stand for, if it is one of those.
    fn literal(
        &mut self,
        opcode: u8,
        input: &mut Input,
    ) -> Result<Option<Result<Node, Problem>>, PickleError> {
        let limit = self.limits.string_bytes;
        let string = |n: u64, input: &mut Input| input.bytes(n, limit, "length of a string");
        let node = match opcode {
            op::NONE => Ok(Node::None),
            op::NEWTRUE => Ok(Node::Bool(true)),
            op::NEWFALSE => Ok(Node::Bool(false)),
            op::EMPTY_LIST | op::EMPTY_SET => Ok(Node::List(Vec::new())),
            op::EMPTY_DICT => Ok(Node::Dict(Vec::new())),
            op::EMPTY_TUPLE => Ok(Node::Tuple([].into())),
            op::BININT => Ok(Node::Int(i32::from_le_bytes(input.array()?).into())),
            op::BININT1 => Ok(Node::Int(input.byte()?.into())),
            op::BININT2 => Ok(Node::Int(u16::from_le_bytes(input.array()?).into())),
            op::BINFLOAT => Ok(Node::Float(f64::from_be_bytes(input.array()?))),
            op::INT => decimal(&input.line(64)?),
            op::LONG1 => {
                let n = input.byte()?.into();
                Ok(integer(&string(n, input)?))
            }
            op::LONG4 => {
                let n = u32::from_le_bytes(input.array()?).into();
                Ok(integer(&string(n, input)?))
            }
            op::SHORT_BINUNICODE | op::SHORT_BINSTRING => {
                let n = input.byte()?.into();
                Ok(text(string(n, input)?))
            }
            op::BINUNICODE | op::BINSTRING => {
                let n = u32::from_le_bytes(input.array()?).into();
                Ok(text(string(n, input)?))
            }
            op::BINUNICODE8 => {
                let n = u64::from_le_bytes(input.array()?);
                Ok(text(string(n, input)?))
            }
            op::SHORT_BINBYTES => {
                let n = input.byte()?.into();
                Ok(Node::Bytes(string(n, input)?.into()))
            }
            op::BINBYTES => {
                let n = u32::from_le_bytes(input.array()?).into();
                Ok(Node::Bytes(string(n, input)?.into()))
            }
            op::BINBYTES8 | op::BYTEARRAY8 => {
                let n = u64::from_le_bytes(input.array()?);
                Ok(Node::Bytes(string(n, input)?.into()))
            }
            op::GLOBAL => {
                let module = input.line(MAX_NAME_BYTES)?;
                let name = input.line(MAX_NAME_BYTES)?;
                Ok(Node::Global(Global { module, name }.into()))
            }
            _ => return Ok(None),
        };
        Ok(Some(node))
    }

    /// The number after an opcode that refers to something, if it is one of those.
    fn argument(&self, opcode: u8, input: &mut Input) -> Result<Option<u64>, PickleError> {
        Ok(Some(match opcode {
            op::PROTO | op::BINPUT | op::BINGET => input.byte()?.into(),
            op::LONG_BINPUT | op::LONG_BINGET => u32::from_le_bytes(input.array()?).into(),
            op::FRAME => u64::from_le_bytes(input.array()?),
            op::MEMOIZE => self.memo.len() as u64,
            _ => return Ok(None),
        }))
    }

    fn refer(&mut self, opcode: u8, argument: u64) -> Result<(), Problem> {
        match opcode {
            op::PROTO if !(2..=5).contains(&argument) => Err(Problem::Protocol(argument as u8)),
            op::PROTO | op::FRAME => Ok(()),
            op::BINGET | op::LONG_BINGET => {
                let id = *self.memo.get(&argument).ok_or(Problem::Memo(argument))?;
                self.push_id(id)
            }
            _ => {
                let top = *self.stack.last().ok_or(too_few("a memo opcode", "a value"))?;
                let (found, limit) = (self.memo.len() as u64 + 1, self.limits.values);
                if found > limit {
                    return Err(Problem::TooMuch { what: "entries of the memo", found, limit });
                }
                self.table.charge(32)?;
                self.memo.insert(argument, top);
                Ok(())
            }
        }
    }

    /// Opcodes that work on the stack alone.
    fn step(&mut self, opcode: u8) -> Result<(), Problem> {
        match opcode {
            op::MARK => {
                let (found, limit) = (self.marks.len() as u64 + 1, self.limits.depth.into());
                if found > limit {
                    let what = "containers within containers";
                    return Err(Problem::TooMuch { what, found, limit });
                }
                self.marks.push(self.stack.len());
                Ok(())
            }
            op::POP => match self.marks.last() {
                Some(mark) if *mark == self.stack.len() => {
                    self.marks.pop();
                    Ok(())
                }
                _ => self.pop("POP").map(drop),
            },
            op::POP_MARK => self.pop_mark("POP_MARK").map(drop),
            op::DUP => {
                let top = *self.stack.last().ok_or(too_few("DUP", "a value"))?;
                self.push_id(top)
            }
            op::TUPLE1 => self.tuple(1),
            op::TUPLE2 => self.tuple(2),
            op::TUPLE3 => self.tuple(3),
            op::TUPLE => {
                let items = self.pop_mark("TUPLE")?;
                self.push(Node::Tuple(items.into()))
            }
            op::LIST | op::FROZENSET => {
                let items = self.pop_mark("LIST")?;
                let list = self.table.add(Node::List(Vec::new()))?;
                self.push_id(list)?;
                self.append(items)
            }
            op::DICT => {
                let items = self.pop_mark("DICT")?;
                let dict = self.table.add(Node::Dict(Vec::new()))?;
                self.push_id(dict)?;
                self.set_items(&items)
            }
            op::APPEND => {
                let item = self.pop("APPEND")?;
                self.append(vec![item])
            }
            op::APPENDS | op::ADDITEMS => {
                let items = self.pop_mark("APPENDS")?;
                self.append(items)
            }
            op::SETITEM => {
                let (value, key) = (self.pop("SETITEM")?, self.pop("SETITEM")?);
                self.set_items(&[key, value])
            }
            op::SETITEMS => {
                let items = self.pop_mark("SETITEMS")?;
                self.set_items(&items)
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop("STACK_GLOBAL")?, self.pop("STACK_GLOBAL")?);
                let (Node::Str(module), Node::Str(name)) =
                    (self.table.node(module), self.table.node(name))
                else {
                    return Err(too_few("STACK_GLOBAL", "two names"));
                };
                let (module, name) = (module.to_string(), name.to_string());
                self.push(Node::Global(Global { module, name }.into()))
            }
            op::BINPERSID => {
                let named = self.pop("BINPERSID")?;
                let node = storage::persistent(&mut self.table, named)?;
                self.push(node)
            }
            op::REDUCE | op::NEWOBJ => {
                let (arguments, callable) = (self.pop("REDUCE")?, self.pop("REDUCE")?);
                let id = rebuild::call(&mut self.table, callable, arguments)?;
                self.push_id(id)
            }
            op::NEWOBJ_EX => {
                for _ in 0..3 {
                    self.pop("NEWOBJ_EX")?;
                }
                self.push(Node::Object(Object::default().into()))
            }
            op::BUILD => {
                let state = self.pop("BUILD")?;
                let object = *self.stack.last().ok_or(too_few("BUILD", "an object"))?;
                rebuild::set_state(&mut self.table, object, state)
            }
            _ => Err(Problem::Opcode(opcode)),
        }
    }

    fn push(&mut self, node: Node) -> Result<(), Problem> {
        let id = self.table.add(node)?;
        self.push_id(id)
    }

    fn push_id(&mut self, id: Id) -> Result<(), Problem> {
        let (found, limit) = (self.stack.len() as u64 + 1, self.limits.values);
        if found > limit {
            return Err(Problem::TooMuch { what: "entries of the stack", found, limit });
        }
        self.stack.push(id);
        Ok(())
    }

    /// Takes the topmost value, which must lie above the last mark.
    fn pop(&mut self, opcode: &'static str) -> Result<Id, Problem> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.pop() {
            Some(id) if self.stack.len() >= floor => Ok(id),
            _ => Err(too_few(opcode, "one more value")),
        }
    }

    /// Takes everything above the last mark, and the mark.
    fn pop_mark(&mut self, opcode: &'static str) -> Result<Vec<Id>, Problem> {
        let mark = self.marks.pop().ok_or(too_few(opcode, "a mark"))?;
        Ok(self.stack.split_off(mark)) // `pop` never goes below a mark
    }

    fn tuple(&mut self, n: usize) -> Result<(), Problem> {
        let mut items = vec![0; n];
        for item in items.iter_mut().rev() {
            *item = self.pop("TUPLE")?;
        }
        self.push(Node::Tuple(items.into()))
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), Problem> {
        let list = *self.stack.last().ok_or(too_few("APPEND", "a list"))?;
        self.table.put_into(list, &items)?;
        match &mut self.table.nodes[list as usize] {
            Node::List(list) => list.extend(items),
            Node::Object(_) => {} // nobody asks what an unknown kind of list holds
            _ => return Err(too_few("APPEND", "a list")),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), Problem> {
        if !items.len().is_multiple_of(2) {
            return Err(too_few("SETITEMS", "a value for every key"));
        }
        let dict = *self.stack.last().ok_or(too_few("SETITEMS", "a dictionary"))?;
        self.table.put_into(dict, items)?;
        let pairs = items.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        match &mut self.table.nodes[dict as usize] {
            Node::Dict(items) => items.extend(pairs),
            Node::Object(object) => object.items.extend(pairs),
            _ => return Err(too_few("SETITEMS", "a dictionary")),
        }
        Ok(())
    }
}

fn too_few(opcode: &'static str, wanted: &'static str) -> Problem {
    Problem::Stack { opcode, wanted, found: "something else" }
}

/// Python 2 wrote byte strings where Python 3 has text; what is no UTF-8 stays bytes.
fn text(bytes: Vec<u8>) -> Node {
    match String::from_utf8(bytes) {
        Ok(text) => Node::Str(text.into()),
        Err(e) => Node::Bytes(e.into_bytes().into()),
    }
}

/// Little-endian two's complement; of what is longer than any that is asked for, an opaque object.
fn integer(bytes: &[u8]) -> Node {
    let is_negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
    let mut whole = [if is_negative { 0xff } else { 0 }; MAX_INTEGER_BYTES];
    let Some(low) = whole.get_mut(..bytes.len()) else {
        return Node::Object(Object::default().into()); // the state of a generator of random numbers
    };
    low.copy_from_slice(bytes);
    let value = i128::from_le_bytes(whole);
    i64::try_from(value).map_or(Node::Big(value.into()), Node::Int)
}

/// Protocol 0's integers, which are also how Python 2 wrote true and false.
fn decimal(line: &str) -> Result<Node, Problem> {
    match line {
        "00" => Ok(Node::Bool(false)),
        "01" => Ok(Node::Bool(true)),
        _ => match line.parse() {
            Ok(value) => Ok(Node::Int(value)),
            Err(_) => Err(Problem::Malformed(format!("{line:?} is not an integer"))),
        },
    }
}
