//! Checkpoints made by hand, byte by byte: sound ones, odd ones and hostile ones.

#![allow(dead_code)] // each test uses a part of it

use std::io::Write;

/// A pickle of protocol 2, opcode by opcode.
#[derive(Clone)]
pub struct Pickle(pub Vec<u8>);

/// A tensor as `_rebuild_tensor_v2` is told of it.
pub struct View<'a> {
    pub key: &'a str,
    pub class: &'a str,
    /// Elements of the storage.
    pub n: i64,
    pub offset: i64,
    pub shape: &'a [i64],
    pub strides: &'a [i64],
}

impl Pickle {
    pub fn new() -> Self {
        Self(vec![0x80, 2])
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub fn text(self, text: &str) -> Self {
        let n = text.len() as u32;
        self.raw(b"X").raw(&n.to_le_bytes()).raw(text.as_bytes())
    }

    pub fn int(self, value: i64) -> Self {
        self.raw(b"\x8a\x08").raw(&value.to_le_bytes())
    }

    pub fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }

    pub fn tuple(self, values: &[i64]) -> Self {
        values.iter().fold(self.raw(b"("), |pickle, value| pickle.int(*value)).raw(b"t")
    }

    pub fn storage(self, key: &str, class: &str, n: i64) -> Self {
        let named = self.raw(b"(").text("storage").global("torch", class).text(key).text("cpu");
        named.int(n).raw(b"NtQ")
    }

    pub fn tensor(self, view: &View) -> Self {
        let View { key, class, n, offset, shape, strides } = view;
        let told = self.global("torch._utils", "_rebuild_tensor_v2").raw(b"(");
        let told = told.storage(key, class, *n).int(*offset).tuple(shape).tuple(strides);
        told.raw(b"\x89").global("collections", "OrderedDict").raw(b")RtR")
    }

    pub fn stop(self) -> Vec<u8> {
        self.raw(b".").0
    }
}

/// `{"model": {name: tensor}}`.
pub fn state_dict(tensors: &[(&str, View)]) -> Vec<u8> {
    let open = Pickle::new().raw(b"}(").text("model").raw(b"}(");
    let filled = tensors.iter().fold(open, |pickle, (name, view)| pickle.text(name).tensor(view));
    filled.raw(b"uu").stop()
}

/// The legacy stream around an object: `storages` are keys, counts of elements and bytes.
pub fn legacy(object: &[u8], storages: &[(&str, i64, &[u8])]) -> Vec<u8> {
    let mut out = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec();
    out.extend(Pickle::new().raw(b"}").text("little_endian").raw(b"\x88s").stop());
    out.extend(object);
    let keys = storages.iter().fold(Pickle::new().raw(b"]("), |keys, (key, ..)| keys.text(key));
    out.extend(keys.raw(b"e").stop());
    for (_, count, bytes) in storages {
        out.extend(count.to_le_bytes());
        out.extend(*bytes);
    }
    out
}

/// An entry of a zip file, and what the directory says about it.
#[derive(Clone)]
pub struct Entry<'a> {
    pub name: &'a str,
    pub bytes: &'a [u8],
    pub method: u16,
    /// Size that is claimed; the entry's own where it is not.
    pub claimed: Option<u64>,
    /// Where the entry is said to begin; where it begins where it is not.
    pub at: Option<u32>,
}

impl<'a> Entry<'a> {
    pub fn new(name: &'a str, bytes: &'a [u8]) -> Self {
        Self { name, bytes, method: 0, claimed: None, at: None }
    }
}

pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for Entry { name, bytes, method, claimed, at } in entries {
        let size = claimed.unwrap_or(bytes.len() as u64) as u32;
        let at = at.unwrap_or(out.len() as u32);
        let common = |out: &mut Vec<u8>| {
            out.write_all(&[0, 0]).unwrap(); // flags
            out.extend(method.to_le_bytes());
            out.extend([0; 8]); // time, date, checksum
            out.extend(size.to_le_bytes());
            out.extend(size.to_le_bytes());
            out.extend((name.len() as u16).to_le_bytes());
            out.extend([0; 2]); // extra
        };
        out.extend(b"PK\x03\x04\x14\x00");
        common(&mut out);
        out.extend(name.bytes());
        out.extend(*bytes);
        directory.extend(b"PK\x01\x02\x14\x00\x14\x00");
        common(&mut directory);
        directory.extend([0; 10]); // comment, disk, attributes
        directory.extend(at.to_le_bytes());
        directory.extend(name.bytes());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    let n = (entries.len() as u16).to_le_bytes();
    out.extend([n, n].concat());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

/// A safetensors file with this header.
pub fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.bytes());
    out.extend(data);
    out
}

pub fn f32s(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}
