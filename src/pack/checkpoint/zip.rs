//! PyTorch's zip files: `data.pkl`, and one stored entry per storage.
//!
//! Only the directory at the end is believed, and only as far as it agrees with the file: entries are
//! stored and not compressed, lie inside the file, do not overlap, and have names that stay inside.

use std::collections::HashMap;

use super::error::CheckpointError;
use super::places::Place;
use crate::pack::brief;
use crate::pack::pickle::{self, Input, Limits, Pickle};
use crate::pack::source::Source;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
/// Bytes of the end record, and of the longest comment after it.
const END_BYTES: u64 = 22;
const MAX_COMMENT: u64 = 65_535;
/// Largest directory; the largest released model needs a fiftieth of it.
const MAX_DIRECTORY: u64 = 8 << 20;
const MAX_ENTRIES: u64 = 1 << 16;

/// Whether a file that begins like this is a zip file.
pub fn is_zip(first: &[u8]) -> bool {
    first.starts_with(b"PK\x03\x04")
}

/// What the file describes, and where each storage of it lies.
pub fn open(source: &Source) -> Result<(Pickle, Vec<Place>), CheckpointError> {
    let path = source.path();
    let bad =
        |problem: String| CheckpointError::Zip { path: path.into(), problem: brief(&problem) };
    let entries = entries(source).map_err(bad)?;
    let mut pickles = entries.keys().filter(|name| {
        name.strip_suffix("data.pkl").is_some_and(|root| root.is_empty() || root.ends_with('/'))
    });
    let (Some(name), None) = (pickles.next(), pickles.next()) else {
        return Err(bad("it needs one entry data.pkl".into()));
    };
    let root = &name[..name.len() - "data.pkl".len()];
    if let Some(order) = entries.get(&format!("{root}byteorder")) {
        let mut bytes = [0; 6];
        let is_little = order.n_bytes == 6
            && source.read_exact_at(order.start, &mut bytes).is_ok()
            && &bytes == b"little";
        if !is_little {
            return Err(bad("its byte order is not \"little\"".into()));
        }
    }
    let Place { start, n_bytes } = entries[name];
    let mut input = Input::new(source, start, start + n_bytes);
    let object = pickle::read(&mut input, &Limits::default())
        .map_err(|error| CheckpointError::Pickle { path: path.into(), error })?;
    let places = object.storages().iter().map(|storage| {
        let wrong = |problem: String| CheckpointError::Storage {
            path: path.into(),
            key: storage.key.clone(),
            problem,
        };
        let name = format!("{root}data/{}", storage.key);
        let place = entries.get(&name).ok_or_else(|| wrong("is not in the file".into()))?;
        match place.n_bytes == storage.n_bytes && storage.view_of.is_none() {
            true => Ok(*place),
            false => Err(wrong(format!(
                "has {} bytes, but {} are described",
                place.n_bytes, storage.n_bytes
            ))),
        }
    });
    let places = places.collect::<Result<Vec<_>, _>>()?;
    Ok((object, places))
}

/// Every entry by name.
fn entries(source: &Source) -> Result<HashMap<String, Place>, String> {
    let (start, n_bytes, n_entries) = directory(source)?;
    if n_bytes > MAX_DIRECTORY || n_entries > MAX_ENTRIES {
        return Err(format!(
            "{n_entries} entries in {n_bytes} bytes are more than any checkpoint has"
        ));
    }
    let mut bytes = vec![0; n_bytes as usize];
    source.read_exact_at(start, &mut bytes).map_err(|e| format!("its directory: {e}"))?;
    let mut rest = Fields(&bytes);
    let mut entries = HashMap::new();
    let mut taken = Vec::new();
    for _ in 0..n_entries {
        let entry = Entry::parse(&mut rest)?;
        entry.check_name()?;
        let place = entry.place(source, start)?;
        if place.n_bytes > 0 {
            taken.push((place.start, place.start + place.n_bytes));
        }
        if entries.insert(entry.name.clone(), place).is_some() {
            return Err(format!("it has two entries {:?}", entry.name));
        }
    }
    taken.sort_unstable();
    match taken.windows(2).all(|pair| pair[0].1 <= pair[1].0) {
        true => Ok(entries),
        false => Err("its entries overlap".into()),
    }
}

/// Where the directory begins, how many bytes it has, and how many entries.
fn directory(source: &Source) -> Result<(u64, u64, u64), String> {
    let n_tail = source.len().min(END_BYTES + MAX_COMMENT);
    let tail_start = source.len() - n_tail;
    let mut tail = vec![0; n_tail as usize];
    source.read_exact_at(tail_start, &mut tail).map_err(|e| e.to_string())?;
    let at = tail.windows(4).rposition(|window| window == END.to_le_bytes());
    let at = at.ok_or("its directory is missing; it was cut short")?;
    let mut end = Fields(&tail[at + 4..]);
    let [_disk, _start_disk, _n_here, n_entries] =
        [end.u16()?, end.u16()?, end.u16()?, end.u16()?].map(u64::from);
    let (n_bytes, start) = (u64::from(end.u32()?), u64::from(end.u32()?));
    let is_64 = n_entries == 0xffff || n_bytes == 0xffff_ffff || start == 0xffff_ffff;
    let (start, n_bytes, n_entries) = match is_64 {
        false => (start, n_bytes, n_entries),
        true => directory_64(source, tail_start + at as u64)?,
    };
    let fits = start.checked_add(n_bytes).is_some_and(|end| end <= tail_start + at as u64);
    match fits {
        true => Ok((start, n_bytes, n_entries)),
        false => Err(format!("its directory of {n_bytes} bytes at {start} lies outside")),
    }
}

fn directory_64(source: &Source, end_at: u64) -> Result<(u64, u64, u64), String> {
    let locator_at = end_at.checked_sub(20).ok_or("its 64-bit directory is missing")?;
    let mut bytes = [0; 20];
    source.read_exact_at(locator_at, &mut bytes).map_err(|e| e.to_string())?;
    let mut locator = Fields(&bytes);
    if locator.u32()? != LOCATOR_64 {
        return Err("its 64-bit directory is missing".into());
    }
    locator.u32()?; // the disk
    let end_64_at = locator.u64()?;
    let mut bytes = [0; 56];
    source.read_exact_at(end_64_at, &mut bytes).map_err(|e| e.to_string())?;
    let mut end = Fields(&bytes);
    if end.u32()? != END_64 {
        return Err("its 64-bit directory is missing".into());
    }
    end.take(28)?; // sizes, versions, disks, and the entries on this one
    let (n_entries, n_bytes, start) = (end.u64()?, end.u64()?, end.u64()?);
    Ok((start, n_bytes, n_entries))
}

struct Entry {
    name: String,
    flags: u16,
    method: u16,
    packed: u64,
    size: u64,
    header_at: u64,
}

impl Entry {
    fn parse(from: &mut Fields) -> Result<Self, String> {
        if from.u32()? != CENTRAL {
            return Err("its directory is damaged".into());
        }
        from.take(4)?; // versions
        let (flags, method) = (from.u16()?, from.u16()?);
        from.take(8)?; // time, date, checksum
        let (mut packed, mut size) = (u64::from(from.u32()?), u64::from(from.u32()?));
        let [n_name, n_extra, n_comment] = [from.u16()?, from.u16()?, from.u16()?];
        from.take(8)?; // disk and attributes
        let mut header_at = u64::from(from.u32()?);
        let name = String::from_utf8(from.take(n_name.into())?.to_vec())
            .map_err(|_| "an entry's name is not UTF-8")?;
        let mut extra = Fields(from.take(n_extra.into())?);
        from.take(n_comment.into())?;
        while let (Ok(kind), Ok(n)) = (extra.u16(), extra.u16()) {
            let mut field = Fields(extra.take(n.into())?);
            if kind == 1 {
                for value in [&mut size, &mut packed, &mut header_at] {
                    if *value == 0xffff_ffff {
                        *value = field.u64()?;
                    }
                }
            }
        }
        Ok(Self { name, flags, method, packed, size, header_at })
    }

    /// Nothing is ever written under these names, but one that leads outside is an attack.
    fn check_name(&self) -> Result<(), String> {
        let Self { name, .. } = self;
        let leads_out = name.starts_with('/')
            || name.contains(['\\', '\0', ':'])
            || name.split('/').any(|part| part == "..");
        match leads_out {
            true => Err(format!("the name {name:?} leads out of it")),
            false => Ok(()),
        }
    }

    /// Where its bytes lie, before the directory at `limit`.
    fn place(&self, source: &Source, limit: u64) -> Result<Place, String> {
        let Self { name, flags, method, packed, size, header_at } = self;
        if *method != 0 || packed != size {
            return Err(format!("{name:?} is compressed, which PyTorch never does"));
        }
        if flags & 1 != 0 {
            return Err(format!("{name:?} is encrypted"));
        }
        let mut bytes = [0; 30];
        source
            .read_exact_at(*header_at, &mut bytes)
            .map_err(|_| format!("the header of {name:?} lies outside"))?;
        let mut header = Fields(&bytes);
        if header.u32()? != LOCAL {
            return Err(format!("there is no entry at byte {header_at}, where {name:?} should be"));
        }
        header.take(22)?;
        let (n_name, n_extra) = (header.u16()?, header.u16()?);
        let start = header_at + 30 + u64::from(n_name) + u64::from(n_extra);
        let end = start.checked_add(*size).filter(|end| *end <= limit);
        end.map(|_| Place { start, n_bytes: *size })
            .ok_or_else(|| format!("{name:?} claims {size} bytes, more than there are"))
    }
}

/// Little-endian numbers, one after another.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or("its directory is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        Ok(std::array::from_fn(|i| taken[i]))
    }

    fn u16(&mut self) -> Result<u16, String> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.array()?))
    }
}
