//! Looking into what a pickle left behind.

use serde_json::{Map, Number, Value as Json};

use super::table::{Id, Node, Storage, TensorRef};

/// Lists, texts and dictionaries longer than this are no hyper-parameters.
const MAX_LIST: usize = 64;
const MAX_TEXT: usize = 1024;
const MAX_ITEMS: usize = 4096;

/// What a pickle described.
#[derive(Debug)]
pub struct Pickle {
    nodes: Vec<Node>,
    storages: Vec<Storage>,
    root: Id,
}

/// One value of a pickle.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    pickle: &'a Pickle,
    id: Id,
}

impl Pickle {
    pub(super) fn new(nodes: Vec<Node>, storages: Vec<Storage>, root: Id) -> Self {
        Self { nodes, storages, root }
    }

    pub fn root(&self) -> Value<'_> {
        Value { pickle: self, id: self.root }
    }

    /// Every storage that the pickle names.
    pub fn storages(&self) -> &[Storage] {
        &self.storages
    }
}

impl<'a> Value<'a> {
    fn node(self) -> &'a Node {
        &self.pickle.nodes[self.id as usize] // ids come from the same table
    }

    fn at(self, id: Id) -> Self {
        Self { id, ..self }
    }

    pub fn as_str(self) -> Option<&'a str> {
        match self.node() {
            Node::Str(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_integer(self) -> Option<i128> {
        match self.node() {
            Node::Int(value) => Some((*value).into()),
            Node::Big(value) => Some(**value),
            _ => None,
        }
    }

    pub fn as_bool(self) -> Option<bool> {
        match self.node() {
            Node::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_tensor(self) -> Option<&'a TensorRef> {
        match self.node() {
            Node::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// The members of a list or tuple.
    pub fn members(self) -> Option<impl Iterator<Item = Value<'a>>> {
        let ids = match self.node() {
            Node::List(ids) => ids.as_slice(),
            Node::Tuple(ids) => ids,
            _ => return None,
        };
        Some(ids.iter().map(move |id| self.at(*id)))
    }

    /// The items of a dictionary, or of an object that was filled like one.
    pub fn items(self) -> Option<impl Iterator<Item = (Value<'a>, Value<'a>)>> {
        let items = match self.node() {
            Node::Dict(items) => items,
            Node::Object(object) => {
                match (&*object.items, object.state.map(|id| self.at(id).node())) {
                    ([], Some(Node::Dict(attributes))) => attributes,
                    _ => &object.items,
                }
            }
            _ => return None,
        };
        Some(items.iter().map(move |(key, value)| (self.at(*key), self.at(*value))))
    }

    /// The value under a key.
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        let found = self.items()?.filter(|(name, _)| name.as_str() == Some(key));
        found.last().map(|(_, value)| value)
    }

    /// Whether this is a dictionary with a tensor in it.
    pub fn has_tensors(self) -> bool {
        self.items().is_some_and(|mut items| items.any(|(_, value)| value.as_tensor().is_some()))
    }

    /// The plain values of a dictionary, as JSON; whatever is not plain is left out.
    pub fn plain_items(self) -> Map<String, Json> {
        let items = self.items().into_iter().flatten().take(MAX_ITEMS);
        let plain = items.filter_map(|(key, value)| {
            let key = key.as_str().filter(|key| key.len() <= MAX_TEXT)?;
            Some((key.to_owned(), value.number().or_else(|| value.text_or_numbers())?))
        });
        plain.collect()
    }

    fn number(self) -> Option<Json> {
        Some(match self.node() {
            Node::None => Json::Null,
            Node::Bool(value) => Json::Bool(*value),
            Node::Int(value) => Json::Number((*value).into()),
            Node::Big(value) => Json::Number(u64::try_from(**value).ok()?.into()),
            Node::Float(value) => Json::Number(Number::from_f64(*value)?),
            _ => return None,
        })
    }

    fn text_or_numbers(self) -> Option<Json> {
        if let Some(text) = self.as_str().filter(|text| text.len() <= MAX_TEXT) {
            return Some(Json::String(text.to_owned()));
        }
        let numbers: Option<Vec<_>> =
            self.members()?.take(MAX_LIST + 1).map(Self::number).collect();
        numbers.filter(|numbers| numbers.len() <= MAX_LIST).map(Json::Array)
    }
}
